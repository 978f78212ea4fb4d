"""Route: two persons let a matter pass a rule that blocks, once: asked by one, approved by another. 例外办理

Only rules that say so (`override`) can be passed. The approval stands in the history with rule, reason and both
persons; it ends with its use, or when it has not been used for as long as the rule says. Nothing else changes:
the action is taken as ever, and its own line names the approval that it used (`grants`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.advance import find
from engine.checking import check_right, local
from engine.errors import BadInput, Forbidden, Refused
from engine.grants import Grant, keep, lapses
from engine.matter import Entry, Matter
from engine.office import Actor, Office
from engine.roles import ROLES
from engine.word import Word, begin
from engine.work import Fire, Handed, Work
from engine.workflow import ActionDef, RuleDef

KIND = "override"
"""The kind of its line of history; the line is named after the rule."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of it: the matter and action that it is for, the approval, and its line of history."""

    matter: Matter
    action: ActionDef
    rule: RuleDef
    grant: Grant
    line: Entry
    fires: list[Fire]


def override(
    office: Office, work: Work, named: Matter, action: str, code: str, word: Word, approver: Actor
) -> Passed:
    """Let the matter that offers ``action`` pass the rule ``code`` at it, once.

    Raise ``BadInput`` for a rule that is not asked there, ``Refused`` where the rule cannot be passed or without a
    reason, ``Forbidden`` where either person lacks the appointment, or both count as one.
    """
    fires = begin(office, work, named, word, "例外办理")
    matter, definition = find(office, work, named, action)
    rule = _asked(office, matter, definition, code)
    check_right(matter, definition, word.actor)
    _check_approver(matter, rule, word.actor, approver)
    grant = Grant(definition.name, rule.code, approver.person, word.now, lapses(office, rule, word.now))
    keep(work, matter, grant)
    return Passed(matter, definition, rule, grant, _note(work, matter, rule, grant, word), fires)


def _asked(office: Office, matter: Matter, action: ActionDef, code: str) -> RuleDef:
    """Return the rule, if it is asked at the action and can be passed."""
    rules = office.machines(matter.bundle).bundle.rules
    own = [
        r
        for r in rules.values()
        if r.standing and r.workflow in (matter.workflow, office.workflow(matter).tier)
    ]
    asked = {name: rules[name] for name in (*action.rules, *(rule.code for rule in own))}
    if code not in asked:
        raise BadInput(
            f"办理“{action.title}”时不核对规则 {code}",
            then="核对的规则："
            + ("、".join(f"{c} {r.title}" for c, r in sorted(asked.items())) or "（没有）"),
        )
    rule = asked[code]
    if rule.severity != "block":
        raise Refused(
            f"{rule.code} {rule.title}不拦截操作，不需要例外办理",
            why=rule.ground.basis,
            then="说明原因（--reason）后照常办理",
        )
    if rule.override is None:
        raise Refused(f"{rule.code} {rule.title}不能例外办理", why=rule.ground.basis, then=str(rule.remedy))
    return rule


def _check_approver(matter: Matter, rule: RuleDef, actor: Actor, approver: Actor) -> None:
    """The approver holds one of the roles that the rule names, and is neither the actor nor counts as the actor."""
    assert rule.override is not None
    if approver.persons & actor.persons:
        raise Forbidden(
            f"{approver.person} 不能批准自己的例外办理",
            why="申请与批准须由两人办理；代理人与被代理人算同一人",
            then="请另一人批准（--approved-by）",
        )
    if approver.roles is not None and not approver.roles & set(rule.override.by):
        named = "、".join(f"{role}（{ROLES[role]}）" for role in rule.override.by)
        raise Forbidden(
            f"{approver.person} 不能批准 {rule.code} 的例外办理",
            why=f"批准人须在 {matter.unit} 有任命：{named}（{rule.override.ground.basis}）",
            then="请有相应任命的人批准",
        )


def _note(work: Work, matter: Matter, rule: RuleDef, grant: Grant, word: Word) -> Entry:
    assert rule.override is not None
    told: dict[str, Any] = {
        "rule": rule.code,
        "action": grant.action,
        "reason": word.reason,
        "approved_by": grant.approver,
        "until": grant.until.isoformat(),
        "basis": rule.override.ground.basis,
    }
    if word.actor.os_user:
        told["os_user"] = word.actor.os_user
    if word.evidence:
        told["evidence"] = [
            {"kind": e.kind, "name": e.name, "sha256": e.sha256, "size": e.size} for e in word.evidence
        ]
    entry = work.record(matter, KIND, rule.code, at=word.at, now=word.now, actor=word.actor.person,
                        came_from=matter.state, detail=told)  # fmt: skip
    for item in word.evidence:
        work.evidence.append(Handed(matter.id, matter.jurisdiction, entry.no, item))
    return entry


def in_words(office: Office, matter: Matter, grant: Grant) -> str:
    """Say what may be passed, at which action, by whose approval, and before when."""
    rule = office.machines(matter.bundle).bundle.rules[grant.rule]
    action = office.workflow(matter).actions[grant.action]
    until = local(office, grant.until)
    return f"{matter.id} 可以例外办理一次“{action.title}”：{rule.code} {rule.title}，{grant.approver} 批准，{until} 前有效"
