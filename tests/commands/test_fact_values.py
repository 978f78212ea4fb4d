"""What people type for a fact, and what becomes of it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.factvalue import EXAMPLES, read_fact
from engine.matter import FactValue
from engine.term import Length
from engine.workflow import FactDef, FactType, Title


def read(kind: FactType, text: str) -> FactValue:
    return read_fact(FactDef("x", kind, Title("某要素")), text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("money", "350000元", 35_000_000),
        ("money", "35万元", 35_000_000),
        ("money", " 1,200.50 元 ", 120_050),
        ("money", "0.01元", 1),
        ("money", "1分", 1),
        ("money", "３５.５万元", 35_500_000),
        ("money", "0元", 0),
        ("money", "10000000亿元", 10**17),
        ("integer", "12", 12),
        ("integer", "-1", -1),
        ("boolean", "是", True),
        ("boolean", "否", False),
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
        ("date", "2026-11-20", date(2026, 11, 20)),
        ("length", "30日", Length(30, "days")),
        ("length", "10个工作日", Length(10, "working days")),
        ("length", "1 month", Length(1, "months")),
        ("length", "10年", Length(10, "years")),
        ("link", "https://www.example.cn/1?a=b", "https://www.example.cn/1?a=b"),
        ("text", "  甲公司  ", "甲公司"),
    ],
)
def test_a_value_is_read_by_its_type(kind: FactType, text: str, value: FactValue) -> None:
    found = read(kind, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("money", "350000"),
        ("money", "-1元"),
        ("money", "0.001元"),
        ("money", "1,20元"),
        ("money", "35万"),
        ("money", "10000000.1亿元"),
        ("money", "1e5元"),
        ("integer", "1.0"),
        ("integer", "一"),
        ("integer", "9999999999999999"),
        ("boolean", "1"),
        ("boolean", "有"),
        ("date", "2026-02-29"),
        ("date", "2026-11-20 16:00"),
        ("date", "20261120"),
        ("date", "1989-12-31"),
        ("date", "2101-01-01"),
        ("length", "30"),
        ("length", "半年"),
        ("length", "3661日"),
        ("length", "11年"),
        ("link", "www.example.cn"),
        ("link", "ftp://example.cn/a"),
        ("link", "https://"),
        ("link", "https://a b"),
        ("link", "http://[::1"),
        ("text", "  "),
        ("text", "一\n二"),
        ("text", "字" * 501),
    ],
)
def test_what_is_no_value_of_the_type_is_refused_with_type_and_example(kind: FactType, text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(kind, text)
    assert "x（某要素）" in refused.value.what
    assert refused.value.then == f"写成 --fact x={EXAMPLES[kind]}"


@given(fen=st.integers(min_value=0, max_value=10**17), unit=st.sampled_from(["元", "万元", "分", "亿元"]))
def test_an_amount_means_the_same_in_every_unit(fen: int, unit: str) -> None:
    size = {"分": 1, "元": 100, "万元": 10**6, "亿元": 10**10}[unit]
    whole, rest = divmod(fen, size)
    digits = f"{rest:0{len(str(size)) - 1}d}" if size > 1 else ""
    assert read("money", f"{whole}{'.' + digits if digits else ''}{unit}") == fen


@given(text=st.text(max_size=40), kind=st.sampled_from(sorted(EXAMPLES)))
def test_any_text_is_read_or_refused_but_never_breaks(text: str, kind: FactType) -> None:
    try:
        read(kind, text)
    except BadInput:
        return


def test_every_example_that_is_shown_can_be_read() -> None:
    for kind, example in EXAMPLES.items():
        read(kind, example)
