"""An outage over a New Year that nobody has announced yet; the notice is adopted before, in or after it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from commands import calendar as adopting
from engine.office import Office
from engine.recounting import Moved, recount_family
from engine.workdays import compile_calendar
from tests.city import City, moment, shipped
from tests.conftest import Ran
from tests.outages.lives import HOUR, Do, Life, Outage, Script, differences, hourly, live, outage, swallowed

BEGIN, END = "2026-12-14 08:00", "2027-01-29 08:00"  # Monday to Friday
OUT = outage("2026-12-20 12:00", "2027-01-15 10:00")  # to a Friday
ADOPTED = {
    "before New Year": "2026-12-30 18:00",
    "when the warnings were out": "2027-01-05 10:00",  # Tuesday
    "when a case was open": "2027-01-07 09:00",  # Thursday
    "as the first thing after the outage": "2027-01-15 08:30",  # Friday
    "after the first beat": "2027-01-15 10:30",
}


def notice(folder: Path) -> Path:
    """A made-up but complete notice of 2027: Monday 4 January is off, Saturday the 9th is worked."""
    off = {
        "元旦": ["2027-01-01", "2027-01-02", "2027-01-03", "2027-01-04"],
        "春节": [f"2027-02-{d:02d}" for d in range(5, 13)], "清明节": ["2027-04-05"],
        "劳动节": ["2027-05-01", "2027-05-02", "2027-05-03"], "端午节": ["2027-06-09"],
        "中秋节": ["2027-09-15"], "国庆节": [f"2027-10-{d:02d}" for d in range(1, 8)],
    }  # fmt: skip
    days = [{"name": n, "date": d, "isOffDay": True} for n, listed in off.items() for d in listed]
    days.append({"name": "元旦", "date": "2027-01-09", "isOffDay": False})
    file = folder / "2027.json"
    file.write_text(json.dumps({"year": 2027, "papers": [], "days": days}, ensure_ascii=False), "utf-8")
    return file


def winter() -> Script:
    """What people do around New Year: 1 January 2027 is a Friday."""
    script = Script("2026-12-14")  # a Monday; a notice of 2027 may move days from 21 December on
    # a contract, an acceptance and an invoice before New Year; nobody pays
    script.project("P1", "2026-12-30 10:00", "receive_invoice", supplier_small=True)
    # an award and an acceptance promised for the last day of 2026, their cases for a day of the unknown year
    script.project("P2", "2026-12-30 10:20", "deliver_report")
    script.project("P7", "2026-12-30 10:30", "request_acceptance")
    # an award promised for the first working day of the unknown year; decided late
    script.project("P3", "2026-12-31 10:40", "deliver_report")
    script.act("decide_award", "2027-01-13 11:00", "P3.1")
    # the same, decided in time on the last hour of the first working day, and recorded a day later
    script.project("P4", "2026-12-31 11:00", "deliver_report")
    script.act("decide_award", "2027-01-06 09:00", "P4.1", at="2027-01-04 16:00", reason="补录")
    # a case that a letter hurries on: its time is up with the year, and silence passes it on in the next
    script.project("P5", "2026-12-15 15:00", "issue_award_letter")
    script.act("remind", "2026-12-23 09:00", "P5.1.1-C1")
    script.act("sign_for", "2026-12-24 10:00", "P5.1.1-C1")
    # after the outage
    script.project("P6", "2027-01-15 11:00", "deliver_report")
    script.act("pay", "2027-01-18 09:00", "P1.1.1.1", at="2027-01-18 09:00")
    return script


class Winter:
    """Lives of the city over New Year, each on a database and a workflows folder of its own."""

    def __init__(self, folder: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
        """Make databases in ``folder``; adopt at the command line."""
        self._folder = folder
        self._run = run
        self._monkeypatch = monkeypatch
        self._number = 0
        self.moved: list[dict[str, str]] = []
        self.cities: list[City] = []

    def live(
        self,
        adopted: str,
        out: Outage | None,
        *,
        pictures: Iterable[str] = (),
        also: Iterable[tuple[str, Do]] = (),
    ) -> tuple[City, Life]:
        """Live through New Year; the notice is adopted at that moment, and ``also`` happens."""
        self._number += 1
        folder = self._folder / str(self._number)
        (folder / "own").mkdir(parents=True)
        city = City(f"sqlite:///{folder / 'yiriban.db'}")
        self.cities.append(city)
        script = winter()
        script.write(adopted, "", lambda city: self._adopt(city, folder, moment(adopted)))
        for now, do in also:
            script.write(now, "", do)
        wanted = [moment(END), *map(moment, pictures)]
        return city, live(
            city, script.records, hourly(moment(BEGIN), moment(END), out, step=2 * HOUR), wanted
        )

    def _adopt(self, city: City, folder: Path, now: datetime) -> None:
        """Adopt the notice as a person does; from then on the city's patrol knows it."""
        with self._monkeypatch.context() as then:
            then.setenv("YIRIBAN_DATABASE", str(folder / "yiriban.db"))
            then.setenv("YIRIBAN_WORKFLOWS", str(folder / "own"))
            then.setattr("runtime.assembly.system_now", lambda: now)
            ran = self._run("calendar", "adopt", str(notice(folder)), "--json")
        assert ran.code == 0, ran.err
        self.moved = sorted(
            json.loads(ran.out)["moved"], key=lambda m: (m["matter"], m["clock"], m["moment"])
        )
        bundle, texts = shipped()
        known = compile_calendar("CN", folder / "own" / "calendars")
        city.office = Office(bundle, known, dict(texts), city.fetch)


