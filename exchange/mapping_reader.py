"""From a mapping file to a ``Mapping``, with every fault of the file named at once. 对照文件的读取"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from pathlib import Path
from typing import cast

from engine.errors import BadInput, NotFound
from engine.matter import FactValue
from engine.reading_form import Form, nearest
from engine.term import read_length
from engine.workflow import FactDef, WorkflowDef
from engine.yamlfile import MAX_BYTES, Fault, Faults, Map, Node, Scalar, Seq, decode, read_yaml
from exchange.amounts import UNITS
from exchange.dates import ISO, compile_format
from exchange.ledger import Options
from exchange.mapping import (
    LEVELS,
    ActionTarget,
    DateTarget,
    FactTarget,
    IgnoreTarget,
    Level,
    Mapping,
    RoleTarget,
    Target,
)

KINDS = ("action", "fact", "is", "alias", "date", "ignore")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WHY = "对照文件有错时一律不采用，以免把日期记到别的操作上"


class BrokenMapping(BadInput):
    """Mapping files with faults; ``faults`` lists them by file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """List every fault in the text of the error."""
        self.faults = tuple(faults)
        listed = "\n".join(str(fault) for fault in self.faults)
        super().__init__(
            f"对照文件有 {len(self.faults)} 处错误：\n{listed}",
            why=_WHY,
            then="逐条改正后再运行 yiriban mapping check",
        )


def read_mapping(text: str, file: str, workflows: Table[str, WorkflowDef]) -> Mapping:
    """Read one mapping; ``workflows`` says which actions and facts there are.

    Raises ``BrokenMapping`` (a ``BadInput``) with all faults, each with line and what to write.
    """
    faults = Faults()
    mapping = _read(text, file, workflows, faults)
    if faults or mapping is None:
        raise BrokenMapping(faults)
    return mapping


def load_mapping(path: Path, workflows: Table[str, WorkflowDef]) -> Mapping:
    """Read one mapping file; raises what ``read_mapping`` raises, and ``NotFound``."""
    faults = Faults()
    text = _text(path, path.name, faults)
    if text is None:
        raise BrokenMapping(faults)
    return read_mapping(text, path.name, workflows)


def load_mappings(folder: Path, workflows: Table[str, WorkflowDef]) -> list[Mapping]:
    """Read every ``*.yaml`` of ``folder`` in order of their names; a missing folder has none.

    Raises ``BrokenMapping`` with the faults of all files, two mappings of one name among them.
    """
    faults = Faults()
    found: dict[str, Mapping] = {}
    for path in sorted(folder.glob("*.yaml")):
        text = _text(path, path.name, faults)
        mapping = None if text is None else _read(text, path.name, workflows, faults)
        if mapping is None:
            continue
        if mapping.name in found:
            other = found[mapping.name].file
            faults.add(path.name, 1, f"对照 {mapping.name} 已在 {other} 中", "换一个名称")
        found[mapping.name] = mapping
    if faults:
        raise BrokenMapping(faults)
    return list(found.values())


def find_mapping(word: str, mappings: Iterable[Mapping], workflows: Table[str, WorkflowDef]) -> Mapping:
    """Find what ``--mapping`` says: the name of a known mapping, or else the path of a file."""
    known = {mapping.name: mapping for mapping in mappings}
    if word in known:
        return known[word]
    path = Path(word)
    if path.is_file():
        return load_mapping(path, workflows)
    raise NotFound(
        f"没有对照 {word}",
        why=f"它既不是已有的对照（{'、'.join(known) or '一个也没有'}），也不是文件",
        then="用 yiriban mapping list 查看已有的，或写对照文件的路径",
    )


def _text(path: Path, name: str, faults: Faults) -> str | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = str(error.strerror)
        raise NotFound(f"读不到对照文件 {name}", why=why, then="检查路径和读取权限") from error
    if len(data) > MAX_BYTES:
        faults.add(name, 1, f"文件超过 {MAX_BYTES // 1024} kB", "拆成几个文件")
        return None
    return decode(data, name, faults)


def _read(text: str, file: str, workflows: Table[str, WorkflowDef], faults: Faults) -> Mapping | None:
    tree = read_yaml(text, file, faults)
    return None if tree is None else _Reader(Form(tree, file, faults, "对照"), workflows).mapping()


def depths(workflows: Table[str, WorkflowDef]) -> dict[str, int]:
    """How many part keys lead from a project to a matter of each tier (project 0, package 1, …)."""
    found: dict[str, int] = {}
    for name in (name for name, workflow in workflows.items() if workflow.tier == name):
        depth, at = 0, name
        while workflows[at].part_of in workflows and depth <= len(LEVELS):
            depth, at = depth + 1, workflows[at].part_of
        # what stands beside a matter's way (a bid) has no number that a part key could lead to
        if not workflows[at].about and not workflows[name].aside:
            found[name] = depth
    return found


