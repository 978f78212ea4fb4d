"""Databases that are locked, full, damaged or none at all: the right refusal, and nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import BadInput, Conflict, NotFound, StorageTrouble, YiribanError
from storage import claims
from storage.store import SqlStore
from tests.city import BEGAN, NAMELESS, City


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "city.db"


@pytest.fixture
def city(file: Path) -> Iterator[City]:
    """A city on a file, with a project whose report was delivered on Monday 2 November."""
    made = City(f"sqlite:///{file}")
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "PERSIST"),
        ((3, 44, 5), "PERSIST"),
        ((3, 44, 6), "WAL"),
        ((3, 45, 0), "PERSIST"),
        ((3, 50, 6), "PERSIST"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 0), "PERSIST"),
        ((3, 51, 2), "PERSIST"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
        ((4, 0, 0), "WAL"),
    ],
)
def test_wal_is_used_only_where_the_library_keeps_it_sound(version: tuple[int, ...], mode: str) -> None:
    assert claims.journal_mode(version) == mode
    assert claims.pragmas(version)[0] == f"PRAGMA journal_mode={mode}"


def test_the_pragmas_hold_on_the_connection_that_writes(city: City) -> None:
    assert city.rows("PRAGMA journal_mode")[0][0].upper() == claims.journal_mode()
    assert city.rows("PRAGMA synchronous") == [(2,)]
    assert city.rows("PRAGMA foreign_keys") == [(1,)]


def refused(kind: type[YiribanError], url: str) -> YiribanError:
    store = SqlStore(url)
    with pytest.raises(kind) as caught:
        store.check_schema()
    store.close()
    return caught.value


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    error = refused(StorageTrouble, f"sqlite:///{tmp_path}")
    assert "文件夹" in error.why
    with pytest.raises(StorageTrouble):
        SqlStore(f"sqlite:///{tmp_path}").create(BEGAN)


def test_a_folder_that_is_missing_is_no_place_for_a_database(tmp_path: Path) -> None:
    refused(StorageTrouble, f"sqlite:///{tmp_path}/nowhere/city.db")


def test_an_empty_database_asks_to_be_initialised(file: Path) -> None:
    assert "yiriban init" in refused(NotFound, f"sqlite:///{file}").then


def test_a_file_of_another_kind_is_no_database(file: Path) -> None:
    file.write_text("序号,项目名称\n" * 100, encoding="utf-8")
    before = file.read_bytes()
    refused(StorageTrouble, f"sqlite:///{file}")
    assert file.read_bytes() == before


@pytest.mark.parametrize("keep", [50, 4096, 30_000])
def test_a_truncated_database_is_told_and_not_written_to(city: City, file: Path, keep: int) -> None:
    city.store.close()
    whole = file.read_bytes()
    assert len(whole) > 60_000
    file.write_bytes(whole[:keep])
    store = SqlStore(f"sqlite:///{file}")

    def use() -> None:
        store.check_schema()
        with store.work() as work:
            work.family("P1")
            store.run("select count(*) from message m join history h on h.matter = m.matter").fetchall()
            store.run("insert into meta values ('x', 'y')")

    with pytest.raises(StorageTrouble):
        use()
    store.close()
    assert file.stat().st_size == keep
    assert file.read_bytes() == whole[:keep]
    file.write_bytes(whole)
    again = SqlStore(f"sqlite:///{file}")
    again.check_schema()
    again.close()


def test_a_schema_of_another_version_is_refused(city: City, file: Path) -> None:
    with city.store.transaction():
        city.store.run("update meta set value = '99' where name = 'schema'")
    assert "99" in refused(StorageTrouble, f"sqlite:///{file}").what
    with city.store.transaction():
        city.store.run("delete from meta where name = 'schema'")
    assert "未知" in refused(StorageTrouble, f"sqlite:///{file}").what


def test_creating_twice_keeps_what_is_there(city: City) -> None:
    before = city.everything()
    city.store.create(BEGAN)
    assert city.everything() == before


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "sqlite//x"])
def test_an_address_that_is_none_is_a_mistake(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        SqlStore(url)
    assert caught.value.exit_code == 2


def test_transactions_do_not_nest(city: City) -> None:
    with city.store.transaction(), pytest.raises(StorageTrouble, match="嵌套"), city.store.transaction():
        pass
    assert city.patrol("2026-11-06 09:00").fires


def test_a_locked_database_is_a_conflict_and_nothing_is_lost(
    file: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.store.close()
    monkeypatch.setattr(claims, "BUSY_MS", 50)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Conflict) as caught:
            city.do("decide_award", "2026-11-06 10:00")
        assert caught.value.exit_code == 7
        with pytest.raises(Conflict):
            city.patrol("2026-11-06 10:00")
    finally:
        other.execute("ROLLBACK")
        other.close()
    receipt = city.do("decide_award", "2026-11-06 10:00")
    assert "case" in [f.rung for f in receipt.fires]
    assert city.matter("P1.1").state == "decided"


def test_a_reader_is_not_kept_out_by_a_writer_that_has_not_committed(file: Path, city: City) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with city.store.reading() as work:
        assert [m.id for m in work.family("P1")] == ["P1", "P1.1"]
    other.execute("ROLLBACK")
    other.close()


def full(city: City, spare: int) -> None:
    """Let the database grow by so many pages and no more."""
    connection = city.store._connection.connection.driver_connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + spare}")


@pytest.mark.parametrize("spare", [0, 1, 3])
def test_a_full_disk_refuses_the_whole_patrol_and_the_database_stays_usable(city: City, spare: int) -> None:
    for number in range(2, 62):
        city.open("2026-11-02 09:00", id=f"P{number}")
        city.walk("deliver_report", "2026-11-02 10:00", on=f"P{number}")
    before = city.everything()
    full(city, spare)
    with pytest.raises(StorageTrouble, match="磁盘已满"):
        city.patrol("2026-11-06 09:00")
    assert city.everything() == before
    full(city, 10_000)
    assert len(city.cases()) == 0
    assert city.patrol("2026-11-06 09:00").fires
    assert len(city.cases()) == 61


def test_a_full_disk_refuses_an_action_whole(city: City) -> None:
    full(city, 0)
    before = city.everything()
    for _ in range(3):
        with pytest.raises(StorageTrouble, match="磁盘已满"):
            city.do("decide_award", "2026-11-06 10:00", supplier="甲" * 20_000)
    assert city.everything() == before
    full(city, 10_000)
    city.do("decide_award", "2026-11-06 10:00", supplier="甲" * 20_000)


def test_a_database_that_may_not_be_written_says_so(city: City) -> None:
    before = city.everything()
    city.store._connection.connection.driver_connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StorageTrouble, match="只读"):
        city.do("decide_award", "2026-11-02 11:00", by=NAMELESS)
    city.store._connection.connection.driver_connection.execute("PRAGMA query_only=OFF")
    assert city.everything() == before


def test_a_name_with_wildcards_gives_nobody_rights_over_another_unit(city: City) -> None:
    with city.store.transaction():
        for unit, path in (
            ("a_b", "a_b"),
            ("axb", "axb"),
            ("A_B", "A_B"),
            ("below", "a_b/below"),
            ("other", "axb/below"),
        ):
            city.store.run("insert into unit values (?, ?, ?, 'one-day', '410400')", (unit, unit, path))
        city.store.run(
            "insert into appointment (person, role, unit, since, jurisdiction) values ('甲', 'officer', 'a_b', 0, '')"
        )
        held = {
            u: city.store.holders("officer", u, "", BEGAN) for u in ("a_b", "below", "axb", "other", "A_B")
        }
    assert held == {"a_b": ["甲"], "below": ["甲"], "axb": [], "other": [], "A_B": []}
