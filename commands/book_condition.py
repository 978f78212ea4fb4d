"""A condition in words: CEL said in Chinese, clause by clause, for a reader who knows the law and no code.

Only the words are changed, never the sense: the clauses stay in their order, what cannot be said stays as written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from commands.book_names import SAYINGS, Names
from commands.book_words import plain
from engine.rules import ACTS

_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|&&|\|\||[=!<>]=|[A-Za-z_][\w.]*|\d+|\S""")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_GAP = re.compile(r"(?<=[^\x00-\xff]) (?=[^\x00-\xff])")
"""Between two Chinese characters no gap is wanted."""
_BRACKETS = re.compile(r" [()] ?")
_SIDES = ("==", "!=", "<=", ">=", "<", ">", "in")
_SAID = {
    "==": "等于",
    "!=": "不等于",
    "<=": "不超过",
    ">=": "不少于",
    "<": "小于",
    ">": "大于",
    "in": "是下列之一：",
}
_OTHERWISE = {"==": "!=", "!=": "==", "<=": ">", ">=": "<", "<": ">=", ">": "<=", "in": "not in"}
_ALL, _ONE, _CASES = "下列各项都成立：", "下列任何一项成立即可：", "分情形："
_NOT = "下面这一条不成立："
_TRUTH = {"true": "一律成立", "false": "一律不成立"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a condition: a ``text``, or a ``head`` over further clauses."""

    text: str = ""
    head: str = ""
    clauses: tuple[Clause, ...] = ()

    def inline(self) -> str:
        """Say it within one sentence."""
        if not self.clauses:
            return self.text
        said = [c.inline() if not c.clauses else f"（{c.inline()}）" for c in self.clauses]
        if self.head in (_ALL, _ONE):
            return ("，并且" if self.head == _ALL else "，或者").join(said)
        if self.head == _NOT:
            return f"并非{said[0]}"
        if self.head == _CASES:
            return "；".join(c.inline() for c in self.clauses)
        return f"{self.head.rstrip('：')}，{'，'.join(said)}"


def condition_lines(source: str, names: Names) -> list[str]:
    """Return the condition as a nested Markdown list."""
    return [plain(line) for line in _bullets(clause_of(source, names), 0)]


def condition_in_words(source: str, names: Names) -> str:
    """Return the condition as one sentence."""
    return clause_of(source, names).inline()


def clause_of(source: str, names: Names) -> Clause:
    """Read an expression into clauses."""
    return _condition(_TOKEN.findall(source.strip()), names)


def _bullets(clause: Clause, depth: int) -> list[str]:
    indent = "  " * depth
    if not clause.clauses:
        return [f"{indent}- {clause.text}"]
    return [f"{indent}- {clause.head}", *(line for c in clause.clauses for line in _bullets(c, depth + 1))]


def _condition(tokens: Sequence[str], names: Names) -> Clause:
    """Read from what binds least (the choice) to what binds most (a comparison)."""
    tokens = _bare(tokens)
    chosen = _cut(tokens, "?")
    if len(chosen) > 1:
        return _choice(tokens, len(chosen[0]), names)
    for sign, head in (("||", _ONE), ("&&", _ALL)):
        pieces = _cut(tokens, sign)
        if len(pieces) > 1:
            kept = pieces if head == _ONE else _without_given(pieces)
            clauses = tuple(_condition(piece, names) for piece in kept)
            return Clause(head=head, clauses=clauses) if len(clauses) > 1 else clauses[0]
    if tokens and tokens[0] == "!":
        return _not(tokens[1:], names)
    return Clause(_comparison(tokens, names))


def _choice(tokens: Sequence[str], at: int, names: Names) -> Clause:
    first, *_ = _cut(tokens[at + 1 :], ":")
    rest = tokens[at + 1 + len(first) + 1 :]
    when = _condition(tokens[:at], names).inline()
    then, otherwise = _condition(first, names), _condition(rest, names)
    # a chain of choices is one list of cases
    last = (
        otherwise.clauses if otherwise.head == _CASES else (Clause(head="其他情形：", clauses=(otherwise,)),)
    )
    return Clause(head=_CASES, clauses=(Clause(head=f"{when}的：", clauses=(then,)), *last))


def _not(tokens: Sequence[str], names: Names) -> Clause:
    inner = _bare(tokens)
    pieces = _cut(inner, "&&")
    kept = _without_given(pieces)
    if len(_cut(inner, "||")) == len(_cut(inner, "?")) == len(kept) == 1:
        so = Clause(_comparison(_bare(kept[0]), names, negated=True))
        if len(pieces) == 1:
            return so
        given = next(_bare(piece) for piece in pieces if piece != kept[0])
        return Clause(head=_ONE, clauses=(Clause(_comparison(given, names, negated=True)), so))
    return Clause(head=_NOT, clauses=(_condition(inner, names),))


def _without_given(pieces: list[list[str]]) -> list[list[str]]:
    """Leave out ``given.x`` where another piece says how ``x`` is: then it is known anyway."""
    plain = [_bare(piece) for piece in pieces]
    flat = [piece for piece in plain if not {"||", "?"} & set(piece)]
    said = {word.removesuffix(".unit") for piece in flat for word in piece}
    return [
        piece
        for piece in plain
        if not (len(piece) == 1 and piece[0].startswith("given.") and piece[0].removeprefix("given.") in said)
    ]


def _comparison(tokens: Sequence[str], names: Names, *, negated: bool = False) -> str:
    return _GAP.sub("", _said(tokens, names, negated=negated))


def _said(tokens: Sequence[str], names: Names, *, negated: bool) -> str:
    words = list(tokens)
    at = next((i for i, word in enumerate(words) if word in _SIDES and _depth(words[:i]) == 0), None)
    if any(_PATH.fullmatch(one) and one != "in" and two == "(" for one, two in pairwise(words)):
        # a function: nobody can say it better
        written = _BRACKETS.sub(lambda match: match[0].strip(), " ".join(words))
        return f"`{written}` {'不成立' if negated else '成立'}"
    if at is None:
        return _truth("".join(words), names, negated=negated)
    sign = _OTHERWISE[words[at]] if negated else words[at]
    left, right = words[:at], words[at + 1 :]
    beside = "".join(left)
    if "".join(right) in ("''", '""') and sign in ("==", "!="):
        return f"{_amount(left, names)}{'为空' if sign == '==' else '不为空'}"
    if sign in ("in", "not in"):
        options = "；".join(names.value(word, beside) for word in right if word not in "[],")
        return f"{_amount(left, names)}{'是下列之一' if sign == 'in' else '不是下列任何一个'}：{options}"
    single = right[0] if len(right) == 1 else ""
    if single.startswith(("'", '"')):
        return f"{_amount(left, names)}{'是' if sign == '==' else '不是'}{names.value(single, beside)}"
    said = names.value(single, beside) if single else _amount(right, names)
    return f"{_amount(left, names)} {_SAID[sign]} {said}"


def _truth(word: str, names: Names, *, negated: bool) -> str:
    """A boolean by itself, or whether a fact is known."""
    if word in _TRUTH:
        return _TRUTH["false" if (word == "true") == negated else "true"]
    if word.startswith("given."):
        return f"{'没有填写' if negated else '填写了'}{names.label(word.removeprefix('given.'))}"
    if _PATH.fullmatch(word) is None:
        return f"`{word}` {'不成立' if negated else '成立'}"
    if word.startswith(ACTS):
        said = names.label(word)
        return said.replace("就是", "不是", 1) if negated else said
    if word in SAYINGS:
        return f"{'并非' if negated else ''}{names.label(word)}"
    return f"{names.label(word)}{'为否' if negated else '为是'}"


def _amount(words: Sequence[str], names: Names) -> str:
    """One side of a comparison: names, numbers, signs; a choice of numbers in brackets is said as such."""
    out: list[str] = []
    at = 0
    while at < len(words):
        if words[at] == "(":
            end = _closing(words, at)
            out.append(f"（{_number(words[at + 1 : end], names)}）")
            at = end + 1
            continue
        if words[at] == "%" and at + 1 < len(words):
            out.append(f"除以 {names.value(words[at + 1], '')} 的余数")
            at += 2
            continue
        out.append(names.value(words[at], ""))
        at += 1
    return " ".join(out).replace("*", "×")


def _number(words: Sequence[str], names: Names) -> str:
    cut = _cut(words, "?")
    if len(cut) == 1:
        return _amount(words, names)
    first, *_ = _cut(words[len(cut[0]) + 1 :], ":")
    rest = words[len(cut[0]) + 1 + len(first) + 1 :]
    when = _condition(cut[0], names).inline()
    return f"{when}的取 {_amount(first, names)}，否则取 {_number(rest, names)}"


def _bare(tokens: Sequence[str]) -> list[str]:
    """Take off brackets around the whole."""
    found = list(tokens)
    if found and found[0] == "(" and _closing(found, 0) == len(found) - 1:
        return _bare(found[1:-1])
    return found


def _cut(tokens: Sequence[str], sign: str) -> list[list[str]]:
    """Cut at every ``sign`` that stands in no brackets; for ``?`` only at the first, for ``:`` at its own one."""
    pieces: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in "([") - (token in ")]")
        if token == sign and depth == 0 and (sign not in "?:" or len(pieces) == 1):
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _closing(tokens: Sequence[str], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place] in "([") - (tokens[place] in ")]")
        if depth == 0:
            return place
    return len(tokens) - 1


def _depth(tokens: Sequence[str]) -> int:
    return sum((token in "([") - (token in ")]") for token in tokens)
