"""Reading the law: where a term or a rule stands, who uses it, what speaks of it, what must be checked. 查法

Everything here is looked up in a bundle; nothing is judged and nothing is counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeVar

from engine.checklist import ChecklistDef
from engine.counting import earlier
from engine.errors import BadInput, NotFound
from engine.law import Confidence, Dated, Ground, Value
from engine.recurrence import YEAR, DutyDef
from engine.ruling import RuleDef
from engine.sensitive import plainly
from engine.term import Length
from engine.thresholds import ANY, COUNTRY, OBJECTS, TIER_NAMES, ThresholdTable
from engine.title import Title
from engine.workflow import ActionDef, Bundle, ClockDef, ProfileDef, Promise, TermDef, WorkflowDef

Kind = Literal[
    "term", "extension", "promise", "rule", "parameter", "override", "checklist", "threshold", "words", "duty",
]  # fmt: skip
DOUBTS: tuple[Confidence, ...] = ("to verify", "fairly sure", "sure")
"""The order in which people check: what is least sure goes first. 把握"""
A_YEAR = Length(1, "years")
"""A number that nobody has compared for longer is due (not law, the house's habit)."""
_NEAR = 3

Entry = TermDef | RuleDef | ChecklistDef | DutyDef
"""What may be looked up by its number: a term, a rule, a duty that comes back."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Use:
    """A clock that counts a term, or an action with a window of that length, in a workflow."""

    workflow: WorkflowDef
    clock: ClockDef | None = None
    window: ActionDef | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """What a profile says itself, and does not take over, about a clock that counts the term. 地方做法"""

    profile: ProfileDef
    key: str
    clock: ClockDef
    promised: Value[Promise]
    until: date | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a rule is asked or a list is signed: at an action of a workflow, or (``None``) when a matter is opened."""

    workflow: WorkflowDef
    action: ActionDef | None


@dataclass(frozen=True, slots=True)
class Number:
    """One entry with a ground of its own, and the file in which it stands.

    ``code`` is that of the term or rule, else the name of the profile, table or list; ``at`` says which of
    its entries is meant (a clock, a parameter, a place), ``part`` the same in words. Amounts are in fen.
    """

    kind: Kind
    code: str
    title: Title
    at: str
    part: Title
    value: Length | int | None
    since: date | None
    ground: Ground
    file: str


def find(bundle: Bundle, wanted: str) -> list[Entry]:
    """Return the terms, rules, lists of reviews and recurring duties with this code, name or title, in any case of letters.

    Two terms may share a code (D54: the same article for two acts). Raises ``NotFound`` with the nearest ones.
    """
    called = {id(entry): entry for entry in _entries(bundle)}
    names = [(name, entry) for entry in called.values() for name in _names(entry)]
    plain = plainly(wanted)
    hits = {id(entry) for name, entry in names if plain and plainly(name) == plain}
    if hits:
        return [entry for key, entry in called.items() if key in hits]
    by_plain = {plainly(name): name for name, _ in names}
    near = [by_plain[name] for name in difflib.get_close_matches(plain, by_plain, _NEAR)]
    raise NotFound(
        f"没有编号或名称为 {wanted} 的期限、规则、审查清单或周期性工作",
        then=f"相近的：{'、'.join(near)}" if near else "用 yiriban law search 按字词检索",
    )


def uses(bundle: Bundle, term: TermDef) -> Iterator[Use]:
    """Walk the clocks that count the term, and the windows of that length."""
    for workflow in bundle.workflows.values():
        for clock in workflow.clocks.values():
            if clock.term == term.name:
                yield Use(workflow, clock=clock)
        for action in workflow.actions.values():
            if action.window is not None and action.window.term == term.name:
                yield Use(workflow, window=action)


def local_values(bundle: Bundle, term: TermDef) -> Iterator[Local]:
    """Walk what profiles promise for the clocks of the term, each said where it is written."""
    for profile in bundle.profiles.values():
        for key, promised in own_promises(bundle, profile):
            clock = _clock(bundle, key)
            if clock is not None and clock.term == term.name:
                for value, until in spans(promised):
                    yield Local(profile, key, clock, value, until)


def own_promises(bundle: Bundle, profile: ProfileDef) -> Iterator[tuple[str, Dated[Promise]]]:
    """Walk the promises of a profile that are not those of the one that it builds upon."""
    base = bundle.profiles.get(profile.extends)
    for key, promised in profile.promises.items():
        if base is None or base.promises.get(key) != promised:
            yield key, promised


def asked_at(bundle: Bundle, entry: RuleDef | ChecklistDef) -> Iterator[Asked]:
    """Walk the openings and actions at which a rule is asked, or a list is signed."""
    for workflow in bundle.workflows.values():
        if entry.code in workflow.rules:
            yield Asked(workflow, None)
        for action in workflow.actions.values():
            if entry.code in (*action.rules, *action.checklists):
                yield Asked(workflow, action)


def spans(dated: Dated[T]) -> list[tuple[Value[T], date | None]]:
    """Return each value with its last day in force; ``None`` for the one that still holds."""
    values = list(dated)
    ends = [after.since - timedelta(days=1) if after.since else None for after in values[1:]]
    return list(zip(values, [*ends, *[None] * bool(values)], strict=True))


def search(bundle: Bundle, words: Sequence[str]) -> list[Entry]:
    """Return the terms, rules and recurring duties in which every word occurs, by code; width, case and gaps do not matter.

    Looked at are the whole text of the file, what it says, and its lengths as an article writes them.
    Raises ``BadInput`` where no word is left.
    """
    wanted = [plain for word in words if (plain := plainly(word))]
    if not wanted:
        raise BadInput("没有写要查的字词", then="例如：yiriban law search 合同 公告")
    texts = [(entry, _text(bundle, entry)) for entry in _entries(bundle)]
    found = [entry for entry, text in texts if all(word in text for word in wanted)]
    return sorted(found, key=lambda e: (e.code, e.title.zh))


def numbers(bundle: Bundle) -> Iterator[Number]:
    """Walk every entry of the law that has a ground, each once and where it is written."""
    for term in bundle.terms.values():
        yield from _of_term(term)
    for profile in bundle.profiles.values():
        yield from _of_profile(bundle, profile)
    for rule in bundle.rules.values():
        yield from _of_rule(rule)
    yield from map(_of_checklist, bundle.checklists.values())
    for table in bundle.thresholds.values():
        yield from _of_table(table)
    for words in bundle.words.values():
        whole = Title("整个词表", "the whole list")
        yield Number("words", words.name, words.title, "", whole, None, None, words.ground, words.file)
    for duty in bundle.duties.values():
        yield _of_duty(duty)


def due(
    bundle: Bundle, today: date, *, unverified: bool = False, older_than: Length = A_YEAR
) -> dict[Confidence, list[Number]]:
    """Return what must be compared with its text again, by confidence, what was checked longest ago first.

    That is what was checked longer than ``older_than`` before ``today`` (on the very day it is not yet due) or
    never, and with ``unverified`` also whatever is not sure. Raises ``BadInput`` for a length in working days.
    """
    limit = earlier(today, older_than)
    found: dict[Confidence, list[Number]] = {}
    for number in numbers(bundle):
        checked, confidence = number.ground.checked_on, number.ground.confidence
        if checked is None or checked < limit or (unverified and confidence != "sure"):
            found.setdefault(confidence, []).append(number)
    for group in found.values():
        group.sort(key=lambda n: (n.ground.checked_on or date.min, n.file, n.code, n.at))
    return {confidence: found[confidence] for confidence in DOUBTS if confidence in found}


def _entries(bundle: Bundle) -> Iterator[Entry]:
    yield from bundle.terms.values()
    yield from bundle.rules.values()
    yield from bundle.checklists.values()
    yield from bundle.duties.values()


def _names(entry: Entry) -> Iterator[str]:
    """Walk what people may call it by: code, name, titles."""
    yield entry.code
    if not isinstance(entry, RuleDef):
        yield entry.name
    yield from (title for title in (entry.title.zh, entry.title.en) if title)


def _text(bundle: Bundle, entry: Entry) -> str:
    """Return all that may be searched: what stands in the file holds notes, articles, remedies, comments too."""
    own = list(_of_entry(entry))
    said = [text for n in own for text in (n.ground.basis, n.ground.note, _in_words(n.value))]
    # a sign between the pieces that no word can hold: none is found across two of them
    return "\x00".join(map(plainly, [*_names(entry), *said, bundle.files.get(entry.file, "")]))


def _of_entry(entry: Entry) -> Iterator[Number]:
    if isinstance(entry, TermDef):
        return _of_term(entry)
    if isinstance(entry, RuleDef):
        return _of_rule(entry)
    return iter((_of_duty(entry) if isinstance(entry, DutyDef) else _of_checklist(entry),))


def _of_checklist(checklist: ChecklistDef) -> Number:
    whole = Title("审查清单", "what a review looks at")
    ground, file = checklist.ground, checklist.file
    return Number("checklist", checklist.name, checklist.title, "", whole, None, None, ground, file)


def every(duty: DutyDef) -> Length:
    """Return how often a duty comes back."""
    years, months = divmod(duty.months, YEAR)
    return Length(months, "months") if months else Length(years, "years")


def _of_duty(duty: DutyDef) -> Number:
    whole = Title("每隔", "every")
    return Number("duty", duty.code, duty.title, "", whole, every(duty), duty.since, duty.ground, duty.file)


def _in_words(value: Length | int | None) -> str:
    return value.in_chinese() if isinstance(value, Length) else ""


def _clock(bundle: Bundle, key: str) -> ClockDef | None:
    """Return the clock that ``workflow.clock`` or ``tier.clock`` means, the first of a tier that has it."""
    above, _, name = key.partition(".")
    alike = [w for w in bundle.workflows.values() if above in (w.name, w.tier)]
    return next((w.clocks[name] for w in alike if name in w.clocks), None)


def _of_term(term: TermDef) -> Iterator[Number]:
    for value in term.statutory:
        whole = Title("法定期限", "statutory limit")
        yield Number(
            "term", term.code, term.title, "", whole, value.value, value.since, value.ground, term.file
        )
    if term.extend is not None:
        part, ground = Title("延期至多", "extension at most"), term.extend.ground
        yield Number(
            "extension", term.code, term.title, "extend", part, term.extend.most, None, ground, term.file
        )


def _of_profile(bundle: Bundle, profile: ProfileDef) -> Iterator[Number]:
    for key, promised in own_promises(bundle, profile):
        clock = _clock(bundle, key)
        part = clock.title if clock is not None else Title(key)
        for value in promised:
            limit = None if value.value is None else value.value.limit
            yield Number(
                "promise",
                profile.name,
                profile.title,
                key,
                part,
                limit,
                value.since,
                value.ground,
                profile.file,
            )


def _of_rule(rule: RuleDef) -> Iterator[Number]:
    whole = Title("规则本身", "the rule itself")
    yield Number("rule", rule.code, rule.title, "", whole, None, rule.since, rule.ground, rule.file)
    for name, dated in rule.params.items():
        part = Title(f"参数 {name}", f"parameter {name}")
        for value in dated:
            yield Number(
                "parameter",
                rule.code,
                rule.title,
                name,
                part,
                value.value,
                value.since,
                value.ground,
                rule.file,
            )
    if rule.override is not None:
        part, ground = Title("例外有效期", "override lasts"), rule.override.ground
        yield Number(
            "override", rule.code, rule.title, "override", part, rule.override.lasts, None, ground, rule.file
        )


def _of_table(table: ThresholdTable) -> Iterator[Number]:
    """Walk the entries of the file: one may name several levels and objects, and is checked once."""
    for item in sorted({row.item for row in table.rows}):
        rows = [row for row in table.rows if row.item == item]
        tiers = list(dict.fromkeys(row.tier for row in rows if row.tier is not None))
        objects = list(dict.fromkeys(row.object for row in rows if row.object != ANY))
        row = rows[0]
        place = "全国" if row.place == COUNTRY else row.place
        zh = _joined([place], [TIER_NAMES[t] for t in tiers], [OBJECTS[o] for o in objects], comma="、")
        en = _joined([row.place], tiers, objects, comma=", ")
        at = _joined([row.place], tiers, objects, comma=",")
        part = Title(zh, en)
        yield Number(
            "threshold", table.name, table.title, at, part, row.amount, row.since, row.ground, table.file
        )


def _joined(*lists: Iterable[str], comma: str) -> str:
    return " ".join(text for names in lists if (text := comma.join(names)))
