"""A finding is told once, to the log and to every tracker, and its end once; what only flickers is not told at all."""

from __future__ import annotations

import pytest

from engine.auditing import GONE, STOOD
from engine.delivery import Outcome
from runtime.auditing import FAMILIES, Audited, Auditor
from runtime.settings import Settings
from tests.auditing.conftest import MINUTE, House
from tests.city import PERSONS, moment


def unplan(house: House) -> None:
    assert house.sql("update clock set look_at = null where name = 'decide_award'") == 1


def mend(house: House) -> None:
    [(plan,)] = house.city.rows("select plan from clock where name = 'decide_award'")
    first = int(plan.split(",")[0].strip("["))
    assert house.sql("update clock set look_at = ? where name = 'decide_award'", first) == 1


def test_what_cannot_pass_by_itself_is_told_in_the_first_round_and_only_then(house: House) -> None:
    assert house.round() is None
    unplan(house)
    told = house.round()
    assert isinstance(told, Audited)
    assert [f.kind for f in told.fresh] == ["unplanned"]
    for _ in range(5):
        assert house.round() is None
    [(person, channel, subject)] = house.told()
    assert (person, channel) == (PERSONS["tracker"], "email")
    assert subject == "一日办自查发现 1 处问题：计时没有下一次巡查 1 处"


def test_the_end_of_a_finding_is_told_once_when_it_has_stayed_away(house: House) -> None:
    unplan(house)
    assert house.round() is not None
    mend(house)
    assert house.round() is None
    assert house.round(GONE / MINUTE - 1) is None
    healed = house.round()
    assert healed is not None
    assert ([f.kind for f in healed.healed], healed.standing) == (["unplanned"], 0)
    assert house.round() is None
    assert [s for _, _, s in house.told()] == [
        "一日办自查发现 1 处问题：计时没有下一次巡查 1 处",
        "一日办自查发现的 1 处问题已恢复：计时没有下一次巡查 1 处",
    ]


def test_what_comes_back_before_it_is_called_healed_pages_nobody_again(house: House) -> None:
    unplan(house)
    assert house.round() is not None
    for _ in range(3):
        mend(house)
        assert house.round(GONE / MINUTE / 2) is None
        unplan(house)
        assert house.round(1) is None
    assert len(house.told()) == 1


def test_what_may_pass_by_itself_is_told_only_after_it_has_stood(house: House) -> None:
    """After an outage the patrol needs a moment to catch up: nobody is paged for that."""
    house.now = moment("2026-11-05 00:06")  # the warning of midnight is due, and nobody has patrolled
    assert house.kinds() == ["unlooked"]
    assert house.round(0) is None
    house.city.patrol(house.now)
    assert house.round(STOOD / MINUTE) is None
    assert house.told() == []


def test_what_does_not_pass_is_told_after_two_minutes(house: House) -> None:
    house.now = moment("2026-11-05 00:06")
    rounds = [house.round(0), house.round(1), house.round(1), house.round(1)]
    assert [r is not None for r in rounds] == [False, False, True, False]


def test_a_new_process_does_not_tell_again_what_the_old_one_told(house: House) -> None:
    unplan(house)
    assert house.round() is not None
    house.auditor.close()
    house.auditor = Auditor(
        Settings(database=house.city.store.url), house.store, lambda: house.now, channels=("email",)
    )
    assert house.round() is None
    assert len(house.told()) == 1


def test_people_are_told_by_a_channel_that_works(house: House) -> None:
    house.more()
    house.send(Outcome("config", "密钥不对"), "email")
    assert house.round(0) is None
    assert house.round(61) is None
    told = house.round(2)
    assert told is not None
    assert {"channel"} <= {f.kind for f in told.fresh}
    assert {channel for _, channel, _ in house.told()} == {"sms"}
    [(wording, params)] = house.city.rows("select wording, params from message where rung = 'audit'")
    assert wording == "audit_found", "a provider of templates sends nothing else"
    assert "渠道停用超过一小时" in params


def test_no_matter_is_named_to_trackers_of_other_places(house: House) -> None:
    unplan(house)
    house.round()
    [(subject, text)] = house.city.rows("select subject, text from message where rung = 'audit'")
    assert "P1" not in subject + text


def test_the_families_are_looked_at_in_turn_and_the_newest_fault_is_found_in_its_turn(house: House) -> None:
    for number in range(2 * FAMILIES):
        house.city.open("2026-11-03 12:00", id=f"Q{number:02}", stage="")
    house.send(Outcome("accepted"))
    house.sql("update history set body = replace(body, '李四', '孙七') where matter = 'Q09' and no = 1")
    rounds = [house.round() for _ in range(3)]
    assert [[f.subject for f in r.fresh] if r else [] for r in rounds] == [[], [], ["Q09"]]
    assert house.round() is None, "the turn begins anew, and what stands is looked at in every round"
    [(kept,)] = house.city.rows("select value from meta where name = 'audit'")
    assert "Q09" in kept


@pytest.mark.parametrize("stops", [True, False])
def test_a_round_that_is_asked_to_end_writes_nothing(house: House, stops: bool) -> None:
    unplan(house)
    if stops:
        house.auditor.stop()
    assert (house.round() is None) == stops
    assert bool(house.told()) != stops
