"""Which SMS texts a provider has approved as templates, and what fills them. 短信模板审核"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.workflow import LadderDef, ProviderText, TextDef

NOTHING = "无"
"""What stands for an empty value: providers refuse a template with an empty parameter."""
_GAPS = re.compile(r"[\s\x00-\x1f\x7f]+")
_BRACKETS = str.maketrans("【】", "〔〕")

Missing = Literal["template", "approval"]


@dataclass(frozen=True, slots=True)
class Unapproved:
    """A text that would go out by SMS and may not: it has no template with the provider, or no approval.

    ``rung`` is ``ladder.rung``, empty for a text that the engine sends by itself (digests, withdrawals).
    """

    text: str
    rung: str
    missing: Missing


def unapproved(
    texts: Mapping[str, TextDef], ladders: Iterable[LadderDef], provider: str, *, day: date | None = None
) -> list[Unapproved]:
    """Return what ``ladders`` would send by SMS through ``provider`` and it has not approved.

    With ``day`` an approval later than that is none yet.
    """
    sent = [(f"{ladder.name}.{rung.name}", name)
            for ladder in ladders for rung in ladder.rungs if "sms" in rung.via
            for name in dict.fromkeys((rung.message, rung.at_top)) if name]  # fmt: skip
    named = {name for _, name in sent}
    if sent:
        sent += [("", text.name) for text in texts.values() if text.sms and text.name not in named]
    return list(_lacking(texts, sent, provider, day))


def _lacking(
    texts: Mapping[str, TextDef], sent: Iterable[tuple[str, str]], provider: str, day: date | None
) -> Iterator[Unapproved]:
    for rung, name in sent:
        text = texts.get(name)
        kept = text.providers.get(provider) if text is not None else None
        if kept is None:
            yield Unapproved(name, rung, "template")
        elif kept.approved is None or (day is not None and kept.approved > day):
            yield Unapproved(name, rung, "approval")


def template_values(text: TextDef, kept: ProviderText, values: Mapping[str, str]) -> dict[str, str] | None:
    """Return what fills the template, in its order; ``None`` where the message lacks a value.

    A value is cut as it is in the text itself, and to what the provider takes; line breaks become spaces,
    the brackets of signatures others, an empty value ``NOTHING``.
    """
    if any(name not in values for name in kept.params):
        return None
    return {name: _fit(values[name], text.params.get(name, 0), kept.longest) for name in kept.params}


def _fit(value: str, *limits: int) -> str:
    plain = _GAPS.sub(" ", value).strip().translate(_BRACKETS) or NOTHING
    longest = min((limit for limit in limits if limit), default=len(plain))
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
