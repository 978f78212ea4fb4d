"""A project half-way: it is taken in where it stands, not from its beginning. 中途进场

The steps before are filled in as inferred: they start no clock, so nothing is judged that nobody saw.
What is already running is recorded afterwards, with its day and its reason (补录).
"""

from __future__ import annotations

from datetime import datetime

from engine.errors import BadInput
from engine.matter import Matter
from engine.office import Office
from engine.opening import Foreseen
from engine.performing import Deed
from engine.skipping import skip
from engine.work import Work
from engine.workflow import ActionDef, Bundle, StateDef, WorkflowDef


def stage_of(bundle: Bundle, root: str, text: str) -> tuple[WorkflowDef, StateDef]:
    """Find the state that ``text`` names: ``package.evaluating``, ``evaluating`` or its title.

    Only workflows of ``root`` and its parts count. Raise ``BadInput`` for none, for several, and for a
    final state: what is done is not taken in.
    """
    below = [w for w in bundle.workflows.values() if _leads_down(bundle, root, w.name)]
    found = [
        (w, s)
        for w in below
        for s in w.states.values()
        if text in (s.name, s.title.zh, s.title.en, f"{w.name}.{s.name}") and not s.final
    ]
    if len(found) == 1:
        return found[0]
    if found:
        named = "、".join(f"{w.name}.{s.name}（{w.title}{s.title}）" for w, s in found)
        raise BadInput(f"有 {len(found)} 个阶段叫 {text}", then=f"写明其中之一：{named}")
    known = "、".join(
        f"{w.name}.{s.name}（{s.title}）" for w in below for s in w.states.values() if not s.final
    )
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
    way: list[str] = [workflow]
    while way[0] != root.workflow:
        way.insert(0, bundle.workflows[way[0]].part_of)
    packages = root.facts.get("packages")
    counts = {root.id: packages} if isinstance(packages, int) else {}
    deed = Deed(
        at, now, actor, "inferred", remarks={"entered": f"{workflow}.{state}"}, foreseen=Foreseen(counts)
    )
    taken = _bring(office, work, root, way[1:], state, deed)
    wrong = next((m for m in work.family(root.root) if m.workflow == workflow and m.state != state), None)
    if wrong is not None:
        definition = bundle.workflows[workflow]
        raise BadInput(
            f"不能从“{definition.states[state].title}”进场",
            why=f"{definition.title}到这一阶段，要等下级事项办结；它们不在册",
            then="写较早的阶段，进场后再逐步登记",
        )
    return taken


def _bring(office: Office, work: Work, matter: Matter, way: list[str], state: str, deed: Deed) -> int:
    machines = office.machines(matter.bundle)
    if not way:
        return skip(office, work, matter, machines.way_to(matter.workflow, matter.state, state) or (), deed)
    opener = _opener(office.workflow(matter), way[0])
    taken = 0
    if opener is not None:
        steps = [*(machines.path(matter.workflow, matter.state, opener.name) or ()), opener]
        taken = skip(office, work, matter, steps, deed)
    for part in work.parts_of(matter):
        taken += _bring(office, work, part, way[1:], state, deed)
    return taken


def _opener(workflow: WorkflowDef, part: str) -> ActionDef | None:
    """Return the action that opens parts of that workflow; ``None`` where they come with the matter itself."""
    return next((a for a in workflow.actions.values() if a.spawns and a.spawns.workflow == part), None)


def _leads_down(bundle: Bundle, root: str, name: str) -> bool:
    while name and name != root:
        name = bundle.workflows[name].part_of
    return name == root
