"""Turning lengths into moments: the counting rules of procurement law. 期限计算

The first day is excluded (87号令第85条, 民法典第201条); the last day ends at close of business or at
24:00 (民法典第203条); a period in days, months or years whose last day is a rest day runs to the next
worked day (87号令第85条, 94号令第42条); months and years end on the corresponding day, else at the
month's end (民法典第202条); hours and minutes run plain from the instant; backward periods and rung
offsets do not roll. All functions are pure; what lies outside the calendar raises ``OutsideCalendar``.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, date, datetime, timedelta

from engine.errors import BadInput
from engine.term import Ends, Length, Moment
from engine.workdays import WorkingCalendar

_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def due(
    anchor: datetime, limit: Length, ends: Ends, calendar: WorkingCalendar, *, roll: bool = True
) -> Moment:
    """Return the moment by which an act must be done, ``limit`` after ``anchor``.

    ``roll=False`` is the cautious reading of a rest day at the end (it does not prolong). The moment
    is provisional if any day from the anchor to the end rests on a year without a notice; hours and
    minutes never are, and have no ``ends``.
    """
    if limit.unit == "working days":
        start = calendar.day_of(anchor)
        day = calendar.add(start, limit.number)
    else:
        span = _span(limit)
        if span is not None:
            return _plain(anchor + span, calendar, provisional=False)
        start = calendar.day_of(anchor)
        day = _forward(start, limit)
        if roll:
            day = calendar.roll_forward(day)
    return Moment(day, _end_of(day, ends, calendar), ends, calendar.touches_provisional(start, day))


def due_on(day: date, ends: Ends, calendar: WorkingCalendar) -> Moment:
    """Return the end of an agreed day; it neither rolls nor depends on any notice."""
    return Moment(day, _end_of(day, ends, calendar), ends)


def earliest(
    anchor: datetime, limit: Length, calendar: WorkingCalendar, inclusive: bool = True, *, roll: bool = True
) -> datetime:
    """Return the first instant (UTC) at which the act is permitted that ``limit`` holds back.

    The act may fall on the last day of the period (``inclusive``: 20 days from D allow D+20, 政府采购法
    第35条), or only on the day after it. A last day that is a rest day rolls forward, unless the period is
    counted back from the act (``roll=False``). Hours and minutes end at their instant.
    """
    span = _span(limit)
    if span is not None:
        return anchor + span
    last = due(anchor, limit, "midnight", calendar, roll=roll)
    return calendar.start_of(last.day) if inclusive else last.instant


def latest_before(day: date, limit: Length, calendar: WorkingCalendar) -> date:
    """Return the last permitted day of an act that must be done ``limit`` before ``day``.

    ``day`` is excluded and nothing rolls: a later day would break the minimum (倒推). Raise
    ``BadInput`` for hours and minutes, which do not run back from a day.
    """
    if limit.unit == "working days":
        return calendar.subtract(day, limit.number)
    if _span(limit) is not None:
        raise BadInput(
            f"倒推期限不能用{limit.in_chinese()}",
            why="倒推从某一天往回数，只能按日、工作日、月、年计算",
            then="把流程文件里的期限改成 15 days 或 3 working days 这样的写法",
        )
    return _backward(day, limit)


def shift(moment: Moment, sign: int, offset: Length, calendar: WorkingCalendar) -> Moment:
    """Return ``moment`` moved by ``offset``, forward (``sign`` 1) or backward (-1).

    Days, months and years count from the moment's day and keep its ending: 24:00 stays 24:00, close
    of business that of the new day, a time of day (no ending) its local time. They do not roll.
    Hours and minutes move the instant and leave no ending.
    """
    span = _span(offset)
    if span is not None:
        return _plain(moment.instant + sign * span, calendar, provisional=moment.provisional)
    provisional = moment.provisional
    if offset.unit == "working days":
        move = calendar.add if sign > 0 else calendar.subtract
        day = move(moment.day, offset.number)
        provisional |= calendar.touches_provisional(min(day, moment.day), max(day, moment.day))
    else:
        day = _forward(moment.day, offset) if sign > 0 else _backward(moment.day, offset)
    if moment.ends is not None:
        return Moment(day, _end_of(day, moment.ends, calendar), moment.ends, provisional)
    local = moment.instant.astimezone(calendar.zone) + (day - moment.day)  # wall time, by the zone
    return Moment(day, local.astimezone(moment.instant.tzinfo), None, provisional)


def closing(moment: Moment, calendar: WorkingCalendar) -> Moment:
    """Return close of business on the moment's own day, even where that is a rest day."""
    return Moment(moment.day, calendar.close_of(moment.day), "close", moment.provisional)


def account(anchor: datetime, moment: Moment, calendar: WorkingCalendar) -> list[tuple[date, str, bool]]:
    """List what made the count differ from plain days: (day, name, worked), for people to check.

    Rest days after the anchor's day up to the due day (worked ``False``) and make-up days that
    count (``True``).
    """
    return [
        (day, calendar.name_of(day), worked)
        for day in calendar.days(calendar.day_of(anchor), moment.day)
        if not (worked := calendar.is_worked(day)) or calendar.is_adjusted(day)
    ]


def _end_of(day: date, ends: Ends, calendar: WorkingCalendar) -> datetime:
    return calendar.midnight_after(day) if ends == "midnight" else calendar.close_of(day)


def _plain(instant: datetime, calendar: WorkingCalendar, *, provisional: bool) -> Moment:
    # an instant of 24:00 belongs to the day that ends with it
    return Moment(calendar.day_of(instant - _TICK), instant, None, provisional)


def _span(limit: Length) -> timedelta | None:
    """Return the plain time of hours and minutes, ``None`` for lengths that count days."""
    if limit.unit == "hours":
        return timedelta(hours=limit.number)
    return timedelta(minutes=limit.number) if limit.unit == "minutes" else None


def _forward(day: date, limit: Length) -> date:
    if limit.unit == "days":
        return day + limit.number * _DAY
    return _by_months(day, limit.number * (12 if limit.unit == "years" else 1))


def _backward(day: date, limit: Length) -> date:
    if limit.unit == "days":
        return day - limit.number * _DAY
    return _by_months(day, -limit.number * (12 if limit.unit == "years" else 1))


def earlier(day: date, limit: Length) -> date:
    """Return the day so many days, months or years before ``day``; raises ``BadInput`` for any other unit."""
    if limit.unit not in ("days", "months", "years"):
        raise BadInput(
            f"这里不能用{limit.in_chinese()}",
            why="只按日、月、年往回数",
            then="写成 180 days、6 months 或 1 year",
        )
    return _backward(day, limit)


def _by_months(day: date, months: int) -> date:
    """Return the corresponding day so many months on or back, else that month's end (民法典第202条)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= MAXYEAR:
        return date.max if months > 0 else date.min  # outside every calendar, which then says so
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
