"""The engine's check of itself as a standing job: what it finds is told once, to the log and to the trackers. 自查

It runs in a thread of its own with a store of its own, so that it goes on where the patrol or the postman hangs.
A whole engine that died is found from outside only (`yiriban watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from engine.auditing import GRACE, UNHEALED, UNTAKEN, Finding, Seen, Verdict, compare, counted
from engine.deliver_outbox import Alarm
from engine.examining import examine
from engine.message import wording_of
from engine.office import Office
from engine.quiet import next_opening
from engine.recurring import lacking
from engine.work import Work
from runtime.lease import NAME as PATROL
from runtime.settings import Settings
from runtime.standing import StandingOffice
from storage import auditing as kept
from storage.holds import read_hold
from storage.leases import Leases
from storage.outbox import SqlOutbox
from storage.store import SqlStore

EVERY = timedelta(minutes=1)
FAMILIES = 5
"""So many families are held against their histories in each round, behind those of the round before."""
FOUND, HEALED = "audit_found", "audit_healed"
"""The wordings of `workflows/messages` for what is found and for what is over."""
NOTICE_BY = 12
"""The month from which on the absence of next year's holiday notice is a finding."""
_WAYS = ("email", "sms", "wecom", "dingtalk")
_ZONE = ZoneInfo("Asia/Shanghai")
Part = tuple[Sequence[Finding], int]
"""Findings of a kind, and how many there are of it in all."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What a round tells: findings not told before, and such as were told and are over; how many stand now."""

    at: datetime
    fresh: tuple[Finding, ...]
    healed: tuple[Finding, ...]
    standing: int


