"""A spreadsheet of people: who they are, which role they hold for which unit, from … until. 人员名册

Read through ``ledger``, so CSV (any encoding it knows) and Excel alike. Headers are Chinese (or the
English keys); what a cell says wrongly is a finding with file, line and column, and telephone numbers
and addresses never stand in a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from engine.directory import (
    ADDRESSES,
    account_of,
    email_of,
    mask_email,
    mask_phone,
    masked,
    name_of,
    phone_of,
)
from engine.errors import BadInput
from engine.roles import ROLES
from exchange.cells import Cell, Trouble, quoted, text_of
from exchange.dates import DateReader
from exchange.ledger import Header, Options, Record, kind_of, read_headers, read_records
from exchange.observation import Finding, Place

COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("姓名", "name"),
    "person": ("账号", "帐号", "工号", "account"),
    "roles": ("角色", "role"),
    "unit": ("单位", "unit"),
    "above": ("上级单位", "above"),
    "phone": ("手机", "手机号", "电话", "phone"),
    "email": ("邮箱", "电子邮箱", "email"),
    "wecom": ("企业微信", "企业微信账号", "企业微信帐号", "wecom"),
    "dingtalk": ("钉钉", "钉钉账号", "钉钉帐号", "dingtalk"),
    "since": ("起", "任职起", "since"),
    "until": ("止", "任职止", "until"),
}
"""What each column may be called; the first name is the one that findings use."""

_DATES = ("iso", "yyyy/m/d", "yyyy.m.d", "yyyy年m月d日", "yyyymmdd")
_LAST_DAY = date(2099, 12, 31)
_ROLE_MARKS = "、，,;；/"
_BY_NAME = {name: key for key, title in ROLES.items() for name in (key, title.zh, title.en)}


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One row: a person, with the roles held for ``unit``; what is empty says nothing."""

    place: Place
    person: str
    name: str = ""
    roles: tuple[str, ...] = ()
    unit: str = ""
    above: str = ""
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    wecom: str = field(default="", repr=False)
    dingtalk: str = field(default="", repr=False)
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Roster:
    """What a file says: its sound rows, what is wrong with the others, and columns that mean nothing."""

    lines: list[PersonLine] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    read: int = 0


def read_people(path: Path, zone: tzinfo, options: Options | None = None) -> Roster:
    """Read a file of people; a row with any finding is not among ``lines``.

    Days count in ``zone``: 起 from its first instant, 止 to its end. Raise ``BadInput`` for a file of
    another kind or without the needed columns, ``DamagedFile`` for one that cannot be read.
    """
    if kind_of(path) not in ("csv", "xlsx"):
        raise BadInput(
            f"不认识的名册文件：{path.name}", why="只读 .csv 和 .xlsx", then="在 Excel 里另存为 .xlsx"
        )
    if not path.is_file():
        raise BadInput(f"没有文件 {path}", then="检查文件的路径和名称")
    chosen = options or Options()
    header = _header(read_headers(path, path.name, chosen), path.name)
    columns = _columns(header)
    roster = Roster(ignored=[masked(name) for name in header.names if name not in columns and name[0] != "#"])
    reader = _LineReader(path.name, columns, zone)
    said: dict[str, PersonLine] = {}
    for record in read_records(path, path.name, chosen, header):
        roster.read += 1
        line, findings = reader.read(record)
        if line is not None and not findings:
            findings = _against(said.setdefault(line.person, line), line)
        if line is None or findings:
            roster.findings += findings
        else:
            roster.lines.append(line)
    return roster


def role_called(word: str) -> str | None:
    """Return the key of the role with this Chinese or English name or key, ``None`` for no role."""
    return _BY_NAME.get(word) or _BY_NAME.get(word.casefold())


def _header(found: list[Header], name: str) -> Header:
    """Choose the row that names most columns; refuse a file without a person or with a unit missing."""
    best = max(found, key=lambda header: len(_columns(header)), default=Header(0, ()))
    known = set(_columns(best).values())
    if not known & {"name", "person"}:
        raise BadInput(
            f"{name} 里找不到表头",
            why="须有“姓名”或“账号”一列",
            then="第一行写：" + "，".join(names[0] for names in COLUMNS.values()),
        )
    return best


def _columns(header: Header) -> dict[str, str]:
    """Return which header stands for which field; a header met again (``姓名.2``) stands for nothing."""
    by_name = {name: key for key, names in COLUMNS.items() for name in names}
    found: dict[str, str] = {}
    for name in header.names:
        key = by_name.get(name.replace(" ", "").strip("*＊").casefold())
        if key is not None and key not in found.values():
            found[name] = key
    return found


def _against(first: PersonLine, line: PersonLine) -> list[Finding]:
    """Compare two rows of one person: they may not say different things."""
    return [
        Finding(
            "contradicts_line",
            line.place,
            f"与第 {first.place.line} 行不一致：同一账号 {line.person} 的{COLUMNS[key][0]}只能有一个",
            COLUMNS[key][0],
        )
        for key in ("name", *ADDRESSES.values())
        if getattr(line, key) and getattr(first, key) and getattr(line, key) != getattr(first, key)
    ]


