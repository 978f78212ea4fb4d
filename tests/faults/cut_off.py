"""Mail and SMS are out for two working days at the peak of the due clocks, then back.

Officers do not decide their awards in time; every clock falls due at Tuesday's midnight, six hours after both
lines were cut. Patrol and delivery go on all the time; attempts meet refused connections, answers of a peer
that is out of order, and silence. Text messages can
go out again on Thursday at ten in the night, mail on Friday at nine. What arrived is read from the ledgers of
the two peers, behind real sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from engine import deliver_breaker, deliver_plan, message
from engine.deliver import deliver
from engine.deliver_limits import FILE, NO_LIMITS, read_limits
from engine.delivery import Provider
from notifiers.address import read_address
from notifiers.gateway import from_address as platform
from notifiers.smtp import from_address as mail
from storage.outbox import SqlOutbox
from tests.city import ROOT, WORKFLOWS, City, moment
from tests.fakes.gateway import City as Platform
from tests.fakes.smtp import MailServer
from tests.faults._cut_check import Story, check
from tests.faults._cut_line import How, Line
from tests.faults._town import Person, Project, decide, found, report, staff, units
from tests.faults.suite import Result

TITLE = "mail and SMS out for two days at the peak, then back"
PLANTED = {
    "no_quota": "the limits of a number are not looked at",
    "no_quiet_hours": "a text message goes out whenever its warning is written",
    "impatient": "an unreachable provider counts as a failure of the message, and ten of them end it",
    "fired_again": "the warnings of some clocks are fired once more when the lines are back",
    "asleep": "nobody patrols while nothing can be sent",
}
SECRET = "s"
PROVIDER = "tencent-sms"
"""What the platform is called: the provider with the tightest limits in `workflows/channels/limits.yaml`."""
WEATHER: tuple[tuple[str, How, How], ...] = (
    ("2026-11-03 18:00", "refused", "refused"),  # 周二, six hours before the peak
    ("2026-11-04 01:00", "sorry", "refused"),
    ("2026-11-04 08:00", "silent", "silent"),  # the first opening for text messages in the outage
    ("2026-11-04 09:30", "refused", "sorry"),
    ("2026-11-05 08:00", "sorry", "silent"),
    ("2026-11-05 09:00", "refused", "refused"),
    ("2026-11-05 22:00", "refused", "open"),  # by night, when nothing may go out
    ("2026-11-06 09:00", "open", "open"),  # 周五
)
"""From when on what happens to a connection for mail, and for text messages."""
BEGINS, ENDS = moment("2026-11-03 15:30"), moment("2026-11-09 19:30")
CUT, TEXTS_BACK, BACK = (moment(WEATHER[n][0]) for n in (0, -2, -1))
LATE, IN_TIME = "2026-11-04 10:00", "2026-11-03 16:00"
RECORDED = "2026-11-04 11:00"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the city is: ``peak`` clocks due at once, and some more due on the days after; a beat every ``step``."""

    units: int
    peak: int
    later: int
    step: timedelta
    workers: int
    mail_timeout: float
    text_timeout: float


SHARING = 4
"""So many officers have one telephone."""
SMALL = Size(6, 24, 4, timedelta(hours=2), 4, 1.0, 0.3)
LARGE = Size(100, 5_000, 300, timedelta(minutes=20), 16, 5.0, 2.0)