@pytest.fixture
def lives(tmp_path: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Iterator[Winter]:
    """Lives of the city over New Year."""
    made = Winter(tmp_path, run, monkeypatch)
    yield made
    for city in made.cities:
        city.store.close()


@pytest.mark.parametrize("when", ADOPTED)
def test_an_outage_over_an_unannounced_new_year_changes_nothing(lives: Winter, when: str) -> None:
    adopted = ADOPTED[when]
    calm_city, calm = lives.live(adopted, None, pictures=["2027-01-15 12:00"])
    moved = lives.moved
    city, hit = lives.live(adopted, OUT, pictures=["2027-01-15 12:00"])
    assert differences(calm, hit) == []
    assert lives.moved == moved != []
    assert swallowed(hit, OUT) != []
    for lived in (calm_city, city):
        moves_stand_in_the_history(lived, moved)
        nothing_fired_twice(lived, moved, moment(adopted))
        assert _provisional(lived) == set()


def moves_stand_in_the_history(city: City, moved: list[dict[str, str]]) -> None:
    """Every moved due moment is told by a line of its matter that names the notice."""
    told: dict[tuple[str, str], set[str]] = {}
    for matter, body in city.rows('select matter, body from history where body like \'%"name":"calendar"%\''):
        detail = json.loads(body)["detail"]
        assert detail["paper"] == "2027.json"
        for note in detail["clocks"]:
            told.setdefault((matter, note["clock"].split("/")[0]), set()).update(map(str, note.values()))
    assert [m for m in moved if m["after"] not in told[m["matter"], m["clock"]]] == []


def nothing_fired_twice(city: City, moved: list[dict[str, str]], adopted: datetime) -> None:
    """No warning, case or act of silence comes twice, but where its due moment was still to come after all."""
    to_come = {
        (f"{m['matter']}/{m['clock']}", m["moment"])
        for m in moved
        if datetime.fromisoformat(m["after"]) > adopted
    }
    fired: Counter[tuple[str, str]] = Counter()
    for clock, rung in city.rows("select matter || '/' || clock, rung from fire where does <> 'remind'"):
        hangs_on = "statutory" if rung.endswith("_by_law") else "promise"
        fired[clock, rung] += (clock, hangs_on) not in to_come
    assert {key: number for key, number in fired.items() if number > 1} == {}


def _provisional(city: City) -> set[str]:
    """The open clocks that are marked, without those that reach into the year after (a file is kept for 15)."""
    rows = city.rows(
        "select matter || '/' || name from clock where provisional and ended_at is null"
        " and max(coalesce(promise, 0), coalesce(agreed, 0), coalesce(statutory, 0)) < ?",
        int(moment("2027-12-20 24:00").timestamp()) * 1_000_000,
    )
    return {name for (name,) in rows}


def test_what_is_provisional_is_marked_until_the_notice_is_adopted(lives: Winter) -> None:
    marked: list[set[str]] = []

    def look(city: City) -> None:
        marked.append(_provisional(city))

    adopted = ADOPTED["before New Year"]
    script = [("2026-12-30 17:59", look), (adopted + ":01", look)]
    lives.live(adopted, OUT, also=script)
    before, after = marked
    assert {"P1.1.1.1/pay", "P2.1/decide_award"} <= before
    assert "P5.1/publish_result" not in before  # counted in days that no notice can move any more
    assert after == set()


def test_a_case_is_opened_by_the_days_of_the_notice_though_no_due_moment_moved(lives: Winter) -> None:
    """P7 was due on 31 December; two working days later is 5 January by the estimate, the 6th by the notice."""
    opened = {}
    for when in ("before New Year", "after the first beat"):
        city, _ = lives.live(ADOPTED[when], OUT)
        opened[when] = city.matter("P7.1.1.1-C1").opened_at
    assert opened == {
        "before New Year": moment("2027-01-06 24:00"),
        "after the first beat": moment("2027-01-05 24:00"),
    }


def test_whenever_the_notice_is_adopted_open_clocks_end_up_with_the_same_moments(lives: Winter) -> None:
    seen: list[dict[Any, Any]] = []
    for adopted in ADOPTED.values():
        city, _ = lives.live(adopted, OUT)
        clocks = [c for root in ("P1", "P2", "P6") for c in city.family(root)[1] if c.is_open]
        # what time itself had started meanwhile (a case, a step of one) keeps the moment at which it did
        seen.append({(c.key, c.anchor): (c.promise, c.agreed, c.statutory, c.provisional) for c in clocks})
    common = set.intersection(*(set(found) for found in seen))
    assert {key[0][:2] for key in common} >= {("P2.1", "decide_award"), ("P1.1.1", "file_contract")}
    for found in seen[1:]:
        assert {key: found[key] for key in common} == {key: seen[0][key] for key in common}


def test_a_planted_count_of_past_time_by_the_new_notice_is_seen(
    lives: Winter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rash(_before: Office, after: Office, *args: Any, **how: Any) -> list[Moved]:
        return recount_family(after, after, *args, **how)

    monkeypatch.setattr(adopting, "recount_family", rash)
    adopted = ADOPTED["as the first thing after the outage"]
    _, calm = lives.live(adopted, None)
    _, hit = lives.live(adopted, OUT)
    assert "fires" in differences(calm, hit)
