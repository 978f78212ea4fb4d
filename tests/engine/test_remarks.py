"""What the authors remark in a workflow file is found beside the entry that it speaks of."""

from __future__ import annotations

from engine.remarks import everywhere, remarks

FILE = """# 合同：从通知书到支付。
# A contract, in English the same.
workflow: contract
actions:
  # 先说明一句，
  # 分两行写。
  sign:
    title: {zh: "签订 # 不是注释"}   # 签订之后才可以公告
    # 签订的理由。
    from: awarded
  publish:
    title: {zh: 公告}
clocks:
  sign:
    # 一日签。
    term: contract_signing
# 文件末尾的话。
"""


def test_the_head_of_a_file_is_about_the_file() -> None:
    assert remarks(FILE) == ["合同：从通知书到支付。"]


def test_a_remark_above_beside_or_inside_an_entry_is_about_the_entry() -> None:
    assert remarks(FILE, "actions", "sign") == [
        "先说明一句，分两行写。",
        "签订之后才可以公告",
        "签订的理由。",
    ]
    assert remarks(FILE, "actions", "publish") == []
    assert remarks(FILE, "clocks", "sign")[0] == "一日签。"


def test_of_a_small_file_every_remark_is_wanted_and_none_runs_into_the_next() -> None:
    assert everywhere(FILE) == [
        "合同：从通知书到支付。",
        "先说明一句，分两行写。",
        "签订之后才可以公告",
        "签订的理由。",
        "一日签。",
        "文件末尾的话。",
    ]


def test_a_file_without_remarks_has_none() -> None:
    assert everywhere("term: x\nnote: '#1 不是注释'\n") == []
    assert remarks("", "actions", "sign") == []
