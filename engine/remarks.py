"""What the authors of a file remark beside its entries: the comments of YAML, which a reader of values never sees.

``# 汇总采购：……`` above or inside an entry says why it is so. A lawyer who reads a generated page wants it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_KEY = re.compile(r"( *)(?:- )?([A-Za-z_][\w.-]*):(?: |$)")
_QUOTED = re.compile(r"'(?:''|[^'])*'|\"(?:\\.|[^\"\\])*\"")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ALONE = -9
"""The line of a comment behind a value: it goes on in no other line."""
_WIDE = re.compile(r"[^\x00-\xff]")


def remarks(text: str, *path: str) -> list[str]:
    """Return the Chinese comments of the entry at ``path`` (``actions``, ``sign_contract``), in their order.

    Without a path these are the comments at the head of the file. A comment that takes several lines is one.
    """
    return _paragraphs(
        (number, said)
        for number, where, said in _comments(text)
        if (where[: len(path)] == path if path else not where)
    )


def everywhere(text: str) -> list[str]:
    """Return every Chinese comment of a file: a rule's or a term's, which speak of one thing."""
    return _paragraphs((number, said) for number, _, said in _comments(text))


def _paragraphs(comments: Iterable[tuple[int, str]]) -> list[str]:
    found: list[str] = []
    last = _ALONE
    for number, said in comments:
        # what is said in English is the same again
        if _CHINESE.search(said):
            if number == last + 1:
                found[-1] = _joined(found[-1], said)
            else:
                found.append(said)
            last = number
    return found


def _comments(text: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Walk the comments with their line and the path of keys that they belong to.

    One on a line of its own belongs to the next key; at the head of the file, to the file (an empty path).
    """
    above: list[tuple[int, str]] = []
    waiting: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        if stripped.startswith("#"):
            waiting.append((number, stripped.lstrip("# ")))
            continue
        key = _KEY.match(line)
        if key is not None:
            indent = len(key[1])
            head = not above
            above = [pair for pair in above if pair[0] < indent] + [(indent, key[2])]
            where = tuple(name for _, name in above)
            yield from ((n, () if head else where, said) for n, said in waiting)
            waiting = []
            beside = _beside(line)
            if beside:
                yield _ALONE, where, beside
    yield from ((n, tuple(name for _, name in above), said) for n, said in waiting)


def _beside(line: str) -> str:
    """Return the comment behind a value; a hash within quotes is none."""
    bare = _QUOTED.sub(lambda match: "x" * len(match[0]), line)
    at = bare.find(" #")
    return line[at + 2 :].strip() if at >= 0 else ""


def _joined(one: str, two: str) -> str:
    """Join two lines of one comment; Chinese needs no gap."""
    gap = "" if _WIDE.match(one[-1:]) or _WIDE.match(two[:1]) else " "
    return f"{one}{gap}{two}"
