"""Lamps as people see them: a word, a shape, and on a terminal a colour. Nothing rests on the colour alone.

The shapes exist in GBK. Colours only where stdout is a terminal and NO_COLOR is not set.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

import click

from commands.printing import pick
from commands.words import LAMPS
from engine.explain import Lamp

SHAPES: dict[Lamp, str] = {
    "normal": "●",
    "soon": "▲",
    "unverified": "■",
    "overdue": "×",
    "in_time": "●",
    "recorded_late": "√",
    "done_late": "◆",
    "paused": "○",
    "waiting": "○",
    "void": "-",
}
ORDER: tuple[Lamp, ...] = (
    "overdue", "unverified", "soon", "normal", "paused", "recorded_late", "done_late",
)  # fmt: skip
"""The lamps of a desk, the most pressing first."""
_COLOURS: dict[Lamp, str] = {
    "normal": "green",
    "soon": "yellow",
    "unverified": "magenta",
    "overdue": "red",
    "paused": "blue",
    "recorded_late": "green",
    "done_late": "cyan",
}


def lamp(light: Lamp, lang: str) -> str:
    """``■ 待核实``."""
    return f"{SHAPES[light]} {pick(lang, *LAMPS[light])}"


def counts(lights: Mapping[Lamp, int]) -> str:
    """``×1 ■3 ●12``: the lamps of one cell, the most pressing first; ``-`` for none."""
    return " ".join(f"{SHAPES[light]}{lights[light]}" for light in ORDER if lights.get(light)) or "-"


def legend(lang: str) -> str:
    """What the shapes mean."""
    return "  ".join(lamp(light, lang) for light in ORDER)


def coloured(text: str, lang: str) -> str:
    """Colour the lamps in ``text`` where people can see colours; a table must be laid out before."""
    if not colours():
        return text
    by_text = {lamp(light, lang): colour for light, colour in _COLOURS.items()}
    longest_first = sorted(by_text, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return pattern.sub(lambda m: click.style(m[0], fg=by_text[m[0]], bold=True), text)


def colours() -> bool:
    """Say whether stdout shows colours: a terminal, NO_COLOR empty, and not a dumb one."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
