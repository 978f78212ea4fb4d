"""A city at rest: families of matters with many open clocks, of which exactly so many fall due.

The engine itself makes a few families of each kind in a database of their own; the big database holds
copies of their matters, facts, clocks (ended ones too) and last lines of history under other numbers.
Copies keep the hashes of their model, which a patrol never checks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.action import JURISDICTION, ROLES, WALK, Act, open_in_evaluation
from bench.harness import bare, fresh_store
from engine.advance import Request, advance
from engine.directory import Appointment, Unit
from engine.matter import Evidence, Matter
from engine.office import Actor, Office
from engine.patrol import patrol
from storage.moments import to_ticks
from storage.people import People
from storage.store import SqlStore

UNITS = 200
# Beijing time: the last beat on Tuesday at 23:00, this one on Wednesday 2026-03-18 at 00:30
BEFORE = datetime(2026, 3, 17, 15, tzinfo=UTC)
NOW = datetime(2026, 3, 17, 16, 30, tzinfo=UTC)
# how far a family has come, and on which day: a promise of one working day counted from Monday ran out at
# this midnight (a warning is due), one counted from Thursday did two working days ago (a case is due)
STAGES = {"deciding": "deliver_report", "signing": "issue_award_letter", "paying": "receive_invoice"}
DAYS = {"resting": 17, "warning": 16, "case": 12}
# the working day before, on which a result was published: its minimum period has ended by then
EVES = {17: 16, 16: 13, 12: 11}
MIX = ("deciding", "deciding", "signing", "deciding", "paying", "deciding")
COPIED = {
    "matter": "JOIN m.matter t ON t.root = p.model",
    "fact": "JOIN m.matter a ON a.root = p.model JOIN m.fact t ON t.matter = a.id",
    "clock": "JOIN m.clock t ON t.root = p.model",
    "history": "JOIN m.matter a ON a.root = p.model JOIN m.history t ON t.matter = a.id AND t.no = a.history_no",
}


@dataclass(frozen=True, slots=True)
class Model:
    """A family to be copied, and how many of its clocks are open and due."""

    name: str
    open: int
    due: int


def build(here: Office, path: Path, clocks: int, due: int) -> None:
    """Fill a new database with families until ``clocks`` clocks are open, ``due`` of them due at ``NOW``."""
    patterns = path.with_suffix(".models")
    models = _models(here, patterns)
    store = fresh_store(path)
    _people(here, store)
    store.close()
    resting = [models[stage, "resting"] for stage in MIX]
    waking = [model for (_, kind), model in models.items() if kind != "resting"]
    with bare(path) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("ATTACH ? AS m", (str(patterns),))
        db.execute("CREATE TEMP TABLE plan (number integer primary key, name text, unit text, model text)")
        db.execute("BEGIN")
        order = enumerate(_order(resting, waking, clocks, due))
        plan = ((n, f"P{n:07d}", f"u{n % UNITS}", model.name) for n, model in order)
        db.executemany("INSERT INTO plan VALUES (?, ?, ?, ?)", plan)
        for table, source in COPIED.items():
            columns = [
                r[1] for r in db.execute(f"PRAGMA main.table_info({table})") if r[1:3] != ("id", "INTEGER")
            ]
            copies = ", ".join("p.unit" if c == "unit" else _renamed(c) for c in columns)
            into = f"INSERT INTO main.{table} ({', '.join(columns)})"
            db.execute(f"{into} SELECT {copies} FROM plan p {source} ORDER BY p.number")
        db.execute("COMMIT")
        if (found := open_and_due(db)) != (clocks, due):
            raise ValueError(f"{found} clocks open and due instead of {clocks, due}")


def _renamed(column: str) -> str:
    return f"iif(typeof(t.{column}) = 'text', replace(t.{column}, p.model, p.name), t.{column})"


def open_and_due(db: sqlite3.Connection, root: str = "") -> tuple[int, int]:
    """Count the running clocks, and those of them that must be looked at by ``NOW``; of one family or all."""
    where = "where state = 'running'" + (" and root = ?" if root else "")
    sql = f"select count(*), coalesce(sum(look_at <= {to_ticks(NOW)}), 0) from clock {where}"
    found: tuple[int, int] = db.execute(sql, (root,) if root else ()).fetchone()
    return found


def _order(resting: list[Model], waking: list[Model], clocks: int, due: int) -> Iterator[Model]:
    """Scatter the families with something due evenly among those at rest."""
    awake = [waking[n % len(waking)] for n in range(due)]  # each has one clock due
    single = min(resting, key=lambda model: model.open)
    left = clocks - sum(model.open for model in awake)
    asleep: list[Model] = []
    while left > 0:
        model = resting[len(asleep) % len(resting)]
        asleep.append(model if model.open <= left else single)
        left -= asleep[-1].open
    every = max(1, len(asleep) // due)
    for number, model in enumerate(asleep):
        if number % every == 0 and awake:
            yield awake.pop()
        yield model
    yield from awake


def _models(here: Office, path: Path) -> dict[tuple[str, str], Model]:
    """Walk one family of each kind, let the last beat pass, and say what is open and due of each."""
    store = fresh_store(path)
    _people(here, store)
    names = {(stage, kind): f"MODEL-{stage}-{kind}" for stage in STAGES for kind in DAYS}
    for (stage, kind), name in names.items():
        _family(here, store, name, STAGES[stage], DAYS[kind])
    patrol(here, store, BEFORE)
    store.close()
    with bare(path) as db:
        models = {key: Model(name, *open_and_due(db, name)) for key, name in names.items()}
    wrong = [m.name for (_, kind), m in models.items() if m.due != (kind != "resting")]
    if wrong:
        raise ValueError(f"not as many clocks due as meant: {wrong}")
    return models


def _family(here: Office, store: SqlStore, name: str, last: str, day: int) -> None:
    """Walk one family to the action ``last`` on a day of March 2026; the result came out the working day before."""
    steps = WALK[: [step.action for step in WALK].index(last) + 1]
    eve = next((n for n, step in enumerate(steps, 1) if step.action == "publish_result"), 0)
    at = datetime(2026, 3, EVES[day] if eve else day, 0, 30, tzinfo=UTC)
    actor = Actor("zhang", None)
    begin = here.current.workflows["project"].initial
    with store.work() as work:
        matter = Matter(
            name, name, "project", begin, "教学楼桌椅采购项目", "u0", JURISDICTION, here.current.hash, "one-day",
            at, state_since=at, facts={"packages": 1},
        )  # fmt: skip
        open_in_evaluation(here, work, matter)
    for number, step in enumerate(steps):
        at = at + timedelta(minutes=40) if number != eve else datetime(2026, 3, day, 1, 10, tzinfo=UTC)
        with store.work() as work:
            work.family(name)
            asked = Request(name, step.action, at, dict(step.facts), _papers(step), checked=step.checked)
            advance(here, work, asked, actor, at)


def _papers(step: Act) -> list[Evidence]:
    return (
        [Evidence(step.evidence, f"{step.evidence}.pdf", "0" * 64, 120_000, "files/0")]
        if step.evidence
        else []
    )


def _people(here: Office, store: SqlStore) -> None:
    people = People(store)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    with store.transaction():
        store.keep_bundle(here.current, since, JURISDICTION)
        for number in range(UNITS):
            unit = f"u{number}"
            people.add_unit(Unit(unit, f"第{number}单位", unit, "one-day", JURISDICTION))
            for role in ROLES:
                people.appoint(Appointment(f"{role}-{number}", role, unit, since, None, JURISDICTION))
