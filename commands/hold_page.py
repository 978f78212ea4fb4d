"""What was done to clocks, on a receipt: pauses, extensions, attributions of lost days. 回执"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from commands.clock_page import account_data, due_lines, lost_lines
from commands.printing import local, pick
from commands.receipt_page import fire_data, fire_words
from commands.words import HOLDS, LAMPS, MOMENT_WORDS, aside, colon, here, word
from engine.explain import ClockAccount
from engine.matter import Entry, Matter
from engine.office import Office
from engine.word import Word
from engine.work import Fire, Message


@dataclass(frozen=True, slots=True)
class Held:
    """What a receipt says, taken before the unit of work is written and cleared."""

    office: Office
    matter: Matter
    said: Word
    line: Entry
    fires: list[Fire]
    messages: list[Message]
    accounts: list[ClockAccount]
    followed: list[Entry]
    matters: dict[str, Matter]
    dry_run: bool


def receipt_data(held: Held) -> dict[str, Any]:
    """The receipt for programs."""
    return {
        "dry_run": held.dry_run,
        "matter": held.matter.id,
        "root": held.matter.root,
        "what": held.line.name,
        "at": here(held.said.at),
        "recorded_at": here(held.said.now),
        "person": held.said.actor.person,
        "reason": held.said.reason,
        "history_no": held.line.no,
        "head_hash": held.line.hash,
        "fires": [fire_data(f, held.messages) for f in held.fires],
        "clocks": [account_data(a) for a in held.accounts],
        "followed": [{"matter": e.matter, "action": e.name, "state": e.went_to} for e in held.followed],
    }


def receipt(held: Held, command: Callable[..., str], lang: str) -> str:
    """The receipt as an officer reads it."""
    said = held.said
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if held.dry_run else []
    lines.append(f"{word(HOLDS, held.line.name, lang)}  {held.matter.id}  {said.reason}")
    when = f"  {local(said.at)}"
    if said.now != said.at:
        when += pick(lang, f"（{local(said.now)} 登记）", f" (recorded {local(said.now)})")
    lines.append(f"{when}  {said.actor.person}")
    due = [fire_words(held.office, held.matters[f.matter], f, held.messages, lang) for f in held.fires]
    lines += _block(pick(lang, "此前到点、随之解除的", "Was due before, or withdrawn with it"), due, lang)
    shown = [line for a in held.accounts for line in _account(a, lang)]
    lines += _block(pick(lang, "计时", "Clocks"), shown or [pick(lang, "没有在走的", "none")], lang)
    followed = [_followed(held, e, lang) for e in held.followed]
    lines += _block(pick(lang, "随之自动办理", "Followed by itself"), followed, lang)
    lines += _block(pick(lang, "接下来", "Next"), _next(held, command, lang), lang)
    return "\n".join(lines)


def _block(title: str, lines: Sequence[str], lang: str) -> list[str]:
    return [colon(title, lang), *(f"  {line}" for line in lines)] if lines else []


def _account(account: ClockAccount, lang: str) -> list[str]:
    head = f"{account.definition.title.in_(lang)}{aside(account.matter.id, lang)}"
    lines = [f"{head}  [{word(LAMPS, account.lamp, lang)}]"]
    lost = [f"  {line}" for line in lost_lines(account, lang)]
    if account.clock.state == "paused":
        # a stopped clock has no due moment to tell: it is counted again when it goes on
        return [f"{lines[0]}  {pick(lang, '恢复后重新计算', 'counted again when it goes on')}", *lost]
    for item in account.dues:
        lines += [f"  {line}" for line in due_lines(account, item, lang)]
    if account.clock.asked:
        asked = account.clock.asked
        name = word(MOMENT_WORDS, asked["moment"], lang)
        lines.append(
            pick(
                lang,
                f"  待审批：{name}延至 {asked['until']}，批准以前不变",
                f"  to be approved: {name} until {asked['until']}; nothing moves before",
            )
        )
    return lines + lost


def _followed(held: Held, entry: Entry, lang: str) -> str:
    matter = held.matters[entry.matter]
    workflow = held.office.workflow(matter)
    title = workflow.actions[entry.name].title.in_(lang) if entry.name in workflow.actions else entry.name
    return f"{title}  {matter.id}  {workflow.states[matter.state].title.in_(lang)}"


def _next(held: Held, command: Callable[..., str], lang: str) -> list[str]:
    """The command that usually comes next, to be typed as it stands."""
    why = ("--reason", pick(lang, "原因", "REASON"))
    if held.line.name == "pause":
        return [command("clock", "resume", held.matter.id, *why)]
    if held.line.name not in ("ask_extension", "ask_attribution"):
        return []
    clock = held.accounts[0].clock
    words: tuple[str, ...] = ("clock", "approve", clock.matter, clock.name)
    if held.line.name == "ask_attribution":
        words = ("clock", "charge", clock.matter, clock.name, "--approve")
    other = pick(lang, "另一人", "ANOTHER")
    return [command(*words, *why).replace(f" --as {held.said.actor.person} ", f" --as {other} ", 1)]
