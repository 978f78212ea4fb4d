"""A poisoned clock, rung, template, contact and message among thousands of good ones: nobody else notices.

All clocks fall due at one midnight. The good ones must fire in that very beat and go out in that very round;
the poisoned ones show their trouble, on the clock and on the tracker's desk, are tried again, and go on where they
stood as soon as somebody has mended them.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cli
from engine import passing, patrol
from engine.clock import RETRY_AFTER, Clock
from engine.deliver import deliver
from engine.deliver_limits import FILE, read_limits
from engine.delivery import Provider
from engine.workflow import Bundle, LadderDef
from notifiers.address import read_address
from notifiers.gateway import from_address as platform
from notifiers.smtp import from_address as mail
from runtime import assembly
from storage import outbox
from storage.moments import from_ticks
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.city import ROOT, WORKFLOWS, City, moment
from tests.fakes.gateway import City as Platform
from tests.fakes.smtp import MailServer
from tests.faults._town import Person, Project, found, report, staff, units
from tests.faults.suite import Result

TITLE = "one poisoned clock, rung, template, contact and message among 10,000 good clocks"
PLANTED = {
    "stopped": "a clock that cannot be read stops the patrol",
    "swallowed": "a rung that fails is put off without a word",
    "given_up": "what failed once is not tried again",
    "jammed": "a message that cannot be read stops the delivery",
}
SECRET = "s"
DUE, OPENING = moment("2026-11-03 24:00"), moment("2026-11-04 08:00")  # 周二, 周三
BROKEN_TEXT = "odd_text"
POISON: dict[str, tuple[str, str]] = {
    "X-row": ("update clock set plan = '[[179372' || plan where matter = ? and name = 'decide_award'",
              "update clock set plan = substr(plan, 9) where matter = ? and name = 'decide_award'"),
    "X-moment": ("update clock set promise = promise + 9000000000000000000 where matter = ? and name = 'decide_award'",
                 "update clock set promise = promise - 9000000000000000000 where matter = ? and name = 'decide_award'"),
    "X-rung": ("update matter set workflow = 'no_such_' || workflow where id = ?",
               "update matter set workflow = substr(workflow, 9) where id = ?"),
    "X-fact": ("insert into fact (matter, name, type, value, jurisdiction) values (?, 'odd', 'date', '2026-13-45', '410400')",
               "delete from fact where matter = ? and name = 'odd'"),
    "X-template": ("update matter set bundle = 'odd' where id = ?", ""),
}  # fmt: skip
"""The projects with a poisoned clock: what poisons, and what mends it."""
CONTACT = "X-contact"
MESSAGE = "X-message"


@dataclass(slots=True)
class Scene:
    """A run: the city, the two peers, and what they had taken before."""

    city: City
    good: list[str]
    people: list[Person]
    mails: MailServer
    texts: Platform
    channels: dict[str, list[Provider]]
    result: Result

    def patrol(self, now: datetime) -> list[str]:
        """Patrol; return what was fired, as ``project rung``."""
        beat = self.city.patrol(now)
        return [f"{f.root} {f.rung}" for f in beat.fires if f.clock == "decide_award"]

    def deliver(self, now: datetime) -> None:
        """Send what may go out."""
        self.texts.fixed = now
        limits = read_limits((WORKFLOWS / FILE).read_text("utf-8"))
        deliver(
            SqlOutbox(self.city.store), self.channels, now, office=self.city.office, limits=limits, workers=16
        )

    def mailed(self) -> Counter[tuple[str, str]]:
        """Count the warnings in the ledger of the mail server by address and project."""
        return Counter(
            (m.address, str(m.mail["Subject"]).partition(".1 ")[0])
            for m in self.mails.accepted
            if "未见办结登记" in str(m.mail["Subject"])
        )


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Poison a few, let the midnight pass, mend them. ``seed`` decides nothing here."""
    del seed
    with ExitStack() as stack:
        scene = _scene(10_000 if large else 120, 100 if large else 4, folder, stack)
        for fault in _planted(planted):
            stack.enter_context(fault)
        try:
            _live(scene, folder)
        except Exception as error:  # whatever reaches us stopped everybody
            scene.result.wrong.append(f"everything stopped: {type(error).__name__}: {error}")
        scene.city.store.close()
    return scene.result


