"""YAML as this project reads it: a small, strict subset with line numbers. The only door to PyYAML.

Refused, each with its line: duplicate keys, anchors and aliases, tags, directives, several documents,
tabs and other control characters, keys that are not text (``on``, ``off``, ``yes``, ``no`` are booleans
in YAML), values whose meaning depends on the YAML version (``no``, ``0755``, ``1_000``, ``1:30``), files
over 256 kB, nesting deeper than 32. Faults are collected, never only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from engine.errors import BrokenWorkflows

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

Plain = str | int | float | bool | date | None
"""What a scalar can be."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a file: where, what, and what to write instead."""

    file: str
    line: int
    what: str
    write: str = ""

    def __str__(self) -> str:
        """``contract.yaml:12: 什么错了。应写：……``"""
        return f"{self.file}:{self.line}: {self.what}" + (f"。应写：{self.write}" if self.write else "")


@dataclass(slots=True)
class Faults:
    """Collects the faults of any number of files."""

    found: dict[Fault, None] = field(default_factory=dict)

    def add(self, file: str, line: int, what: str, write: str = "") -> None:
        """Note a fault and go on; the same fault twice is one."""
        self.found[Fault(file, line, what, write)] = None

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.found)

    def __len__(self) -> int:
        """How many faults were found."""
        return len(self.found)

    def __iter__(self) -> Iterator[Fault]:
        """Walk the faults by file and line."""
        return iter(sorted(self.found))


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; ``text`` is how it was written."""

    value: Plain
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Seq:
    """A list."""

    items: tuple[Node, ...]
    line: int

    def __iter__(self) -> Iterator[Node]:
        """Walk the items in order."""
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Map:
    """Keys with values, in the order written; ``key_lines`` says where each key stands."""

    entries: dict[str, Node]
    line: int
    key_lines: dict[str, int]

    def __getitem__(self, key: str) -> Node:
        """Return the value of ``key``; ``KeyError`` where it is not written."""
        return self.entries[key]

    def __contains__(self, key: object) -> bool:
        """Whether ``key`` is written."""
        return key in self.entries

    def get(self, key: str) -> Node | None:
        """Return the value of ``key`` or ``None``."""
        return self.entries.get(key)

    def items(self) -> Iterator[tuple[str, Node]]:
        """Walk keys and values."""
        return iter(self.entries.items())

    def line_of(self, key: str) -> int:
        """Return the line of ``key``, or of the map where it is not written."""
        return self.key_lines.get(key, self.line)


Node = Scalar | Seq | Map


def plain(node: Node) -> Any:
    """Turn a tree into dicts, lists and values, without lines."""
    if isinstance(node, Map):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, Seq):
        return [plain(item) for item in node]
    return node.value


def decode(data: bytes, file: str, faults: Faults) -> str | None:
    """Decode ``data`` as UTF-8 (with or without BOM); note a fault and return ``None`` otherwise."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        faults.add(file, line, "文件不是 UTF-8 编码", "另存为 UTF-8 后重试")
        return None


def read_yaml(text: str, file: str, faults: Faults | None = None) -> Map | None:
    """Read one document whose top is a map; ``file`` names it in faults.

    With ``faults`` every fault is noted there and ``None`` is returned where no tree can be built; a
    tree returned together with faults is as good as it can be. Without ``faults``, ``BrokenWorkflows``
    is raised with all faults in its text.
    """
    collected = Faults() if faults is None else faults
    tree = _read(text, file, collected)
    if faults is None and (collected or tree is None):
        raise broken(collected)
    return tree


def broken(faults: Faults) -> BrokenWorkflows:
    """Make the error that carries all ``faults`` (attribute ``faults``) and lists them in its text."""
    listed = "\n".join(str(fault) for fault in faults)
    error = BrokenWorkflows(
        f"流程文件有 {len(faults)} 处错误：\n{listed}",
        why="文件有错时一律不采用，以免按错误的期限或条文办事",
        then="逐条改正后再运行 yiriban workflow check",
    )
    error.faults = tuple(faults)
    return error


_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_DOUBTFUL = re.compile(
    r"(?i:yes|no|on|off)|TRUE|FALSE|True|False|[-+]?0[0-9_]+|[-+]?0[xob][0-9a-f_]+|[-+]?[0-9][0-9_]*_[0-9_]*"
    r"|[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?|[-+]?\.(inf|nan|Inf|NaN|INF|NAN)|[-+]?[0-9.]+[eE][-+]?[0-9]+|\+[0-9]+"
)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_NULLS = ("", "~", "null", "Null", "NULL")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, **dict.fromkeys(_NULLS)}
_MEANT = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_NOT_TEXT = (_DOUBTFUL, _INTEGER, _DECIMAL, _DAY)
_PROBLEMS = {
    "did not find expected ',' or ']'": "方括号没有配对，或缺少逗号",
    "did not find expected ',' or '}'": "花括号没有配对，或缺少逗号",
    "did not find expected node content": "这里缺少内容",
    "did not find expected key": "缩进与上下行不一致",
    "did not find expected '-' indicator": "列表的缩进与上下行不一致",
    "could not find expected ':'": "缺少冒号",
    "mapping values are not allowed in this context": "冒号的位置不对；文字里有冒号时要加引号",
    "found unexpected end of stream": "引号没有配对",
    "found character that cannot start any token": "文字不能以这个字符开头，要加引号",
}
"""The parser's words (libyaml) for what goes wrong most often."""
_OPENED = ("while parsing a flow", "while scanning a quoted")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(text: str, file: str, faults: Faults) -> Map | None:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        faults.add(file, 1, f"文件超过 {MAX_BYTES // 1024} kB", "拆成几个文件")
        return None
    text = text.removeprefix("\ufeff")
    readable = True
    for number, row in enumerate(text.split("\n"), 1):
        if "\t" in row:
            faults.add(file, number, "含有制表符（Tab）", "改用空格缩进")
            readable = False
        bad = _FORBIDDEN.search(row)
        if bad:
            faults.add(file, number, f"含有不允许的控制字符 U+{ord(bad[0]):04X}", "删去该字符")
            readable = False
    if not readable:
        return None
    return _Builder(text, file, faults).document()


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Stop(Exception):
    """The rest of the file cannot be read sensibly."""


