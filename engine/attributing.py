"""Route: lost days are recorded as another party's, by two persons. 划分责任

One person asks, on papers; another approves. Only then the days move from one party to another; their number
never changes. Of several attributions of the same day the latest approved one holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from engine.clock import Charged, Clock
from engine.errors import BadInput, Refused
from engine.losing import Answerable, Traces, by_party, days_lost
from engine.matter import Matter
from engine.office import Office
from engine.starting import pauses_of
from engine.word import (
    MAY_APPROVE,
    MAY_ASK,
    Word,
    begin,
    cases_about,
    check_right,
    check_second,
    note,
)
from engine.work import Fire, Work
from engine.workflow import Party

_WHAT = "划分责任"


def attribute(
    office: Office,
    work: Work,
    matter: Matter,
    clock: Clock,
    party: Party,
    since: date,
    until: date,
    word: Word,
) -> list[Fire]:
    """Ask that the lost days from ``since`` to ``until``, both included, be the party's; nothing moves yet.

    Raise ``BadInput`` for days outside the clock's run, ``Refused`` without papers, where none of the days
    is lost, where all of them are the party's already, and while another attribution waits.
    """
    fires = begin(office, work, matter, word, _WHAT)
    check_right(word, None, MAY_ASK, f"申请{_WHAT}")
    if not word.evidence:
        raise Refused(f"{_WHAT}需要凭证", why="日子算到谁名下，须有据可查", then="加上 --evidence 类别=文件")
    if (waiting := clock.charge_asked) is not None:
        raise Refused(
            f"{matter.id} 的 {clock.name} 已有待审批的责任划分（{waiting.since} 至 {waiting.until}）",
            why="逐件审批，后一件才知道改的是谁的日子",
            then="先批准或不予批准；申请人自己可以 clock charge … --refuse 撤回",
        )
    asked = Charged(since, until, party, word.reason, word.actor.person, tuple(sorted(word.actor.persons)))
    before = _moved_days(office, work, matter, clock, asked, word)
    clock.charged.append(asked)
    work.touch_clock(clock)
    note(work, matter, "ask_attribution", word, _detail(clock, asked, before))
    return fires


def decide_attribution(
    office: Office, work: Work, matter: Matter, clock: Clock, word: Word, *, approve: bool
) -> list[Fire]:
    """Approve or refuse the attribution that was asked for; by another person than the one who asked.

    A deputy counts as both persons. Once a case about the clock is open its supervisors decide. Who asked
    may take it back (``approve`` false) without a second person.
    """
    fires = begin(office, work, matter, word, f"审批{_WHAT}")
    asked = clock.charge_asked
    taken_back = asked is not None and not approve and word.actor.person == asked.by
    if not taken_back:
        cases = cases_about(office, work, matter, clock)
        check_right(word, matter, MAY_APPROVE, f"审批{_WHAT}", cases)
    if asked is None:
        raise Refused(f"{matter.id} 的 {clock.name} 没有待审批的责任划分", then="先用 clock charge 申请")
    if approve:
        check_second(word, frozenset({asked.by, *asked.asked_by}), f"{_WHAT}申请")
    before = _moved_days(office, work, matter, clock, asked, word) if approve else {}
    clock.charged.remove(asked)
    if approve:
        clock.charged.append(replace(asked, approved_by=word.actor.person))
    work.touch_clock(clock)
    name = "attribution_approved" if approve else "attribution_refused"
    note(work, matter, name, word, {**_detail(clock, asked, before), "asked_by": asked.by})
    return fires


def traces_of(office: Office, work: Work, matter: Matter) -> Traces:
    """Return what the family of ``matter`` tells about who had it in hand."""
    return Traces(matter.marks, pauses_of(office, work, matter))


def _moved_days(
    office: Office, work: Work, matter: Matter, clock: Clock, asked: Charged, word: Word
) -> dict[Answerable, int]:
    """Return how many lost days the attribution takes from whom; raise where it takes none."""
    calendar = office.calendar
    begun = calendar.day_of(clock.anchor)
    ended = calendar.day_of(word.now if clock.is_open or clock.ended_at is None else clock.ended_at)
    if asked.since > asked.until:
        raise BadInput(f"起日 {asked.since} 晚于止日 {asked.until}", then="改正 --from、--until")
    if asked.since < begun or asked.until > ended:
        raise BadInput(
            f"{asked.since} 至 {asked.until} 不全在 {clock.name} 计时的期间内",
            why=f"这一计时从 {begun} 到 {ended}",
            then="只写其中的日子",
        )
    lost = days_lost(
        clock, office.clock(matter, clock.name), traces_of(office, work, matter), calendar, word.now
    )
    touched = {day: who for day, who in lost.items() if asked.since <= day <= asked.until}
    if not touched:
        raise Refused(
            f"{asked.since} 至 {asked.until} 没有损失的工作日",
            why=f"{clock.name} 损失的日子：{_spoken(lost)}",
            then="写损失了的日子，不含休息日和中止触及的日子",
        )
    others = [who for who in touched.values() if who != asked.party]
    if not others:
        raise Refused(f"{_spoken(touched)} 已经算在该方名下", then="用 yiriban project explain 查看")
    return by_party(others)


def _spoken(days: Iterable[date]) -> str:
    named = sorted(days)
    if len(named) > 4:
        return f"{named[0]} 至 {named[-1]} 间的 {len(named)} 个工作日"
    return "、".join(str(day) for day in named) or "无"


def _detail(clock: Clock, asked: Charged, before: dict[Answerable, int]) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "clock": f"{clock.name}/{clock.round}", "party": asked.party, "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
    }  # fmt: skip
    if before:
        detail["from"] = before
    return detail
