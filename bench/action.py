"""One action with everything: time passes first, rights, needs, rules, clocks, hash chain, outbox; one commit.

Run ``python bench/action.py [--small] [--folder DIR]``. Projects walk from the end of the evaluation to the
payment, all of them a step further each day. The limit is hand-written ``sqlite3``: the very writes that
our run hands to SQLite, recorded in an untimed run, again with one commit each, with nothing read and
nothing thought. Exit code 1 if the two databases differ or the ratio falls short.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.harness import (
    Recorder,
    Statement,
    bare,
    commits,
    conditions,
    dump,
    fresh_store,
    middle,
    office,
    same,
    table,
    timed,
    write_again,
)
from engine.advance import Request, advance
from engine.directory import Appointment, Unit
from engine.entering import enter
from engine.matter import Evidence, FactValue, Matter
from engine.office import Actor, Office
from engine.opening import open_matter
from engine.term import Length
from engine.work import Work
from storage.people import People
from storage.store import SqlStore

GOAL = 0.5
PROJECTS, SMALL, ROUNDS = 200, 5, 5
JURISDICTION = "410400"
ROLES = ("officer", "agency", "purchaser_rep", "purchaser_head", "tracker", "supplier")
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China


@dataclass(frozen=True, slots=True)
class Act:
    """One step of the walk: the action, the hour and day of the walk on which it comes, what it brings."""

    action: str
    day: int
    hour: int
    facts: tuple[tuple[str, FactValue], ...] = ()
    evidence: str = ""
    checked: tuple[str, ...] = ()


# three working days pass between signing and the request for acceptance; the payment comes a day late
WALK = (
    Act("end_evaluation", 0, 0),
    Act("deliver_report", 0, 2, evidence="evaluation_report"),
    Act("decide_award", 1, 0, (("supplier", "清禾家具有限公司"),)),
    Act(
        "publish_result",
        1,
        2,
        (("notice_url", "https://example.org/notice/1"),),
        checked=("result_contents",),
    ),
    Act("issue_award_letter", 1, 4, (("contracts", 1),), "award_letter"),
    Act(
        "sign_contract",
        2,
        0,
        (
            ("amount", 93_960_000),
            ("instalments", 1),
            ("supplier_small", True),
            ("pay_within", Length(30, "days")),
        ),
        "contract_text",
        ("contract_terms",),
    ),
    Act("publish_contract", 2, 2, (("notice_url", "https://example.org/contract/1"),)),
    Act("file_contract", 2, 4),
    Act("request_acceptance", 7, 0),
    Act("accept", 8, 0, evidence="acceptance_certificate"),
    Act("receive_invoice", 8, 2, (("invoice_no", "24372000"),)),
    Act("pay", 10, 0, (("paid_amount", 93_960_000),)),
)


def main() -> int:
    """Measure, compare, print, and say by the exit code whether the goal holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few projects: only the rows are judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    given = parser.parse_args()
    projects, rounds = (SMALL, 1) if given.small else (PROJECTS, ROUNDS)
    here = office()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        start, ours, theirs = (Path(name) / file for file in ("start.db", "ours.db", "theirs.db"))
        prepare(here, start, projects)
        statements = record(here, start, ours, projects)
        times = [one_round(here, start, ours, theirs, projects, statements) for _ in range(rounds)]
        ours_s, theirs_s = middle(times)
        with bare(ours) as db:
            fires, told = (db.execute(f"select count({what}) from {where}").fetchone()[0]
                           for what, where in (("*", "fire"), ("distinct fire", "message")))  # fmt: skip
        left = dump(ours)
        equal = same(left, dump(theirs))
    actions, ratio = projects * len(WALK), theirs_s / ours_s
    print(conditions())
    print(f"{projects} projects, {actions} actions, {fires} fires ({told / fires:.0%} with messages), "
          f"{commits(statements)} commits, {left.counts['history'] / projects:.1f} lines of history a project; "
          f"median of {rounds} rounds in turns")  # fmt: skip
    print(table(("one commit each", "ms an action", "actions a second", "of the limit"), [
        ("hand-written sqlite3, writes only (the limit)", f"{theirs_s / actions * 1e3:.3f}", f"{actions / theirs_s:,.0f}", ""),
        ("yiriban", f"{ours_s / actions * 1e3:.3f}", f"{actions / ours_s:,.0f}", f"{ratio:.2f}"),
    ]))  # fmt: skip
    print(f"goal >= {GOAL} of the limit")
    return int(not equal or (not given.small and ratio < GOAL))


