"""The demonstration city lives without a refusal, shows every stage and every desk, and says what to try next."""

from __future__ import annotations

import io
import json
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import cli
from commands.printing import WIDTH, width
from engine.losing import ANSWERABLE, UNATTRIBUTED
from tests.city import shipped
from tests.conftest import Ran

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # Friday 16:00 in Shanghai
HOLIDAY = datetime(2026, 10, 6, 22, 0, tzinfo=UTC)  # Wednesday 06:00, within the National Day holiday
FOLDER = "yiriban-demo"
Speak = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Lived:
    """A demonstration that was looked at: where it lies, in which language, and what was printed."""

    home: Path
    lang: str
    out: str

    @property
    def shown(self) -> list[str]:
        """The lines of the page that are no commands to be typed."""
        return [line for line in self.out.split("\n") if not line.lstrip().startswith("yiriban ")]

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask its database."""
        with closing(sqlite3.connect(self.home / FOLDER / "yiriban.db")) as database:
            return database.execute(sql).fetchall()


@pytest.fixture(scope="module")
def speak() -> Iterator[Speak]:
    """Run the command line in a folder at a moment; return what it prints, and refuse an exit code but 0."""
    with pytest.MonkeyPatch.context() as patch:

        def spoken(home: Path, now: datetime, *words: str) -> str:
            patch.chdir(home)
            patch.setattr("runtime.assembly.system_now", lambda: now)
            with redirect_stdout(io.StringIO()) as out:
                code = cli.main(list(words))
            assert code == 0, (words, out.getvalue())
            return out.getvalue()

        yield spoken


@pytest.fixture(scope="module")
def lived(speak: Speak, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lived]:
    """The same demonstration in both languages."""
    found = {}
    for lang in ("zh", "en"):
        home = tmp_path_factory.mktemp(lang)
        found[lang] = Lived(home, lang, speak(home, NOW, "--lang", lang, "demo"))
    return found


def test_the_city_stands_at_every_stage_and_nobody_was_refused(lived: dict[str, Lived]) -> None:
    city = lived["zh"]
    assert "未办成" not in city.out
    assert "refused" not in lived["en"].out
    bundle, _ = shipped()
    tiers = {workflow.name: workflow.tier for workflow in bundle.workflows.values()}
    stands = {(tiers[name], state) for name, state in city.run("select workflow, state from matter")}
    for name in ("project", "package", "contract", "instalment", "query", "case"):
        workflow = bundle.workflows[name]
        wanted = {(name, state.name) for state in workflow.states.values()}
        # a contract is never terminated here: that would need a story of its own
        # no contract of this city is given up or terminated
        assert wanted - stands <= {
            ("contract", "released"),
            ("contract", "winding_up"),
            ("instalment", "ended"),
        }, name
    assert city.run("select count(*) from matter where workflow = 'project'")[0][0] >= 40
    levels = {row[0] for row in city.run(
        "select distinct j.level from matter m join jurisdiction j on j.jurisdiction = m.jurisdiction"
    )}  # fmt: skip
    assert levels == {"county", "city", "province"}
    walked = (
        "select count(*) from matter m where workflow = 'project' and state = 'closed'"
        " and not exists (select 1 from history h where h.matter = m.id and h.kind = 'inferred')"
    )
    assert city.run(walked)[0][0] >= 2
    methods = {row[0] for row in city.run("select distinct value from fact where name = 'method'")}
    assert methods >= {
        "open_tender", "invited_tender", "competitive_negotiation", "competitive_consultation", "inquiry",
        "single_source", "framework_closed", "framework_open", "small_works_consultation", "e_mall_direct",
        "cooperative_innovation",
    }  # fmt: skip
    assert {name for (name,) in city.run("select distinct workflow from matter")} >= methods | {
        "call_off", "entrant", "site_milestone",
    }  # fmt: skip


def test_what_goes_astray_on_the_way_is_on_record(lived: dict[str, Lived]) -> None:
    city = lived["zh"]
    done = {row[0] for row in city.run("select distinct json_extract(body, '$.name') from history")}
    assert done >= {
        "fail", "tender_again", "publish_again", "register_query", "find_affecting", "find_harmless", "return_invoice",
        "return_payment", "reject", "await_deemed", "pause", "resume", "ask_extension", "extension_approved",
        "ask_attribution", "attribution_approved",
    }  # fmt: skip
    assert city.run("select 1 from clock where state = 'paused'")
    assert city.run("select 1 from message where state = 'digested'")
    shared = "select value from fact where name = 'sheet' group by value having count(*) > 1"
    assert city.run(shared), "several cases of a unit on one sheet"
    assert not city.run("select matter, name from clock where trouble <> ''")
    assert not city.run("select key, state from message where state = 'dead'")
    files = [file for kind in ("mail", "sms") for file in (city.home / FOLDER / kind).iterdir()]
    sent = city.run("select count(*) from message where state = 'accepted'")[0][0]
    assert len(files) == sent > 400


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_three_desks_stand_on_a_terminal_of_100_columns(lived: dict[str, Lived], lang: str) -> None:
    city = lived[lang]
    wide = [line for line in city.shown if width(line) > WIDTH]
    assert wide == []
    for person in ("陈静", "吴桐", "许宁"):
        assert f"{person} 的工作台" in city.out or f"Desk of {person}" in city.out
    assert "× " + ("超期" if lang == "zh" else "overdue") in city.out
    for state in shipped()[0].workflows["case"].states.values():
        assert any(line.startswith(state.title.in_(lang)) for line in city.shown), state.name


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_to_try_next_works_as_it_is_printed(lived: dict[str, Lived], speak: Speak, lang: str) -> None:
    city = lived[lang]
    _, _, after = city.out.partition("接下来可以试：" if lang == "zh" else "Try next:")
    tries = [shlex.split(line) for line in after.split("\n") if line.lstrip().startswith("yiriban ")]
    assert 5 <= len(tries) <= 7
    for program, *words in tries:
        assert program == "yiriban"
        # the workbook says where it lies on stderr; everything prints something
        assert speak(city.home, NOW, *words).strip(), words
    assert (city.home / FOLDER / "todo.xlsx").exists()


def test_lost_days_lie_with_all_four_parties(lived: dict[str, Lived], speak: Speak) -> None:
    city = lived["zh"]
    words = ("--database", f"{FOLDER}/yiriban.db", "report", "--as", "许宁", "--json")
    told = json.loads(speak(city.home, NOW, *words))["lost_days"]
    overall = next(unit["overall"] for unit in told["units"] if unit["unit"] is None)
    assert all(overall[party] > 0 for party in ANSWERABLE if party != UNATTRIBUTED), overall


def test_the_same_day_gives_the_same_city_to_the_byte(lived: dict[str, Lived]) -> None:
    one, other = lived["zh"], lived["en"]
    for kind in ("mail", "sms"):
        files = [
            {f.name: f.read_bytes() for f in (city.home / FOLDER / kind).iterdir()} for city in (one, other)
        ]
        assert files[0] == files[1]
    dumps = []
    for city in (one, other):
        with closing(sqlite3.connect(city.home / FOLDER / "yiriban.db")) as database:
            dumps.append("\n".join(database.iterdump()))
    assert dumps[0] == dumps[1]


def test_on_a_day_of_rest_nothing_is_refused_either(speak: Speak, tmp_path: Path) -> None:
    told = json.loads(speak(tmp_path, HOLIDAY, "demo", "--json"))
    assert told["refused"] == []
    assert told["projects"] >= 40
    assert told["mails"] + told["texts"] == told["messages"]


def test_a_folder_with_other_files_is_never_emptied(run: Callable[..., Ran], tmp_path: Path) -> None:
    kept = tmp_path / FOLDER / "theses.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    ran = run("demo")
    assert ran.code == 7
    assert kept.read_text() == "mine"
