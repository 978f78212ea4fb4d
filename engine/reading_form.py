"""Reading a map of a YAML file field by field, with every fault noted and a usable value returned. 读取"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, TypeVar, cast

from engine.errors import BadInput
from engine.law import Confidence, Dated, Ground, Value
from engine.term import Length, read_length
from engine.workflow import Title
from engine.yamlfile import Faults, Map, Node, Scalar, Seq

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 40
CODE = re.compile(r"[A-Z][0-9]{1,3}[a-z]?")
CONFIDENCES: tuple[Confidence, ...] = ("sure", "fairly sure", "to verify")

T = TypeVar("T")


def nearest(word: str, options: Collection[str]) -> str:
    """Say what to write instead of ``word``: the nearest of ``options``, or all of them if none is near."""
    near = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    if near:
        return near[0]
    return "、".join(sorted(options)) if options else "（这里没有可用的名称）"


class Form:
    """One map. A key that was never asked for is unknown; ``done`` notes it."""

    def __init__(self, node: Map, file: str, faults: Faults, where: str) -> None:
        """``where`` says in Chinese what the map describes, for instance ``操作 sign_contract``."""
        self.node = node
        self.file = file
        self.faults = faults
        self.where = where
        self._known: set[str] = set()

    def fault(self, line: int, what: str, write: str = "") -> None:
        """Note a fault of this map."""
        self.faults.add(self.file, line, f"{self.where}：{what}", write)

    def line(self, key: str = "") -> int:
        """Return the line of ``key``, or of the map."""
        return self.node.line_of(key)

    def get(self, key: str, write: str = "", *, required: bool = False) -> Node | None:
        """Return the value of ``key``; a key without a value counts as missing."""
        self._known.add(key)
        node = self.node.get(key)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            if required or node is not None:
                self.fault(self.line(key), f"缺少 {key}", write or f"{key}: ……")
            return None
        return node

    def done(self) -> None:
        """Note every key that nobody asked for."""
        for key in self.node.entries:
            if key not in self._known:
                self.fault(self.line(key), f"不认识的键 {key}", nearest(key, self._known))

    def text(self, key: str, write: str = "", *, required: bool = False) -> str:
        """Read a text; numbers and dates must be quoted to be one."""
        node = self.get(key, write, required=required)
        if node is None:
            return ""
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
            return node.value.strip()
        self.fault(node.line, f"{key} 应是文字", write or f'{key}: "……"')
        return ""

    def switch(self) -> str:
        """Read the name under which a profile switches a thing on; empty where it is everywhere."""
        switch = self.text("switch")
        if switch:
            check_name(switch, self.line("switch"), self.file, self.faults, "开关")
        return switch

    def choice(self, key: str, options: Collection[str], default: str = "") -> str:
        """Read one of ``options``; without ``default`` the key is required."""
        text = self.text(key, " | ".join(sorted(options)), required=not default)
        if text and text not in options:
            self.fault(self.node.entries[key].line, f"{key} 不能是 {text}", nearest(text, options))
            return default
        return text or default

    def flag(self, key: str) -> bool:
        """Read ``true`` or ``false``; ``false`` where it is not written."""
        node = self.get(key)
        if node is None:
            return False
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.fault(node.line, f"{key} 应是 true 或 false", f"{key}: true")
        return False

    def integer(self, key: str) -> int | None:
        """Read a whole number, required, not negative."""
        node = self.get(key, f"{key}: 1", required=True)
        if node is None:
            return None
        if isinstance(node, Scalar) and type(node.value) is int and node.value >= 0:
            return node.value
        self.fault(node.line, f"{key} 应是整数", f"{key}: 1")
        return None

    def day(self, key: str, *, required: bool = False) -> date | None:
        """Read a day."""
        node = self.get(key, f"{key}: 2026-11-21", required=required)
        if node is None:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, date):
            return node.value
        self.fault(node.line, f"{key} 应是日期", f"{key}: 2026-11-21")
        return None

    def length(self, key: str) -> Length | None:
        """Read a length of time such as ``30 days``, required."""
        node = self.get(key, f"{key}: 30 days", required=True)
        if node is None:
            return None
        try:
            return read_length(node.text if isinstance(node, Scalar) else "")
        except BadInput:
            self.fault(node.line, f"{key} 不是期限", "30 days、10 working days、2 hours")
            return None

    def title(self, key: str = "title") -> Title:
        """Read a title: Chinese required, English if there is one."""
        node = self.get(key, f"{key}: {{zh: 中文名}}", required=True)
        if node is None:
            return Title("")
        if not isinstance(node, Map):
            self.fault(node.line, f"{key} 应有 zh", f"{key}: {{zh: 中文名, en: English}}")
            return Title("")
        form = Form(node, self.file, self.faults, f"{self.where} 的 {key}")
        title = Title(form.text("zh", "zh: 中文名", required=True), form.text("en"))
        form.done()
        return title

    def names(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Read one name or a list of names; the same name twice is a fault."""
        node = self.get(key, f"{key}: [……]", required=required)
        found: list[str] = []
        for item in node.items if isinstance(node, Seq) else (node,) if node is not None else ():
            if not isinstance(item, Scalar) or not isinstance(item.value, str):
                self.fault(item.line, f"{key} 应是名称或名称的列表", f"{key}: [甲, 乙]")
            elif item.value in found:
                self.fault(item.line, f"{key} 里 {item.value} 重复", f"只保留一个 {item.value}")
            else:
                found.append(item.value)
        if required and node is not None and not found:
            self.fault(node.line, f"{key} 是空的", f"{key}: [……]")
        return tuple(found)

    def inner(self, key: str, where: str, *, required: bool = False) -> Form | None:
        """Read a map below ``key``."""
        node = self.get(key, required=required)
        return None if node is None else form_of(node, self.file, self.faults, where)

    def named(self, key: str, word: str, *, required: bool = False) -> Iterator[tuple[str, Form]]:
        """Walk a map of named maps (facts, states, actions); names must be ASCII snake_case."""
        node = self.get(key, required=required)
        if node is None:
            return
        if not isinstance(node, Map):
            self.fault(node.line, f"{key} 应是 名称: 内容", f"{key}: {{名称: {{……}}}}")
            return
        for name, value in node.items():
            check_name(name, node.line_of(name), self.file, self.faults, word)
            form = form_of(value, self.file, self.faults, f"{word} {name}", node.line_of(name))
            if form is not None:
                yield name, form

    def several(self, key: str, where: str, *, required: bool = False) -> Iterator[Form]:
        """Walk a list of maps."""
        node = self.get(key, required=required)
        if node is None:
            return
        if not isinstance(node, Seq):
            self.fault(node.line, f"{key} 应是列表", f"{key}: 下面每项以 - 开头")
            return
        for number, item in enumerate(node, 1):
            form = form_of(item, self.file, self.faults, f"{where}第 {number} 项")
            if form is not None:
                yield form

    def ground(self) -> Ground:
        """Read ``basis``, ``checked_on`` and ``confidence``, all required, and the ``note`` beside them."""
        basis = self.text("basis", "basis: 政府采购法 第46条", required=True)
        checked = self.day("checked_on", required=True)
        confidence = cast(Confidence, self.choice("confidence", CONFIDENCES) or "to verify")
        return Ground(basis, checked, confidence, self.text("note"))


