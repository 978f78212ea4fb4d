"""One recurring duty on a page: whose it is, how often, by when, by which article, and where it holds."""

from __future__ import annotations

from typing import Any

from commands.clock_page import CONFIDENCES
from commands.printing import pick, table
from commands.words import length_words, role, word
from engine.lawbook import every
from engine.recurrence import DutyDef, PeriodDay
from engine.workflow import Bundle


def duty_as_data(duty: DutyDef, bundle: Bundle) -> dict[str, Any]:
    """Return everything that ``duty_page`` shows, for JSON."""
    ground = duty.ground
    return {
        "what": "duty",
        "code": duty.code,
        "name": duty.name,
        "title": {"zh": duty.title.zh, "en": duty.title.en},
        "file": duty.file,
        "workflow": duty.workflow,
        "role": duty.role,
        "every": every(duty),
        "opens": period_day(duty.opens, "en"),
        "due": period_day(duty.due, "en"),
        "previous": duty.previous,
        "from": duty.since,
        "until": duty.until,
        "switch": duty.switch or None,
        "profiles": profiles_of(duty, bundle) if duty.switch else None,
        "basis": ground.basis,
        "checked_on": ground.checked_on,
        "confidence": ground.confidence,
        "note": ground.note or None,
    }


def duty_page(duty: DutyDef, bundle: Bundle, lang: str) -> str:
    """Lay a recurring duty out for a person who checks it against the text of the law."""
    ground = duty.ground
    where = pick(lang, "各地", "everywhere")
    if duty.switch:
        names = pick(lang, "、", ", ").join(profiles_of(duty, bundle)) or pick(lang, "（没有）", "(none)")
        where = pick(lang, f"只在这些方案的地方：{names}", f"only where the profile is: {names}")
    lines: list[tuple[str, object]] = [
        (pick(lang, "名称", "name"), duty.name),
        (pick(lang, "谁的事", "whose"), role(duty.role, lang)),
        (pick(lang, "周期", "how often"), repeated(duty, lang)),
        (pick(lang, "开出", "opens"), period_day(duty.opens, lang)),
        (pick(lang, "办的是", "about"), about(duty, lang)),
        (pick(lang, "何处", "where"), where),
        (pick(lang, "生效日", "from"), duty.since),
        (pick(lang, "流程", "workflow"), bundle.workflows[duty.workflow].title.in_(lang)),
        (pick(lang, "依据", "basis"), ground.basis),
        (pick(lang, "核对", "checked"), f"{ground.checked_on}  {word(CONFIDENCES, ground.confidence, lang)}"),
        (pick(lang, "文件", "file"), duty.file),
    ]
    lines += [(pick(lang, "说明", "note"), ground.note)] if ground.note else []
    return table(lines, (duty.code, duty.title.in_(lang)))


def repeated(duty: DutyDef, lang: str) -> str:
    """Say how often and by when: ``每1年一次，3月31日24时止``."""
    length, day = length_words(every(duty), lang), period_day(duty.due, lang)
    return pick(lang, f"每{length}一次，{day}24时止", f"every {length}, by the end of the {day}")


def about(duty: DutyDef, lang: str) -> str:
    """Say which period the work is about."""
    if duty.previous:
        return pick(lang, "上一周期", "the period before")
    return pick(lang, "本周期", "the period itself")


def period_day(day: PeriodDay, lang: str) -> str:
    """Name a day of a period."""
    if day.month:
        return pick(lang, f"{day.month}月{day.number}日", f"{day.month:02d}-{day.number:02d}")
    if day.number == 0:
        return pick(lang, "周期最后一日", "last day")
    if day.number == 1:
        return pick(lang, "周期第一日", "first day")
    return pick(lang, f"周期第{day.number}日", f"day {day.number}")


def profiles_of(duty: DutyDef, bundle: Bundle) -> list[str]:
    """Return the profiles that switch a local duty on."""
    return sorted(name for name, profile in bundle.profiles.items() if duty.switch in profile.switches)
