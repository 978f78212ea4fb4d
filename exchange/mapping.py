"""Mapping files: which column of a table means which action or fact. 对照

A mapping names the headers that it fits, so that a folder of mixed layouts needs no `--mapping`. It
is declared in YAML (docs/how-to/map-a-table.md) and read by `mapping_reader`; nothing here reads files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import BadInput
from engine.matter import FactValue
from engine.workflow import FactType, Title
from exchange.ledger import Header, Options

LOST = "\ufffd"
"""The replacement character: somewhere on the way a character of a header was lost."""

Level = Literal["package", "contract", "instalment"]
LEVELS: tuple[Level, ...] = ("package", "contract", "instalment")


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """The column holds the day of an action. ``part`` is the key of the deepest level, "" = the only one."""

    workflow: str
    action: str
    part: str = ""
    dates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactTarget:
    """The column holds a fact. ``unit`` belongs to money, ``words`` to booleans, ``dates`` to dates."""

    workflow: str
    fact: str
    type: FactType
    part: str = ""
    unit: str = ""
    words: tuple[tuple[str, bool], ...] = ()
    dates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleTarget:
    """The column names the project (``title``, ``unit``), or is another ``alias`` of it."""

    role: Literal["title", "unit", "alias"]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class DateTarget:
    """The column holds a day that no workflow uses: it is read and checked, and moves nothing."""

    why: str
    dates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IgnoreTarget:
    """The column is known and left alone, for the reason written."""

    why: str


Target = ActionTarget | FactTarget | RoleTarget | DateTarget | IgnoreTarget


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, checked. ``constants`` are facts that the table's owner declares for all rows.

    ``project`` lists the columns that together name a project (empty: each row is its own);
    ``parts`` the columns that name package, contract and instalment where a project has several.
    ``depth`` says how many part keys lead from a project to a matter of each workflow.
    """

    name: str
    title: Title
    fits: tuple[str, ...]
    columns: dict[str, tuple[Target, ...]]
    options: Options = field(default_factory=Options)
    dates: tuple[str, ...] = ("iso",)
    empty: frozenset[str] = frozenset()
    currency: str = "CNY"
    project: tuple[str, ...] = ()
    parts: tuple[tuple[Level, tuple[str, ...]], ...] = ()
    constants: tuple[tuple[str, str, FactValue], ...] = ()
    depth: dict[str, int] = field(default_factory=dict)
    file: str = ""

    def known_headers(self) -> frozenset[str]:
        """Every header that the mapping speaks of."""
        keys = [name for _, names in self.parts for name in names]
        return frozenset([*self.fits, *self.columns, *self.project, *keys])


@dataclass(frozen=True, slots=True)
class Fit:
    """A mapping laid over a header: ``names`` leads from the mapping's header to the file's."""

    mapping: Mapping
    header: Header
    names: dict[str, str]

    @property
    def unknown(self) -> tuple[str, ...]:
        """The file's headers that the mapping does not speak of."""
        used = set(self.names.values())
        return tuple(name for name in self.header.names if name not in used)


def lay_over(mapping: Mapping, headers: Sequence[Header]) -> Fit | None:
    """Lay ``mapping`` over the first of ``headers`` that has all it must have; ``None`` if none has."""
    for header in headers:
        names = _match(mapping.known_headers(), header.names)
        if all(name in names for name in mapping.fits):
            return Fit(mapping, header, names)
    return None


def choose(fits: Iterable[Fit], file: str) -> Fit | None:
    """Choose the fit with most matching headers; ``BadInput`` names the mappings of a tie."""
    ranked = sorted(fits, key=lambda fit: (-len(fit.names), fit.mapping.name))
    if not ranked:
        return None
    best = [fit for fit in ranked if len(fit.names) == len(ranked[0].names)]
    if len(best) > 1:
        names = "、".join(fit.mapping.name for fit in best)
        raise BadInput(
            f"{file} 同时符合几个对照：{names}",
            why=f"它们都认得其中 {len(best[0].names)} 个表头，无法判断用哪一个",
            then=f"用 --mapping 指明一个，例如 --mapping {best[0].mapping.name}",
        )
    return best[0]


def missing(mapping: Mapping, headers: Sequence[Header]) -> tuple[str, ...]:
    """The headers that ``mapping`` must have and that the closest of ``headers`` lacks."""
    lacking = [
        tuple(name for name in mapping.fits if name not in _match(mapping.known_headers(), header.names))
        for header in headers
    ]
    return min(lacking, key=len, default=mapping.fits)


def _match(wanted: frozenset[str], present: Sequence[str]) -> dict[str, str]:
    """Match headers exactly first; one with lost characters takes the only one left that it can mean."""
    names = {name: name for name in present if name in wanted}
    for damaged in present:
        if LOST not in damaged or damaged in names:
            continue
        pattern = _pattern(damaged)
        candidates = [name for name in wanted if name not in names and pattern.fullmatch(name)]
        if len(candidates) == 1:
            names[candidates[0]] = damaged
    return names


def _pattern(damaged: str) -> re.Pattern[str]:
    """A run of n lost characters stands for 1 … n characters: each may have lost each of its bytes."""
    pieces = re.split(f"({LOST}+)", damaged)
    return re.compile(
        "".join(f".{{1,{len(piece)}}}" if piece.startswith(LOST) else re.escape(piece) for piece in pieces)
    )
