"""The pages around terms and rules: ladders, tables of amounts, local profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from commands import book_clock as clocks
from commands.book_words import (
    GROUND_HEADS,
    Links,
    bullets,
    code,
    ground_cells,
    heading,
    joined,
    plain,
    remark_lines,
    section,
    since,
    table,
)
from commands.law_page import value_words
from commands.printing import money
from commands.words import CHANNELS, MOMENT_WORDS, roles
from engine.comparing import entry
from engine.crossing import action_titles, clocks_on, rules_on_table
from engine.lawbook import own_promises, spans
from engine.remarks import remarks
from engine.thresholds import ANY, COUNTRY, OBJECTS, TIER_NAMES, ThresholdTable
from engine.title import Title
from engine.workflow import Bundle, LadderDef, ProfileDef, Rung, TextDef

_MOMENTS = (
    "“督办所依的时限”由地方方案指定：承诺时限、约定期限或者法定期限。"
    "计时没有某个时限的（例如没有承诺），挂在它上面的各级不排。"
)


def ladder_book_page(ladder: LadderDef, bundle: Bundle, texts: Mapping[str, TextDef]) -> str:
    """Return the page of a ladder: its rungs in order, and the clocks that hang on it."""
    links = Links(bundle)
    alike: dict[tuple[str, str], list[str]] = {}
    for workflow, clock in clocks_on(bundle, ladder):
        row = (plain(clock.title.zh), links.term(bundle.terms[clock.term]))
        alike.setdefault(row, []).append(links.workflow(workflow))
    used = [(title, term, "、".join(flows)) for (title, term), flows in alike.items()]
    rows = [_rung(rung, bundle, texts, links) for rung in ladder.rungs]
    return joined(
        [
            heading(Title(f"督办规则 {ladder.name}")),
            remark_lines(remarks(bundle.files.get(ladder.file, ""))),
            section(
                "各级",
                table(("级", "做什么", "何时", "告知", "渠道", "文案", "此外"), rows) + f"\n\n{_MOMENTS}",
            ),
            section("用它的计时", table(("计时", "期限", "流程"), used) if used else "没有计时用它。"),
            f"文件：{code(f'workflows/{ladder.file}')}。{links.home()}",
        ]
    )


def _rung(rung: Rung, bundle: Bundle, texts: Mapping[str, TextDef], links: Links) -> tuple[str, ...]:
    more = []
    if rung.opens:
        more.append(f"开出：{links.named(rung.opens)}")
    if rung.action:
        more.append(plain(f"无人办理的，自动办理：{'、'.join(action_titles(rung.action, bundle))}"))
    if rung.switch:
        more.append(f"只在方案打开 {code(rung.switch)} 时")
    if rung.at_top:
        more.append(f"没有上一级的，改发文案 {code(rung.at_top)}")
    text = texts.get(rung.message)
    said = f"{plain(text.subject)}\n" if text is not None else ""
    return (
        code(rung.name),
        clocks.rung_does(rung),
        plain(clocks.rung_at(rung)),
        roles(rung.tells, "zh"),
        "、".join(CHANNELS[channel][0] for channel in rung.via),
        f"{said}{code(rung.message)}" if rung.message else "",
        "\n".join(more),
    )


def threshold_book_page(found: ThresholdTable, bundle: Bundle) -> str:
    """Return the page of a table of amounts."""
    links = Links(bundle)
    rows = [
        (
            "全国" if row.place == COUNTRY else row.place,
            TIER_NAMES[row.tier] if row.tier else "各级",
            "不分" if row.object == ANY else OBJECTS[row.object],
            money(row.amount),
            since(row.since),
            row.until or "",
            *ground_cells(row.ground),
        )
        for row in found.rows
    ]
    heads = ("行政区划", "预算单位", "标的", "数额", "从", "到", *GROUND_HEADS)
    return joined(
        [
            heading(found.title),
            remark_lines(remarks(bundle.files.get(found.file, ""))),
            "先找县区的行，再找市、省、全国；没有录入的，规则写明未判断、该补哪一行。",
            section("数额", table(heads, rows)),
            section(
                "用它的规则",
                bullets(links.rule(rule) for rule in rules_on_table(bundle, found)) or "没有规则用它。",
            ),
            f"文件：{code(f'workflows/{found.file}')}。{links.home()}",
        ]
    )


def profile_book_page(profile: ProfileDef, bundle: Bundle) -> str:
    """Return the page of a local profile: what it says itself; what it takes over stands with its base."""
    links = Links(bundle)
    return joined(
        [
            heading(profile.title),
            remark_lines(remarks(bundle.files.get(profile.file, ""))),
            f"说明：{plain(profile.note)}" if profile.note else "",
            bullets(_settings(profile, bundle, links)),
            section("承诺时限", _promised(profile, bundle, links)),
            section("只在本方案走的计时", _own_clocks(profile, bundle, links)),
            f"文件：{code(f'workflows/{profile.file}')}，名称 {code(profile.name)}。{links.home()}",
        ]
    )


def _settings(profile: ProfileDef, bundle: Bundle, links: Links) -> Iterator[str]:
    if profile.extends:
        yield f"在{links.profile(bundle.profiles[profile.extends])}之上：这里没有写的照它"
    yield f"督办以{MOMENT_WORDS[profile.refers_on][0]}为准"
    if profile.record_back is not None:
        yield f"补录超过{profile.record_back.in_chinese()}的，须有附件和第二人确认"
    if profile.switches:
        yield f"打开：{'、'.join(map(code, sorted(profile.switches)))}"


def _promised(profile: ProfileDef, bundle: Bundle, links: Links) -> str:
    rows = []
    for key, promised in own_promises(bundle, profile):
        about = entry(bundle, key)
        for value, until in spans(promised):
            limit = value.value.limit if value.value is not None else None
            rows.append(
                (
                    plain(f"{about.workflow.zh}：{about.clock.title.zh}"),
                    links.term(about.term),
                    value_words(limit, "zh"),
                    since(value.since),
                    until or "",
                    *ground_cells(value.ground),
                )
            )
    heads = ("计时", "期限", "承诺", "从", "到", *GROUND_HEADS)
    return table(heads, rows) if rows else "没有承诺：法定期限照常计算。"


def _own_clocks(profile: ProfileDef, bundle: Bundle, links: Links) -> str:
    rows = []
    for name, clock in profile.clocks:
        about = entry(bundle, f"{name}.{clock.name}")
        alike = [w for w in bundle.workflows.values() if name in (w.name, w.tier) and clock.name in w.clocks]
        flow = alike[0]
        rows.append(
            (
                plain(about.clock.title.zh),
                "、".join(map(links.workflow, alike)),
                clocks.starts_in_words(flow, clock),
                clocks.ends_in_words(flow, clock, bundle),
                clocks.besides(flow, clock, bundle),
                clocks.ladder_link(clock, links),
            )
        )
    return table(("计时", "流程", "起算", "止点", "条件和例外", "督办规则"), rows) if rows else ""
