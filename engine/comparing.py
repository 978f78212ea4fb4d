"""What one profile changes against another: promises, local clocks, what cases refer on. 地方时限方案的比较"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.law import Dated
from engine.rules import of_tier
from engine.term import Length
from engine.title import Title
from engine.workflow import Bundle, ClockDef, MomentName, ProfileDef, Promise, TermDef

What = Literal["clock_added", "clock_removed", "promise_added", "promise_removed", "promise_changed"]


@dataclass(frozen=True, slots=True)
class Side:
    """What a profile says of a clock: whether the clock runs for its matters, and what is promised."""

    runs: bool
    promise: Dated[Promise]

    @property
    def said(self) -> tuple[object, ...]:
        """What makes a difference: number, day of force, document, how sure; not the day of the last check.

        A promise for a clock that does not run promises nothing.
        """
        promised = ((v.value, v.since, v.ground.basis, v.ground.confidence) for v in self.promise)
        return (True, *promised) if self.runs else (False,)


@dataclass(frozen=True, slots=True)
class Entry:
    """A clock of ``workflow`` (or of all workflows of that tier) with its term, whose law stands beside. 计时"""

    key: str
    """``workflow.clock``, as a profile writes it."""
    workflow: Title
    clock: ClockDef
    term: TermDef

    @property
    def statutory(self) -> Dated[Length]:
        """The values of the law, oldest first; empty where no law gives a number."""
        return self.term.statutory


@dataclass(frozen=True, slots=True)
class Difference:
    """A clock of which two profiles say different things."""

    entry: Entry
    before: Side
    after: Side

    @property
    def what(self) -> What:
        """What happened to the clock or to its promise on the way from the one profile to the other."""
        if self.before.runs != self.after.runs:
            return "clock_added" if self.after.runs else "clock_removed"
        if not self.before.promise.values:
            return "promise_added"
        return "promise_changed" if self.after.promise.values else "promise_removed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that ``after`` changes against ``before``; ``None`` and empty where they say the same."""

    before: ProfileDef
    after: ProfileDef
    refers_on: tuple[MomentName, MomentName] | None
    record_back: tuple[Length | None, Length | None] | None
    switched_on: tuple[str, ...]
    switched_off: tuple[str, ...]
    clocks: tuple[Difference, ...]

    @property
    def count(self) -> int:
        """How many things differ."""
        settings = (self.refers_on is not None) + (self.record_back is not None)
        return settings + len(self.switched_on) + len(self.switched_off) + len(self.clocks)


def compare(bundle: Bundle, before: ProfileDef, after: ProfileDef) -> Comparison:
    """Compare two profiles of ``bundle``, each together with what it builds upon."""
    keys = {*_keys(bundle, before), *_keys(bundle, after)}
    pairs = [(key, side(bundle, before, key), side(bundle, after, key)) for key in sorted(keys)]
    return Comparison(
        before,
        after,
        (before.refers_on, after.refers_on) if before.refers_on != after.refers_on else None,
        (before.record_back, after.record_back) if before.record_back != after.record_back else None,
        tuple(sorted(after.switches - before.switches)),
        tuple(sorted(before.switches - after.switches)),
        tuple(Difference(entry(bundle, key), one, two) for key, one, two in pairs if one.said != two.said),
    )


def entries(bundle: Bundle, profile: ProfileDef) -> list[tuple[Entry, Side]]:
    """Return every clock of which ``profile`` says something, itself or by what it builds upon."""
    return [(entry(bundle, key), side(bundle, profile, key)) for key in sorted(_keys(bundle, profile))]


def side(bundle: Bundle, profile: ProfileDef, key: str) -> Side:
    """Return what ``profile`` says of the clock ``key``: to its workflow, else to all of its tier."""
    name, _, clock = key.partition(".")
    workflow = bundle.workflows.get(name)
    promise = profile.promises.get(key, Dated(())) if workflow is None else profile.promised(workflow, clock)
    owner = entry(bundle, key).clock.profile
    return Side(not owner or owner in profile.lineage, promise)


def entry(bundle: Bundle, key: str) -> Entry:
    """Return the clock ``key`` of a bundle without faults, with the law's term."""
    name, _, clock = key.partition(".")
    named = bundle.workflows.get(name)
    alike = [*([named] if named else []), *of_tier(bundle.workflows, name)]
    found = next(workflow for workflow in alike if clock in workflow.clocks)
    title = found.title if named is None else named.title
    return Entry(key, title, found.clocks[clock], bundle.terms[found.clocks[clock].term])


def _keys(bundle: Bundle, profile: ProfileDef) -> set[str]:
    """Name the clocks that a profile promises, and those that it or what it builds upon brings."""
    brought = {
        f"{workflow}.{clock.name}"
        for name in profile.lineage
        for workflow, clock in bundle.profiles[name].clocks
    }
    return brought | set(profile.promises)
