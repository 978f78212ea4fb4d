"""Profiles are put together: what one builds upon another, and the clocks that it brings. 地方时限方案的组合"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from engine.findings_source import Sources
from engine.reading_form import nearest
from engine.rules import of_tier
from engine.workflow import Bundle, ClockDef, ProfileDef, WorkflowDef


def compose_profiles(bundle: Bundle, sources: Sources) -> None:
    """Complete every profile by what it builds upon, and put its clocks among those of their workflows."""
    for name in list(bundle.profiles):
        bundle.profiles[name] = _whole(bundle, name, sources)
    for profile in bundle.profiles.values():
        _take_clocks(bundle, profile, sources)


def _whole(bundle: Bundle, name: str, sources: Sources) -> ProfileDef:
    """Return the profile with what it does not say itself, taken from the one that it extends."""
    profile = bundle.profiles[name]
    lineage = [name]
    while profile.extends:
        base = bundle.profiles.get(profile.extends)
        if base is None:
            sources.unknown(profile.file, ("extends",), "", "地方时限方案", profile.extends, bundle.profiles)
            break
        if profile.extends in lineage:
            circle = " → ".join([*lineage, profile.extends])
            sources.add(
                profile.file, ("extends",), f"extends 成环：{circle}", nearest("statutory", bundle.profiles)
            )
            break
        lineage.append(profile.extends)
        profile = replace(
            profile,
            promises={**base.promises, **profile.promises},
            refers_on=profile.refers_on or base.refers_on,
            record_back=profile.record_back or base.record_back,
            switches=profile.switches | base.switches,
            # one that was completed already has nothing further to build upon
            extends=base.extends if not base.lineage else "",
            lineage=base.lineage,
        )
        if profile.lineage:
            lineage += [n for n in profile.lineage if n not in lineage]
    return replace(
        profile, extends=bundle.profiles[name].extends, lineage=tuple(lineage),
        refers_on=profile.refers_on or "statutory",
    )  # fmt: skip


def _take_clocks(bundle: Bundle, profile: ProfileDef, sources: Sources) -> None:
    """Put the clocks of a profile among those of their workflows; names must be free."""
    for name, clock in profile.clocks:
        path = ("clocks", f"{name}.{clock.name}")
        alike = of_tier(bundle.workflows, name)
        if not alike:
            sources.unknown(profile.file, path, f"计时 {clock.name}", "流程", name, bundle.workflows)
        # of a tier (all methods are packages), those that have what starts and ends the clock
        for workflow in [w for w in alike if _fits(clock, w)] or alike[:1]:
            if clock.name in workflow.clocks:
                what = f"计时 {clock.name}：流程 {workflow.name} 已有同名计时"
                sources.add(profile.file, path, what, f"{clock.name}_{profile.name.replace('-', '_')}")
            else:
                workflow.clocks[clock.name] = clock


def _fits(clock: ClockDef, workflow: WorkflowDef) -> bool:
    """Whether a workflow knows what ``clock`` starts on, ends with and guards."""
    known: dict[str, Collection[str]] = {
        "action": workflow.actions,
        "state": workflow.states,
        "fact": workflow.facts,
    }
    return all(trigger.name in known[trigger.kind] for trigger in clock.starts) and all(
        action in workflow.actions for action in clock.ends
    )
