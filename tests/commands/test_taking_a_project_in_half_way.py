"""A project that has begun elsewhere is taken in where it stands: nothing before is judged, all after is."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Desk

FRIDAY = "2026-11-20 09:00"
NEW = ("project", "new", "课桌椅采购")
DO = ("project", "do", "P2026-0001")


def standing(desk: Desk) -> dict[str, str]:
    """The states of all matters of the project."""
    shown = desk.data(FRIDAY, "project", "show", "P2026-0001")
    return {m["id"].removeprefix("P2026-0001"): m["state"] for m in shown["matters"]}


@pytest.mark.parametrize(
    ("stage", "found"),
    [
        ("已列预算", {"": "budgeted"}),
        ("docs_approved", {"": "docs_approved"}),
        ("投标（响应）中", {"": "open", ".1": "responding", ".2": "responding"}),
        ("evaluating", {"": "open", ".1": "evaluating", ".2": "evaluating"}),
        ("contract.awarded", {"": "open", ".1": "notified", ".1.1": "awarded", ".2": "notified", ".2.1": "awarded"}),
    ],
)  # fmt: skip
def test_all_parts_stand_where_the_stage_says(desk: Desk, stage: str, found: dict[str, str]) -> None:
    desk.done(FRIDAY, *NEW, "--packages", "2", "--stage", stage)
    assert standing(desk) == found
    assert desk.data(FRIDAY, "project", "explain", "P2026-0001")["clocks"] == []


def test_a_title_that_two_workflows_use_must_be_written_out(desk: Desk) -> None:
    before = desk.dump()
    ran = desk.at(FRIDAY, *NEW, "--stage", "履约中")
    assert ran.code == 2
    assert "contract.signed（合同履约中）" in ran.err
    assert "instalment.performing（分期履约中）" in ran.err
    assert desk.dump() == before
    desk.done(FRIDAY, *NEW, "--stage", "instalment.performing")
    assert standing(desk) == {"": "open", ".1": "notified", ".1.1": "signed", ".1.1.1": "performing"}


def test_the_way_there_is_one_inferred_line_and_starts_judges_and_fires_nothing(desk: Desk) -> None:
    desk.done(
        FRIDAY, *NEW, "--stage", "评审中", "--at", "2026-11-02", "--fact", "method=公开招标"
    )  # a Monday
    lines = desk.data(FRIDAY, "history", "show", "P2026-0001")["lines"]
    assert [(x["matter"].removeprefix("P2026-0001"), x["kind"], x["body"]["name"]) for x in lines] == [
        ("", "opened", "open"),
        ("", "inferred", "publish_notice"),
        (".1", "inferred", "open"),
        (".1", "inferred", "begin_evaluation"),
    ]
    assert lines[1]["body"]["detail"]["entered"] == "package.evaluating"
    assert "推定 开立 采购包" in desk.done(FRIDAY, "history", "show", "P2026-0001")
    assert desk.data(FRIDAY, "project", "explain", "P2026-0001")["clocks"] == []
    assert "没有到点的事" in desk.done("2026-12-30 09:00", "patrol")  # a Wednesday
    assert desk.at(FRIDAY, "history", "verify").code == 0


def test_what_happened_since_is_recorded_afterwards_and_judged_from_there(desk: Desk) -> None:
    desk.done(FRIDAY, *NEW, "--stage", "评审中", "--at", "2026-11-17")  # a Tuesday
    back = ("--reason", "中途进场补录", "--at")
    early = desk.at(FRIDAY, *DO, "end_evaluation", *back, "2026-11-16 23:59")
    assert (early.code, "早于 P2026-0001.1 可以“评审结束”的时间" in early.err) == (2, True)
    desk.done(FRIDAY, *DO, "end_evaluation", *back, "2026-11-17")
    report = ("--evidence", "evaluation_report=文件.pdf")
    desk.done(FRIDAY, *DO, "deliver_report", *report, *back, "2026-11-18")
    # the report came on Wednesday: the award is promised by Thursday 24:00, and that has passed
    assert "2026-11-19 24:00  预警  确定采购结果" in desk.done(FRIDAY, "patrol")
    late = desk.done("2026-11-20 10:00", *DO, "decide_award", "--fact", "supplier=甲公司")
    assert "[补办]" in late
