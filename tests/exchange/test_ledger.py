"""CSV, Excel and JSON lines: what stands in the file is what comes out, with the right lines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from engine.errors import BadInput, DamagedFile
from exchange.ledger import Options, Record, distinct, read_headers, read_records


def _records(path: Path, options: Options | None = None) -> list[Record]:
    used = options or Options()
    return list(read_records(path, path.name, used, read_headers(path, path.name, used)[0]))


def _file(tmp_path: Path, name: str, data: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def _book(path: Path, rows: list[list[object]], sheet: str = "台账") -> Path:
    book = openpyxl.Workbook()
    table = book.active
    assert table is not None
    table.title = sheet
    for row in rows:
        table.append(row)
    book.save(path)
    return path


def test_a_quoted_cell_over_several_lines_keeps_every_line_number_physical(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", '编号,说明\n1,"第一行\n第二行"\n\n2,"含""引号"""\r\n3,完\n')
    records = _records(path)
    assert [record.line for record in records] == [2, 5, 6]
    assert [record.cells["说明"] for record in records] == ["第一行\n第二行", '含"引号"', "完"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = f"编号{delimiter}项目名称\r\n1{delimiter}食堂改造\r\n"
    (record,) = _records(_file(tmp_path, "a.csv", text.encode(encoding)))
    assert record.cells == {"编号": "1", "项目名称": "食堂改造"}


def test_lost_characters_are_data_and_formulas_are_text(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", 'a,b\nn\ufffdnshkrimi,"=HYPERLINK(""http://x"")"\n')
    (record,) = _records(path)
    assert record.cells == {"a": "n\ufffdnshkrimi", "b": '=HYPERLINK("http://x")'}


def test_headers_are_made_distinct_without_taking_a_name_that_exists() -> None:
    assert distinct(["日期", "日期", "", "日期.2", "日期", None]) == (
        "日期", "日期.3", "#3", "日期.2", "日期.4", "#6",
    )  # fmt: skip


def test_rows_of_another_width_are_used_with_a_trouble(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", "a,b,c\n1,2\n1,2,3,,\n1,2,3,4\n")
    records = _records(path)
    assert [[trouble.kind for trouble in r.troubles] for r in records] == [
        ["too_few_cells"],
        [],
        ["too_many_cells"],
    ]
    assert records[0].cells == {"a": "1", "b": "2"}


def test_rows_without_any_content_are_no_rows(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", 'a,b\n,\n  ,""\n\n1,2\n\n')
    assert [record.line for record in _records(path)] == [5]


def test_an_excel_sheet_gives_dates_numbers_and_its_own_row_numbers(tmp_path: Path) -> None:
    path = _book(
        tmp_path / "a.xlsx",
        [
            ["2025年台账"],
            [],
            ["编号", "日期", "金额"],
            ["A-1", date(2025, 6, 13), 12.5],
            [],
            ["A-2", None, 3],
        ],
    )
    headers = read_headers(path, "a.xlsx", Options())
    assert [header.line for header in headers] == [1, 3, 4, 6]
    records = list(read_records(path, "a.xlsx", Options(), headers[1]))
    assert [record.line for record in records] == [4, 6]
    assert records[0].cells == {"编号": "A-1", "日期": date(2025, 6, 13), "金额": 12.5}  # Friday


def test_a_sheet_that_is_not_there_is_refused_with_the_names_that_are(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["a"]])
    with pytest.raises(BadInput) as refused:
        _records(path, Options(sheet="别的"))
    assert "台账" in refused.value.why


def test_json_lines_may_have_different_keys_and_nested_values(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.jsonl", '{"a": 1.10, "b": null}\n\n{"c": [1, {"x": "是"}]}\n')
    (header,) = read_headers(path, "a.jsonl", Options())
    assert header.names == ("a", "b", "c")
    first, second = _records(path)
    assert str(first.cells["a"]) == "1.10"
    assert (second.line, second.cells) == (3, {"c": '[1, {"x": "是"}]'})


def test_one_broken_json_line_in_the_middle_is_one_refused_row(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.jsonl", '{"a": 1}\n{"a": \n["a"]\n{"a": 2}\n')
    records = _records(path)
    assert [(r.line, r.refused, [t.kind for t in r.troubles]) for r in records] == [
        (1, "", []),
        (2, "unreadable_row", ["broken_line"]),
        (3, "unreadable_row", ["not_an_object"]),
        (4, "", []),
    ]


DAMAGED: list[tuple[str, bytes, str]] = [
    ("quote.csv", 'a,b\n1,2\n3,"没有结束\n5,6\n'.encode(), "第 3 行"),
    ("long.csv", b'a,b\n1,"' + b"x\n" * 800_000, "第 2 行"),
    ("nul.csv", b"a,b\n1,2\n3,\x004\n", "第 3 行"),
    ("bytes.csv", "编号,名称\n一,二\n".encode() + b"\xff\xfe,3\n", "第 3 行"),
    ("cut.csv", "编号,项目名称\n一,二\n三,四".encode()[:-1], "第 3 行"),
    ("neither.csv", b"a,b\n\xff\xff\xff,3\n", "第 2 行"),
    ("wide.csv", "编号,名称\n".encode("utf-16"), "UTF-16"),
    ("zip.csv", b"PK\x03\x04 and so on", "Excel"),
    ("cut.jsonl", b'{"a": 1}\n{"a": 2}\n{"a": ', "第 3 行"),
    ("none.jsonl", b"a,b\n1,2\n", "第 1 行"),
    ("nul.jsonl", b'{"a": 1}\n{"a": "\x00"}\n', "第 2 行"),
    ("text.xlsx", b"a,b\n1,2\n", "第 1 行"),
    ("cut.xlsx", b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "第 1 行"),
]


@pytest.mark.parametrize(("name", "data", "where"), DAMAGED, ids=[name for name, _, _ in DAMAGED])
def test_a_damaged_file_is_named_with_its_line_and_a_remedy(
    tmp_path: Path, name: str, data: bytes, where: str
) -> None:
    path = _file(tmp_path, name, data)
    with pytest.raises(DamagedFile) as refused:
        _records(path)
    assert name in refused.value.what
    assert where in refused.value.what + refused.value.why
    assert refused.value.then


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_an_excel_workbook_cut_anywhere_is_damaged_and_never_half_read(tmp_path: Path, share: float) -> None:
    whole = _book(tmp_path / "a.xlsx", [["编号", "日期"], *([f"A-{n}", "2025-01-01"] for n in range(300))])
    data = whole.read_bytes()
    path = _file(tmp_path, "b.xlsx", data[: int(len(data) * share)])
    with pytest.raises(DamagedFile):
        _records(path)


def test_bytes_that_are_not_of_the_declared_encoding_are_damage(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", "编号,名称\n1,汉字\n".encode("gb18030"))
    with pytest.raises(DamagedFile) as refused:
        _records(path, Options(encoding="utf-8"))
    assert "第 1 行" in refused.value.what
    assert "gb18030" in refused.value.then
