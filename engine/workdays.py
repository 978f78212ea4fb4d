"""The working calendar: which days offices work, counted in constant time. 工作日历

Compiled once from the `holidays` library (this module is its only door) and from the notices that
people add as files (`engine.notice`): two tables, the number of worked days up to each day and the
n-th worked day, answer every question. A working day is a day on which offices work under the State
Council's yearly notice; a make-up Saturday or Sunday (调休) counts. Days that rest on a year without
a notice are *provisional*. A date outside the tables is an error, never a guess.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, compress
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.errors import BadInput, OutsideCalendar
from engine.notice import CalendarFiles, Notice, Season, read_calendar_files

if TYPE_CHECKING:
    from holidays import HolidayBase

_FIRST_YEAR = 1990
_YEARS_AHEAD = 20
# A country without yearly notices lives by its statutes: nothing in it is provisional, and a fixed
# horizon keeps its tables small.
_STATUTE_LAST_YEAR = 2050
# The notice of a year has moved days of the December before (29 December 2018 was worked under the
# notice for 2019), never before the 21st.
_FIRM_UNTIL = (12, 20)
_DAY = timedelta(days=1)
_WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

_compiled: dict[tuple[str, str], WorkingCalendar] = {}


class WorkingCalendar:
    """Worked and rest days of one country, O(1) per question; made by `compile_calendar`.

    ``first`` and ``last`` bound what it knows; every method raises ``OutsideCalendar`` beyond.
    ``revision`` changes whenever an answer could: a day, the closing hours, the zone or what is
    announced.
    """

    __slots__ = (
        "_adjusted",
        "_close",
        "_closing",
        "_firm",
        "_midnight",
        "_names",
        "_nth",
        "_unannounced",
        "_upto",
        "country",
        "first",
        "last",
        "revision",
        "zone",
    )

    def __init__(
        self,
        country: str,
        zone: ZoneInfo,
        first: date,
        worked: bytes,
        *,
        names: dict[date, str],
        adjusted: Iterable[date],
        unannounced: Iterable[int],
        closing: tuple[Season, ...],
    ) -> None:
        """Build the tables from one byte per day (1 = worked), beginning with ``first``.

        ``names`` calls rest days by name, ``adjusted`` are worked weekend days, ``unannounced`` the
        years still without a notice, ``closing`` the seasons of the closing hours in order.
        """
        days = list(map(date.fromordinal, range(first.toordinal(), first.toordinal() + len(worked))))
        self.country = country
        self.zone = zone
        self.first = first
        self.last = days[-1]
        self._upto = dict(zip(days, accumulate(worked), strict=True))
        self._nth = [date.min, *compress(days, worked)]  # the sentinel makes the first worked day no. 1
        self._names = names
        self._adjusted = frozenset(adjusted)
        self._unannounced = frozenset(unannounced)
        self._firm = date(min(self._unannounced) - 1, *_FIRM_UNTIL) if self._unannounced else self.last
        self._closing = closing
        self._close: dict[date, datetime] = {}
        self._midnight: dict[date, datetime] = {}
        said = f"{country} {zone.key} {first} {sorted(self._unannounced)} {closing}"
        self.revision = hashlib.sha256(said.encode() + bytes(worked)).hexdigest()[:16]

    def is_worked(self, day: date) -> bool:
        """Say whether offices work on ``day``."""
        try:
            return self._nth[self._upto[day]] == day
        except KeyError:
            raise self._outside(day) from None

    def is_adjusted(self, day: date) -> bool:
        """Say whether ``day`` is a weekend day worked by notice (调休上班)."""
        return day in self._adjusted

    def name_of(self, day: date) -> str:
        """Call the day by the name that explains it: 春节, 周六, 调休上班; else its weekday, 周三."""
        if not self.is_worked(day):
            return self._names.get(day) or _WEEKDAYS[day.weekday()]
        return "调休上班" if day in self._adjusted else _WEEKDAYS[day.weekday()]

    def add(self, day: date, n: int) -> date:
        """Return the ``n``-th worked day strictly after ``day``; ``day`` itself for 0."""
        if n < 1:
            return self._same(day, n)
        try:
            return self._nth[self._upto[day] + n]
        except (KeyError, IndexError):
            raise self._outside(day) from None

    def subtract(self, day: date, n: int) -> date:
        """Return the ``n``-th worked day strictly before ``day``; ``day`` itself for 0."""
        if n < 1:
            return self._same(day, n)
        k = self._upto_or_raise(day) - n + (not self.is_worked(day))
        if k < 1:
            raise self._outside(self.first - _DAY)
        return self._nth[k]

    def roll_forward(self, day: date) -> date:
        """Return ``day`` if it is worked, else the next worked day (顺延)."""
        try:
            upto = self._upto[day]
            return day if self._nth[upto] == day else self._nth[upto + 1]
        except (KeyError, IndexError):
            raise self._outside(day) from None

    def worked_between(self, a: date, b: date) -> int:
        """Count the worked days in (a, b]; 0 where ``b`` is not after ``a``."""
        return max(0, self._upto_or_raise(b) - self._upto_or_raise(a))

    def days(self, a: date, b: date) -> Iterator[date]:
        """Walk the days in (a, b]; refuse at once what lies outside."""
        self._upto_or_raise(a)
        self._upto_or_raise(b)
        return map(date.fromordinal, range(a.toordinal() + 1, b.toordinal() + 1))

    def rest_days(self, a: date, b: date) -> list[tuple[date, str]]:
        """List the rest days in (a, b] with their names."""
        return [(day, self.name_of(day)) for day in self.days(a, b) if not self.is_worked(day)]

    @property
    def firm_until(self) -> date:
        """The last day that no notice still to come can change."""
        return self._firm

    def is_provisional(self, day: date) -> bool:
        """Say whether a notice still to come may change ``day``.

        So it is in a year without a notice, and after 20 December of the year before one.
        """
        self._upto_or_raise(day)
        return self.touches_provisional(day, day)

    def touches_provisional(self, a: date, b: date) -> bool:
        """Say whether any day from ``a`` to ``b``, both included, is provisional."""
        if b <= self._firm:
            return False
        return any(
            year in self._unannounced or (year + 1 in self._unannounced and b > date(year, *_FIRM_UNTIL))
            for year in range(a.year, b.year + 1)
        )

    def close_of(self, day: date) -> datetime:
        """Return the instant (UTC) at which offices close on ``day``, by the season's hours."""
        instant = self._close.get(day)
        if instant is None:
            self._upto_or_raise(day)
            close = self._closing[-1][1]  # before the first season of a year the last one still holds
            for start, hour in self._closing:
                if start <= (day.month, day.day):
                    close = hour
            instant = self._close[day] = datetime.combine(day, close, self.zone).astimezone(UTC)
        return instant

    def start_of(self, day: date) -> datetime:
        """Return 00:00 of ``day``: its first instant (UTC)."""
        return self.midnight_after(day - _DAY)

    def midnight_after(self, day: date) -> datetime:
        """Return 24:00 of ``day``: the first instant (UTC) of the next day."""
        instant = self._midnight.get(day)
        if instant is None:
            self._upto_or_raise(day)
            # a midnight skipped by summer time is read with the hour before it: the skip itself
            local = datetime.combine(day + _DAY, time(), self.zone)
            instant = self._midnight[day] = local.astimezone(UTC)
        return instant

    def day_of(self, instant: datetime) -> date:
        """Return the local day that ``instant`` (aware) falls on."""
        return instant.astimezone(self.zone).date()

    def _same(self, day: date, n: int) -> date:
        if n < 0:
            raise ValueError("n counts days and is never negative; use the opposite direction")
        self._upto_or_raise(day)
        return day

    def _upto_or_raise(self, day: date) -> int:
        try:
            return self._upto[day]
        except KeyError:
            raise self._outside(day) from None

    def _outside(self, day: date) -> OutsideCalendar:
        bounds = f"{self.country} 日历只到 {self.first} 至 {self.last}"
        if day < self.first:
            return OutsideCalendar(f"{day} 早于工作日历的起点", why=bounds, then="核对日期，多半是年份写错了")
        if day <= self.last:  # the day is known, but the count ran over the end
            day = self.last + _DAY
        return OutsideCalendar(
            f"{day} 及以后的日期超出工作日历",
            why=bounds,
            then=f"核对日期；确需更远的，把当年的放假通知（中国由国务院办公厅发布）写成 "
            f"workflows/calendars/{self.country}/{day.year}.json",
        )


