"""Checks that `yiriban run` makes of itself every minute, made here at once; and who takes the events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from commands.doctor_database import SAMPLE
from commands.doctor_patient import Check, Patient, Said
from commands.doctor_running import lives
from commands.printing import local
from engine.auditing import KINDS, UNHEALED, Finding
from engine.errors import YiribanError
from runtime.assembly import office_for
from runtime.auditing import family, swift
from runtime.feeding import subscriber_name
from runtime.lease import NAME
from storage.auditing import behind, read_kept, roots_of
from storage.feed import Feed
from storage.inspection import newest_families
from storage.leases import Leases

ELSEWHERE = frozenset({"patrol", "unlooked", "messages", "channel", "history", "calendar", "subscriber"})
"""Kinds of findings that another check of the doctor reports in words of its own."""
SILENT = timedelta(minutes=10)
"""How long a standing process may go without a check of itself."""
_MOST = 5


def audit(patient: Patient) -> Iterator[Said]:
    """Clocks are planned as their histories say; what the standing process found and still stands is told."""
    store = patient.store
    office = office_for(patient.settings, store)
    with store.reading() as work:
        kept = read_kept(store)
        held = Leases(store).read(NAME)
        subjects = [s.finding.subject for s in kept.standing]
        known = roots_of(store, sorted({*subjects, *(s.rsplit("/", 2)[0] for s in subjects)}))
        roots = list(dict.fromkeys([*known, *newest_families(store, SAMPLE)]))
        seen = {f.key: f for listed, _ in swift(store, work, office, patient.now) for f in listed}
        for root in roots:
            seen |= {f.key: f for f in family(store, work, office, root)}
    findings = [f for f in seen.values() if f.kind not in ELSEWHERE]
    yield from _told(patient, findings)
    if held is not None and lives(held, patient.now) and patient.now - (kept.at or held.started_at) > SILENT:
        since = local(kept.at) if kept.at is not None else "-"
        yield Said(
            "finding",
            patient.pick(f"yiriban run 的自查停了，最近一次 {since}", f"yiriban run checks itself no more, last {since}"),
            patient.pick("自查在单独的线程里，每分钟一次", "It has a thread of its own, once a minute"),
            patient.pick("看它的日志，重新启动 yiriban run", "See its log, start yiriban run anew"),
        )  # fmt: skip
    if not findings:
        last = patient.pick("；最近一次自查 ", "; last self-check ") + local(kept.at) if kept.at else ""
        yield Said(
            "good",
            patient.pick(f"抽查 {len(roots)} 个项目的计时", f"the clocks of {len(roots)} projects") + last,
        )


def _told(patient: Patient, findings: list[Finding]) -> Iterator[Said]:
    """Say the first few findings of each kind, and how many more there are."""
    for name, kind in KINDS.items():
        mine = [f for f in findings if f.kind == name]
        then = patient.pick(*kind.then)
        for finding in mine[:_MOST]:
            yield Said("finding", finding.what, patient.pick(*kind.title), then)
        if len(mine) > _MOST:
            more = len(mine) - _MOST
            yield Said(
                "finding", patient.pick(f"另有 {more} 处", f"{more} more"), patient.pick(*kind.title), then
            )


def subscribers(patient: Patient) -> Iterator[Said]:
    """Whoever is to get the events takes them."""
    urls = patient.settings.channels.get("webhook", ())
    try:
        wanted = {subscriber_name(url) for url in urls}
    except YiribanError:
        wanted = set()  # the check of the channels says what is wrong with an address
    with patient.store.reading():
        feed = Feed(patient.store)
        last, known = feed.last(), {s.name: s for s in feed.subscriptions()}
        late = behind(patient.store, patient.now - UNHEALED)
    for stands in late:
        stopped = stands.state != "open"
        yield Said(
            "finding",
            patient.pick(
                f"{stands.name} {'已停收' if stopped else '一小时以上没有收下事件'}，停在第 {stands.after} 号，"
                f"还有 {last - stands.after} 个",
                f"{stands.name} {'has stopped' if stopped else 'has taken nothing for an hour'} at"
                f" {stands.after}, {last - stands.after} left",
            ),
            stands.detail,
            patient.pick("问清对方，改正后运行 yiriban feed push --again", "Ask them, then: yiriban feed push --again"),
        )  # fmt: skip
    for name in sorted(wanted - set(known)):
        yield Said(
            "hint",
            patient.pick(f"还没有向 {name} 推送过", f"Nothing was ever pushed to {name}"),
            "",
            patient.pick("运行 yiriban run，它会一直推送", "Start yiriban run; it pushes all the time"),
        )
    fine = [s for name, s in known.items() if name not in {late_one.name for late_one in late}]
    if fine:
        told = patient.pick("，", ", ").join(f"{s.name} {s.after}/{last}" for s in fine)
        yield Said("good", told)
    elif not late and not wanted:
        yield Said("good", patient.pick("没有订阅方", "nobody takes the events"))


CHECKS = (
    Check("audit", ("自查", "self-check"), audit, ("database", "workflows", "calendar")),
    Check("subscribers", ("事件订阅", "subscribers"), subscribers, ("database",)),
)
"""The checks of this module in their order."""