class _Builder:
    """Builds the tree from parser events, so that aliases are seen and never expanded."""

    def __init__(self, text: str, file: str, faults: Faults) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._file = file
        self._faults = faults

    def document(self) -> Map | None:
        """Read the only document; its top must be a map."""
        try:
            return self._document()
        except _Stop:
            return None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            # a bracket or quote left open is noticed much later than where it stands
            if mark is None or str(getattr(error, "context", "")).startswith(_OPENED):
                mark = getattr(error, "context_mark", None) or mark
            problem = str(getattr(error, "problem", None) or error).split("\n")[0]
            line = mark.line + 1 if mark is not None else 1
            write = "检查缩进、冒号后的空格、引号和括号是否成对"
            self._fault(line, f"YAML 语法错误：{_PROBLEMS.get(problem, problem)}", write)
            return None

    def _document(self) -> Map | None:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            self._fault(1, "文件是空的", "至少写一个键，例如 workflow: 名称")
            return None
        if start.version or start.tags:
            self._fault(1, "不允许 % 指令", "删去以 % 开头的行")
        tree = self._node(next(self._events), 1)
        next(self._events)
        more = next(self._events)
        if isinstance(more, yaml.DocumentStartEvent):
            self._fault(_line(more), "一个文件只能有一份文档", "删去 ---，拆成几个文件")
            return None
        if not isinstance(tree, Map):
            self._fault(tree.line, "最外层必须是 键: 值", "例如 workflow: 名称")
            return None
        return tree

    def _fault(self, line: int, what: str, write: str) -> None:
        self._faults.add(self._file, line, what, write)

    def _node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self._fault(line, f"不允许引用 *{event.anchor}", "把内容原样写出")
            return Scalar(None, line, "")
        if event.anchor is not None:
            self._fault(line, f"不允许锚点 &{event.anchor}", "删去锚点，把内容原样写出")
        if event.tag is not None:
            self._fault(line, f"不允许标签 {event.tag}", "删去以 ! 开头的标签")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if depth > MAX_DEPTH:
            self._fault(line, f"嵌套超过 {MAX_DEPTH} 层", "减少嵌套")
            raise _Stop
        return self._map(line, depth) if isinstance(event, yaml.MappingStartEvent) else self._seq(line, depth)

    def _seq(self, line: int, depth: int) -> Seq:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Seq(tuple(items), line)

    def _map(self, line: int, depth: int) -> Map:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = _line(event)
            key = self._key(event, at, depth)
            value = self._node(next(self._events), depth + 1)
            if key is None:
                continue
            if key in entries:
                self._fault(at, f"键 {key} 重复（第 {lines[key]} 行已有）", f"只保留一个 {key}")
                continue
            entries[key] = value
            lines[key] = at
        return Map(entries, line, lines)

    def _key(self, event: Any, line: int, depth: int) -> str | None:
        if isinstance(event, yaml.AliasEvent) or not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            self._fault(line, "键必须是文字", "键: 值")
            return None
        text = str(event.value)
        if event.anchor is not None or event.tag is not None:
            self._node(event, depth + 1)
        if not event.implicit[0] or event.style:
            return text
        if text == "<<":
            self._fault(line, "不允许合并键 <<", "把内容原样写出")
            return None
        if text.lower() in ("on", "off", "yes", "no", "true", "false"):
            self._fault(line, f"键 {text} 会被 YAML 读成布尔值", f'换一个词，或加引号写成 "{text}"')
            return None
        if text in _NULLS or any(shape.fullmatch(text) for shape in _NOT_TEXT):
            self._fault(line, f"键 {text or '（空）'} 不是文字", f'加引号写成 "{text}"')
            return None
        return text

    def _scalar(self, event: Any, line: int) -> Scalar:
        text = str(event.value)
        if event.style or not event.implicit[0]:
            return Scalar(text, line, text)
        return Scalar(self._resolve(text, line), line, text)

    def _resolve(self, text: str, line: int) -> Plain:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        if _DAY.fullmatch(text):
            return self._day(text, line)
        if _DOUBTFUL.fullmatch(text):
            write = f'是非写 true 或 false，文字写成 "{text}"'
            self._fault(line, f"{text} 在不同的 YAML 版本里含义不同", write)
            # what was most likely meant, so that one slip is one fault
            return _MEANT.get(text.lower(), text)
        return text

    def _day(self, text: str, line: int) -> date | None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._fault(line, f"没有 {text} 这一天", "写成 2026-11-21 这样的日期")
            return None
