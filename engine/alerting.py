"""What an escalation opens: an order about the matter, and about those that it is like. 预警指令

Nothing is decided here: the order holds what its workflow says it holds (a bid is not evaluated), somebody must
acknowledge it, and people find what it was. One finding is not raised twice: while an order of the same rule about
the same matters exists, open or closed, there is no second one.
"""

from __future__ import annotations

from datetime import datetime

from engine.answering import involved
from engine.asking import compiled_rule
from engine.matter import Matter
from engine.office import Office
from engine.opening import open_case
from engine.work import Work
from engine.workflow import RuleDef


def raise_order(
    office: Office, work: Work, matter: Matter, rule: RuleDef, *, at: datetime, now: datetime, cause: str
) -> list[Matter]:
    """Open what ``rule`` opens about ``matter`` and about every other matter that its questions counted."""
    names = sorted(compiled_rule(office, matter, rule).names)
    concerned = [matter, *involved(office, work, matter, names)]
    opened: list[Matter] = []
    for here in concerned:
        others = [other.id for other in concerned if other.id != here.id]
        if not _known(work, here, rule, others):
            opened.append(
                open_case(office, work, here, rule.code, rule.opens, moment="", at=at, now=now, cause=cause,
                          others=others)
            )  # fmt: skip
    return opened


def _known(work: Work, matter: Matter, rule: RuleDef, others: list[str]) -> bool:
    """Whether an order of this rule about the matter names the same others already; without others it never does:
    each time is a finding of its own.
    """
    told = [
        set(str(order.facts.get("others", "")).split("、"))
        for order in work.family(matter.root)
        if order.about == matter.id and order.about_clock == rule.code
    ]
    return bool(others) and any(set(others) <= known for known in told)
