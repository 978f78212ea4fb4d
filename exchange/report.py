"""What a replay found, as values: counted from the database it filled, not from the way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

from engine.clock import Clock
from engine.workdays import WorkingCalendar
from engine.workflow import MOMENTS, Bundle
from exchange.observation import Finding
from exchange.replay import Tally

ONE_DAYS = ("decide_award", "sign_contract", "accept_delivery", "pay")
_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class ClockCount:
    """How the clocks of one name fared. A clock is judged when both its anchor and its end were seen.

    ``in_*`` is ``None`` where no clock of this name ever has that moment. Late means beyond the latest
    moment that the clock has; lateness is in calendar days over the late ones, by nearest rank.
    """

    judged: int = 0
    in_promise: int | None = None
    in_agreed: int | None = None
    in_law: int | None = None
    late: int = 0
    open: int = 0
    median_late_days: int | None = None
    p90_late_days: int | None = None


def nearest_rank(values: list[int], share: float) -> int | None:
    """Return the value at ``share`` (0..1] by nearest rank, ``None`` for no values."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None


class Judge:
    """Counts clocks one by one; nothing but the numbers stays in memory."""

    def __init__(self, bundle: Bundle, calendar: WorkingCalendar) -> None:
        """Start with every clock of the bundle at zero."""
        self._calendar = calendar
        self._in: dict[str, Counter[str]] = {}
        self._late: dict[str, list[int]] = {}
        self.counts: dict[str, ClockCount] = {}
        for workflow in bundle.workflows.values():
            for name in workflow.clocks:
                if bundle.terms[workflow.clocks[name].term].kind == "max":
                    self.counts[name] = ClockCount()

    def add(self, clock: Clock) -> None:
        """Count one clock."""
        count = self.counts.get(clock.name)
        if count is None:
            return
        kept = self._in.setdefault(clock.name, Counter())
        for moment in MOMENTS:
            if clock.moment(moment) is not None:
                kept[moment] += 0
        if clock.is_open:
            count.open += 1
        if clock.state != "met" or clock.ended_at is None:
            return
        count.judged += 1
        for moment in MOMENTS:
            due = clock.moment(moment)
            if due is not None and clock.ended_at < due:
                kept[moment] += 1
        latest = clock.latest
        if latest is not None and clock.ended_at >= latest:
            count.late += 1
            days = self._calendar.day_of(clock.ended_at) - self._calendar.day_of(latest - _TICK)
            self._late.setdefault(clock.name, []).append(days.days)

    def finish(self) -> dict[str, ClockCount]:
        """Return the counts, the four one-days first."""
        for name, count in self.counts.items():
            kept = self._in.get(name, Counter())
            count.in_promise = kept.get("promise")
            count.in_agreed = kept.get("agreed")
            count.in_law = kept.get("statutory")
            late = self._late.get(name, [])
            count.median_late_days = nearest_rank(late, 0.5)
            count.p90_late_days = nearest_rank(late, 0.9)
        ordered = [n for n in ONE_DAYS if n in self.counts]
        ordered += [n for n in self.counts if n not in ONE_DAYS]
        return {name: self.counts[name] for name in ordered}


@dataclass(slots=True)
class Report:
    """The result of a replay: the same source and ``until`` give the same report, byte for byte."""

    source: str
    until: date
    profile: str
    calendar: str
    bundle: str
    tally: Tally
    clocks: dict[str, ClockCount]
    cases: Mapping[str, int]
    kinds: dict[str, int]
    findings: list[Finding]
    mappings: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the report for ``--json``; keys are documented in docs/reference/replay.md."""
        tally = self.tally
        messages: dict[str, dict[str, int]] = {}
        for (rung, channel), number in sorted(tally.messages.items()):
            messages.setdefault(rung, {})[channel] = number
        return {
            "source": self.source,
            "until": self.until.isoformat(),
            "profile": self.profile,
            "calendar": self.calendar,
            "bundle": self.bundle,
            "mappings": self.mappings,
            "rows": {
                "read": tally.read,
                "replayed": tally.replayed,
                "refused": tally.refused,
                "without_steps": tally.without_steps,
            },
            "projects": tally.projects,
            "matters": tally.matters,
            "actions": tally.actions,
            "inferred": tally.inferred,
            "fires": tally.fires,
            "clocks": {name: asdict(count) for name, count in self.clocks.items()},
            "messages": messages,
            "cases": dict(sorted(self.cases.items())),
            "rules_not_judged": dict(sorted(tally.unjudged.items())),
            "findings": dict(sorted(self.kinds.items())),
            "finding_list": [_finding(f) for f in self.findings],
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """Say in words what the numbers alone would hide."""
        out: list[str] = []
        names = "、".join(n for n in ONE_DAYS if n in self.clocks and self.clocks[n].judged == 0)
        if names:
            out.append(
                f"未评判：{names}——计时的起点和终点都在来源中出现、且终点不早于起点，才作评判；"
                "缺少的步骤由回放推定，推定的步骤不启动计时。"
            )
        if self.tally.without_steps:
            out.append(
                f"{self.tally.without_steps} 行有日期，但没有一个是流程中的步骤：已计入回放，没有开立项目。"
            )
        if self.tally.unjudged:
            out.append("部分规则因来源缺少要素而未判断，见 rules_not_judged。")
        return out


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "file": finding.place.file,
        "line": finding.place.line,
        "item": finding.place.item,
        "column": finding.column,
        "message": finding.message,
    }
