"""A project half-way: it is taken in where it stands, not from its beginning. 中途进场

The steps before are filled in as inferred: they start no clock, so nothing is judged that nobody saw.
What is already running is recorded afterwards, with its day and its reason (补录).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from engine.asking import applies
from engine.errors import BadInput
from engine.machine import Fits
from engine.matter import Matter
from engine.office import Office
from engine.opening import Foreseen
from engine.performing import Deed
from engine.rules import ancestry, of_tier
from engine.skipping import skip
from engine.work import Work
from engine.workflow import ActionDef, Bundle, StateDef, WorkflowDef


def stage_of(bundle: Bundle, root: str, text: str) -> tuple[WorkflowDef, StateDef]:
    """Find the state that ``text`` names: ``package.evaluating``, ``evaluating`` or its title.

    Only workflows of ``root`` and its parts count. Raise ``BadInput`` for none, for several, and for a
    final state: what is done is not taken in.
    """
    below = [
        w for w in bundle.workflows.values() if root in ancestry(bundle.workflows, w.name) and not w.aside
    ]
    # the methods share their stages: each is named once, by its tier
    stages = {
        (w.tier, s.name): (w, s)
        for w in sorted(below, key=lambda w: w.name != w.tier, reverse=True)
        for s in w.states.values()
        if not s.final
    }
    found = [
        (w, s)
        for w, s in stages.values()
        if text in (s.name, s.title.zh, s.title.en, f"{w.tier}.{s.name}", f"{w.name}.{s.name}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        named = "、".join(f"{w.tier}.{s.name}（{w.title}{s.title}）" for w, s in found)
        raise BadInput(f"有 {len(found)} 个阶段叫 {text}", then=f"写明其中之一：{named}")
    known = "、".join(f"{w.tier}.{s.name}（{s.title}）" for w, s in stages.values())
    raise BadInput(f"没有名为 {text} 的阶段", then=f"可用的：{known}")


def enter(
    office: Office,
    work: Work,
    root: Matter,
    workflow: str,
    state: str,
    *,
    at: datetime,
    now: datetime,
    actor: str,
) -> int:
    """Bring ``root`` and its parts to ``state`` of ``workflow``; return how many steps were filled in.

    Raise ``BadInput`` for a stage that comes by itself with the parts: a project to be archived has none yet.
    """
    bundle = office.machines(root.bundle).bundle
    tier = of_tier(bundle.workflows, workflow)[0].tier
    way: list[str] = [tier]
    while way[0] != root.workflow:
        way.insert(0, of_tier(bundle.workflows, way[0])[0].part_of)
    packages = root.facts.get("packages")
    counts = {root.id: packages} if isinstance(packages, int) else {}
    deed = Deed(at, now, actor, "inferred", remarks={"entered": f"{tier}.{state}"}, foreseen=Foreseen(counts))
    taken = _bring(office, work, root, way[1:], state, deed)
    there = [m for m in work.family(root.root) if office.workflow(m).tier == tier]
    wrong = next((m for m in there if m.state != state), None)
    if wrong is not None:
        definition = office.workflow(wrong)
        title = definition.states[state].title if state in definition.states else state
        raise BadInput(
            f"不能从“{title}”进场",
            why=f"{definition.title}到这一阶段，要等下级事项办结；它们不在册",
            then="写较早的阶段，进场后再逐步登记",
        )
    return taken


def _bring(office: Office, work: Work, matter: Matter, way: list[str], state: str, deed: Deed) -> int:
    machines = office.machines(matter.bundle)
    fits = partial(applies, office, work, matter)
    if not way:
        steps = machines.way_to(matter.workflow, matter.state, state, fits) or []
        return skip(office, work, matter, steps, deed)
    opener = _opener(office, matter, way[0], fits)
    taken = 0
    if opener is not None:
        steps = [*(machines.path(matter.workflow, matter.state, opener.name, fits) or ()), opener]
        taken = skip(office, work, matter, steps, deed)
    for part in work.parts_of(matter):
        taken += _bring(office, work, part, way[1:], state, deed)
    return taken


def _opener(office: Office, matter: Matter, part: str, fits: Fits) -> ActionDef | None:
    """Return the action that opens parts of that workflow for this matter (each method begins in its own way);
    ``None`` where they come with the matter itself.
    """
    known = office.machines(matter.bundle).bundle.workflows
    tiers = {other.tier for other in of_tier(known, part)}
    openers = [a for a in office.workflow(matter).actions.values() if a.spawns and a.spawns.workflow in tiers]
    return next((a for a in openers if fits(a)), None)