def compile_calendar(country: str = "CN", overrides: Path | None = None) -> WorkingCalendar:
    """Compile the calendar of ``country`` (two letters), the files in ``overrides`` going first.

    ``overrides`` is a folder such as ``workflows/calendars`` (see `engine.notice`). A year that the
    library has as announced is amended by its file day by day; the library's estimate of any other
    year is replaced by the file, which must then be the whole notice. The result is kept for the
    process, and compiled anew when a file changes. Raise ``BadInput`` for an unknown country and for
    a broken file.
    """
    code = country.strip().upper()
    files = read_calendar_files(overrides, code) if re.fullmatch("[A-Z]{2}", code) else CalendarFiles()
    calendar = _compiled.get((code, files.digest))
    if calendar is None:
        calendar = _compiled[code, files.digest] = _compile(code, files)
    return calendar


def _compile(country: str, files: CalendarFiles) -> WorkingCalendar:
    probe = _library(country, range(0))
    noticed = _library_notices(country)
    filed = {notice.year for notice in files.notices}
    first_year = max(_FIRST_YEAR, probe.start_year)
    for notice in files.notices:
        if not first_year <= notice.year <= probe.end_year:
            raise BadInput(
                f"日历文件 {notice.where} 的年份超出范围",
                why=f"{country} 的日历可从{first_year}年编到{probe.end_year}年",
                then="核对 year 和文件名",
            )
    if noticed:
        last_year = min(max(noticed | filed) + _YEARS_AHEAD, probe.end_year)
    else:
        last_year = min(max({_STATUTE_LAST_YEAR} | filed), probe.end_year)
    unannounced = set(range(max(noticed) + 1, last_year + 1)) if noticed else set()
    sheet = _Sheet(_library(country, range(first_year, last_year + 1)), first_year, last_year)
    for notice in files.notices:
        sheet.enter(notice, whole=notice.year in unannounced)
    return WorkingCalendar(
        country,
        files.time_zone(),
        sheet.first,
        bytes(sheet.worked),
        names=sheet.names,
        adjusted=sheet.adjusted(),
        unannounced=unannounced - filed,
        closing=files.closing,
    )


