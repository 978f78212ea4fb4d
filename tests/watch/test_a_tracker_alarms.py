"""The tracker's whole day at the command line: events pushed to its receiver, read back over HTTP, and each fault found.

The engine is a database that the tracker never opens; a fault is planted in it, the events are pushed by
`yiriban feed push`, and `yiriban watch` reads them from the receiver's own address.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.city import PERSONS, moment
from tests.commands.conftest import Desk
from tests.fakes.web import Asked, Reply
from tests.fakes.webhook import Receiver
from tests.watch.planted import DEEDS, END, QUARTER, Engine

SECRET = "whsec_" + b64encode(b"the tracker's own secret, 24+").decode()
BEFORE = "2026-11-04 23:45"
DUE = "2026-11-04 24:00"
"""A Wednesday: until then the award is promised, and then its warning is due."""


class Tracker(Receiver):
    """Keeps what is pushed to it and gives it out again, page by page, at ``/feed``."""

    def is_query(self, asked: Asked) -> bool:
        return asked.method == "GET"

    def answer(self, asked: Asked, step: str) -> Reply:
        if asked.method != "GET":
            return super().answer(asked, step)
        given = parse_qs(asked.query)
        after, limit = int(given["after"][0]), int(given["limit"][0])
        page = [e for e in self.events if e["seq"] > after][:limit]
        return Reply(200, "\n".join(json.dumps(e) for e in page).encode())


class House:
    """An engine with its database in a folder, and the tracker with an address of its own."""

    def __init__(self, desk: Desk, tracker: Tracker) -> None:
        self.desk = desk
        self.tracker = tracker
        self.engine = Engine(f"sqlite:///{desk.folder / 'city.db'}")

    def push(self, at: str = END) -> None:
        """The engine's administrator pushes; the standing `yiriban run` does the same every five seconds."""
        self.tracker.fixed = moment(at)
        self.desk.done(at, "feed", "push")

    def watch(self, at: str = END, source: str = "") -> tuple[int, str]:
        """The tracker checks: exit code and what is printed."""
        url = source or f"{self.tracker.url}/feed"
        ran = self.desk.at(at, "watch", "--feed", url)
        return ran.code, ran.out


@pytest.fixture
def house(empty: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with Tracker(secret=SECRET) as tracker:
        url = f"webhook+http://127.0.0.1:{tracker.port}/hook?secret=env:HOOK"
        (empty.folder / "yiriban.toml").write_text(
            f'database = "city.db"\n[channels]\nwebhook = "{url}"\n', "utf-8"
        )
        monkeypatch.setenv("HOOK", SECRET)
        made = House(empty, tracker)
        yield made
        made.engine.city.store.close()


def suppressed(engine: Engine) -> None:
    engine.run(BEFORE, deeds=DEEDS)
    [(text,)] = engine.city.rows("select plan from clock where name = 'decide_award'")
    plan = [item for item in json.loads(text) if "overdue" not in item]
    engine.sql(
        "update clock set plan = ?, look_at = ? where name = 'decide_award'",
        json.dumps(plan),
        min(i[0] for i in plan),
    )
    engine.now = moment(DUE)
    engine.run(END)


def late(engine: Engine) -> None:
    engine.skip = {moment(DUE) + n * QUARTER for n in range(4)}
    engine.run(END, deeds=DEEDS)


def never_handed_over(engine: Engine) -> None:
    engine.run(BEFORE, deeds=DEEDS)
    del engine.channels["email"]
    engine.now = moment(DUE)
    engine.run(END)


def rewritten(engine: Engine) -> None:
    engine.run(END, deeds=DEEDS)
    engine.sql("update history set body = replace(body, '赵六', '孙七') where matter = 'P1.1' and no = 3")


def stopped(engine: Engine) -> None:
    engine.run("2026-11-09 11:30", deeds=DEEDS)


FAULTS: dict[str, tuple[Callable[[Engine], None], str]] = {
    "a fire suppressed": (suppressed, "漏办  P1.1  到点没有触发：P1.1/decide_award/1/1/overdue/1"),
    "a fire late by an hour": (late, "迟办  P1.1  触发晚了 60 分钟：P1.1/decide_award/1/1/overdue/1"),
    "a message never handed over": (
        never_handed_over,
        "未送出  P1.1  消息没有送出：P1.1/decide_award/1/1/overdue/1/",
    ),
    "a history row changed": (rewritten, "被改动  P1.1  第 3 行历史被改动过：与校验链不符"),
    "an engine stopped": (stopped, "停摆  -  已有"),
}


def test_a_sound_engine_leaves_with_0(house: House) -> None:
    house.engine.run(END, deeds=DEEDS)
    house.push()
    code, said = house.watch()
    assert (code, "没有发现问题" in said) == (0, True), said
    assert house.tracker.requests["query"] >= 2, "it was read page by page"


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_is_an_alarm_of_its_own(house: House, name: str) -> None:
    plant, line = FAULTS[name]
    plant(house.engine)
    house.push()
    code, said = house.watch()
    assert code == 6, said
    assert line in said.replace("\n            ", ""), said
    kinds = {row.split("  ")[0] for row in said.splitlines()[1:] if row and not row.startswith(" ")}
    assert kinds == {line.split("  ")[0]}, "and no other alarm"


def test_a_row_changed_after_it_was_pushed_is_found_where_what_was_kept_meets_what_is_read_anew(
    house: House,
) -> None:
    house.engine.run(END, deeds=DEEDS)
    house.push()
    kept = house.desk.folder / "kept.jsonl"
    kept.write_text("\n".join(json.dumps(e) for e in house.tracker.events) + "\n", "utf-8")
    house.engine.sql(
        "update history set body = replace(body, '赵六', '孙七') where matter = 'P1.1' and no = 3"
    )
    assert house.watch()[0] == 0, "what was pushed before says nothing of it"
    house.desk.tell_time(END)
    fresh = house.desk.run("--as", PERSONS["tracker"], "feed", "--jsonl").out
    both: Path = house.desk.folder / "both.jsonl"
    both.write_text(kept.read_text("utf-8") + fresh, "utf-8")
    code, said = house.watch(source=str(both))
    assert (code, "被改动" in said) == (6, True), said


def test_an_alarm_of_silence_comes_though_nothing_more_is_pushed(house: House) -> None:
    house.engine.run(END, deeds=DEEDS)
    house.push()
    assert house.watch("2026-11-09 12:15")[0] == 0
    code, said = house.watch("2026-11-09 12:16")
    assert (code, "停摆  -  已有 16 分钟没有报告巡查：引擎可能停了" in said) == (6, True), said
