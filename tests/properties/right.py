"""What an accepted deed must never have been, by the bare rows: without a right, too early, in spite of a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from engine.errors import Forbidden
from engine.holding import MAY_PAUSE
from engine.matter import Matter
from engine.word import MAY_APPROVE, MAY_ASK, SUPERVISE
from tests.city import calendar
from tests.properties.cast import Rights
from tests.properties.walking import Deed, Walk

RESPONSE = {"open_tender": 20, "competitive_consultation": 10}
"""Days from the notice to the deadline of the bids: 政府采购法 第35条；财库〔2014〕214号 第10条."""
CLARIFIED = {"open_tender": 15, "competitive_consultation": 5}
"""Days from a clarification that affects the bids: 实施条例 第31条；财库〔2014〕214号 第10条."""
INTENT = 30
FREELY = 3
"""Working days back that a record needs no papers and no second person."""
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


class Right:
    """Remembers what the law counts from, and holds every deed against it."""

    def __init__(self, walk: Walk) -> None:
        """Begin with nothing noted."""
        self.walk = walk
        self.intent: date | None = None
        self.noticed: dict[str, date] = {}
        """By package, the day from which suppliers have time to respond; only where somebody saw it."""
        self.clarified: dict[str, list[date]] = {}

    def judge(self, deed: Deed, before: Sequence[Matter]) -> None:
        """Assert that ``deed`` was rightly accepted or refused; ``before`` is the family as it was."""
        rights = Rights(self.walk.city, deed.now)
        assert not rights.both_sides()
        if deed.what in ("people", "calendar", "nothing"):
            return
        if deed.action is None:
            self._may_hold(deed, rights, before)
            return
        roles = set(deed.action.by)
        may = deed.actor.roles is None or bool(rights.roles(deed.actor.person) & roles)
        second = (
            deed.second is None or deed.second.roles is None or bool(rights.roles(deed.second.person) & roles)
        )
        if isinstance(deed.refused, Forbidden):
            assert not (may and second), deed
        if deed.done:
            assert may, deed
            self._the_past_is_vouched_for(deed, rights, second)
            self._is_not_too_early(deed)
            self._no_contract_in_spite_of_a_query(deed)

    def _may_hold(self, deed: Deed, rights: Rights, before: Sequence[Matter]) -> None:
        """Whoever held a clock had the right; over a case only those in whose hands it is."""
        if not deed.done or deed.actor.roles is None:
            return
        named, _, clock = deed.matter.partition(" ")
        finals = self.walk.city.office.machines(before[0].bundle).finals
        cases = [m for m in before if m.is_case and m.state not in finals[m.workflow] and m.about is not None]
        if clock:
            cases = [c for c in cases if c.about == named and str(c.about_clock).startswith(f"{clock}/")]
        else:
            # what is about a query runs on while the matter stands still
            below = [m.id for m in before if m.about is None and f"{m.id}.".startswith(f"{named}.")]
            cases = [c for c in cases if c.about in (named, *below)]
        cases += [m for m in before if m.id == named and m.is_case] if not cases else []
        hands = [{"regulator"} if c.facts["level"] == "regulator" else set(SUPERVISE) for c in cases]
        wanted: dict[str, list[set[str]]] = {
            "pause": hands or [set(MAY_PAUSE)], "resume": [set(MAY_PAUSE | SUPERVISE)], "ask": [set(MAY_ASK)],
            "attribute": [set(MAY_ASK)], "decline": [],
        }  # fmt: skip
        for roles in wanted.get(deed.what, hands or [set(MAY_APPROVE)]):
            assert rights.roles(deed.actor.person) & roles, deed
        assert deed.papers or deed.what != "attribute", deed

    def _the_past_is_vouched_for(self, deed: Deed, rights: Rights, second: bool) -> None:
        """What is recorded late has papers and a second person, who does not count as the first."""
        day, today = (calendar().day_of(m) for m in (deed.at, deed.now))
        if deed.actor.roles is None or self.walk.city.office.calendar.add(day, FREELY) >= today:
            return
        assert deed.papers, deed
        assert deed.second is not None, deed
        assert second, deed
        assert not rights.counts_as(deed.actor.person) & rights.counts_as(deed.second.person), deed

    def _is_not_too_early(self, deed: Deed) -> None:
        """No notice within the lead of the intent, no bids opened and no deadline within the time to respond."""
        matters, _ = self.walk.city.family()
        of = {m.id: m for m in matters}
        project, day = of["P1"], calendar().day_of(deed.at)
        method = str(project.facts.get("method", ""))
        if deed.what == "publish_intent":
            self.intent = day
        if deed.what == "publish_notice" and self.intent is not None:
            assert counted(self.intent, deed.at, [project]) >= INTENT, deed
        if deed.what == "open_bids":
            self._was_time_to_respond(deed, [of[deed.matter], project], method)
        if deed.what in ("publish_notice", "publish_again"):
            opened = (
                [m.id for m in deed.outcome.opened] if deed.outcome and deed.outcome.opened else [deed.matter]
            )
            self.noticed.update(dict.fromkeys(opened, day))
            self.clarified.update({package: [] for package in opened})
        if deed.what == "clarify" and of[deed.matter].facts["affects_bids"]:
            self.clarified.setdefault(deed.matter, []).append(day)
        if deed.what in ("publish_notice", "publish_again", "move_deadline", "clarify"):
            for package in [m for m in matters if m.state == "responding" and m.id.startswith(deed.matter)]:
                deadline = package.facts.get("bid_deadline", project.facts.get("bid_deadline"))
                for since, least in self._counts(package.id, method):
                    assert not isinstance(deadline, date) or deadline >= since + least * _DAY, (
                        deed,
                        deadline,
                    )

    def _counts(self, package: str, method: str) -> list[tuple[date, int]]:
        """From which day how many days must pass before the bids of a package may be opened."""
        noticed = [(self.noticed[package], RESPONSE[method])] if package in self.noticed else []
        return noticed + [(day, CLARIFIED[method]) for day in self.clarified.get(package, ())]

    def _was_time_to_respond(self, deed: Deed, chain: Sequence[Matter], method: str) -> None:
        for since, least in self._counts(deed.matter, method):
            assert counted(since, deed.at, chain) >= least, (deed, since, least)

    def _no_contract_in_spite_of_a_query(self, deed: Deed) -> None:
        """No contract is signed while it is open whether a query affects the result, or known that it does."""
        if deed.what != "sign_contract":
            return
        for query in self.walk.city.family()[0]:
            if (
                query.workflow == "query"
                and query.about is not None
                and f"{deed.matter}.".startswith(f"{query.about}.")
            ):
                assert query.state not in ("registered", "affecting"), (deed, query)


def counted(since: date, at: datetime, chain: Iterable[Matter]) -> int:
    """How many days after ``since`` had come by ``at`` that no pause had touched; the last of them counts from its
    first instant, whatever happens in the course of it.
    """
    pauses = [p for m in chain for p in m.pauses if p.until is None or p.until > p.since]
    spans = [
        (p.since, calendar().day_of(p.since), calendar().day_of((p.until or at) - _TICK)) for p in pauses
    ]
    most = 0
    for number in range(1, (calendar().day_of(at) - since).days + 1):
        days = [since + n * _DAY for n in range(1, number + 1)]
        begins = calendar().midnight_after(days[-1] - _DAY)
        known = [(first, last) for started, first, last in spans if started < begins]
        most = max(most, sum(1 for day in days if not any(first <= day <= last for first, last in known)))
    return most