class _Sheet:
    """The days while they are being filled in: the library's first, then each notice."""

    def __init__(self, library: HolidayBase, first_year: int, last_year: int) -> None:
        self.first = date(first_year, 1, 1)
        self._base = self.first.toordinal()
        length = date(last_year, 12, 31).toordinal() - self._base + 1
        self._weekdays = _weekdays(library, self.first, length)
        self.worked = bytearray(self._weekdays)
        self.names = dict(library.items())
        for days, worked in ((library, 0), (library.weekend_workdays, 1)):
            for day in days:
                if 0 <= day.toordinal() - self._base < length:
                    self.worked[day.toordinal() - self._base] = worked

    def enter(self, notice: Notice, *, whole: bool) -> None:
        """Write ``notice`` in; as a ``whole`` it replaces the estimate of its year."""
        if whole:
            self._clear(notice)
        for entry in notice.days:
            at = entry.day.toordinal() - self._base
            if 0 <= at < len(self.worked):
                self.worked[at] = not entry.off
                self.names[entry.day] = entry.name

    def adjusted(self) -> Iterator[date]:
        """Walk the weekend days that are worked."""
        for at, (worked, usual) in enumerate(zip(self.worked, self._weekdays, strict=True)):
            if worked and not usual:
                yield date.fromordinal(self._base + at)

    def _clear(self, notice: Notice) -> None:
        estimate = {day: name for day, name in self.names.items() if day.year == notice.year}
        off = {entry.day for entry in notice.days if entry.off}
        festivals: dict[str, list[date]] = {}
        for day, names in estimate.items():
            for name in names.split("; "):  # 中秋节; 国庆节（补假）
                festivals.setdefault(name.split("（")[0], []).append(day)
        for name, days in festivals.items():
            # lunar days are estimates: one day more or less is still this festival
            if not any(abs((day - other).days) <= 1 for day in days for other in off):
                raise BadInput(
                    f"日历文件 {notice.where} 不是完整的放假通知：没有“{name}”（{min(days)} 前后）",
                    why=f"{notice.year}年还没有通知，这份文件会代替全年的推算",
                    then="把通知中的全部放假日和上班日都写进去；只有部分日子时等正式通知公布再加",
                )
        for day in estimate:
            del self.names[day]
        start = date(notice.year, 1, 1).toordinal() - self._base
        end = date(notice.year, 12, 31).toordinal() - self._base + 1
        self.worked[start:end] = self._weekdays[start:end]


def _library(country: str, years: range) -> HolidayBase:
    # imported here: the library costs 110 ms, and commands that count no days do without
    from holidays import country_holidays

    try:
        if not re.fullmatch("[A-Z]{2}", country):
            raise NotImplementedError
        languages = country_holidays(country).supported_languages
        language = next((name for name in ("zh_CN", "en_US") if name in languages), None)
        return country_holidays(country, years=years, expand=False, language=language)
    except NotImplementedError:
        raise BadInput(
            f"没有这个国家或地区的日历：{country!r}",
            why="代码是 ISO 3166 的两个字母，如 CN、UA；日历来自 holidays 库",
            then='查看全部代码：python -c "import holidays; print(*holidays.list_supported_countries())"',
        ) from None


def _library_notices(country: str) -> set[int]:
    """Return the years whose notice the library knows; empty for a country without yearly notices."""
    if country != "CN":
        return set()
    from holidays.countries.china import ChinaStaticHolidays  # after the library itself, see above

    return set(ChinaStaticHolidays.special_public_holidays)


def _weekdays(library: HolidayBase, first: date, length: int) -> bytes:
    """Return one byte per day, 0 on the weekly days of rest."""
    from holidays import HolidayBase as Plain

    if type(library)._get_weekend is Plain._get_weekend:
        week = bytes((first + day * _DAY).weekday() not in library.weekend for day in range(7))
        return (week * (length // 7 + 1))[:length]
    # where the weekend itself was moved (SA, AE, …) or alternates (TW), ask for each day
    return bytes(not library.is_weekend(first + day * _DAY) for day in range(length))
