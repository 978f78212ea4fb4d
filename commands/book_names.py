"""What the names in a condition mean, in Chinese: facts by their titles, questions by what they ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from commands.printing import money
from engine.law import Dated
from engine.lawbook import spans
from engine.questions import QUESTIONS
from engine.rules import ACTS, ancestry, of_tier
from engine.term import read_length
from engine.workflow import Bundle, FactDef, WorkflowDef

SAYINGS = {
    "parts.total": "下级事项的总数",
    "parts.open": "没有办结的下级事项数",
    "breach.corrected": "超期已经补录更正",
    "twin.ready": "一案双查的另一件也具备条件",
}
"""What every workflow may ask about itself."""
_UNITS = {
    "working days": "工作日",
    "days": "日",
    "months": "月",
    "years": "年",
    "hours": "小时",
    "minutes": "分钟",
}
TYPES = {
    "money": "金额",
    "integer": "整数",
    "boolean": "是或否",
    "text": "文字",
    "link": "网址",
    "length": "期限",
    "date": "日期",
}
_CUT = re.compile(r"（分）|：|；")
_MONEY = re.compile(r"\d{3,}")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")


class Names:
    """The names that an expression of one workflow may use."""

    def __init__(
        self, bundle: Bundle, workflow: WorkflowDef, params: Mapping[str, Dated[int]] | None = None
    ) -> None:
        """``params`` are a rule's own."""
        self._bundle = bundle
        self._own = workflow.tier
        self._params = params or {}
        self._facts: dict[str, FactDef] = {}
        self._tiers: dict[str, str] = {}
        for above in ancestry(bundle.workflows, workflow.name):
            alike = [w for w in of_tier(bundle.workflows, above) if w is not workflow]
            for one in [workflow, *alike] if above == workflow.name else alike:
                self._tiers.setdefault(one.tier, tier_title(bundle, one.tier))
                for name, fact in one.facts.items():
                    self._facts.setdefault(f"{one.tier}.{name}", fact)

    def label(self, path: str) -> str:
        """Say one name; what is not known stays as it is written, in code."""
        head, _, rest = path.partition(".")
        looked_up = {
            "param": self._param,
            "threshold": self._threshold,
            "asked": self._asked,
            "hits": self._hits,
        }
        if path.startswith(ACTS):
            return f"办理的人就是{self.label(path.removeprefix(ACTS))}"
        if path in SAYINGS:
            return SAYINGS[path]
        if head in looked_up:
            return looked_up[head](rest)
        if path.endswith(".unit") and path.removesuffix(".unit") in self._facts:
            return f"{self.label(path.removesuffix('.unit'))}的单位"
        fact = self._facts.get(path)
        if fact is None:
            return f"`{path}`"
        return f"「{fact.title.zh}」" if head == self._own else f"{self._tiers[head]}「{fact.title.zh}」"

    def value(self, word: str, beside: str) -> str:
        """Say a word of an expression: a name, an option of the fact ``beside`` it, an amount, a number."""
        if word[:1] in "'\"":
            text = word[1:-1]
            if beside.endswith(".unit"):
                return _UNITS.get(text, text)
            fact = self._facts.get(beside)
            name = fact.name_of(text) if fact is not None else text
            return name if name != text else f"“{text}”"
        if _PATH.fullmatch(word):
            return self.label(word)
        fact = self._facts.get(beside)
        if fact is not None and fact.type == "money" and _MONEY.fullmatch(word):
            return money(int(word))
        return word

    def kind(self, path: str) -> str:
        """Say what sort of value stands behind a name, where that is not plain."""
        fact = self._facts.get(path)
        if fact is None:
            return ""
        options = "；".join(f"{key} {name}" for key, name in fact.options)
        return f"{TYPES[fact.type]}{'：' + options if options else ''}{'，可以不填' if fact.optional else ''}"

    def said(self, path: str, value: object) -> str:
        """Say a fact of an example with its value."""
        label, fact = self.label(path), self._facts.get(path)
        if isinstance(value, bool):
            return f"{label}{'为是' if value else '为否'}"
        if isinstance(value, int):
            amount = path.startswith("threshold.") or (fact is not None and fact.type == "money")
            amount = amount or (
                path.startswith("asked.") and "（分" in QUESTIONS[path.removeprefix("asked.")].doc
            )
            return f"{label}：{money(value) if amount else value}"
        if fact is not None and fact.type == "length":
            return f"{label}：{read_length(str(value)).in_chinese()}"
        return f"{label}：{fact.name_of(value) if fact is not None else value}"

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """Sort names: facts first, then what is looked up."""
        return sorted(paths, key=lambda path: (path not in self._facts, path))

    def _param(self, name: str) -> str:
        values = spans(self._params[name]) if name in self._params else []
        if len(values) == 1:
            return f"{values[0][0].value}（参数 {name}）"
        return f"参数 {name}"

    def _threshold(self, name: str) -> str:
        known = self._bundle.thresholds.get(name)
        return f"门槛“{known.title.zh if known else name}”"

    def _asked(self, name: str) -> str:
        known = QUESTIONS.get(name)
        return f"“{_CUT.split(known.doc)[0] if known else name}”"

    def _hits(self, rest: str) -> str:
        words, _, path = rest.partition(".")
        known = self._bundle.words.get(words)
        return f"词表“{known.title.zh if known else words}”在{self.label(path)}里命中的处数"


def tier_title(bundle: Bundle, tier: str) -> str:
    """Return what a tier is called: the workflow of that name, else the first of it."""
    named = bundle.workflows.get(tier)
    return (named or of_tier(bundle.workflows, tier)[0]).title.zh
