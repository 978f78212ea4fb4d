"""A profile on a page, and two beside each other: every promise with its document, and the law beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from commands.clock_page import CONFIDENCES
from commands.printing import pick, table
from commands.words import MOMENT_WORDS
from engine.comparing import Comparison, Difference, Entry, Side, entries
from engine.law import Value
from engine.term import Ends, Length
from engine.workflow import Bundle, ProfileDef, Promise

Row = tuple[object, ...]


def difference_as_data(found: Comparison) -> dict[str, Any]:
    """Return everything that ``difference`` shows, for JSON; what is the same on both sides is ``null``."""
    return {
        "before": _head_as_data(found.before),
        "after": _head_as_data(found.after),
        "differences": found.count,
        "refers_on": _pair(found.refers_on),
        "record_back": _pair(found.record_back),
        "switched_on": list(found.switched_on),
        "switched_off": list(found.switched_off),
        "clocks": [
            {
                **_entry_as_data(d.entry),
                "what": d.what,
                "before": _side_as_data(d.before),
                "after": _side_as_data(d.after),
            }
            for d in found.clocks
        ],
    }


def page_as_data(profile: ProfileDef, bundle: Bundle) -> dict[str, Any]:
    """Return everything that ``page`` shows, for JSON."""
    return {
        "bundle": bundle.hash,
        **_head_as_data(profile),
        "refers_on": profile.refers_on,
        "record_back": profile.record_back,
        "switches": sorted(profile.switches),
        "note": profile.note or None,
        "clocks": [
            {**_entry_as_data(e), "promise": _side_as_data(s)["promise"]} for e, s in entries(bundle, profile)
        ],
    }


def _pair(values: tuple[object, object] | None) -> dict[str, object] | None:
    return None if values is None else {"before": values[0], "after": values[1]}


def _head_as_data(profile: ProfileDef) -> dict[str, Any]:
    return {
        "name": profile.name,
        "title": {"zh": profile.title.zh, "en": profile.title.en},
        "file": profile.file,
        "lineage": list(profile.lineage),
    }


def _entry_as_data(entry: Entry) -> dict[str, Any]:
    return {
        "clock": entry.key,
        "title": {"zh": entry.clock.title.zh, "en": entry.clock.title.en},
        "workflow_title": {"zh": entry.workflow.zh, "en": entry.workflow.en},
        "brought_by": entry.clock.profile or None,
        "code": entry.term.code,
        "statutory": [_value_as_data(v, v.value, entry.term.ends) for v in entry.statutory],
    }


def _side_as_data(side: Side) -> dict[str, Any]:
    return {
        "runs": side.runs,
        "promise": [
            _value_as_data(v, v.value.limit, v.value.ends) for v in side.promise if v.value is not None
        ],
    }


def _value_as_data(
    value: Value[Promise] | Value[Length], limit: Length | None, ends: Ends
) -> dict[str, object]:
    return {
        "limit": limit,
        "ends": ends,
        "from": value.since,
        "basis": value.ground.basis,
        "checked_on": value.ground.checked_on,
        "confidence": value.ground.confidence,
    }


def difference(found: Comparison, lang: str) -> str:
    """Lay out what ``after`` changes against ``before``; say so where it changes nothing."""
    old, new = found.before, found.after
    if not found.count:
        return pick(
            lang,
            f"{old.name} 与 {new.name} 没有不同：承诺、计时、督办时限、补录期限和开关都一样。",
            f"{old.name} and {new.name} say the same: promises, clocks, referral, records and switches.",
        )
    head = pick(
        lang,
        f"{new.name}（{new.title.zh}）相对 {old.name}（{old.title.zh}）有 {found.count} 处不同",
        f"{new.name} ({new.title.in_(lang)}) differs from {old.name} ({old.title.in_(lang)}): {found.count}",
    )
    parts = [head]
    settings = list(_settings(found, lang))
    if settings:
        heads = (pick(lang, "设置", "setting"), f"A {old.name}", f"B {new.name}")
        files = (pick(lang, "写在", "file"), old.file, new.file)
        parts.append(table([*settings, files], heads))
    if found.clocks:
        parts.append(_limits((row for d in found.clocks for row in _difference(d, found, lang)), lang))
    return "\n\n".join(parts)


def page(profile: ProfileDef, bundle: Bundle, lang: str) -> str:
    """Lay a profile out for a person to read and check."""
    lineage = " → ".join(profile.lineage[1:])
    about = [
        (pick(lang, "建于", "upon"), lineage or None),
        (pick(lang, "督办以", "refers on"), pick(lang, *MOMENT_WORDS[profile.refers_on])),
        (pick(lang, "补录免附件", "record back"), _length(profile.record_back, lang)),
        (pick(lang, "开关", "switches"), "、".join(sorted(profile.switches)) or None),
        (pick(lang, "写在", "file"), profile.file),
        (pick(lang, "说明", "note"), profile.note or None),
    ]
    parts = [
        f"{profile.title.in_(lang)}  {profile.name}",
        table(about, pick(lang, "项 内容", "what said").split()),
    ]
    found = entries(bundle, profile)
    if found:
        rows = (row for e, s in found for row in _entry(e, [(profile.name, s)], lang))
        parts.append(_limits(rows, lang))
    return "\n\n".join(parts)


def _settings(found: Comparison, lang: str) -> Iterator[tuple[str, str | None, str | None]]:
    """One line for each setting that differs."""
    if found.refers_on is not None:
        one, two = (pick(lang, *MOMENT_WORDS[moment]) for moment in found.refers_on)
        yield pick(lang, "督办以", "refers on"), one, two
    if found.record_back is not None:
        old, new = (_length(length, lang) for length in found.record_back)
        yield pick(lang, "补录免附件", "record back"), old, new
    on, off = pick(lang, "开", "on"), pick(lang, "关", "off")
    for name in found.switched_on:
        yield f"{pick(lang, '开关', 'switch')} {name}", off, on
    for name in found.switched_off:
        yield f"{pick(lang, '开关', 'switch')} {name}", on, off


def _limits(rows: Iterable[Row], lang: str) -> str:
    heads = pick(lang, "计时 方案 时限 依据 把握", "clock profile limit basis confidence")
    return table(rows, heads.split())


def _difference(found: Difference, whole: Comparison, lang: str) -> Iterator[Row]:
    sides = [(f"A {whole.before.name}", found.before), (f"B {whole.after.name}", found.after)]
    return _entry(found.entry, sides, lang)


def _entry(entry: Entry, sides: Iterable[tuple[str, Side]], lang: str) -> Iterator[Row]:
    """Yield what each side promises, then the law; the clock is named once."""
    name = f"{entry.key}\n{entry.clock.title.in_(lang)}"
    for who, side in sides:
        for cells in _promises(side, lang):
            yield (name, who, *cells)
            name = ""
    law = f"{pick(lang, '法定', 'statutory')} {entry.term.code}"
    for value in entry.statutory:
        yield ("", law, *_cells(value, value.value, lang))
    if not entry.statutory.values:
        agreed = pick(lang, "没有天数，以约定为准", "as agreed")
        yield ("", law, agreed if entry.clock.agreed else pick(lang, "没有天数", "no number"), None, None)


def _promises(side: Side, lang: str) -> Iterator[Row]:
    """Yield limit, document and confidence of every value that a side promises, or that there is none."""
    if not side.runs:
        yield pick(lang, "没有此计时", "no such clock"), None, None
    elif not side.promise.values:
        yield pick(lang, "没有承诺", "no promise"), None, None
    for value in side.promise if side.runs else ():
        yield _cells(value, value.value.limit if value.value is not None else None, lang)


def _cells(value: Value[Promise] | Value[Length], limit: Length | None, lang: str) -> Row:
    text = _length(limit, lang) or pick(lang, "废止", "repealed")
    if value.since is not None:
        text += pick(lang, f"\n{value.since} 起", f"\nfrom {value.since}")
    return text, value.ground.basis, pick(lang, *CONFIDENCES[value.ground.confidence])


def _length(length: Length | None, lang: str) -> str | None:
    if length is None:
        return None
    return str(length) if lang == "en" else length.in_chinese()