def form_of(node: Node, file: str, faults: Faults, where: str, line: int = 0) -> Form | None:
    """Open ``node`` as a map, or note that it is none."""
    if isinstance(node, Map):
        return Form(node, file, faults, where)
    faults.add(file, line or node.line, f"{where}：应是 键: 值", "键: 值")
    return None


def check_name(name: str, line: int, file: str, faults: Faults, word: str) -> None:
    """Note a name that is not ASCII snake_case or longer than 40 characters."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        better = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
        if not NAME.fullmatch(better):
            better = "小写英文开头，如 sign_contract"
        faults.add(file, line, f"{word} {name}：名称只能用小写英文、数字和下划线", better[:LONGEST_NAME])


def read_code(form: Form, key: str) -> str:
    """Read the code of a term or a rule: a capital letter and a number, as the table of the law has it."""
    code = form.text(key, f"{key}: D39", required=True)
    if code and not CODE.fullmatch(code):
        form.fault(form.line(key), f"编号 {code} 应是一个大写字母加数字", "D39、R66")
    return code


def in_order(values: Iterable[tuple[Value[T], int]], form: Form) -> Dated[T]:
    """Put dated values together; each must begin after the one before it, only the first without ``from``."""
    kept: list[Value[T]] = []
    for value, line in values:
        if kept:
            before = kept[-1].since
            if value.since is None:
                form.fault(line, "只有第一个数值可以没有 from", "from: 生效日")
            elif before is not None and value.since <= before:
                form.fault(line, f"from {value.since} 不晚于前一项的 {before}", "按生效日先后排列，每日一项")
        kept.append(value)
    return Dated(tuple(kept))


def scalar_of(node: Node | None) -> Any:
    """Return the value of a scalar, ``None`` for anything else."""
    return node.value if isinstance(node, Scalar) else None
