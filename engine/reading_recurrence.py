"""One file of `recurring/` as a `DutyDef`: its shape only; what it refers to is checked by `findings`. 周期性工作"""

from __future__ import annotations

from engine.errors import BadInput
from engine.reading_form import Form, check_name, read_code
from engine.recurrence import PERIODS, YEAR, DutyDef, PeriodDay, read_period_day
from engine.term import read_length
from engine.yamlfile import Faults, Map

_DAYS = "first day、day 10、last day，或（每年的）03-31"
_EVERY = "1 month、3 months、6 months、1 year、3 years"
_MOST_YEARS = 10


def read_duty(tree: Map, file: str, faults: Faults) -> DutyDef:
    """Read a recurring duty; faults of shape are noted and stand for a default."""
    form = Form(tree, file, faults, "周期性工作")
    name = form.text("duty", required=True)
    if name:
        check_name(name, form.line("duty"), file, faults, "周期性工作")
        form.where = f"周期性工作 {name}"
    code, title = read_code(form, "code"), form.title()
    months = _months(form)
    duty = DutyDef(
        name=name,
        code=code,
        title=title,
        workflow=form.text("workflow", "workflow: unit_duty", required=True),
        role=form.text("role", "role: officer", required=True),
        months=months,
        opens=_day(form, "opens", months),
        due=_day(form, "due", months),
        previous=form.flag("previous"),
        since=form.day("from"),
        until=form.day("until"),
        switch=form.switch(),
        ground=form.ground(),
        file=file,
    )
    if duty.since is not None and duty.until is not None and duty.until < duty.since:
        form.fault(form.line("until"), f"until {duty.until} 早于 from {duty.since}", "until 不早于 from")
    if months > YEAR and duty.since is None:
        form.fault(form.line("every"), "几年一次的，要写明从哪一年数起", "from: 2026-01-01")
    form.done()
    return duty


def _months(form: Form) -> int:
    text = form.text("every", "every: 1 year", required=True)
    if not text:
        return YEAR
    try:
        length = read_length(text)
    except BadInput:
        form.fault(form.line("every"), f"every 不是期限：{text}", _EVERY)
        return YEAR
    if length.unit == "months" and length.number in PERIODS:
        return length.number
    if length.unit == "years" and 1 <= length.number <= _MOST_YEARS:
        return length.number * YEAR
    form.fault(form.line("every"), f"every 不能是 {length}", _EVERY)
    return YEAR


def _day(form: Form, key: str, months: int) -> PeriodDay:
    text = form.text(key, f"{key}: last day", required=True)
    day = read_period_day(text)
    if text and day is None:
        form.fault(form.line(key), f"看不懂的日子 {text}", _DAYS)
    elif day is not None and day.month and months != YEAR:
        form.fault(form.line(key), f"{key} {text}：只有每年一次的可以写月和日", "first day、day 10、last day")
    return day or PeriodDay(1)