def _scene(number: int, of: int, folder: Path, stack: ExitStack) -> Scene:
    names = units(of)
    people = staff([*names, CONTACT])
    people = [_unreachable(p) if p.units == (CONTACT,) and p.role == "officer" else p for p in people]
    city = found(folder / "yiriban.db", people)
    good = [Project(f"P{n}", names[n % of], "2026-11-02 10:00") for n in range(number)]  # 周一
    bad = [Project(name, names[0], "2026-11-02 10:00") for name in (*POISON, MESSAGE)]
    report(city, [*good, *bad, Project(CONTACT, CONTACT, "2026-11-02 10:00")])
    _odd_bundle(city)
    with city.store.transaction():
        for project, (spoils, _) in POISON.items():
            changed = city.store.run(spoils, (f"{project}.1",)).rowcount
            assert changed == 1
    mails = stack.enter_context(MailServer())
    texts = stack.enter_context(Platform(secret=SECRET, now=DUE))
    form = ROOT / "examples" / "gateways" / "city-platform.yaml"
    by_mail = mail(read_address(f"smtp://127.0.0.1:{mails.port}/?from=yiriban@example.org"), lambda _: "")
    url = f"gateway://yiriban@/?file={form}&secret=env:S&base_url=http://127.0.0.1:{texts.port}"
    by_text = platform(read_address(url), lambda _: SECRET, {})
    stack.callback(by_mail.close)
    stack.callback(by_text.close)
    channels = {"email": [Provider("smtp", by_mail)], "sms": [Provider("gateway", by_text)]}
    return Scene(city, [p.id for p in good], people, mails, texts, channels, Result())


def _unreachable(person: Person) -> Person:
    return replace(person, email="办公室 <nobody\n@@>", phone="０１２-abc")


def _odd_bundle(city: City) -> None:
    """Keep an older bundle whose warning is written with a text that nobody can render."""
    whole = city.office.current
    duty = whole.ladders["award"] if _ladder(whole) == "award" else whole.ladders["duty"]
    rungs = tuple(replace(r, message=BROKEN_TEXT) if r.name == "overdue" else r for r in duty.rungs)
    odd = replace(whole, ladders={**whole.ladders, duty.name: _with(duty, rungs)})
    city.office.fetch = lambda wanted: odd if wanted == "odd" else None
    text = city.office.texts["overdue_unrecorded"]
    city.office.texts = {**city.office.texts, BROKEN_TEXT: replace(text, body="{nobody}")}


def _ladder(bundle: Bundle) -> str:
    return bundle.workflows["package"].clocks["decide_award"].ladder


def _with(ladder: LadderDef, rungs: tuple[Any, ...]) -> LadderDef:
    return replace(ladder, rungs=rungs)


def _live(scene: Scene, folder: Path) -> None:
    result, city = scene.result, scene.city
    fired = Counter(scene.patrol(DUE))
    result.figures["good clocks"] = len(scene.good)
    result.figures["fired in the same beat"] = sum(fired[f"{p} overdue"] for p in scene.good)
    with city.store.transaction():
        city.store.run(
            "update message set params = '{' where matter = ? and person like '负责人%'", (f"{MESSAGE}.1",)
        )
    scene.deliver(DUE)
    _expect_mails(scene, [*scene.good, MESSAGE], "in the same round")
    _expect_trouble(scene, folder, DUE, set(POISON))
    again = scene.patrol(DUE + RETRY_AFTER)
    if again:
        result.wrong.append(f"fired though nothing was mended: {again}")
    if city.rows("select count(*) from clock where trouble <> ''") != [(len(POISON),)]:
        result.wrong.append("a trouble went away by itself")
    _mend(city)
    scene.patrol(DUE + 2 * RETRY_AFTER)
    for project in POISON:
        rows = city.rows("select at, fired_at from fire where root = ? and rung = 'overdue'", project)
        if [(from_ticks(at), from_ticks(then)) for at, then in rows] != [(DUE, DUE + 2 * RETRY_AFTER)]:
            result.wrong.append(f"{project} did not go on where it stood: {rows}")
        result.count("mended ones that fired, once, with their moment", len(rows))
    left = city.rows("select matter, name, trouble from clock where trouble <> ''")
    result.wrong += [f"the trouble stays: {row}" for row in left]
    scene.deliver(DUE + 2 * RETRY_AFTER)
    scene.patrol(OPENING)
    scene.deliver(OPENING)
    scene.deliver(OPENING + timedelta(hours=1))
    _expect_mails(scene, [*scene.good, MESSAGE, *POISON], "in the end")
    _expect_ends(scene)


