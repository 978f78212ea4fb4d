"""The page that leads to all others: workflows, terms and rules by stage, and what nobody has verified yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from commands.book_names import tier_title
from commands.book_words import Links, bullets, joined, plain, section, sure, table
from commands.law_page import value_words
from commands.words import SEVERITIES
from engine.law import Ground
from engine.lawbook import DOUBTS, local_values, numbers, spans, uses
from engine.remarks import remarks
from engine.ruling import RuleDef
from engine.workflow import Bundle, LadderDef, TermDef, WorkflowDef

_INTRO = """# 录入的法律：流程、期限、规则

这里把程序所依据的文件逐条写成可以读的页面，供懂业务、懂条文的人核对：每个流程、期限、规则各一页，互相链接。
页面由文件自动写成，不在这里改；发现错了，改 `workflows/` 里的文件，再运行 `yiriban law pages`。

标着 **⚠ 待核对** 的，还没有人与原文核实过；以条文原文为准。

English: one page for each workflow, term and rule as modelled, written from the files; titles carry the English name."""
_CASES, _ABOUT = "督办和预警", "质疑、投诉、监管等（针对其他事项）"


@dataclass(slots=True)
class Stage:
    """A stretch of the way, with what belongs there; a term stands where it is used first."""

    title: str
    workflows: list[WorkflowDef] = field(default_factory=list)
    terms: list[TermDef] = field(default_factory=list)
    rules: list[RuleDef] = field(default_factory=list)


def index_page(bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle, "")
    return joined(
        [
            _INTRO,
            _confidence(bundle),
            *(_stage(stage, bundle, links) for stage in stages(bundle)),
            section("督办规则", bullets(_ladder(one, bundle, links) for one in bundle.ladders.values())),
            section(
                "周期性工作", bullets(map(links.duty, sorted(bundle.duties.values(), key=lambda d: d.code)))
            ),
            section("审查清单", bullets(map(links.checklist, bundle.checklists.values()))),
            section("门槛表", bullets(map(links.threshold, bundle.thresholds.values()))),
            section("地方时限方案", bullets(map(links.profile, bundle.profiles.values()))),
        ]
    )


def stages(bundle: Bundle) -> list[Stage]:
    """Return the stages from the project downwards, then what is about other matters, then cases."""
    found: dict[str, Stage] = {}
    for workflow in _downwards(bundle):
        title = _stage_of(bundle, workflow)
        found.setdefault(title, Stage(title)).workflows.append(workflow)
    order = [title for title in found if title not in (_ABOUT, _CASES)] + [_ABOUT, _CASES]
    own = {w.name: found[title] for title in order if title in found for w in found[title].workflows}
    for term in _by_code(bundle.terms.values()):
        stage = min((order.index(own[use.workflow.name].title) for use in uses(bundle, term)), default=None)
        title = "没有流程使用的期限" if stage is None else order[stage]
        found.setdefault(title, Stage(title)).terms.append(term)
    for rule in sorted(bundle.rules.values(), key=lambda rule: rule.code):
        own[rule.workflow].rules.append(rule)
    return [found[title] for title in dict.fromkeys([*order, *found]) if title in found]


def _downwards(bundle: Bundle) -> Iterator[WorkflowDef]:
    """Walk the workflows: what is part of nothing first, then its parts, level by level."""
    ranks = {w.name: _depth(bundle, w) for w in bundle.workflows.values()}
    yield from sorted(bundle.workflows.values(), key=lambda w: (ranks[w.name], w.aside, w.tier, w.name))


def _depth(bundle: Bundle, workflow: WorkflowDef) -> int:
    depth = 0
    while workflow.part_of:
        depth += 1
        workflow = _first(bundle, workflow.part_of)
    return depth


def _first(bundle: Bundle, name: str) -> WorkflowDef:
    return bundle.workflows.get(name) or next(w for w in bundle.workflows.values() if w.tier == name)


def _stage_of(bundle: Bundle, workflow: WorkflowDef) -> str:
    """Name the stage: a tier of the way itself, or one of the two lists of what stands beside it."""
    if workflow in bundle.case_workflows:
        return _CASES
    above = workflow
    while above.part_of:
        above = _first(bundle, above.part_of)
    return _ABOUT if above.about else tier_title(bundle, workflow.tier)


def _stage(stage: Stage, bundle: Bundle, links: Links) -> str:
    flows = [
        (links.workflow(w), len(w.states), len(w.actions), len(w.clocks) or "", plain(w.title.en))
        for w in stage.workflows
    ]
    terms = [
        (links.term(t), _last(t), _grounds([v.ground for v in t.statutory]), _sure(t, bundle))
        for t in stage.terms
    ]
    rules = [
        (links.rule(r), SEVERITIES[r.severity][0], plain(r.ground.basis), sure(r.ground.confidence))
        for r in stage.rules
    ]
    parts = [
        table(("流程", "状态", "操作", "计时", "English"), flows) if flows else "",
        table(("期限", "法定期限", "依据", "把握"), terms) if terms else "",
        table(("规则", "处置", "依据", "把握"), rules) if rules else "",
    ]
    return section(stage.title, "\n\n".join(filter(None, parts)))


def _ladder(ladder: LadderDef, bundle: Bundle, links: Links) -> str:
    """Link to a ladder, with the first sentence that its authors say about it."""
    said = "".join(remarks(bundle.files.get(ladder.file, ""))[:1]).partition("。")[0]
    return links.ladder(ladder) + (f"：{plain(said)}" if said else "")


def _last(term: TermDef) -> str:
    """The latest statutory value, with the day from which it holds where it was not always so."""
    values = spans(term.statutory)
    if not values:
        return "没有全国的天数"
    last = values[-1][0]
    since = f"（{last.since} 起）" if last.since and len(values) > 1 else ""
    least = "" if term.kind == "max" else "至多提前" if term.ahead else "不少于"
    return f"{least}{value_words(last.value, 'zh')}{since}"


def _grounds(grounds: Iterable[Ground]) -> str:
    last = list(grounds)[-1:]
    return plain(last[0].basis) if last else ""


def _sure(term: TermDef, bundle: Bundle) -> str:
    """How sure we are of the least sure value; without a statutory one, of what profiles promise."""
    grounds = [value.ground for value in term.statutory]
    grounds = grounds or [own.promised.ground for own in local_values(bundle, term)]
    known = {ground.confidence for ground in grounds}
    return next((sure(doubt) for doubt in DOUBTS if doubt in known), "")


def _confidence(bundle: Bundle) -> str:
    """Count the numbers by how sure we are of them."""
    counts = Counter(number.ground.confidence for number in numbers(bundle))
    said = "，".join(f"{sure(doubt)} {counts[doubt]} 项" for doubt in reversed(DOUBTS) if counts[doubt])
    return f"有依据的数值和规则共 {counts.total()} 项：{said}。哪些该核对，用 `yiriban law due --unverified` 列出。"


def _by_code(terms: Iterable[TermDef]) -> list[TermDef]:
    return sorted(terms, key=lambda term: (term.code, term.name))
