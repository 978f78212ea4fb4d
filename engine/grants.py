"""Approvals that let a matter pass a rule once: kept among its marks, until they are used or have lapsed. 例外"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.counting import due
from engine.matter import Matter
from engine.office import Office
from engine.work import Work
from engine.workflow import RuleDef

_HEAD = "override"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who approved that which rule be passed at which action, when, and before which moment it must be used."""

    action: str
    rule: str
    approver: str
    granted_at: datetime
    until: datetime

    @property
    def key(self) -> str:
        """The mark under which the matter keeps it."""
        return f"{_HEAD}:{self.action}:{self.rule}:{self.approver}"

    def data(self) -> dict[str, Any]:
        """Return what a line of history says of it."""
        return {"approved_by": self.approver, "granted_at": self.granted_at.isoformat()}


def grants(office: Office, matter: Matter, now: datetime) -> list[Grant]:
    """Return the approvals of ``matter`` that are neither used nor lapsed at ``now``."""
    rules = office.machines(matter.bundle).bundle.rules
    found: list[Grant] = []
    for key, granted_at in matter.marks.items():
        head, _, rest = key.partition(":")
        if head != _HEAD:
            continue
        action, code, approver = rest.split(":", 2)
        rule = rules.get(code)
        if rule is not None and rule.override is not None:
            grant = Grant(action, code, approver, granted_at, lapses(office, rule, granted_at))
            if now < grant.until:
                found.append(grant)
    return sorted(found, key=lambda grant: grant.until)


def grant_of(office: Office, matter: Matter, action: str, rule: RuleDef, now: datetime) -> Grant | None:
    """Return the approval that lets ``matter`` pass ``rule`` at ``action`` now; ``None`` where there is none."""
    if rule.override is None:
        return None
    return next((g for g in grants(office, matter, now) if (g.action, g.rule) == (action, rule.code)), None)


def lapses(office: Office, rule: RuleDef, granted_at: datetime) -> datetime:
    """Return the first instant at which an approval of that moment holds no longer."""
    assert rule.override is not None
    return due(granted_at, rule.override.lasts, "midnight", office.calendar).instant


def keep(work: Work, matter: Matter, grant: Grant) -> None:
    """Write an approval down; one for the same action and rule takes the place of an earlier one."""
    drop(work, matter, grant)
    matter.marks[grant.key] = grant.granted_at
    work.touch(matter)


def drop(work: Work, matter: Matter, grant: Grant) -> None:
    """Take away every approval for this action and rule: it was used."""
    head = f"{_HEAD}:{grant.action}:{grant.rule}:"
    for key in [key for key in matter.marks if key.startswith(head)]:
        del matter.marks[key]
        work.touch(matter)
