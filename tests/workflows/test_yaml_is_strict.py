"""Hostile and doubtful YAML: refused with a line, never expanded, never slow, never a traceback."""

from __future__ import annotations

import time
from datetime import date

import pytest

from engine.errors import BrokenWorkflows
from engine.yamlfile import MAX_BYTES, MAX_DEPTH, Faults, Map, decode, plain, read_yaml

BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
)
FLOW = "a: " + "[" * 3000 + "]" * 3000
BLOCK = "\n".join(" " * n + "a:" for n in range(400))


def read(text: str) -> tuple[Map | None, list[str]]:
    faults = Faults()
    return read_yaml(text, "f.yaml", faults), [f"{fault.line}: {fault.what}" for fault in faults]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param(BOMB, "1: 不允许锚点 &a", id="alias bomb"),
        pytest.param(FLOW, f"1: 嵌套超过 {MAX_DEPTH} 层", id="3000 deep, flow"),
        pytest.param(BLOCK, "33: 嵌套超过 32 层", id="400 deep, block"),
        pytest.param("a: " + "{a: " * 60_000, f"1: 嵌套超过 {MAX_DEPTH} 层", id="240 kB of opening braces"),
        pytest.param("a: 1\nb: 2\na: 3", "3: 键 a 重复（第 1 行已有）", id="duplicate key"),
        pytest.param("a:\n\tb: 1", "2: 含有制表符（Tab）", id="tab"),
        pytest.param("a: 1\nb: \0", "2: 含有不允许的控制字符 U+0000", id="NUL"),
        pytest.param("a: \u202ex", "1: 含有不允许的控制字符 U+202E", id="writing direction turned"),
        pytest.param("a: " + "x" * 300_000, "1: 文件超过 256 kB", id="300 kB"),
        pytest.param("a: !!python/object/apply:os.system [ls]", "1: 不允许标签", id="tag"),
        pytest.param("a: 1\n---\nb: 1", "2: 一个文件只能有一份文档", id="two documents"),
        pytest.param("%YAML 1.1\n---\na: 1", "1: 不允许 % 指令", id="directive"),
        pytest.param("on: 1", "1: 键 on 会被 YAML 读成布尔值", id="key on"),
        pytest.param("a: {no: 1}", "1: 键 no 会被 YAML 读成布尔值", id="key no"),
        pytest.param("2026-11-21: 1", "1: 键 2026-11-21 不是文字", id="a day as key"),
        pytest.param("? [a]\n: 1", "1: 键必须是文字", id="a list as key"),
        pytest.param("<<: {a: 1}", "1: 不允许合并键 <<", id="merge key"),
        pytest.param("a: no", "1: no 在不同的 YAML 版本里含义不同", id="no"),
        pytest.param("a: 0755", "1: 0755 在不同的 YAML 版本里含义不同", id="octal"),
        pytest.param("a: 1:30", "1: 1:30 在不同的 YAML 版本里含义不同", id="sexagesimal"),
        pytest.param("a: 2026-02-29", "1: 没有 2026-02-29 这一天", id="29 February of a common year"),
        pytest.param("- a", "1: 最外层必须是 键: 值", id="a list at the top"),
        pytest.param("# 只有注释\n", "1: 文件是空的", id="nothing but a comment"),
        pytest.param("x: 1\na: [1,\nb: 2\nc: 3\n", "2: YAML 语法错误", id="bracket left open"),
    ],
)
def test_it_is_refused_at_once_with_its_line(text: str, first: str) -> None:
    started = time.perf_counter()
    _tree, faults = read(text)
    assert faults[0].startswith(first)
    assert time.perf_counter() - started < 1


def test_the_limits_of_size_and_depth_are_tried_before_at_and_after() -> None:
    for size, good in ((MAX_BYTES - 1, True), (MAX_BYTES, True), (MAX_BYTES + 1, False)):
        assert (read("a: " + "x" * (size - 3))[1] == []) is good
    # three bytes each in UTF-8: the limit counts bytes
    assert read("a: " + "字" * (MAX_BYTES // 3))[1] != []
    # the map at the top is the first level
    for depth, good in ((MAX_DEPTH - 1, True), (MAX_DEPTH, True), (MAX_DEPTH + 1, False)):
        assert (read("a: " + "[" * (depth - 1) + "]" * (depth - 1))[1] == []) is good


def test_values_keep_their_type_and_their_line() -> None:
    tree, faults = read("a: 7\nb: [x, '7', 2.5, true, null]\nc:\n  d: 2026-11-21\n'on': 0123-x\n")
    assert faults == []
    assert tree is not None
    assert plain(tree) == {
        "a": 7,
        "b": ["x", "7", 2.5, True, None],
        "c": {"d": date(2026, 11, 21)},  # a Saturday
        "on": "0123-x",
    }
    inner = tree["c"]
    assert isinstance(inner, Map)
    assert (tree.line_of("c"), inner.line_of("d"), inner.line_of("missing")) == (3, 4, 4)


def test_without_a_collector_all_faults_come_in_one_error() -> None:
    with pytest.raises(BrokenWorkflows) as broken:
        read_yaml("a: 1\na: 2\non: 3", "f.yaml")
    assert [fault.line for fault in broken.value.faults] == [2, 3]


def test_other_encodings_are_refused_and_a_byte_order_mark_is_not() -> None:
    faults = Faults()
    assert decode("﻿a: 1".encode(), "f.yaml", faults) == "a: 1"
    assert not faults
    assert decode("a: 1\nb: 期".encode("gbk"), "f.yaml", faults) is None
    assert [fault.line for fault in faults] == [2]
