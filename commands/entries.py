"""What people enter with a project or an action: titles, numbers, facts, documents, moments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from commands.printing import local
from commands.room import pair
from commands.words import ALIASES
from engine.errors import BadInput
from engine.factvalue import read_fact
from engine.matter import Evidence, FactValue, Matter
from engine.office import Office
from engine.opening import newcomer
from engine.work import Work
from engine.workflow import ActionDef, FactDef, WorkflowDef

_LONGEST_TITLE = 200
_LONGEST_CODE = 60
_CODE = re.compile(r"[\w〔〕（）()\[\]#-]+")
_CASE_OR_NOT = re.compile(r"-[A-Z]\d+$")
_PIECE = 1 << 20


def title_of(text: str) -> str:
    """Return a project's title; raise ``BadInput`` for one that does not fit on a line."""
    name = text.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_TITLE:
        raise BadInput(
            f"项目名称不能用：{text!r}",
            why=f"不能是空的，不能换行，最多 {_LONGEST_TITLE} 字",
            then="换一个写法",
        )
    return name


def code_of(text: str) -> str:
    """Return a code that can be an id: parts add ``.1`` to it, cases ``-C1``, keys put ``/`` behind it."""
    code = text.strip()
    if not _CODE.fullmatch(code) or _CASE_OR_NOT.search(code) or len(code) > _LONGEST_CODE:
        raise BadInput(
            f"项目编号不能用：{text!r}",
            why="编号由文字、数字、-_〔〕（） 组成，不含 . / 和空格，不以 -C 加数字结尾",
            then="另取编号，原编号用 --alias project=原编号 记下，照样可以查到",
        )
    return code


def alias_of(text: str) -> tuple[str, str]:
    """Read ``kind=value``; raise ``BadInput`` for a kind that there is not."""
    kind, value = pair(text, "--alias", "plan=平财采备〔2026〕15号")
    if kind not in ALIASES:
        known = "、".join(f"{name}（{zh}）" for name, (zh, _) in ALIASES.items())
        raise BadInput(f"没有这种编号：{kind}", then=f"可用的：{known}")
    return kind, value


def past(moment: datetime, now: datetime) -> datetime:
    """Return ``moment``; raise ``BadInput`` where it is still to come."""
    if moment > now:
        raise BadInput(f"开立时间 {local(moment)} 在将来", why="只能记录已经发生的事", then="改正 --at")
    return moment


def happened(
    office: Office, work: Work, matter: Matter, action: ActionDef, moment: datetime, width: timedelta
) -> datetime:
    """Return the instant meant by a day or a minute: not before the step that it follows, within that day.

    Who writes a day means some time on it: the start of the day, or, where the state was entered or a
    clock that the action ends was started later on the same day, that moment.
    """
    ends = [
        c.anchor
        for c in work.clocks_of(matter)
        if c.state == "running" and action.name in office.clock(matter, c.name).ends
    ]
    before = [b for b in (matter.state_since, *ends) if b is not None and moment < b < moment + width]
    return max(before, default=moment)


def facts_of(office: Office, matter: Matter, action: ActionDef, texts: Sequence[str]) -> dict[str, FactValue]:
    """Read ``name=value`` by the types that the matter's workflow declares, and that of what is opened."""
    comes = newcomer(office, matter, action)
    return _facts_of({**(comes.facts if comes else {}), **office.workflow(matter).facts}, texts)


def facts_named(workflow: WorkflowDef, texts: Sequence[str]) -> dict[str, FactValue]:
    """Read the facts with which a matter is opened; raise ``BadInput`` for a name that it does not have."""
    found = _facts_of(workflow.facts, texts)
    for name in found:
        if name not in workflow.facts:
            close = get_close_matches(name, workflow.facts, 1)
            raise BadInput(
                f"{workflow.title}没有要素 {name}",
                then=(f"您是不是要写 {close[0]}？" if close else "") + "可用的：" + "、".join(workflow.facts),
            )
    return found


def _facts_of(known: Mapping[str, FactDef], texts: Sequence[str]) -> dict[str, FactValue]:
    found: dict[str, FactValue] = {}
    for text in texts:
        name, value = pair(text, "--fact", "supplier=甲公司")
        if name in found:
            raise BadInput(f"要素 {name} 写了两次", then="只留一个 --fact")
        # an unknown name is refused by the engine, which knows what is near
        found[name] = read_fact(known[name], value) if name in known else value
    return found


def document(text: str) -> Evidence:
    """Read ``kind=file``: the file's SHA-256, size and name, and where it lies."""
    kind, name = pair(text, "--evidence", "contract_text=合同.pdf")
    path = Path(name)
    if not path.is_file():
        why = "它是一个文件夹" if path.is_dir() else "没有这个文件"
        raise BadInput(f"附件 {kind} 读不到：{name}", why=why, then="检查文件的路径和名称")
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return Evidence(kind, path.name, digest.hexdigest(), size, str(path.absolute()))
