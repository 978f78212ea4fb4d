"""An outbox of many messages, one to a person, and a city's SMS platform that takes them: for suites about senders."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from engine.delivery import reference_of
from storage.moments import to_ticks
from storage.store import SqlStore
from tests.fakes.serve import Entry
from tests.faults._city_peers import SECRET
from tests.faults.suite import Result

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gateways" / "city-platform.yaml"
TEXT = "编号P1的课桌椅项目，支付的承诺时限为11月4日，现已超期且未见办结登记。"
DATABASE = "yiriban.db"


def post(
    store: SqlStore, number: int, now: datetime, *, channel: str = "sms", does: str = "warn", expires: datetime | None = None
) -> str:  # fmt: skip
    """Queue a message to a person of its own; return its key."""
    person, fire = f"n{number:05d}", f"P1/pay/{number}/0/overdue/1"
    ticks = to_ticks(now)
    params = {
        "code": "P1",
        "name": "课桌椅",
        "item": "支付",
        "kind": "承诺时限",
        "unit": "市一中",
        "date": "11月4日",
    }
    store.run(
        "insert into person (id, name, email, phone, jurisdiction) values (?, ?, ?, ?, '410400')",
        (person, person, f"{person}@example.org", f"13{number:09d}"),
    )
    store.run(
        "insert into fire (key, matter, root, jurisdiction, clock, round, epoch, rung, occurrence, does, at, fired_at,"
        " collapsed) values (?, 'P1', 'P1', '410400', 'pay', ?, 0, 'overdue', 1, ?, ?, ?, 0)",
        (fire, number, does, ticks, ticks),
    )
    key = f"{fire}/{person}/{channel}"
    store.run(
        "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text, send_from,"
        " created_at, wording, params, state, expires_at) values (?, ?, 'P1', '410400', ?, 'officer', ?, 'overdue',"
        " '超期预警', ?, ?, ?, 'overdue_unrecorded', ?, 'queued', ?)",
        (key, fire, person, channel, f"{number:05d}：{TEXT}", ticks, ticks, json.dumps(params, ensure_ascii=False),
         to_ticks(expires) if expires else None),
    )  # fmt: skip
    return key


def more(file: Path, first: int, number: int, now: datetime) -> None:
    """Queue so many more messages."""
    store = SqlStore(f"sqlite:///{file}")
    with store.transaction():
        for one in range(first, first + number):
            post(store, one, now)
    store.close()


def filled(folder: Path, number: int, now: datetime) -> Path:
    """Make a database in ``folder`` with so many messages that may go out."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / DATABASE
    store = SqlStore(f"sqlite:///{file}")
    store.create(now)
    store.close()
    more(file, 0, number, now)
    return file


def settings(folder: Path, url: str) -> None:
    """Write the settings that lead to the platform at ``url``."""
    shutil.copy(EXAMPLE, folder / "gateway.yaml")
    (folder / "secret").write_text(SECRET, "utf-8")
    sms = f"gateway://yiriban@/?file=gateway.yaml&secret=file:secret&timeout=2&base_url={url}"
    (folder / "yiriban.toml").write_text(f'database = "{DATABASE}"\n[channels]\nsms = "{sms}"\n', "utf-8")


def rows(file: Path, sql: str) -> list[tuple[object, ...]]:
    """Look into a database."""
    with closing(sqlite3.connect(file, timeout=10)) as looking:
        return looking.execute(sql).fetchall()


def audit(file: Path, ledger: Sequence[Entry], result: Result, name: str) -> Mapping[str, int]:
    """Compare the outbox with the platform's ledger: nothing lost, nothing doubled without a mark.

    Return how many copies of each message there are; ``name`` heads the figures.
    """
    told = {reference_of(str(key)): (str(key), str(state), str(doubt), str(text)) for key, state, doubt, text in rows(
        file, "select key, state, doubt, text from message")}  # fmt: skip
    copies = Counter(entry.reference for entry in ledger)
    texts = {entry.reference: entry.text for entry in ledger}
    result.count(f"{name}: messages", len(told))
    for reference, (key, state, doubt, text) in told.items():
        if state != "accepted":
            result.wrong.append(f"{name}: {key} stands at {state}")
        if not copies[reference]:
            result.count(f"{name}: lost")
            result.wrong.append(f"{name}: {key} was lost")
        elif texts[reference] != text:
            result.wrong.append(f"{name}: {key} arrived as {texts[reference]!r}")
        if copies[reference] > 1:
            result.count(f"{name}: doubled and marked so" if doubt else f"{name}: doubled in silence")
            if not doubt:
                result.wrong.append(f"{name}: {key} arrived {copies[reference]} times, and nothing says so")
    for reference in copies.keys() - told.keys():
        result.wrong.append(f"{name}: {reference} was never in the outbox")
    return copies