class _LineReader:
    """Reads the rows of one file."""

    def __init__(self, file: str, columns: Mapping[str, str], zone: tzinfo) -> None:
        """``columns`` leads from header to field."""
        self._file = file
        self._headers = {key: header for header, key in columns.items()}
        self._zone = zone
        self._days = DateReader(_DATES, _LAST_DAY)

    def read(self, record: Record) -> tuple[PersonLine | None, list[Finding]]:
        """Return the row, ``None`` where it names nobody, and everything that is wrong with it."""
        place = Place(self._file, record.line)
        findings = [Finding(t.kind, place, masked(_said(t))) for t in record.troubles]
        values: dict[str, Any] = {}
        for key, header in self._headers.items():
            cell = record.cells.get(header)
            if text_of(cell):
                try:
                    values[key] = self._cell(key, cell)
                except _Wrong as wrong:
                    findings.append(Finding(wrong.kind, place, wrong.message, COLUMNS[key][0]))
        who = values.setdefault("person", values.get("name", ""))
        if not who and not findings:
            findings.append(Finding("no_person", place, "姓名和账号都是空的", COLUMNS["name"][0]))
        findings += self._whole(place, values)
        return (PersonLine(place, **values) if who else None), findings

    def _whole(self, place: Place, values: Mapping[str, Any]) -> list[Finding]:
        """Return what is wrong with the row as a whole."""
        since, until = values.get("since"), values.get("until")
        found = []
        if since is not None and until is not None and until <= since:
            found.append(("ends_before_start", "止早于起", "until"))
        if values.get("roles") and not values.get("unit"):
            found.append(("no_unit", "有角色而没有单位", "unit"))
        if not values.get("roles") and (since or until):
            found.append(("no_role", "有起止而没有角色", "roles"))
        if values.get("above") and not values.get("unit"):
            found.append(("no_unit", "有上级单位而没有单位", "unit"))
        elif values.get("above") and values["above"] == values["unit"]:
            found.append(("own_above", "上级单位是它自己", "above"))
        return [Finding(kind, place, message, COLUMNS[key][0]) for kind, message, key in found]

    def _cell(self, key: str, cell: Cell) -> Any:
        if key in ("since", "until"):
            return self._moment(key, cell)
        return _READERS[key](text_of(cell))

    def _moment(self, key: str, cell: Cell) -> datetime | None:
        day = self._days.read(cell)
        if isinstance(day, Trouble):
            raise _Wrong(day.kind, masked(_said(day)))
        if day is None:
            return None
        # 止 is the last day: it counts in full
        first = day + timedelta(days=1) if key == "until" else day
        return datetime.combine(first, time(), self._zone)


def _said(trouble: Trouble) -> str:
    """A reader's sentence without how a register goes on: here the whole row is held back."""
    return trouble.message.removesuffix("，按未见处理").removesuffix("，缺的格按空处理")


class _Wrong(Exception):
    """A cell that cannot be used: the finding's kind and its sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def _name(what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return name_of(text, what)
        except BadInput as bad:
            raise _Wrong("unusable_name", f"{bad.what}，{bad.why}") from bad

    return read


def _roles(text: str) -> tuple[str, ...]:
    for mark in _ROLE_MARKS:
        text = text.replace(mark, "\n")
    found: dict[str, None] = {}
    for word in filter(None, (" ".join(part.split()) for part in text.split("\n"))):
        key = role_called(word)
        if key is None:
            near = get_close_matches(word, [t.zh for t in ROLES.values()], 1, 0.5)
            known = f"是不是{near[0]}？" if near else "可用的：" + "、".join(t.zh for t in ROLES.values())
            raise _Wrong("unknown_role", f"没有角色{quoted(masked(word))}，{known}")
        found[key] = None
    return tuple(found)


def _phone(text: str) -> str:
    try:
        return phone_of(text)
    except BadInput as bad:
        raise _Wrong("unreadable_phone", f"看不懂的电话号码（{mask_phone(text)}），须为数字") from bad


def _email(text: str) -> str:
    try:
        return email_of(text)
    except BadInput as bad:
        raise _Wrong("unreadable_email", f"看不懂的邮箱（{mask_email(text)}），须为 名称@域名") from bad


def _account(where: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return account_of(text, where)
        except BadInput as bad:
            raise _Wrong("unreadable_account", f"{bad.what}，{bad.why}") from bad

    return read


_READERS: dict[str, Callable[[str], Any]] = {
    "name": _name("姓名"),
    "person": _name("账号"),
    "roles": _roles,
    "unit": _name("单位名称"),
    "above": _name("上级单位名称"),
    "phone": _phone,
    "email": _email,
    "wecom": _account("企业微信"),
    "dingtalk": _account("钉钉"),
}
