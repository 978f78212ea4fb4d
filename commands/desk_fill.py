"""A to-do list comes back filled in: each filled row is one act with the person's own rights. 回填

All rows are taken in one transaction, each under a savepoint: a row that is refused leaves nothing behind
and is listed with why; the others stand. What the list asked for and somebody recorded since counts as
known where it says the same, and is refused where it says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from commands.entries import document, happened
from commands.history_page import body_of
from commands.printing import SHANGHAI, local, pick
from commands.room import Room, read_at
from commands.words import aside
from engine.advance import Request, advance, find
from engine.chain import plain
from engine.directory import UNIT_SIDE
from engine.errors import (
    BadInput,
    BadRow,
    Conflict,
    Forbidden,
    NotFound,
    OutsideCalendar,
    Refused,
    YiribanError,
)
from engine.factvalue import read_fact
from engine.matter import Evidence, FactValue, Matter
from engine.office import Office
from engine.signing import asked
from engine.work import Work
from engine.workflow import ActionDef
from exchange.todo import Filled, Flaw, Returned, read_todo
from storage import desks, views
from storage.desks import Wall

_ROW_TROUBLES = (BadInput, BadRow, Conflict, Forbidden, NotFound, OutsideCalendar, Refused)
_SHOWN = 40
_HOW = re.compile(r"（填| \(fill in| \(name of")
"""Where a column's head stops naming and starts to say how to fill it in."""


class _Undo(Exception):
    """Ends a rehearsal: everything is taken back."""


class _Flawed(Exception):
    """A row has flaws in its cells and is not carried out."""


@dataclass(slots=True)
class Taken:
    """What came of a list: rows done (row, matter, action title), known already, not filled in; and flaws."""

    done: list[tuple[int, str, str]] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    empty: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def not_done(self) -> int:
        """How many rows were filled in and not carried out."""
        return len({flaw.row for flaw in self.flaws})


def take_back(room: Room, path: Path, person: str, *, dry_run: bool) -> Taken:
    """Carry out every filled row of the list at ``path`` as ``person``; rehearse it for ``dry_run``."""
    returned = read_todo(path, room.now.astimezone(SHANGHAI).date())
    taken = Taken(empty=returned.empty)
    office = room.office()
    try:
        with room.store.transaction():
            wall = desks.wall_of(room.store, person, UNIT_SIDE, room.now)
            room.store.keep_bundle(office.current, room.now, _place(wall))
            for filled in returned.filled:
                _row(room, wall, returned, filled, path, person, taken)
            if dry_run:
                raise _Undo
    except _Undo:
        pass
    return taken


def _place(wall: Wall) -> str:
    return wall.shown[0].jurisdiction if wall.shown else ""


def _row(
    room: Room, wall: Wall, returned: Returned, filled: Filled, path: Path, person: str, taken: Taken
) -> None:
    title: str | None = None
    try:
        with room.store.savepoint():
            work = room.store.new_work()
            title = _act(room, work, wall, returned, filled, path, person)
            room.store.write(work)
    except _Flawed:
        pass
    except _ROW_TROUBLES as trouble:
        filled.flaws.append(returned.flaw("refused", filled.row, _sentence(trouble)))
    if filled.flaws:
        taken.flaws += filled.flaws
    elif title is None:
        taken.known.append(filled.row)
    else:
        taken.done.append((filled.row, filled.matter, title))


def _sentence(trouble: YiribanError) -> str:
    return "；".join(part for part in (trouble.what, trouble.why, trouble.then) if part)


def _act(
    room: Room, work: Work, wall: Wall, returned: Returned, filled: Filled, path: Path, person: str
) -> str | None:
    """Record the row; return the title of the action, ``None`` where it is on record already."""
    if not desks.covers(room.store, wall, filled.matter):
        raise NotFound(
            f"没有编号 {filled.matter}，或不在 {person} 任职的单位", then="核对编号，不要改动这一列"
        )
    office = room.office()
    named = room.locate(work, filled.matter)
    workflow = office.workflow(named)
    action = workflow.actions.get(filled.action)
    if action is None or action.automatic:
        raise BadInput(f"{filled.matter} 没有名为 {filled.action} 的操作", then="操作代码一列不要改动")
    facts = _facts(room, returned, filled, named, action)
    papers = _papers(returned, filled, action, path)
    if filled.flaws:
        raise _Flawed
    assert filled.day is not None
    if _known(room, filled, named, action, facts):
        return None
    matter, definition = find(office, work, named, filled.action)
    moment, _ = read_at(filled.day.isoformat())
    at = happened(office, work, matter, definition, moment, timedelta(days=1))
    actor = room.actor(person, matter)
    actor.source = f"{path.name}:{filled.row}"
    _signed(office, work, matter, definition, at, facts, returned, filled)
    if filled.flaws:
        raise _Flawed
    request = Request(matter.id, filled.action, at, facts, papers, filled.reason, checked=filled.checked)
    advance(office, work, request, actor, room.now)
    return definition.title.zh if room.lang != "en" else definition.title.in_("en")


def _facts(
    room: Room, returned: Returned, filled: Filled, matter: Matter, action: ActionDef
) -> dict[str, FactValue]:
    """Read the facts by their types; every cell that cannot be used becomes a flaw of the row."""
    workflow = room.office().workflow(matter)
    found: dict[str, FactValue] = {}
    for key, text in filled.facts.items():
        owner, _, name = key.partition(".")
        column = f"fact:{key}"
        if owner != workflow.tier or name not in action.needs:
            said = f"“{action.title}”不填这一项"
            filled.flaws.append(returned.flaw("not_asked", filled.row, said, column))
            continue
        try:
            found[name] = read_fact(workflow.facts[name], text)
        except BadInput as bad:
            said = f"{text!r}不能用，{bad.why}"
            filled.flaws.append(returned.flaw("unreadable_fact", filled.row, said, column))
    for name in action.needs:
        if name not in matter.facts and f"{workflow.tier}.{name}" not in filled.facts:
            column = f"fact:{workflow.tier}.{name}"
            said = f"“{action.title}”必须填{workflow.facts[name].title}"
            filled.flaws.append(returned.flaw("missing_fact", filled.row, said, column))
    return found


