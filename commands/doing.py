"""One way to act, for projects and for cases: read what was typed, let the engine do it, print the receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from commands.completing import actions, matters, persons
from commands.entries import document, facts_of, happened
from commands.printing import common_options, emit, pass_settings
from commands.receipt_page import Done, receipt_data, receipt_page, take
from commands.room import Room, dry_run_option, enter, os_user, person_of, read_at, typed
from commands.words import fold
from engine.advance import Request, advance, find
from engine.matter import Evidence, Matter
from engine.office import Actor
from engine.work import Work
from runtime.settings import Settings
from storage.people import People

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Room, Work, Matter], None]
"""Look at the matter that was named, before anything is done; raise what it refuses."""

_OPTIONS = (
    click.argument("ref", shell_complete=matters),
    click.argument("action", shell_complete=actions),
    click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", help="要素，可多次 / a fact"),
    click.option(
        "--evidence", multiple=True, metavar="KIND=FILE", help="附件，可多次 / a document, repeatable"
    ),
    click.option(
        "--at", metavar="MOMENT", help="何时发生：2026-11-20 或 '2026-11-20 16:30'，默认此刻 / when"
    ),
    click.option(
        "--reason", default="", metavar="TEXT", help="原因；补录必写 / needed for a record of the past"
    ),
    click.option(
        "--checked",
        multiple=True,
        metavar="LIST[.ITEM]",
        help="已逐项看过、都符合的审查清单，可多次 / a list gone through and found in order",
    ),
    click.option("--revision", type=int, metavar="N", help="所见版次，已被改动则拒绝 / refuse a newer one"),
    click.option(
        "--second",
        metavar="PERSON",
        shell_complete=persons,
        help="第二人；补录较早的事时须有 / who confirms an old record",
    ),
    dry_run_option,
    common_options,
    pass_settings,
    click.pass_context,
)


def action_options(command: F) -> F:
    """Give a command everything that an action is typed with, for ``carry_out``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Typed:
    """An action as it was typed: by whom, when it happened (``width``: how exactly that was said), with what."""

    person: str
    action: str
    facts: Sequence[str]
    evidence: Sequence[Evidence]
    moment: datetime | None
    width: timedelta
    reason: str
    revision: int | None
    second: str | None
    checked: tuple[str, ...] = ()


def read_typed(
    settings: Settings, action: str, facts: Sequence[str], evidence: Sequence[str], at: str | None, reason: str,
    revision: int | None, second: str | None, checked: Sequence[str] = (),
) -> Typed:  # fmt: skip
    """Read what can be read before the database is opened; raise what is wrong with it."""
    person = person_of(settings)
    moment, width = (None, timedelta()) if at is None else read_at(at)
    documents = [document(text) for text in evidence]
    return Typed(
        person, action, facts, documents, moment, width, reason.strip(), revision, second, tuple(checked)
    )


def act(room: Room, ref: str, typed_in: Typed, *, dry_run: bool, check: Check | None = None) -> Done:
    """Take the action on what is called ``ref``, in a transaction of its own; return what a receipt says."""
    office = room.office()
    with room.writing(dry_run=dry_run) as work:
        named = room.locate(work, ref)
        if check is not None:
            check(room, work, named)
        matter, definition = find(office, work, named, typed_in.action)
        moment, second = typed_in.moment, typed_in.second
        request = Request(
            matter=matter.id,
            action=typed_in.action,
            at=room.now
            if moment is None
            else happened(office, work, matter, definition, moment, typed_in.width),
            facts=facts_of(office, matter, definition, typed_in.facts),
            evidence=typed_in.evidence,
            reason=typed_in.reason,
            revision=typed_in.revision,
            second=None if second is None else actor_of(room, second.strip(), matter),
            checked=typed_in.checked,
        )
        receipt = advance(office, work, request, actor_of(room, typed_in.person, matter), room.now)
        return take(office, work, receipt, request, room.now, typed_in.person, dry_run=dry_run)


def carry_out(
    ctx: click.Context, settings: Settings, schema: str, ref: str, action: str, facts: Sequence[str],
    evidence: Sequence[str], at: str | None, reason: str, revision: int | None, second: str | None,
    checked: Sequence[str], dry_run: bool, as_json: bool, *, check: Check | None = None,
) -> None:  # fmt: skip
    """Take ``action`` on what is called ``ref`` and print the receipt, as JSON under the name ``schema``."""
    typed_in = read_typed(settings, action, facts, evidence, at, reason, revision, second, checked)
    with enter(settings) as room:
        done = act(room, ref, typed_in, dry_run=dry_run, check=check)
    command = typed(ctx)
    emit(
        as_json,
        schema,
        receipt_data(done, command),
        lambda: fold(receipt_page(done, command, settings.lang)),
    )


def actor_of(room: Room, person: str, matter: Matter) -> Actor:
    """Return who acts on ``matter``, together with those for whom this person stands in."""
    people = People(room.store)
    return people.actor(person, matter.unit, room.now, os_user(), jurisdiction=matter.jurisdiction)
