"""The page of a term: what it counts from, what ends it, how long by which article, who promises less, who warns."""

from __future__ import annotations

from collections.abc import Iterator

from commands import book_clock as said
from commands.book_words import (
    GROUND_HEADS,
    Links,
    bullets,
    code,
    dated_table,
    ground_cells,
    heading,
    joined,
    plain,
    remark_lines,
    section,
    since,
    table,
)
from commands.law_page import kind_of, value_words
from commands.words import CHANNELS, roles
from engine.crossing import action_titles, rules_beside, rules_naming
from engine.law import Dated, Value
from engine.lawbook import Use, local_values, uses
from engine.remarks import everywhere
from engine.ruling import RuleDef
from engine.workflow import Bundle, LadderDef, TermDef, WorkflowDef

_KINDS = {
    "max": "最长期限：到期以前须办完。",
    "min": "最短期限：期满以前不得办理，最后一天即可以办。",
    "backward": "最短期限，倒推：从受约束的那一天往前数，当日不计，最后一天不顺延。",
    "whole": "最短期限：最后一天也在期内，期满的次日才可以办。",
    "ahead": "最早的时间：不得早于起算的那一天以前这么久。",
}
_ENDS = {"close": "最后一天到下班时间为止。", "midnight": "最后一天到 24:00 为止。"}
_FORWARD = ("max", "min", "whole")
_LOUD = ("warn", "open", "act")


def term_book_page(term: TermDef, bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle)
    used = list(uses(bundle, term))
    return joined(
        [
            heading(term.title, term.code),
            bullets(_counting(term, any(use.clock for use in used))),
            f"说明：{plain(term.note)}" if term.note else "",
            remark_lines(everywhere(bundle.files.get(term.file, ""))),
            section("法定期限", _statutory(term)),
            section("延期", _extension(term)),
            section("从何时起算，到何时为止", _clocks(used, bundle, links)),
            section("可以提出异议的期间", _windows(used, links)),
            section("地方方案的承诺", _promises(term, bundle, links)),
            section("谁提醒，谁预警", _ladders(used, bundle, links)),
            section("有关的规则", _rules(term, bundle, links)),
            f"文件：{code(f'workflows/{term.file}')}，名称 {code(term.name)}。{links.home()}",
        ]
    )


def _counting(term: TermDef, runs: bool) -> Iterator[str]:
    """Say how it is counted; ``runs``: a clock counts it, so that somebody must act or wait."""
    kind = kind_of(term)
    yield _KINDS[kind] if runs else "没有计时使用这个期限：只供查阅、推算最后一天，或者由规则引用。"
    units = {value.value.unit for value in term.statutory if value.value is not None}
    if units <= {"hours", "minutes"} and units:
        yield "按小时、分钟计的，从起算的那一刻起连续计算。"
        return
    if kind in _FORWARD:
        rolls = (
            "" if units == {"working days"} else "按日、月、年计的，最后一天是休息日的，顺延到下一个工作日。"
        )
        yield f"起算的当日不计，从次日数起；按工作日计的，休息日不计。{rolls}"
    if kind == "max":
        yield _ENDS[term.ends]


def _statutory(term: TermDef) -> str:
    if not list(term.statutory):
        return "全国没有法定的数值：由合同约定，或者由地方方案承诺。"
    return dated_table("期限", term.statutory)


def _extension(term: TermDef) -> str:
    if term.extend is None:
        return "没有法定的延期。承诺时限可以延，一人申请，另一人批准。" if term.kind == "max" else ""
    return dated_table("至多延长", Dated((Value(term.extend.most, term.extend.ground),)))


def _clocks(used: list[Use], bundle: Bundle, links: Links) -> str:
    """Lay out the clocks; workflows in which a clock says the same stand in one row."""
    alike: dict[tuple[str, ...], list[WorkflowDef]] = {}
    for use in used:
        if use.clock is not None:
            clock = use.clock
            row = (
                f"{plain(clock.title.zh)}\n{code(clock.name)}",
                said.starts_in_words(use.workflow, clock),
                said.ends_in_words(use.workflow, clock, bundle),
                said.besides(use.workflow, clock, bundle),
                said.ladder_link(clock, links),
            )
            alike.setdefault(row, []).append(use.workflow)
    rows = [(row[0], "、".join(map(links.workflow, flows)), *row[1:]) for row, flows in alike.items()]
    heads = ("计时", "流程", "起算", "止点", "条件和例外", "督办规则")
    return table(heads, rows) if rows else ""


def _windows(used: list[Use], links: Links) -> str:
    return bullets(
        f"{links.workflow(use.workflow)}：在“{plain(use.window.title.zh)}”时提示“{plain(use.window.window.title.zh)}”"
        for use in used
        if use.window is not None and use.window.window is not None
    )


def _promises(term: TermDef, bundle: Bundle, links: Links) -> str:
    rows = [
        (
            links.profile(own.profile),
            plain(own.clock.title.zh),
            value_words(own.promised.value.limit if own.promised.value else None, "zh"),
            since(own.promised.since),
            own.until or "",
            *ground_cells(own.promised.ground),
        )
        for own in local_values(bundle, term)
    ]
    return table(("方案", "计时", "承诺", "从", "到", *GROUND_HEADS), rows) if rows else ""


def _ladders(used: list[Use], bundle: Bundle, links: Links) -> str:
    """Name the ladders, each with what is more than a reminder: warnings, cases, what time itself does."""
    names = dict.fromkeys(use.clock.ladder for use in used if use.clock is not None and use.clock.ladder)
    return "\n\n".join(
        f"督办规则 {links.ladder(ladder)}：\n\n{bullets(_loud(ladder, bundle))}"
        for ladder in (bundle.ladders[name] for name in names)
    )


def _loud(ladder: LadderDef, bundle: Bundle) -> Iterator[str]:
    reminders = sum(rung.does == "remind" for rung in ladder.rungs)
    if reminders:
        yield f"提醒 {reminders} 次"
    for rung in ladder.rungs:
        if rung.does in _LOUD:
            acts = f"，办理“{'、'.join(action_titles(rung.action, bundle))}”" if rung.action else ""
            opened = f"，开出{bundle.workflows[rung.opens].title.zh}" if rung.opens else ""
            via = "、".join(CHANNELS[channel][0] for channel in rung.via)
            told = f"，告知{roles(rung.tells, 'zh')}（{via}）" if rung.tells else ""
            yield f"{said.rung_at(rung)}：{said.rung_does(rung)}{acts}{opened}{told}"


def _rules(term: TermDef, bundle: Bundle, links: Links) -> str:
    naming = rules_naming(bundle, term)
    beside = [rule for rule in rules_beside(bundle, term) if rule not in naming]
    return bullets([*_each(naming, "提到本期限", links), *_each(beside, "与本期限的止点同时核对", links)])


def _each(rules: list[RuleDef], why: str, links: Links) -> list[str]:
    return [f"{links.rule(rule)}：{why}" for rule in rules]