def _papers(returned: Returned, filled: Filled, action: ActionDef, path: Path) -> list[Evidence]:
    """Take the documents that lie beside the list; a name with a path is not taken."""
    found: list[Evidence] = []
    for kind in action.evidence:
        column = f"paper:{kind}"
        name = filled.papers.get(kind, "")
        if not name:
            said = f"“{action.title}”必须有附件 {kind}"
            filled.flaws.append(returned.flaw("missing_paper", filled.row, said, column))
        elif Path(name).name != name or "\\" in name or ":" in name:
            said = f"{name!r}不能用，只写与本表同一文件夹里的文件名"
            filled.flaws.append(returned.flaw("unusable_paper", filled.row, said, column))
        else:
            try:
                found.append(document(f"{kind}={path.parent / name}"))
            except BadInput as bad:
                said = f"{name!r}读不到，{bad.why}"
                filled.flaws.append(returned.flaw("unreadable_paper", filled.row, said, column))
    for kind in set(filled.papers) - set(action.evidence):
        said = f"“{action.title}”不收这种附件"
        filled.flaws.append(returned.flaw("not_asked", filled.row, said, f"paper:{kind}"))
    return found


def _signed(
    office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime, facts: Mapping[str, FactValue],
    returned: Returned, filled: Filled,
) -> None:  # fmt: skip
    """Say which lists have not been signed, in which cells; the command's own words would not help here."""
    found = asked(office, work, matter, action, at, facts)
    for one in found.lists:
        if one.name not in filled.checked:
            said = f"“{action.title}”要逐项审查并签署“{one.title}”（{one.ground.basis}）"
            filled.flaws.append(returned.flaw("missing_check", filled.row, said, f"check:{one.name}"))
    if found.opinion and not filled.reason:
        filled.flaws.append(
            returned.flaw("missing_opinion", filled.row, f"“{action.title}”要写审查意见", "reason")
        )
    for name in set(filled.checked) - set(action.checklists):
        said = f"“{action.title}”不签这一项"
        filled.flaws.append(returned.flaw("not_asked", filled.row, said, f"check:{name}"))


def _known(
    room: Room, filled: Filled, matter: Matter, action: ActionDef, facts: dict[str, FactValue]
) -> bool:
    """Say whether what the row says is on record since the list was written; ``Conflict`` if it differs."""
    for line in views.history(room.store, [matter.id]):
        body = body_of(line)
        if line.no <= filled.known or line.kind != "action" or body.get("name") != action.name:
            continue
        said = (body.get("detail") or {}).get("facts") or {}
        day = room.calendar().day_of(line.at)
        if day == filled.day and all(said.get(name) == plain(value) for name, value in facts.items()):
            return True
        raise Conflict(
            f"“{action.title}”在这份清单之后已经登记过（{local(line.at)} 办，{body.get('actor')}）",
            why="与本行填写的不一致，保留已登记的",
            then=f"用 yiriban project show {matter.id} 核对；清单请重新导出",
        )
    return False


# what is said about it


def filled_data(taken: Taken, path: Path, *, dry_run: bool) -> dict[str, Any]:
    """What came of a list, for JSON."""
    return {
        "file": path.name,
        "dry_run": dry_run,
        "done": [{"row": row, "matter": matter, "action": title} for row, matter, title in taken.done],
        "known": taken.known,
        "empty": taken.empty,
        "not_done": taken.not_done,
        "findings": [
            {"kind": f.kind, "row": f.row, "column": f.column or None, "head": f.head or None, "message": f.message}
            for f in taken.flaws
        ],
    }  # fmt: skip


def filled_page(taken: Taken, path: Path, lang: str, *, dry_run: bool) -> str:
    """What came of a list: the counts, what was done, and every flaw with its row and column."""
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if dry_run else []
    done, known, empty = len(taken.done), len(taken.known), taken.empty
    lines.append(
        pick(
            lang,
            f"{path.name}：办理 {done} 件，先前已登记 {known} 件，没办成 {taken.not_done} 件，未填 {empty} 行",
            f"{path.name}: done {done}, on record already {known}, not done {taken.not_done}, not filled in {empty}",
        )
    )
    lines += [f"  {_at(row, lang)}  {matter}  {title}" for row, matter, title in taken.done[:_SHOWN]]
    if taken.flaws:
        lines.append(pick(lang, "没办成的：", "Not done:"))
        for flaw in taken.flaws[:_SHOWN]:
            cell = f" {flaw.column} {pick(lang, '列', '')}".rstrip() if flaw.column else ""
            head = aside(_HOW.split(flaw.head)[0], lang) if flaw.head else ""
            lines.append(f"  {_at(flaw.row, lang)}{cell}{head}  {flaw.message}")
        more = len(taken.flaws) - _SHOWN
        if more > 0:
            lines.append(
                pick(lang, f"  另有 {more} 条，用 --json 查看全部", f"  and {more} more, see --json")
            )
    return "\n".join(lines)


def _at(row: int, lang: str) -> str:
    return pick(lang, f"第 {row} 行", f"row {row}")
