"""`clock charge`: an officer says whose the lost days are, another approves, every page shows it."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Desk
from tests.commands.supervision import HEAD, PACKAGE, PROJECT, TRACKER, followed

LATE = "2026-11-06 16:00"
"""Friday: the award, promised by Wednesday 11-04 24:00, comes two working days late; no case is open yet."""
CHARGE = ("clock", "charge", PROJECT, "decide_award")
WHOSE = ("--party", "supplier", "--from", "2026-11-05", "--until", "2026-11-05")
WHY = ("--reason", "供应商补正材料", "--evidence", "letter=文件.pdf")


@pytest.fixture
def late(reported: Desk) -> Desk:
    """The award was decided on Friday 2026-11-06 at 15:00."""
    city = followed(reported)
    city.done("2026-11-06 15:00", "project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司")
    return city


def test_lost_days_are_shown_with_whose_they_are_and_move_when_another_approves(late: Desk) -> None:
    assert "损失  2 个工作日  采购人 2（11-05、11-06）" in late.done(LATE, "project", "explain", PROJECT)
    asked = late.done(LATE, *CHARGE, *WHOSE, *WHY)
    assert "申请划分责任" in asked
    assert "待审批的责任划分  供应商 2026-11-05 - 2026-11-05  张三  供应商补正材料" in asked
    assert f"yiriban --as 另一人 clock charge {PACKAGE} decide_award --approve" in asked
    assert "采购人 2（11-05、11-06）" in late.done(LATE, "project", "explain", PROJECT)
    own = late.at(LATE, *CHARGE, "--approve", "--reason", "属实")
    assert own.code == 4
    approved = late.done(LATE, *CHARGE, "--approve", "--reason", "属实", person=HEAD)
    assert "批准责任划分" in approved
    assert "损失  2 个工作日  采购人 1（11-06）；供应商 1（11-05）" in approved
    english = late.done(LATE, "--lang", "en", "project", "explain", PROJECT)
    assert "lost  2 working days  purchaser 1 (11-06); supplier 1 (11-05)" in english
    clock = next(
        c for c in late.data(LATE, "project", "explain", PROJECT)["clocks"] if c["clock"] == "decide_award"
    )
    assert clock["lost_days"] == {
        "total": 2,
        "by_party": {"purchaser": 1, "supplier": 1},
        "days": [{"day": "2026-11-05", "party": "supplier"}, {"day": "2026-11-06", "party": "purchaser"}],
    }
    assert [(a["party"], a["by"], a["approved_by"]) for a in clock["attributions"]] == [
        ("supplier", "张三", HEAD)
    ]
    history = late.done(LATE, "history", "show", PROJECT)
    assert "申请划分责任  供应商补正材料" in history
    assert "批准责任划分  属实" in history
    assert late.at(LATE, "history", "verify").code == 0


def test_a_waiting_attribution_lies_on_the_desks_until_it_is_decided(late: Desk) -> None:
    late.done(LATE, *CHARGE, *WHOSE, *WHY)
    weeks_later = "2026-12-01 09:00"  # a Tuesday; the clock itself has long left the desk
    for person, kind in (("张三", "officer"), (TRACKER, "tracker")):
        late.person = person
        waiting = late.data(weeks_later, "desk", kind)["attributions"]
        assert [(w["matter"], w["party"], w["since"], w["by"]) for w in waiting] == [
            (PACKAGE, "supplier", "2026-11-05", "张三")
        ]
        assert "责任划分，等另一人审批" in late.done(weeks_later, "desk", kind)
    shown = late.done(weeks_later, "desk", "tracker")
    assert f"clock charge {PACKAGE} decide_award --approve" in shown
    late.done(weeks_later, *CHARGE, "--refuse", "--reason", "凭证不足")
    assert late.data(weeks_later, "desk", "tracker")["attributions"] == []


def test_a_rehearsed_attribution_leaves_nothing_behind(late: Desk) -> None:
    before = late.dump()
    assert "预演" in late.done(LATE, *CHARGE, *WHOSE, *WHY, "--dry-run")
    assert late.dump() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*WHOSE[:4], *WHY), 2, "没有写全"),
        ((*WHOSE, "--approve", *WHY), 2, "不能与"),
        (
            ("--party", "supplier", "--from", "昨天", "--until", "2026-11-05", *WHY),
            2,
            "看不懂的日期：--from 昨天",
        ),
        ((*WHOSE, "--reason", "供应商补正材料"), 5, "需要凭证"),
        ((*WHOSE, "--evidence", "letter=文件.pdf"), 5, "需要说明原因"),
        ((*WHOSE, "--round", "2", *WHY), 3, "没有作废的"),
        (("--approve", "--reason", "属实"), 5, "没有待审批的责任划分"),
    ],
)
def test_what_is_missing_is_said_and_nothing_changes(
    late: Desk, words: tuple[str, ...], code: int, said: str
) -> None:
    before = late.dump()
    ran = late.at(LATE, *CHARGE, *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert late.dump() == before
