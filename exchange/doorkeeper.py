"""Rows that must not come in at all: what a rule of the project's opening keeps out (secret projects). 准入"""

from __future__ import annotations

from datetime import date

from engine.office import Office
from engine.welcome import unwelcome
from exchange.observation import Row


def keep_out(office: Office, row: Row, day: date) -> Row:
    """Return ``row``, or where a rule keeps its project out a refused row in its place that holds nothing
    of it but its place (政府采购法第85条: secret projects).
    """
    facts = {name: value for workflow, _, name, value in row.facts if workflow == "project"}
    rules = unwelcome(office, "project", facts, day) if facts and not row.refused else []
    return Row(row.place, str(row.place), refused=f"rule_{rules[0].code}") if rules else row
