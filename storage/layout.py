"""What an SQLite database is made of, in a form that can be compared: tables, indexes, triggers, views. 结构

Compared is what SQLite itself keeps of each object, without what means nothing: gaps, quotes, upper and lower case of
words, the order of a table's constraints. The order of columns counts: rows are shown and dumped by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_OBJECTS = "select type, name, sql from sqlite_master"
_WORDS = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|[\w$]+|<>|[<>!=|]=|\|\||\S""")
_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign"})
_KINDS = {"table": "表", "index": "索引", "trigger": "触发器", "view": "视图"}
_MOST = 8

Layout = Mapping[tuple[str, str], tuple[str, ...]]
"""By kind and name of every object the clauses that it is made of; those of a table one by one."""


def layout(rows: Iterable[Sequence[Any]]) -> Layout:
    """Return the layout of rows of ``sqlite_master``: type, name, sql; what SQLite keeps for itself is left out."""
    return {(k, name): _clauses(k, sql) for k, name, sql in rows if sql and not name.startswith("sqlite_")}


def layout_of(connection: Any) -> Layout:
    """Return the layout of the database behind a SQLAlchemy connection."""
    return layout(connection.exec_driver_sql(_OBJECTS).all())


def differences(found: Layout, wanted: Layout) -> list[str]:
    """Say in Chinese what ``found`` lacks, has too much, or has otherwise than ``wanted``; empty: nothing."""
    said = []
    for key in sorted(found.keys() | wanted.keys()):
        what = f"{_KINDS.get(key[0], key[0])} {key[1]}"
        if key not in found:
            said.append(f"缺少{what}")
        elif key not in wanted:
            said.append(f"多出{what}")
        elif found[key] != wanted[key]:
            parts = [f"应有 {clause}" for clause in wanted[key] if clause not in found[key]]
            parts += [f"现有 {clause}" for clause in found[key] if clause not in wanted[key]]
            said.append(f"{what}不同：{'；'.join(parts) or '各列的次序'}")
    return said


def shortened(said: list[str]) -> str:
    """Return the first few differences on one line."""
    more = f" 等 {len(said)} 处" if len(said) > _MOST else ""
    return "；".join(said[:_MOST]) + more


def _clauses(kind: str, sql: str) -> tuple[str, ...]:
    words = [_plain(word) for word in _WORDS.findall(sql)]
    if kind != "table":
        return (" ".join(words),)
    first = words.index("(")
    clauses: list[list[str]] = [[]]
    depth, at = 1, first
    while depth:
        at += 1
        word = words[at]
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 1:
            clauses.append([])
        elif depth:
            clauses[-1].append(word)
    columns = [" ".join(c) for c in clauses if c[0] not in _CONSTRAINTS]
    constraints = [" ".join(c) for c in clauses if c[0] in _CONSTRAINTS]
    return (*columns, *sorted(constraints), " ".join(words[at + 1 :]))


def _plain(word: str) -> str:
    """Take the quotes from a name and write words in lower case; what is text stays as it is."""
    if word[0] == "'":
        return word
    return (word[1:-1] if word[0] in '"`[' and len(word) > 2 else word).lower()