class Auditor:
    """Looks every minute; used by one thread at a time, with a store of its own."""

    def __init__(
        self,
        settings: Settings,
        store: SqlStore,
        now: Callable[[], datetime],
        *,
        channels: Collection[str] = (),
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """``channels`` are those by which messages leave; ``guard`` raises where the database has gone."""
        self._store = store
        self._now = now
        self._channels = channels
        self._guard = guard
        self._standing = StandingOffice(settings, store)
        self._stopping = False

    def __call__(self) -> Audited | None:
        """Make one round; return what is new, ``None`` where nothing is."""
        self._guard()
        office, _ = self._standing()  # the patrol tells why a change was not taken up
        try:
            self._store.check_schema()
            return self._round(office)
        finally:
            # as a beat does: every round connects anew, and survives a database that went away
            self._store.close()

    def _round(self, office: Office) -> Audited | None:
        store, now = self._store, self._now()
        with store.reading() as work:
            before = kept.read_kept(store)
            subjects = [s.finding.subject for s in before.standing]
            # what stands is looked at again in every round: its end must show
            roots = kept.roots_of(store, sorted({s.rsplit("/", 2)[0] for s in subjects}))
            following = kept.families_after(store, before.cursor, FAMILIES)
            seen = Seen.of(swift(store, work, office, now))
        for root in dict.fromkeys([*roots, *following]):
            if self._stopping:
                return None
            with store.reading() as work:  # one family at a time: a reader must not keep a writer waiting
                seen.findings += family(store, work, office, root)
        with store.transaction():
            verdict = compare(kept.read_kept(store).standing, _once(seen), now)
            if verdict.fresh or verdict.healed:
                self._tell(office, verdict, now)
            kept.keep(store, kept.Kept(now, following[-1] if following else "", verdict.standing))
        if not verdict.fresh and not verdict.healed:
            return None
        return Audited(now, verdict.fresh, verdict.healed, len(verdict.standing))

    def _tell(self, office: Office, verdict: Verdict, now: datetime) -> None:
        """Queue a message to every tracker by a channel that is not itself among what is wrong."""
        told = (s.finding for s in verdict.standing if s.told_at is not None)
        wrong = {finding.subject.partition("/")[0] for finding in told if finding.kind in _DELIVERY}
        way = next((name for name in _WAYS if name in self._channels and name not in wrong), "")
        for name, findings in ((FOUND, verdict.fresh), (HEALED, verdict.healed)):
            text = office.texts.get(name)
            if not findings or text is None or not way:
                continue
            values = {"count": str(len(findings)), "what": "；".join(counted(findings))}
            subject, body = wording_of(text, way, values)
            start = now if way != "sms" else next_opening(now, office.calendar)
            key = f"audit/{name}/{now:%Y%m%dT%H%M%S}"
            SqlOutbox(self._store).alarm(
                partial(_alarm, Alarm(key, way, subject, body, start, name, values)), now, rung="audit"
            )

    def stop(self) -> None:
        """Ask the round in progress to end."""
        self._stopping = True

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()


def _alarm(one: Alarm, person: str) -> Alarm:
    """Address an alarm; where that person has no such address another channel carries on."""
    return replace(one, key=f"{one.key}/{person}/{one.channel}")


_DELIVERY = frozenset({"messages", "retried", "channel"})
"""Kinds whose subject begins with the channel that they are about."""


def _once(seen: Seen) -> Seen:
    """Leave out a finding that two checks made."""
    return Seen(list({finding.key: finding for finding in reversed(seen.findings)}.values())[::-1], seen.more)


def swift(store: SqlStore, work: Work, office: Office, now: datetime) -> Iterator[Part]:
    """Make the checks that indexes answer, in the open transaction; each gives findings and their count."""
    yield _patrol(store, now)
    yield _clocks("unlooked", work, office, kept.unlooked(store, now - GRACE), "到点没有巡查")
    yield _clocks("unplanned", work, office, kept.unplanned(store), "没有下一次巡查")
    yield _all(Finding("unopened", duty, f"{duty} 应已开出") for duty in lacking(office, store, now - GRACE))
    yield from _messages(store, now)
    yield _all(
        Finding(
            "channel", f"{channel}/{provider}", f"{channel}（{provider}）自 {_at(since)} 起停用：{detail}"
        )
        for channel, provider, detail, since in kept.stopped(store, now - UNHEALED)
    )
    yield _all(
        Finding("subscriber", stands.name, f"{stands.name} 停在第 {stands.after} 号：{stands.detail}")
        for stands in kept.behind(store, now - UNHEALED)
    )
    yield _calendar(office, now)


def family(store: SqlStore, work: Work, office: Office, root: str) -> list[Finding]:
    """Hold one family against its history, in the open transaction."""
    return examine(office, work, root, kept.record_of(store, root))


def _all(findings: Iterator[Finding]) -> Part:
    listed = list(findings)
    return listed, len(listed)


def _patrol(store: SqlStore, now: datetime) -> Part:
    """A lease that ran out and was not given back: whoever held it beats no more."""
    held = Leases(store).read(PATROL)
    if held is None or now - held.expires_at < GRACE:
        return [], 0
    what = f"主机 {held.host} 的进程 {held.pid} 自 {_at(held.expires_at)} 起没有巡查"
    return [Finding("patrol", "", what)], 1


def _clocks(
    kind: str, work: Work, office: Office, found: tuple[list[tuple[str, str, int]], int], what: str
) -> Part:
    """Name clocks as people know them; one whose workflows are lost keeps its own name."""
    keys, count = found
    matters = {m.id: m for m in work.reader.read_matters(sorted({matter for matter, _, _ in keys}))}
    listed: list[Finding] = []
    for matter, name, number in keys:
        here = matters.get(matter)
        bundle = (
            office.current
            if here is None or here.bundle == office.current.hash
            else office.fetch(here.bundle)
        )
        workflow = None if here is None or bundle is None else bundle.workflows.get(here.workflow)
        clock = None if workflow is None else workflow.clocks.get(name)
        title = name if clock is None else str(clock.title)
        listed.append(Finding(kind, f"{matter}/{name}/{number}", f"{matter} 的“{title}”{what}"))
    return listed, count


def _messages(store: SqlStore, now: datetime) -> Iterator[Part]:
    """Messages that could leave and do not. A quota, quiet hours and a hold are no faults and are left out."""
    if read_hold(store) is None:
        yield _all(
            Finding("messages", heap.channel, f"{heap.channel} 有 {heap.count} 条可以发而没有发，最早的自 {_at(heap.since)} 起")
            for heap in kept.untaken(store, now - UNTAKEN)
        )  # fmt: skip
        yield _all(
            Finding(
                "retried", f"{heap.channel}/{heap.why}",
                f"{heap.channel} 有 {heap.count} 条一再没有发成，最早的自 {_at(heap.since)} 起：{heap.detail}",
            )
            for heap in kept.retried(store, now - UNHEALED)
        )  # fmt: skip
    yield _all(
        Finding("receipts", heap.channel, f"{heap.channel} 有 {heap.count} 条的回执没有人查，最早的应在 {_at(heap.since)} 查")
        for heap in kept.unasked(store, now - UNHEALED)
    )  # fmt: skip


def _calendar(office: Office, now: datetime) -> Part:
    """The days of this year, and in December of the next one, are announced."""
    today = office.calendar.day_of(now)
    years = [today.year] if today.month < NOTICE_BY else [today.year, today.year + 1]
    return _all(
        Finding("calendar", str(year), f"没有 {year} 年的放假通知，截止时间只是暂定")
        for year in years
        if office.calendar.is_provisional(date(year, 6, 30))
    )


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(_ZONE):%m-%d %H:%M}"
