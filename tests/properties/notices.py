"""A second calendar, as if a notice had moved some days, and its adoption in the middle of a walk."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from engine.office import Office
from engine.recounting import recount_family
from engine.workdays import WorkingCalendar, compile_calendar
from tests.city import WORKFLOWS, City
from tests.properties.cast import NAMELESS
from tests.properties.walking import Deed, Walk

MOVED = {
    "2026-04-29": True, "2026-05-15": True, "2026-05-17": False, "2026-05-29": True, "2026-06-12": True,
    "2026-06-13": False, "2026-07-03": True, "2026-07-20": True, "2026-08-17": True, "2026-08-22": False,
}  # fmt: skip
"""Days that a notice makes free, or worked."""


@lru_cache
def amended() -> WorkingCalendar:
    """The calendar with these days moved."""
    days = [{"name": "临时调整", "date": day, "isOffDay": off} for day, off in MOVED.items()]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "calendars"
        shutil.copytree(WORKFLOWS / "calendars", place)
        notice = {"year": 2026, "papers": ["临时放假通知"], "days": days}
        (place / "CN" / "2026.json").write_text(json.dumps(notice, ensure_ascii=False), encoding="utf-8")
        return compile_calendar("CN", place)


def second_office(city: City) -> Office:
    """The office of ``city`` as it is once the notice has been adopted."""
    return Office(city.office.current, amended(), city.office.texts, city.fetch)


def adopt(walk: Walk) -> Deed:
    """Adopt the notice, or take it back."""
    before, after = walk.city.office, walk.other_office
    with walk.city.store.work() as work:
        moved = recount_family(before, after, work, "P1", walk.now, actor="calendar", paper="放假通知")
    walk.city.office, walk.other_office = after, before
    return Deed("", "calendar", walk.now, walk.now, NAMELESS, note=f"{len(moved)} moments move")
