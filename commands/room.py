"""What a command over the database has in hand: the store, the one `now`, the law, and who acts."""

from __future__ import annotations

import getpass
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from click.core import ParameterSource

from commands.printing import SHANGHAI
from engine.errors import BadInput, Forbidden, NotFound, Unreadable
from engine.matter import Matter
from engine.office import Actor, Office
from engine.work import Work
from engine.workdays import WorkingCalendar
from engine.workflow import Bundle, TermDef, WorkflowDef
from runtime import assembly
from runtime.settings import Settings
from storage.backups import damage
from storage.desks import places_of
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

FIRST_YEAR, LAST_YEAR = 1990, 2100
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[ T](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class _Undo(Exception):
    """Leaves a transaction so that it is rolled back: a rehearsal ends."""


@dataclass(slots=True)
class Room:
    """One run of a command: everything is read once, the calendar only where it is needed."""

    settings: Settings
    store: SqlStore
    now: datetime
    _office: Office | None = None
    _bundles: dict[str, Bundle] = field(default_factory=dict)

    @property
    def lang(self) -> str:
        """The language of labels."""
        return self.settings.lang

    def office(self) -> Office:
        """Return the law in force with its calendar; compiling the calendar takes a while."""
        if self._office is None:
            self._office = assembly.office_for(self.settings, self.store)
        return self._office

    def calendar(self) -> WorkingCalendar:
        """Return the working calendar."""
        return self.office().calendar

    def bundle(self, wanted: str = "") -> Bundle:
        """Return the bundle with this hash, else (or where the database lost it) the current one."""
        if not self._bundles:
            current = assembly.law_in_force(self.settings).bundle
            self._bundles[""] = self._bundles[current.hash] = current
        if wanted not in self._bundles:
            self._bundles[wanted] = assembly.stored_bundle(self.store, wanted) or self._bundles[""]
        return self._bundles[wanted]

    def workflow(self, bundle: str, name: str) -> WorkflowDef:
        """Return a workflow, for its titles."""
        return self.bundle(bundle).workflows[name]

    def term(self, bundle: str, workflow: str, clock: str) -> TermDef:
        """Return the term of a clock."""
        held = self.bundle(bundle)
        return held.terms[held.workflows[workflow].clocks[clock].term]

    @contextmanager
    def writing(self, *, dry_run: bool) -> Iterator[Work]:
        """Hand out a unit of work; write and commit it, or, rehearsing, write it and roll back."""
        try:
            with self.store.work() as work:
                yield work
                if dry_run:
                    self.store.write(work)
                    raise _Undo
        except _Undo:
            return

    def locate(self, work: Work, reference: str, person: str = "") -> Matter:
        """Return the matter called ``reference`` (id or alias) with its family loaded.

        Raise ``Forbidden`` where it lies behind the wall of ``person``, if one is named.
        """
        found = Registry(self.store).root_of(reference.strip())
        root = self.store.read_matters([found])[0].root
        work.family(root)
        matter = work.matters[found]
        if person and not self._sees(person, matter):
            raise Forbidden(
                f"{person} 看不到 {found}",
                why="在该单位及其上级都没有任命，也不代理任何人",
                then="请有任命的人查看，或先用 yiriban person appoint 登记任命",
            )
        return matter

    def _sees(self, person: str, matter: Matter) -> bool:
        # who had a case in hand keeps it in sight when it has climbed
        people, places = People(self.store), {matter.jurisdiction, *places_of(self.store, matter.id)}
        return any(people.sees(person, matter.unit, place, self.now) for place in places)

    @staticmethod
    def under(work: Work, named: Matter) -> list[Matter]:
        """Return ``named`` with its parts at every depth and the cases about any of them, in order."""
        family = work.family(named.root)
        inside = {named.id}
        grown = True
        while grown:
            more = {m.id for m in family if m.part_of in inside or m.about in inside} - inside
            inside |= more
            grown = bool(more)
        return sorted((m for m in family if m.id in inside), key=lambda m: _natural(m.id, named.id))

    def actor(self, person: str, matter: Matter) -> Actor:
        """Return ``person`` with the roles held for ``matter`` now, and the operating-system user."""
        people, place = People(self.store), matter.jurisdiction
        return Actor(person, people.roles(person, matter.unit, self.now, jurisdiction=place), os_user())


@contextmanager
def enter(settings: Settings) -> Iterator[Room]:
    """Open the database for one command; raise ``NotFound`` where there is none yet.

    Where something cannot be made of what it holds, and it is damaged, that is said (``Unreadable``).
    """
    refuse_missing(settings)
    store = assembly.open_store(settings)
    try:
        yield Room(settings, store, assembly.system_now())
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        found = damage(store)
        if found is None:
            raise  # the fault is ours
        raise Unreadable(
            "数据库里的内容不是程序写下的样子",
            why=f"{found.where} {found.what}".strip(),
            then="不要继续写入；用 yiriban db verify 核对，用备份恢复",
        ) from error
    finally:
        store.close()


def refuse_missing(settings: Settings) -> None:
    """Raise ``NotFound`` for an SQLite file that does not exist: opening it would create an empty one."""
    path = sqlite_file(settings)
    if path is not None and not path.exists():
        raise NotFound(
            f"没有数据库 {path}",
            why="还没有建库，或不在这个文件夹里",
            then="先运行 yiriban init，或用 --database 指向已有的数据库",
        )


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of an SQLite database, ``None`` for a database in memory or on a server."""
    scheme, _, rest = settings.database.partition(":///")
    name = rest.partition("?")[0]
    if not scheme.startswith("sqlite") or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)


def person_of(settings: Settings) -> str:
    """Return who acts; raise ``BadInput`` where nobody is named."""
    if settings.person:
        return settings.person
    raise BadInput(
        "没有写明由谁办理",
        why="每一次办理都要记在一个人名下",
        then="写 yiriban --as 姓名 …，或设置环境变量 YIRIBAN_AS，或在 yiriban.toml 里写 as",
    )


def os_user() -> str:
    """Return the operating-system user, empty where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def read_at(text: str, option: str = "--at") -> tuple[datetime, timedelta]:
    """Read a moment: its first instant (UTC), and how long it lasts: a day, a minute, a second.

    ``2026-11-20`` (its first instant), ``2026-11-20 16:30`` in local time (24:00 too), or ISO 8601
    with an offset. Raise ``BadInput`` otherwise.
    """
    match = _MOMENT.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        day = date.fromisoformat(match["day"])
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError
        clock, zone = match["time"] or "00:00", match["zone"] or ""
        if clock in ("24:00", "24:00:00"):
            day, clock = day + _DAY, "00:00"
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError:
        raise BadInput(
            f"看不懂的时间：{option} {text!r}",
            why=f"须为 {FIRST_YEAR} 至 {LAST_YEAR} 年间的一天或一个时刻",
            then="写成 2026-11-20、'2026-11-20 16:30' 或 2026-11-20T16:30+08:00",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    width = _DAY if not match["time"] else timedelta(minutes=1) if clock.count(":") == 1 else _SECOND
    return moment.astimezone(UTC), width


def pair(text: str, option: str, example: str) -> tuple[str, str]:
    """Read ``name=value``; raise ``BadInput`` with an example otherwise."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise BadInput(f"{option} 写得不完整：{text!r}", why="须为 名称=值", then=f"写成 {option} {example}")
    return name.strip(), value.strip()


def typed(ctx: click.Context) -> Callable[..., str]:
    """Return a function that spells a command as this person must type it, with the flags given now."""
    root = ctx.find_root()
    given: tuple[str, ...] = ("yiriban",)
    for name, flag in (("person", "--as"), ("database", "--database"), ("workflows", "--workflows")):
        if root.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            given += (flag, str(root.params[name]))
    return lambda *words: " ".join(_quoted(word) for word in (*given, *words))


def _natural(ident: str, above: str) -> list[tuple[int, str]]:
    """Sort P1.2 before P1.10, and a case behind the parts of what it is about."""
    pieces: list[tuple[str, str]] = re.findall(r"(\d+)|(\D+)", ident.removeprefix(above))
    return [(int(digits or 0), text) for digits, text in pieces]


def _quoted(word: str) -> str:
    # Chinese letters need no quotes in any shell; everything else as the shell wants it
    return word if re.fullmatch(r"[\w@%+=:,./〔〕（）…-]+", word) else shlex.quote(word)


limit_option = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="最多列出几条，0 为全部 / at most N, 0 for all",
)
"""Decorator: how long a list may be (parameter ``limit: int``)."""

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="只预演：照做一遍，打印结果，不保存 / do it, print it, undo it"
)
"""Decorator: rehearse a write (parameter ``dry_run: bool``)."""