def prepare(here: Office, path: Path, projects: int) -> None:
    """Make a database with one unit, its people, and projects that stand in the evaluation."""
    store = fresh_store(path)
    people = People(store)
    with store.transaction():
        store.keep_bundle(here.current, MONDAY, JURISDICTION)
        people.add_unit(Unit("u1", "市第一中学", "u1", "one-day", JURISDICTION))
        for role in ROLES:
            people.appoint(
                Appointment(f"person-{role}", role, "u1", MONDAY - timedelta(days=1), None, JURISDICTION)
            )
            people.appoint(Appointment("zhang", role, "u1", MONDAY - timedelta(days=1), None, JURISDICTION))
    begin = here.current.workflows["project"].initial
    with store.work() as work:
        for number in range(projects):
            name = f"P{number:06d}"
            matter = Matter(
                name, name, "project", begin, "教学楼桌椅采购项目", "u1", JURISDICTION, here.current.hash, "one-day",
                MONDAY, state_since=MONDAY, facts={"packages": 1},
            )  # fmt: skip
            open_in_evaluation(here, work, matter)
    store.close()


def open_in_evaluation(here: Office, work: Work, matter: Matter) -> None:
    """Open a project and take it in where its packages are being evaluated, nobody having seen the way there."""
    at = matter.opened_at
    open_matter(here, work, matter, now=at, actor="zhang")
    enter(here, work, matter, "package", "evaluating", at=at, now=at, actor="zhang")


def walk(here: Office, store: SqlStore, projects: int) -> None:
    """Let every project take one step after the other, one transaction each, as a command would."""
    people = People(store)
    for act, at in moments(here):
        facts = dict(act.facts)
        evidence = (
            [Evidence(act.evidence, f"{act.evidence}.pdf", "0" * 64, 120_000, "files/0")]
            if act.evidence
            else []
        )
        for number in range(projects):
            now = at + timedelta(seconds=number)
            with store.work() as work:
                root = f"P{number:06d}"
                work.family(root)
                actor = Actor("zhang", people.roles("zhang", "u1", now), "zhang")
                asked = Request(root, act.action, now, facts, evidence, checked=act.checked)
                advance(here, work, asked, actor, now)


def moments(here: Office) -> Iterator[tuple[Act, datetime]]:
    """Give each step its instant: working days after the Monday on which the walk begins."""
    calendar = here.calendar
    for act in WALK:
        day = calendar.add(calendar.day_of(MONDAY), act.day)
        yield act, datetime(day.year, day.month, day.day, 1 + act.hour, tzinfo=UTC)


def record(here: Office, start: Path, ours: Path, projects: int) -> list[Statement]:
    """Walk once, untimed, and return what was written."""
    shutil.copyfile(start, ours)
    store = SqlStore(f"sqlite:///{ours}")
    recorder = Recorder()
    recorder.listen(store)
    walk(here, store, projects)
    store.close()
    return recorder.take()


def one_round(
    here: Office, start: Path, ours: Path, theirs: Path, projects: int, statements: list[Statement]
) -> tuple[float, float]:
    """Return the seconds of our walk and of the bare writes, both beginning with the same database."""
    for path in (ours, theirs):
        shutil.copyfile(start, path)
    store = SqlStore(f"sqlite:///{ours}")
    store.check_schema()
    ours_s = timed(lambda: walk(here, store, projects))
    store.close()
    with bare(theirs) as connection:
        theirs_s = timed(lambda: write_again(connection, statements))
    return ours_s, theirs_s


if __name__ == "__main__":
    sys.exit(main())