@dataclass(slots=True)
class Scene:
    """A run: the city, its people and projects, the two peers behind their lines."""

    size: Size
    city: City
    people: list[Person]
    projects: dict[str, Project]
    story: Story
    mails: MailServer
    texts: Platform
    lines: tuple[Line, Line]
    channels: dict[str, list[Provider]]
    random: Random
    now: datetime = BEGINS
    rounds: int = 0


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Live through nine days; check what arrived."""
    size = LARGE if large else SMALL
    with ExitStack() as stack:
        scene = _scene(size, seed, folder, stack)
        for fault in _planted(planted):
            stack.enter_context(fault)
        _live(scene, planted)
        result = check(scene.story, scene.city, scene.people, scene.mails, scene.texts)
        result.figures["rounds of delivery"] = scene.rounds
        result.figures["connections while cut"] = sum(line.connections for line in scene.lines)
        if not scene.lines[1].connections:
            result.wrong.append("the outage was never met")
        scene.city.store.close()
    return result


def _scene(size: Size, seed: int, folder: Path, stack: ExitStack) -> Scene:
    random = Random(seed)
    of = units(size.units)
    people = staff(of, shared=SHARING)
    city = found(folder / "yiriban.db", people)
    alone = of[SHARING:]
    """Where nobody shares a telephone there is room for more than one notice a day."""
    peak = [Project(f"P{n}", of[n % len(of)], "2026-11-02 10:00") for n in range(size.peak)]  # 周一
    later = [
        Project(f"Q{n}", alone[n % len(alone)], ("2026-11-04 10:00", "2026-11-05 10:00")[n % 2])
        for n in range(size.later)
    ]
    drawn = random.sample([p.id for p in peak if p.unit in alone], size.peak * 15 // 100)
    cut = len(drawn) * 2 // 3
    story = Story(
        late=[p.id for p in peak], decided_late=set(drawn[:cut]), in_time=set(drawn[cut:]), unit={p.id: p.unit for p in peak},
        later={p.id: p.reported for p in later}, cut=CUT, back={"sms": TEXTS_BACK, "email": BACK}, beat=size.step,
    )  # fmt: skip
    report(city, peak)
    mails = stack.enter_context(MailServer())
    texts = stack.enter_context(Platform(secret=SECRET, now=BEGINS))
    lines = (
        stack.enter_context(Line(mails.port, b"421 4.3.2 closing\r\n", asked_first=False)),
        stack.enter_context(
            Line(texts.port, b"HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n", asked_first=True)
        ),
    )
    scene = Scene(
        size, city, people, {p.id: p for p in (*peak, *later)}, story, mails, texts, lines, {}, random
    )
    form = ROOT / "examples" / "gateways" / "city-platform.yaml"
    by_mail = mail(
        read_address(
            f"smtp://127.0.0.1:{lines[0].port}/?from=yiriban@example.org&timeout={size.mail_timeout}"
        ),
        lambda _: "",
    )
    by_text = platform(
        read_address(
            f"gateway://yiriban@/?file={form}&secret=env:S&timeout={size.text_timeout}&base_url=http://127.0.0.1:{lines[1].port}"
        ),
        lambda _: SECRET, {}, clock=lambda: scene.now,
    )  # fmt: skip
    stack.callback(by_mail.close)
    stack.callback(by_text.close)
    scene.channels.update(email=[Provider("smtp", by_mail)], sms=[Provider(PROVIDER, by_text)])
    return scene


def _live(scene: Scene, planted: str | None) -> None:
    """Let the days pass: people act, somebody patrols, what may go out goes out."""
    limits = NO_LIMITS if planted == "no_quota" else read_limits((WORKFLOWS / FILE).read_text("utf-8"))
    todo = _acts(scene)
    weather = [(moment(at), hows) for at, *hows in WEATHER]
    while scene.now < ENDS:
        scene.texts.fixed = scene.now
        while weather and weather[0][0] <= scene.now:
            for line, how in zip(scene.lines, weather.pop(0)[1], strict=True):
                line.set(how)
        if scene.now >= BACK and planted == "fired_again":
            planted = None
            _fire_again(scene.city)
        while todo and todo[0][0] <= scene.now:
            _act(scene, *todo.pop(0))
        if not (planted == "asleep" and CUT <= scene.now < BACK):
            scene.city.patrol(scene.now)
        deliver(
            SqlOutbox(scene.city.store), scene.channels, scene.now, office=scene.city.office, limits=limits,
            workers=scene.size.workers, random=scene.random,
        )  # fmt: skip
        scene.rounds += 1
        scene.now += scene.size.step


def _acts(scene: Scene) -> list[tuple[datetime, str, str]]:
    """Return who does what when, in order: some awards are decided late, or were decided and not recorded."""
    story = scene.story
    found = [(moment(LATE), p, "late") for p in story.decided_late]
    found += [(moment(RECORDED), p, "in time") for p in story.in_time]
    found += [(moment(at), p, "report") for p, at in story.later.items()]
    return sorted(found)


def _act(scene: Scene, _at: datetime, project: str, what: str) -> None:
    if what == "report":
        report(scene.city, [scene.projects[project]])
    elif what == "late":
        decide(scene.city, scene.projects[project], LATE, LATE)
    else:
        decide(scene.city, scene.projects[project], IN_TIME, RECORDED, "漏登")


def _planted(fault: str | None) -> Iterator[AbstractContextManager[Any]]:
    if fault == "no_quiet_hours":
        yield patch.object(message, "next_opening", lambda instant, _calendar: instant)
        yield patch.object(deliver_plan, "permitted", lambda _instant, _calendar: True)
    if fault == "impatient":
        yield patch.object(deliver_breaker, "OUT_AFTER", 10**6)


def _fire_again(city: City) -> None:
    """Fire the warnings of ten clocks under another occurrence, as an engine would that forgot that it had."""
    with city.store.transaction():
        chosen = "select key from fire where does = 'warn' order by key limit 10"
        for table, more in (("message", f"fire in ({chosen})"), ("fire", f"key in ({chosen})")):
            columns = [row[1] for row in city.store.run(f"pragma table_info({table})").fetchall()]
            told = {c: c for c in columns} | {"key": "replace(key, '/overdue/1', '/overdue/2')"}
            told |= {"fire": "replace(fire, '/overdue/1', '/overdue/2')"} if table == "message" else {}
            told |= {"occurrence": "2"} if table == "fire" else {}
            told |= {"state": "'queued'", "digest": "null", "reference": "null"} if table == "message" else {}
            city.store.run(
                f"insert into {table} ({', '.join(told)}) select {', '.join(told.values())} from {table} where {more}"
            )
