"""A provider that cannot be reached for days: no message ends by it, nobody is rung at night, no quota is used up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.deliver import deliver
from engine.deliver_breaker import FIRST_KNOCK, FIRST_PROBE, LONGEST_KNOCK, OUT_AFTER, Breaker, probe, trip
from engine.deliver_limits import Limit, Limits
from engine.deliver_plan import ASK_AGAIN, LEASE, MOST_TRIES, Hand, Wait, admit, follow
from engine.delivery import Outcome, Waiting
from engine.digest import Notice, write
from engine.message import render
from engine.office import Office
from storage.outbox import SqlOutbox
from tests.city import calendar, moment, shipped
from tests.delivery.peers import NOW, Even, Scripted, outbox_store, post, rows, state
from tests.delivery.test_decisions import PARAMS, ready, scene

OFFICE = Office(shipped()[0], calendar(), dict(shipped()[1]))
DOWN = Outcome("retry", "连接不上", down=True)
SILENT = Outcome("unknown", "没有回复", down=True)


def opened(failures: int = OUT_AFTER) -> Breaker:
    """The breaker after so many failures in a row."""
    breaker: Breaker | None = None
    for _ in range(failures):
        breaker = trip(breaker, "sms", "yunmas", DOWN, NOW)
    assert breaker is not None
    return breaker


@pytest.mark.parametrize(("failures", "is_open"), [(1, False), (2, False), (3, True), (4, True)])
def test_three_failures_in_a_row_put_a_provider_out_of_use(failures: int, is_open: bool) -> None:
    breaker: Breaker | None = None
    for number in range(failures):
        outcome = SILENT if number % 2 else DOWN  # refused or silent: either is the provider's own
        breaker = trip(breaker, "sms", "yunmas", outcome, NOW) or breaker
    assert breaker is not None
    assert breaker.open == is_open


def test_anything_that_the_provider_says_ends_the_row() -> None:
    for said in (Outcome("accepted"), Outcome("rejected"), Outcome("quota"), Outcome("retry", "greylisted")):
        after = trip(opened(2), "sms", "yunmas", said, NOW)
        assert after is not None
        assert (after.open, after.failures) == (False, 0)
        assert trip(after, "sms", "yunmas", said, NOW) is None, "there is nothing left to write"
    assert trip(opened(2), "sms", "yunmas", Outcome("unknown", "not yet"), NOW) is None


def test_it_is_tried_after_a_minute_then_less_and_less_often_up_to_every_ten() -> None:
    breaker, now, waits = opened(), NOW, []
    for _ in range(6):
        assert trip(breaker, "sms", "yunmas", DOWN, now) is None, "others were on their way"
        waits.append(breaker.probe_at - now)
        now = breaker.probe_at
        again = trip(probe(breaker, now + LEASE), "sms", "yunmas", DOWN, now)
        assert again is not None
        assert again.since == NOW
        breaker = again
    assert waits == [min(LONGEST_KNOCK, FIRST_KNOCK * 2**n) for n in range(6)]
    back = trip(probe(breaker, now + LEASE), "sms", "yunmas", Outcome("accepted"), now)
    assert back is not None
    assert not back.open
    # our own wrong setting is another matter: it does not mend by itself
    wrong = trip(probe(breaker, now + LEASE), "sms", "yunmas", Outcome("config"), now)
    assert wrong is not None
    assert wrong.probe_at - now >= FIRST_PROBE


def test_while_a_provider_is_out_its_failures_are_not_those_of_the_message() -> None:
    one = ready(does="warn", tries=MOST_TRIES - 1)
    assert follow(one, DOWN, scene(), Even()).state == "dead", "nobody else had failed"
    breaker = replace(opened(), probe_at=NOW)
    hand = admit(
        one, scene(breakers={("sms", n): replace(breaker, provider=n) for n in ("yunmas", "aliyun-sms")})
    )
    assert isinstance(hand, Hand)
    assert hand.trial
    after = follow(one, DOWN, scene(), Even(), trial=True)
    assert (after.state, after.tried, after.waits_for) == ("queued", False, "breaker")
    refused = follow(one, Outcome("retry", "message too odd"), scene(), Even(), trial=True)
    assert refused.state == "dead", "what it says of the message counts as ever"


def test_a_doubt_that_cannot_be_asked_about_stays_a_doubt() -> None:
    one = ready(does="warn", doubtful=True, provider="yunmas", unknowns=3)
    out = scene(breakers={("sms", "yunmas"): opened()})
    assert admit(one, out) == Hand("yunmas", ask=True, trial=True)
    assert admit(one, scene()) == Hand("yunmas", ask=True)
    after = follow(one, SILENT, scene(), Even(), asked=True, trial=True)
    assert (after.state, after.unknowns, after.again_at) == ("sending", 3, NOW + ASK_AGAIN)
    assert follow(one, SILENT, scene(), Even(), asked=True).doubt == "resent"


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-02 19:59:59", None),  # 周一
        ("2026-11-02 20:00", "2026-11-03 08:00"),
        ("2026-11-03 07:59:59", "2026-11-03 08:00"),
        ("2026-11-03 08:00", None),
        ("2026-11-06 20:00", "2026-11-09 08:00"),  # 周五 evening
        ("2026-11-07 12:00", "2026-11-09 08:00"),  # 周六
    ],
)
def test_a_text_message_that_may_go_again_by_night_waits_for_the_opening(at: str, until: str | None) -> None:
    found = admit(ready(does="warn"), scene(moment(at)))
    assert (found.until if isinstance(found, Wait) else None) == (moment(until) if until else None)
    assert isinstance(admit(ready("email", "warn"), scene(moment(at))), Hand)


class _Cut(Scripted):
    """A provider that can be asked, behind a line that is cut as long as ``cut`` is true."""

    cut = True

    def send(self, message: Waiting, now: object) -> Outcome:
        return SILENT if self.cut else super().send(message, now)  # type: ignore[arg-type]

    def ask(self, message: Waiting) -> Outcome:
        return SILENT if self.cut else super().ask(message)


def test_two_days_of_silence_cost_no_warning_and_questions_use_up_no_quota() -> None:
    store, peer = outbox_store(), _Cut()
    keys = [post(store, f"f{n}", person, does="warn") for n in range(2) for person in ("zhang", "li")]
    limits = Limits({"sms": (Limit(2, None),)})
    now, back = NOW, moment("2026-11-04 22:00")  # 周三, by night
    while now < moment("2026-11-05 12:00"):
        peer.cut = now < back
        deliver(SqlOutbox(store), {"sms": peer}, now, office=OFFICE, limits=limits, random=Even())
        assert not (peer.ledger and now < moment("2026-11-05 08:00"))
        now += timedelta(minutes=20)
    assert sorted(peer.ledger.values()) == [1] * len(keys)
    assert [state(store, key) for key in keys] == [("accepted",)] * len(keys)
    asked = rows(store, "select count(*) from attempt where asked = 1 and outcome = 'unknown'")
    assert int(str(asked[0][0])) > 2 * len(keys), "they were asked about all the time"
    store.close()


@pytest.mark.parametrize("number", [999, 1_000, 99_999])
def test_a_digest_of_thousands_says_how_many(number: int) -> None:
    """What an outage held back for one tracker may be more than three digits."""
    notice = Notice("k", "钱八", "sms", "tracker", "410400", "warn", NOW, params=dict(PARAMS))
    members = [replace(notice, key=f"{n}") for n in range(2)]
    with_list = write("digest/钱八/sms/x", members, shipped()[1])
    assert "您有2项" in with_list.text
    text = shipped()[1][with_list.wording]
    assert f"您有{number}项" in render(text.sms, {**with_list.params, "count": str(number)}, text.params)
