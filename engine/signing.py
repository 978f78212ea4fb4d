"""Whether a review was gone through item by item, and signed with an opinion. 审查签署"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from engine.checklist import CheckItem, ChecklistDef
from engine.errors import BadInput, Refused
from engine.judging import holds
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.request import Request
from engine.rules import ExpressionTrouble, MissingFact
from engine.work import Work
from engine.workflow import ActionDef


@dataclass(slots=True)
class Asked:
    """The lists that an action asks for now; ``notes`` name those of which that cannot be told."""

    lists: list[ChecklistDef] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def opinion(self) -> bool:
        """Whether whoever signs has to write an opinion."""
        return wants_opinion(self.lists)


def wants_opinion(lists: Sequence[ChecklistDef]) -> bool:
    """Whether one of ``lists`` is a review, and not only ticked off."""
    return any(not one.without_opinion for one in lists)


def asked(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    at: datetime,
    facts: Mapping[str, FactValue] | None = None,
) -> Asked:
    """Return which lists of ``action`` are to be signed at ``at``, once ``matter`` has ``facts``."""
    found = Asked()
    bundle = office.machines(matter.bundle).bundle
    for name in action.checklists:
        checklist = bundle.checklists[name]
        try:
            if not checklist.when or holds(office, work, matter, checklist, facts or {}, at):
                found.lists.append(checklist)
        except (MissingFact, ExpressionTrouble) as trouble:
            lacks = trouble if isinstance(trouble, MissingFact) else None
            why = str(trouble) if lacks is None else lacks.hint or f"缺少 {lacks.name}"
            found.notes.append(f"{checklist.title}：是否应当进行未判断（{why}）")
    return found


def check_signed(
    office: Office, work: Work, matter: Matter, action: ActionDef, request: Request
) -> tuple[dict[str, list[str]], list[str]]:
    """Return what the line of history keeps, items by list, and what could not be told.

    Raise ``BadInput`` for a list or an item that the action does not have, ``Refused`` where an item is not
    signed or the opinion is missing.
    """
    found = asked(office, work, matter, action, request.at, request.facts)
    bundle = office.machines(matter.bundle).bundle
    _refuse_unknown(action, [bundle.checklists[name] for name in action.checklists], request.checked)
    told = {key for one in found.lists for key in one.keys if {key, one.name} & set(request.checked)}
    lacking = [(one, left) for one in found.lists if (left := _unsigned(one, told))]
    if lacking:
        back = _way_back(office, matter, action)
        raise Refused(
            f"“{action.title}”要逐项审查并签署，" + "。".join(_said(one, left) for one, left in lacking),
            why="；".join(dict.fromkeys(one.ground.basis for one, _ in lacking)),
            then="逐项看过、都符合的，加上 "
            + " ".join(f"--checked {one.name}" for one, _ in lacking)
            + (" --reason 审查意见" if found.opinion else "")
            + "；有不符合的，不签，"
            + (f"用 {back} 退回" if back else "先改正"),
        )
    if found.opinion and not request.reason:
        raise Refused(
            f"“{action.title}”需要签署审查意见",
            why=next(one.ground.basis for one in found.lists if not one.without_opinion),
            then="加上 --reason 审查意见",
        )
    return {one.name: [item.name for item in one.items] for one in found.lists}, found.notes


def _unsigned(checklist: ChecklistDef, told: Collection[str]) -> list[CheckItem]:
    return [item for item, key in zip(checklist.items, checklist.keys, strict=True) if key not in told]


def _said(checklist: ChecklistDef, left: Sequence[CheckItem]) -> str:
    """Name the items that are left, each with what to write for it alone."""
    named = "；".join(f"{item.title}（{checklist.name}.{item.name}）" for item in left)
    return f"“{checklist.title}”还有 {len(left)} 项没有签：{named}"


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
