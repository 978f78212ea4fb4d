"""A city with supervisors: 市一中's award is late, 钱八 tracks, 孙七 regulates."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from commands.printing import local
from engine.directory import Appointment, Jurisdiction
from runtime import assembly
from runtime.settings import Settings
from storage.people import People
from tests.commands.conftest import DATABASE, Desk, instant

PROJECT, PACKAGE, CASE = "P2026-0001", "P2026-0001.1", "P2026-0001.1-C1"
TRACKER, REGULATOR, OFFICER, HEAD = "钱八", "孙七", "张三", "李四"
MONDAY = "2026-11-09"
"""The Monday after the case was opened, on Friday 2026-11-06 at 24:00."""


def appoint(desk: Desk, person: str, role: str) -> None:
    """Let ``person`` hold ``role`` for 市一中 from Monday 2026-11-02 on."""
    settings = Settings(database=f"sqlite:///{desk.folder / DATABASE}")
    with closing(assembly.open_store(settings)) as store, store.transaction():
        people = People(store)
        people.set_jurisdiction(Jurisdiction("410400", "平顶山市", "city"))
        people.add_person(person, person, "410400")
        people.appoint(Appointment(person, role, "市一中", instant("2026-11-02 08:00"), None, "410400"))


def followed(desk: Desk) -> Desk:
    """Give 市一中 a tracker and a regulator; its report was delivered on Tuesday 2026-11-03."""
    appoint(desk, TRACKER, "tracker")
    appoint(desk, REGULATOR, "regulator")
    return desk


def opened(desk: Desk) -> Desk:
    """Let time pass until a case about the award is open."""
    followed(desk).done(f"{MONDAY} 08:30", "patrol")
    return desk


def do(desk: Desk, moment: str, person: str, action: str, *words: str) -> str:
    """Act on the case."""
    return desk.done(moment, "case", "do", CASE, action, *words, person=person)


def shown(desk: Desk, moment: str) -> dict[str, Any]:
    """What `case show` says, for programs."""
    return desk.data(moment, "case", "show", CASE)


def running(desk: Desk, moment: str) -> dict[str, str]:
    """The open clocks of the case with their promises, in local time."""
    return {
        c["clock"]: local(datetime.fromisoformat(c["due"][0]["at"]))
        for c in shown(desk, moment)["clocks"]
        if c["state"] in ("running", "paused")
    }