def _expect_mails(scene: Scene, projects: list[str], when: str) -> None:
    """Everybody who is concerned by these projects has exactly one mail of each; nobody has any other."""
    unit = dict(scene.city.rows("select id, unit from matter where id = root"))
    wanted = {
        (person.email, project)
        for project in (*projects, CONTACT)
        for person in scene.people
        if unit[project] in person.units
        and not (project == MESSAGE and person.role == "purchaser_head")
        and "@@" not in person.email
    }
    came = scene.mailed()
    scene.result.figures[f"warnings mailed {when}"] = sum(came[name] for name in wanted)
    scene.result.wrong += [f"{name} has {came[name]} mails {when}" for name in wanted if came[name] != 1]
    scene.result.wrong += [f"{name} has a mail {when}" for name in came if name not in wanted]


def _expect_trouble(scene: Scene, folder: Path, now: datetime, projects: set[str]) -> None:
    """The trouble stands on the clock, and the tracker's desk shows it, with every good clock beside it."""
    rows = scene.city.rows("select matter, trouble, look_at from clock where trouble <> ''")
    on_clock = {matter.removesuffix(".1") for matter, *_ in rows}
    if on_clock != projects:
        scene.result.wrong.append(f"trouble stands on {sorted(on_clock)} instead of {sorted(projects)}")
    scene.result.wrong += [
        f"{matter} is not tried again" for matter, _, look in rows if from_ticks(look) != now + RETRY_AFTER
    ]
    scene.city.store.close()
    told = io.StringIO()
    with (
        patch.object(assembly, "system_now", lambda: now), redirect_stdout(told), redirect_stderr(told),
    ):  # fmt: skip
        tracker = next(p.id for p in scene.people if p.role == "tracker")
        code = cli.main(
            ["--database", f"sqlite:///{folder / 'yiriban.db'}", "--as", tracker, "desk", "tracker"]
        )
    page = told.getvalue().partition("有故障的计时")[2]
    on_desk = {p for p in projects if f"{p}.1" in page}
    scene.result.figures["troubles on the tracker's desk"] = len(on_desk)
    if code or on_desk != projects:
        scene.result.wrong.append(f"the desk (exit {code}) shows {sorted(on_desk)}: {told.getvalue()[-400:]}")


def _mend(city: City) -> None:
    text = city.office.texts["overdue_unrecorded"]
    city.office.texts = {**city.office.texts, BROKEN_TEXT: text}
    with city.store.transaction():
        for project, (_, mends) in POISON.items():
            if mends:
                city.store.run(mends, (f"{project}.1",))


def _expect_ends(scene: Scene) -> None:
    """No message is left over; what nobody can read, and what the odd contact cannot get, is dead and visible."""
    rows = scene.city.rows(
        "select key, state from message where state not in ('accepted', 'digested', 'expired', 'moved')"
        " and send_from <= (select max(send_from) from message where state = 'accepted')"
    )
    odd = [key for key, state in rows if state == "dead" and (CONTACT in key or f"{MESSAGE}.1" in key)]
    scene.result.figures["dead and visible"] = len(odd)
    scene.result.wrong += [f"{key} is {state}" for key, state in rows if key not in odd]
    if not any(MESSAGE in key for key in odd) or not any(CONTACT in key for key in odd):
        scene.result.wrong.append("what cannot be sent is not to be seen")
    contact = scene.city.rows("select channel from contact where person like '专办员%' order by channel")
    if contact != [("email",), ("sms",)]:
        scene.result.wrong.append(f"the odd contact is not marked: {contact}")


def _planted(fault: str | None) -> Iterator[Any]:
    if fault == "stopped":
        yield patch.object(SqlStore, "isolate", lambda *_: [])
    if fault == "swallowed":

        def silently(clock: Clock, item: Any, _trouble: str, now: datetime) -> None:
            passing_put_off(clock, item, "", now)
            clock.trouble = ""

        passing_put_off = passing.put_off
        yield patch.object(passing, "put_off", silently)
    if fault == "given_up":
        for module in (passing, patrol):
            yield patch.object(module, "RETRY_AFTER", timedelta(days=365))
    if fault == "jammed":
        yield patch.object(outbox, "DAMAGED", ())
