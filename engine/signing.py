"""Whether a review was gone through item by item, and signed with an opinion. 审查签署"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from engine.checklist import ChecklistDef
from engine.errors import BadInput, Refused
from engine.judging import holds
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.request import Request
from engine.rules import MissingFact
from engine.work import Work
from engine.workflow import ActionDef


@dataclass(slots=True)
class Asked:
    """The lists that an action asks for now; ``notes`` name those of which that cannot be told."""

    lists: list[ChecklistDef] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def asked(
    office: Office, work: Work, matter: Matter, action: ActionDef, request: Request | None = None
) -> Asked:
    """Return which lists of ``action`` are to be signed, once ``matter`` has what is handed in."""
    found = Asked()
    bundle = office.machines(matter.bundle).bundle
    facts: dict[str, FactValue] = dict(request.facts) if request is not None else {}
    for name in action.checklists:
        checklist = bundle.checklists[name]
        if checklist.switch and checklist.switch not in office.planner(matter).profile.switches:
            continue
        try:
            if not checklist.when or holds(office, work, matter, checklist, facts):
                found.lists.append(checklist)
        except MissingFact as missing:
            why = missing.hint or f"缺少 {missing.name}"
            found.notes.append(f"{checklist.title}：是否应当进行未判断（{why}）")
    return found


def check_signed(
    office: Office, work: Work, matter: Matter, action: ActionDef, request: Request
) -> tuple[dict[str, list[str]], list[str]]:
    """Return what the line of history keeps, items by list, and what could not be told.

    Raise ``BadInput`` for a list or an item that the action does not have, ``Refused`` where an item is not
    signed or the opinion is missing.
    """
    found = asked(office, work, matter, action, request)
    bundle = office.machines(matter.bundle).bundle
    _refuse_unknown(action, [bundle.checklists[name] for name in action.checklists], request.checked)
    told = {key for one in found.lists for key in one.keys if {key, one.name} & set(request.checked)}
    for one in found.lists:
        open_ = [item for item, key in zip(one.items, one.keys, strict=True) if key not in told]
        if open_:
            back = _way_back(office, matter, action)
            raise Refused(
                f"“{action.title}”要逐项审查并签署，“{one.title}”还有 {len(open_)} 项没有签："
                + "；".join(f"{item.title}（{one.name}.{item.name}）" for item in open_),
                why=one.ground.basis,
                then=f"逐项看过、都符合的，加上 --checked {one.name} --reason 审查意见"
                + (f"；有不符合的，不签，用 {back} 退回" if back else "；有不符合的，不签，先改正"),
            )
    if found.lists and not request.reason:
        raise Refused(
            f"“{action.title}”需要签署审查意见",
            why=found.lists[0].ground.basis,
            then="加上 --reason 审查意见",
        )
    return {one.name: [item.name for item in one.items] for one in found.lists}, found.notes


def _refuse_unknown(action: ActionDef, lists: Sequence[ChecklistDef], checked: Collection[str]) -> None:
    known = [word for one in lists for word in (one.name, *one.keys)]
    for word in checked:
        if word not in known:
            close = get_close_matches(word, known, 1)
            raise BadInput(
                f"“{action.title}”没有审查清单 {word}",
                then=(f"您是不是要写 {close[0]}？" if close else "")
                + ("可用的：" + "、".join(one.name for one in lists) if lists else "去掉 --checked"),
            )


def _way_back(office: Office, matter: Matter, action: ActionDef) -> str:
    """Return the action that sends back what is reviewed: open here, with a reason, to where it came from."""
    offered = office.machines(matter.bundle).of[matter.workflow].offers(matter.state)
    backward = [a.name for a in offered if a.name.startswith("return_") and a.to and a.name != action.name]
    return backward[0] if backward else ""
