"""The page of a duty that comes back with the calendar: whose it is, how often, by when, where."""

from __future__ import annotations

from commands.book_words import (
    GROUND_HEADS,
    Links,
    bullets,
    code,
    ground_cells,
    heading,
    joined,
    remark_lines,
    section,
    since,
    table,
)
from commands.law_duty import about, period_day, profiles_of, repeated
from commands.words import role
from engine.recurrence import DutyDef
from engine.remarks import remarks
from engine.workflow import Bundle


def duty_book_page(duty: DutyDef, bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle)
    where = "各地"
    if duty.switch:
        named = "、".join(links.profile(bundle.profiles[name]) for name in profiles_of(duty, bundle))
        where = f"只在方案打开 {code(duty.switch)} 的地方：{named or '现在没有'}"
    ends = f"，到 {duty.until} 为止" if duty.until else ""
    lines = [
        f"谁的事：{role(duty.role, 'zh')}",
        f"周期：{repeated(duty, 'zh')}；{period_day(duty.opens, 'zh')}开出",
        f"办的是：{about(duty, 'zh')}",
        f"何处：{where}",
        f"流程：{links.workflow(bundle.workflows[duty.workflow])}",
    ]
    rows = [(f"{since(duty.since)}{ends}", *ground_cells(duty.ground))]
    return joined(
        [
            heading(duty.title, duty.code),
            remark_lines(remarks(bundle.files.get(duty.file, ""))),
            bullets(lines),
            section("依据", table(("生效日", *GROUND_HEADS), rows)),
            f"文件：{code(f'workflows/{duty.file}')}。{links.home()}",
        ]
    )
