"""Whether a recurring duty can be opened and done: its workflow, its role, its days, its number. 周期性工作检查"""

from __future__ import annotations

from datetime import date

from engine.findings_source import Sources
from engine.recurrence import FACTS, TIER, DutyDef
from engine.roles import ROLES
from engine.workflow import Bundle

_YEAR = date(2027, 1, 1)
"""Any common year shows whether a period ends before it opens."""


def look_at_duties(bundle: Bundle, sources: Sources) -> None:
    """Check every recurring duty, and that each has a number of its own."""
    taken = {term.code: term.file for term in bundle.terms.values()}
    for duty in bundle.duties.values():
        if duty.code in taken:
            what = f"周期性工作 {duty.name}：编号 {duty.code} 已在 {taken[duty.code]} 中"
            sources.add(duty.file, ("code",), what, "换一个编号")
        taken.setdefault(duty.code, duty.file)
        _look_at_hands(duty, bundle, sources)
        _look_at_days(duty, sources)


def _look_at_hands(duty: DutyDef, bundle: Bundle, sources: Sources) -> None:
    """The workflow is of the tier of duties, takes what the opening writes, and lets the role act."""
    who = f"周期性工作 {duty.name}"
    flows = {name: w for name, w in bundle.workflows.items() if w.tier == TIER}
    sources.unknown(duty.file, ("role",), who, "角色", duty.role, ROLES)
    if sources.unread:
        return
    workflow = flows.get(duty.workflow)
    if workflow is None:
        known = bundle.workflows.get(duty.workflow)
        if known is None:
            sources.unknown(duty.file, ("workflow",), who, "流程", duty.workflow, flows)
        else:
            what = f"{who}：流程 {duty.workflow} 的层级不是 {TIER}，不能用来办周期性工作"
            sources.add(duty.file, ("workflow",), what, f"在 {known.file} 写 tier: {TIER}，或换一个流程")
        return
    for name, kind in FACTS.items():
        fact = workflow.facts.get(name)
        if fact is None or fact.type != kind:
            what = f"流程 {workflow.name} 用来办周期性工作，缺少要素 {name}（{kind}）"
            sources.add(workflow.file, ("facts", name), what, f"{name}: {{type: {kind}, title: {{zh: ……}}}}")
    hands = sorted({role for action in workflow.actions.values() for role in action.by})
    if duty.role in ROLES and duty.role not in hands:
        what = f"{who}：流程 {workflow.name} 的操作都不由 {duty.role} 办理"
        sources.add(duty.file, ("role",), what, "、".join(hands))


def _look_at_days(duty: DutyDef, sources: Sources) -> None:
    periods = duty.periods(max(_YEAR, duty.since or _YEAR), date(_YEAR.year + 20, 1, 1))
    period = next(periods, None)
    if period is not None and period.due < period.opens:
        what = f"周期性工作 {duty.name}：{period.due} 到期，而 {period.opens} 才开出"
        sources.add(duty.file, ("due",), what, "due 不早于 opens")
