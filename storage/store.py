"""The store: transactions that hand out a unit of work and write its effects in sets."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy import inspect

from engine.clock import Clock
from engine.directory import REGULATORS, Delegation, Jurisdiction, in_force
from engine.errors import NotFound, StorageTrouble
from engine.matter import Matter
from engine.questions import Kin
from engine.recurring import Looked, Seat
from engine.work import Work
from engine.workflow import Bundle
from storage import recurring, rows
from storage.claims import begin, connect, speaking
from storage.columns import metadata
from storage.damage import isolate
from storage.moments import to_ticks
from storage.questions import unit_kin
from storage.statements import Statements
from storage.tables import SCHEMA_VERSION
from storage.tenures import concerning

MATTERS_AT_ONCE = 400
TENURES = (
    "from unit u join unit above on u.path = above.path"
    " or substr(u.path, 1, length(above.path) + 1) = above.path || '/'"
    " join appointment a on a.unit = above.id where u.id = ?"
)
"""The appointments that hold for a unit: its own and those of the units above it."""
COMPETENT = "from appointment a where a.jurisdiction = ?"
"""The appointments made for a jurisdiction."""
_TRIGGERS = "select name from sqlite_master where type = 'trigger'"


class SqlStore:
    """Matters, clocks, history and outbox in a database given by URL."""

    def __init__(self, url: str) -> None:
        """Connect lazily to ``url``; nothing is created."""
        self.url = url
        self.engine = connect(url)
        # people read it: no %XX in the place of Chinese letters
        self.place = unquote(self.engine.url.render_as_string(hide_password=True))
        self.statements = Statements(self.engine.dialect)
        self._begin = begin(self.engine.dialect.name)
        self._cursor: Any = None
        self._connection: Any = None
        self._tenures: dict[tuple[str, str], list[tuple[str, int, int | None]]] = {}
        self._lent: dict[tuple[str, str], list[Delegation]] = {}

    # transactions

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Begin a transaction and hand out a unit of work; write and commit on leaving, or roll back."""
        with self.transaction():
            work = Work(self)
            yield work
            self.write(work)

    @contextmanager
    def reading(self) -> Iterator[Work]:
        """Begin a transaction that only reads; it takes no lock that a writer would wait for."""
        with self.transaction("BEGIN"):
            yield Work(self)

    @contextmanager
    def transaction(self, how: str = "") -> Iterator[Any]:
        """Begin a transaction on the driver's own cursor; commit on leaving, or roll back.

        ``how`` is the statement that begins it, by default that of a writing transaction.
        """
        if self._cursor is not None:
            raise StorageTrouble("事务不能嵌套", why="程序错误", then="请报告此问题")
        with speaking(self.place):
            if self._connection is None:
                self._connection = self.engine.connect()
            driver = self._connection.connection.driver_connection
            cursor = driver.cursor()
            cursor.execute(how or self._begin)
        self._cursor = cursor
        try:
            yield cursor
            with speaking(self.place):
                cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._cursor = None
            self._tenures.clear()
            self._lent.clear()
            with suppress(Exception):
                cursor.close()

    def _roll_back(self) -> None:
        """Undo the open transaction; one that cannot be undone is left to the database, with its connection."""
        if not self._in_transaction():
            return
        try:
            self._cursor.execute("ROLLBACK")
        except Exception:  # the error before this one is the one to tell
            self.close()

    def _in_transaction(self) -> bool:
        """Say whether a transaction is open: SQLite ends it by itself when the disk is full."""
        return bool(getattr(self._cursor.connection, "in_transaction", True))

    def new_work(self) -> Work:
        """Return an empty unit of work over this store, to be written by ``write``."""
        return Work(self)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Guard a part of the transaction: an error inside undoes that part only."""
        self.run("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._in_transaction():
                self.run("ROLLBACK TO part")
                self.run("RELEASE part")
            raise
        self.run("RELEASE part")

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()

    def run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement on the open transaction's cursor, errors translated."""
        try:
            return self._cursor.execute(sql, values)
        except Exception:
            # entered only on error: a statement that succeeds does not pay for a context
            with speaking(self.place):
                raise

    def fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one query and return all its rows, errors translated: some texts are found damaged only then."""
        try:
            found: list[Any] = self._cursor.execute(sql, values).fetchall()
        except Exception:
            with speaking(self.place):
                raise
        return found

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each of ``rows``, errors translated; return how many table rows it changed."""
        with speaking(self.place):
            self._cursor.executemany(sql, rows)
        return int(self._cursor.rowcount)

    # writing

    def write(self, work: Work) -> None:
        """Write the effects of ``work`` in sets, in an order that readers can follow, and clear them."""
        s = self.statements
        fresh = {m.id for m in work.new_matters}
        begun = {id(c) for c in work.new_clocks}
        sets: list[tuple[str, list[rows.Row]]] = [
            (s.new_matter, [rows.matter_row(m) for m in work.new_matters]),
            (
                s.change_matter,
                [rows.matter_changes(m) for i, m in work.changed_matters.items() if i not in fresh],
            ),
            (s.set_fact, rows.fact_rows(work)),
            (s.drop_fact, [key for key, value in work.new_facts.items() if value is None]),
            (s.new_history, [rows.entry_row(e) for e in work.entries]),
            (s.new_clock, [rows.clock_row(c) for c in work.new_clocks]),
            (
                s.change_clock,
                [rows.clock_changes(c) for c in work.changed_clocks.values() if id(c) not in begun],
            ),
            (s.new_fire, [rows.fire_row(f) for f in work.fires]),
            (s.new_message, [rows.message_row(m) for m in work.messages]),
            (s.new_evidence, [rows.evidence_row(h) for h in work.evidence]),
            (s.new_alias, list(work.aliases)),
        ]
        with speaking(self.place):
            for sql, values in sets:
                if len(values) == 1:
                    self._cursor.execute(sql, values[0])
                elif values:
                    self._cursor.executemany(sql, values)
        work.clear()

    # reading, for units of work

    def read_family(self, root: str) -> tuple[list[Matter], list[Clock]]:
        """Return every matter of the family with its facts, and all their clocks."""
        s = self.statements
        matters = [rows.matter_of(r) for r in self.fetch(s.family, (root,))]
        by_id = {m.id: m for m in matters}
        for matter, name, kind, value in self.fetch(s.family_facts, (root,)):
            by_id[matter].facts[name] = rows.fact_of(kind, value)
        clocks = [rows.clock_of(r) for r in self.fetch(s.family_clocks, (root,))]
        return matters, clocks

    def read_matters(self, ids: Sequence[str]) -> list[Matter]:
        """Return these matters with their facts, a few hundred per statement."""
        found: list[Matter] = []
        for start in range(0, len(ids), MATTERS_AT_ONCE):
            part = list(ids[start : start + MATTERS_AT_ONCE])
            places = ",".join("?" * len(part))
            sql = self.statements.matter.replace("= ?", f"IN ({places})")
            by_id = {r[0]: rows.matter_of(r) for r in self.fetch(sql, part)}
            sql = self.statements.matter_facts.replace("= ?", f"IN ({places})")
            for matter, name, kind, value in self.fetch(sql, part):
                by_id[matter].facts[name] = rows.fact_of(kind, value)
            found += [by_id[i] for i in part if i in by_id]
        return found

    def read_due(self, now: datetime, limit: int) -> list[Clock]:
        """Return up to ``limit`` clocks that must be looked at by ``now``, the earliest first.

        Raise ``Unreadable`` where one of them is damaged; ``isolate`` says which.
        """
        return [rows.clock_of(r) for r in self.fetch(self.statements.due, (to_ticks(now), limit))]

    def isolate(self, now: datetime, limit: int, until: datetime) -> list[Clock]:
        """Set the clocks aside ``until`` then that are due by ``now`` and cannot be read, and return them."""
        return isolate(self, now, limit, until)

    def holders(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[str]:
        """Return who holds ``role`` at ``at``: for ``unit`` or a unit above it, a regulator for ``jurisdiction``."""
        # a regulator's competence follows the budget level, not the tree of units
        where, scope = (COMPETENT, jurisdiction) if role in REGULATORS else (TENURES, unit)
        tenures = self._tenures.get((role, scope))
        if tenures is None:
            found = self.run(f"select a.person, a.since, a.until {where} and a.role = ?", (scope, role))
            tenures = self._tenures[role, scope] = found.fetchall()
        ticks = to_ticks(at)
        return sorted(
            {p for p, since, until in tenures if since <= ticks and (until is None or ticks < until)}
        )

    def delegations(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[Delegation]:
        """Return who stands in for whom at ``at`` where ``role`` is held for ``unit``."""
        key = (role, jurisdiction) if role in REGULATORS else ("", unit)
        known = self._lent.get(key)
        if known is None:
            known = self._lent[key] = concerning(self.run, role, unit, jurisdiction)
        return [d for d in known if in_force(d.since, d.until, at)]

    def superior(self, jurisdiction: str) -> Jurisdiction | None:
        """Return the jurisdiction that this one is part of; ``None`` at the top, or where none is known."""
        found = self.run(
            "select a.jurisdiction, a.name, a.level, a.part_of from jurisdiction a"
            " join jurisdiction j on j.part_of = a.jurisdiction where j.jurisdiction = ?",
            (jurisdiction,),
        ).fetchone()
        return None if found is None else Jurisdiction(*found)

    def home_of(self, unit: str) -> str | None:
        """Return the jurisdiction of a purchasing unit; ``None`` for one that is not known."""
        found = self.run("select jurisdiction from unit where id = ?", (unit,)).fetchone()
        return None if found is None else str(found[0])

    def read_unit(self, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
        """Return the unit's projects opened in a time, and their parts that have one of the facts ``names``."""
        return unit_kin(self.run, unit, since, until, names)

    # the database itself

    def create(self, now: datetime, *, feed: bool = True) -> None:
        """Set up a database that is empty; refuse a schema of another version.

        ``feed=False``: nobody outside will ever watch this database (a replay's), so no events are kept.
        """
        with speaking(self.place):
            known = inspect(self.engine).has_table("meta")
            if not known:
                self._create(now, feed=feed)
        self.check_schema()

    def _create(self, now: datetime, *, feed: bool) -> None:
        """Create everything in one transaction: whoever is stopped on the way leaves nothing."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql(self._begin)
            try:
                metadata.create_all(connection)
                names = () if feed else connection.exec_driver_sql(_TRIGGERS).scalars().all()
                for name in names:
                    connection.exec_driver_sql(f"drop trigger {name}")
                for name, value in (("schema", str(SCHEMA_VERSION)), ("created_at", now.isoformat())):
                    connection.exec_driver_sql(
                        "insert into meta (name, value) values (?, ?) on conflict do nothing", (name, value)
                    )
                connection.commit()
            finally:
                connection.rollback()

    def check_schema(self) -> None:
        """Raise ``StorageTrouble`` unless the schema is that of this version, ``NotFound`` if there is none."""
        with speaking(self.place):
            known = inspect(self.engine).has_table("meta")
        if not known:
            raise nothing_in(self.place)
        with self.transaction("BEGIN") as cursor, speaking(self.place):
            found = cursor.execute("select value from meta where name = 'schema'").fetchone()
        if found is None or found[0] != str(SCHEMA_VERSION):
            raise of_another_version(self.place, found[0] if found else "")

    def has_matters(self) -> bool:
        """Say whether the database holds any matter; a database without tables holds none."""
        with speaking(self.place):
            if "matter" not in inspect(self.engine).get_table_names():
                return False
        with self.transaction():
            return self.run("select 1 from matter limit 1").fetchone() is not None

    def all_clocks(self) -> Iterator[Clock]:
        """Walk every clock in the order of its key."""
        yield from map(rows.clock_of, self.run(self.statements.all_clocks))

    def cases_by_level(self) -> dict[str, int]:
        """Count the cases by the level in whose hands they are."""
        sql = (
            "select f.value, count(*) from matter m join fact f on f.matter = m.id and f.name = 'level'"
            " where m.about_clock is not null group by f.value order by f.value"
        )
        return dict(self.run(sql).fetchall())

    # recurring duties

    def begin_duties(self, now: datetime) -> None:
        """Open recurring duties from ``now`` on; an installation begins once."""
        self.run(recurring.BEGIN, (now.isoformat(),))

    def looked(self) -> Looked | None:
        """Return how far the opening of recurring duties has come; ``None`` where it has not begun."""
        return recurring.looked(self.fetch)

    def hold_duties(self) -> None:
        """Let no other scheduler open duties before this transaction ends."""
        self.run(recurring.HOLD)

    def duties_seen(self, now: datetime) -> None:
        """Remember that all was opened that was to be opened by ``now``."""
        self.run(recurring.SEEN, (now.isoformat(),))

    def seats(self, role: str, since: datetime, until: datetime) -> list[Seat]:
        """Return where ``role`` is held at some time from ``since`` until ``until``, by place."""
        return recurring.seats(self.fetch, role, since, until)

    def opened_among(self, ids: Collection[str]) -> set[str]:
        """Return those of ``ids`` that are matters already."""
        return recurring.opened_among(self.fetch, sorted(ids))

    def keep_bundle(self, bundle: Bundle, now: datetime, jurisdiction: str) -> None:
        """Keep the files of ``bundle``, once."""
        self.run(
            "insert into bundle (hash, files, adopted_at, jurisdiction) values (?, ?, ?, ?) on conflict do nothing",
            (bundle.hash, json.dumps(bundle.files, ensure_ascii=False), to_ticks(now), jurisdiction),
        )

    def read_bundle(self, wanted: str) -> dict[str, str] | None:
        """Return the files of the bundle with this hash, or ``None``."""
        sql = "select files from bundle where hash = ?"
        if self._cursor is not None:
            found = self.run(sql, (wanted,)).fetchone()
        else:
            with self.transaction():
                found = self.run(sql, (wanted,)).fetchone()
        return None if found is None else dict(json.loads(found[0]))


def nothing_in(place: str) -> NotFound:
    """Return the refusal of a database that was never set up."""
    return NotFound(f"{place} 里还没有一日办的数据", why="数据库还没有初始化", then="先运行 yiriban init")


def of_another_version(place: str, found: str) -> StorageTrouble:
    """Return the refusal of a database whose schema is older, newer or unknown, with what to do about it."""
    what = f"{place} 的结构版本是 {found or '未知'}，本程序需要 {SCHEMA_VERSION}"
    if not found.isdecimal():
        why, then = "库里没有写明结构版本，可能不是一日办的库", "用 --database 指向一日办的库，或用备份恢复"
    elif int(found) > SCHEMA_VERSION:
        why, then = "这个库由更新的一日办建立，本程序太旧", "换上更新的 yiriban 再打开"
    else:
        why = "这个库由旧版的一日办建立"
        then = "先升级：yiriban db upgrade（自动备份，数据都保留；加 --dry-run 只看步骤）"
    return StorageTrouble(what, why=why, then=f"数据没有改动。{then}")