class _Reader:
    """Reads one file; faults go to the form."""

    def __init__(self, form: Form, workflows: Table[str, WorkflowDef]) -> None:
        self._form = form
        self._depths = depths(workflows)
        self._workflows = {name: workflows[name] for name in self._depths}

    def mapping(self) -> Mapping:
        form = self._form
        name = form.text("mapping", "mapping: 名称", required=True)
        if name and not _NAME.fullmatch(name):
            what = f"名称 {name} 只能用小写英文、数字和连字符"
            form.fault(form.line("mapping"), what, "例如 city-register")
        fits_form = form.inner("fits", "fits", required=True)
        fits = fits_form.names("headers", required=True) if fits_form is not None else ()
        if fits_form is not None:
            fits_form.done()
        columns = self._columns()
        project, parts = self._keys(form, "project", fits), self._parts(fits)
        spoken = {*columns, *project, *(key for _, keys in parts for key in keys)}
        for header in fits:
            if columns and header not in spoken:
                what = f"fits.headers 里的 {header} 没有在 columns 里说明含义"
                form.fault(form.line("fits"), what, f"{header}: {{ignore: true, why: 为什么不用}}")
        read = Mapping(
            name=name,
            title=form.title(),
            fits=fits,
            options=self._options(),
            dates=self._dates(form) or (ISO,),
            empty=frozenset(word.casefold() for word in form.names("empty")),
            currency=self._currency(),
            project=project,
            parts=parts,
            columns=columns,
            constants=self._constants(),
            depth=self._depths,
            file=form.file,
        )
        form.done()
        return read

    def _options(self) -> Options:
        form = self._form
        encoding = form.text("encoding", "encoding: utf-8")
        try:
            codecs.lookup(encoding or "utf-8")
        except LookupError:
            form.fault(form.line("encoding"), f"没有这种编码：{encoding}", "encoding: utf-8 或 gb18030")
        written = form.get("delimiter")
        delimiter = written.value if isinstance(written, Scalar) and isinstance(written.value, str) else ""
        if delimiter == "tab":
            delimiter = "\t"
        if written is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            form.fault(written.line, "delimiter 应是一个字符，或 tab", 'delimiter: ";"')
        return Options(encoding, delimiter, form.text("sheet", "sheet: 工作表名"))

    def _currency(self) -> str:
        currency = self._form.text("currency", "currency: EUR") or "CNY"
        if not re.fullmatch(r"[A-Z]{3}", currency):
            self._form.fault(self._form.line("currency"), f"{currency} 不是币种代码", "currency: CNY")
        return currency

    def _dates(self, form: Form) -> tuple[str, ...]:
        formats = form.names("dates")
        for written in formats:
            try:
                compile_format(written)
            except BadInput as error:
                form.fault(form.line("dates"), error.what, error.then.removeprefix("例如 "))
        return formats

    def _keys(self, form: Form, key: str, fits: tuple[str, ...]) -> tuple[str, ...]:
        columns = form.names(key)
        for name in columns:
            if fits and name not in fits:
                what = f"{key} 的列 {name} 不在 fits.headers 里"
                form.fault(form.line(key), what, f"把 {name} 加进 fits.headers")
        return columns

    def _parts(self, fits: tuple[str, ...]) -> tuple[tuple[Level, tuple[str, ...]], ...]:
        form = self._form.inner("parts", "parts")
        if form is None:
            return ()
        found = [(level, self._keys(form, level, fits)) for level in LEVELS]
        form.done()
        return tuple((level, columns) for level, columns in found if columns)

    def _columns(self) -> dict[str, tuple[Target, ...]]:
        form = self._form
        node = form.get("columns", "columns: 表头: {action: 流程.操作}", required=True)
        if node is None:
            return {}
        if not isinstance(node, Map):
            form.fault(node.line, "columns 应是 表头: 含义", "合同签订: {action: contract.sign_contract}")
            return {}
        columns: dict[str, tuple[Target, ...]] = {}
        for header, value in node.items():
            columns[header] = self._targets(header, value, node.line_of(header))
        dated = any(isinstance(t, ActionTarget | DateTarget) for targets in columns.values() for t in targets)
        if not dated:
            what = "没有一列是操作的日期，什么也重放不了"
            form.fault(form.line("columns"), what, "至少一列写 {action: 流程.操作}")
        return columns

    def _targets(self, header: str, node: Node, line: int) -> tuple[Target, ...]:
        items = node.items if isinstance(node, Seq) else (node,)
        found: list[Target] = []
        for item in items:
            if not isinstance(item, Map):
                what = f"列 {header} 的含义应是 {{…}} 或其列表"
                self._form.fault(line, what, "{action: contract.sign_contract}")
                continue
            form = Form(item, self._form.file, self._form.faults, f"列 {header}")
            target = self._target(form)
            if target is not None:
                found.append(target)
        return tuple(found)

    def _target(self, form: Form) -> Target | None:
        kinds = [kind for kind in KINDS if kind in form.node]
        if len(kinds) != 1:
            form.fault(form.line(), f"须写明 {'、'.join(KINDS)} 之一", "{action: 流程.操作}")
            return None
        makers: dict[str, Callable[[Form], Target | None]] = {
            "action": self._action,
            "fact": self._fact,
            "is": self._role,
            "alias": lambda one: RoleTarget("alias", one.text("alias", "alias: contract_no", required=True)),
            "date": self._date,
            "ignore": self._ignore,
        }
        target = makers[kinds[0]](form)
        form.done()
        return target

    def _action(self, form: Form) -> Target | None:
        part, formats = form.text("part", 'part: "1"'), self._dates(form)
        named = self._named(form, "action", lambda workflow: workflow.actions)
        return None if named is None else ActionTarget(*named, part, formats)

    def _fact(self, form: Form) -> Target | None:
        part, formats, unit = form.text("part", 'part: "1"'), self._dates(form), form.text("unit")
        words = self._words(form)
        named = self._named(form, "fact", lambda workflow: workflow.facts)
        if named is None:
            return None
        fact = self._workflows[named[0]].facts[named[1]]
        if fact.type == "money" and unit not in UNITS:
            form.fault(form.line("unit"), "金额列须声明单位", f"unit: {' 或 '.join(UNITS)}")
        if fact.type != "money" and unit:
            form.fault(form.line("unit"), f"{fact.name} 不是金额，没有单位", "删去 unit")
        if fact.type == "boolean" and {value for _, value in words} != {True, False}:
            form.fault(form.line(), "是非列须声明用词", "true_words: [是], false_words: [否]")
        if fact.type == "date" and not formats:
            formats = self._dates(self._form)
        return FactTarget(*named, fact.type, part, unit, words, formats)

    def _words(self, form: Form) -> tuple[tuple[str, bool], ...]:
        means = {True: form.names("true_words"), False: form.names("false_words")}
        both = {word.casefold() for word in means[True]} & {word.casefold() for word in means[False]}
        if both:
            form.fault(form.line("true_words"), f"{'、'.join(sorted(both))} 既是又非", "只留在一边")
        return tuple((word.casefold(), value) for value, words in means.items() for word in words)

    def _named(
        self, form: Form, key: str, members: Callable[[WorkflowDef], Table[str, object]]
    ) -> tuple[str, str] | None:
        """Read ``workflow.name`` and look it up."""
        written = form.text(key, f"{key}: contract.……", required=True)
        if not written:
            return None
        workflow, _, name = written.partition(".")
        if workflow not in self._workflows:
            what = f"没有流程 {workflow}" if name else f"{key} 应写成 流程.名称"
            form.fault(form.line(key), what, f"{nearest(workflow, self._workflows)}.……")
            return None
        if name not in (known := members(self._workflows[workflow])):
            word = "操作" if key == "action" else "要素"
            what = f"流程 {workflow} 没有{word} {name}"
            form.fault(form.line(key), what, nearest(written, [f"{workflow}.{one}" for one in known]))
            return None
        return workflow, name

    def _role(self, form: Form) -> Target | None:
        role = form.choice("is", ("title", "unit"))
        return RoleTarget("title" if role == "title" else "unit") if role else None

    def _date(self, form: Form) -> Target:
        form.flag("date")
        why = form.text("why", "why: 采购申请不在流程里", required=True)
        return DateTarget(why, self._dates(form))

    def _ignore(self, form: Form) -> Target:
        form.flag("ignore")
        return IgnoreTarget(form.text("why", "why: 为什么不用这一列", required=True))

    def _constants(self) -> tuple[tuple[str, str, FactValue], ...]:
        node = self._form.get("facts")
        if node is None:
            return ()
        if not isinstance(node, Map):
            self._form.fault(node.line, "facts 应是 流程.要素: 值", "contract.supplier_small: false")
            return ()
        found: list[tuple[str, str, FactValue]] = []
        for written, value in node.items():
            workflow, _, name = written.partition(".")
            facts = self._workflows[workflow].facts if workflow in self._workflows else {}
            if name not in facts:
                known = [f"{w}.{fact}" for w in self._workflows for fact in self._workflows[w].facts]
                self._form.fault(node.line_of(written), f"没有要素 {written}", nearest(written, known))
                continue
            constant = _constant(facts[name], value)
            if constant is None:
                wanted = facts[name].type
                self._form.fault(value.line, f"{written} 的值与类型 {wanted} 不符", _EXAMPLES[wanted])
                continue
            found.append((workflow, name, constant))
        return tuple(found)


_EXAMPLES = {
    "boolean": "true 或 false",
    "integer": "1",
    "text": "文字",
    "link": "https://……",
    "length": "30 days",
    "money": "金额和日期各行不同，用列来写",
    "date": "金额和日期各行不同，用列来写",
}


def _constant(fact: FactDef, node: Node) -> FactValue | None:
    value = node.value if isinstance(node, Scalar) else None
    if fact.type == "length" and isinstance(value, str):
        try:
            return read_length(value)
        except BadInput:
            return None
    wanted = {"boolean": bool, "integer": int, "text": str, "link": str}.get(fact.type)
    return cast(FactValue, value) if wanted is not None and type(value) is wanted else None
