"""One way to act, for projects and for cases: read what was typed, let the engine do it, print the receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from commands.entries import document, facts_of, happened
from commands.printing import common_options, emit, pass_settings
from commands.receipt_page import receipt_data, receipt_page, take
from commands.room import Room, dry_run_option, enter, os_user, person_of, read_at, typed
from commands.words import fold
from engine.advance import Request, advance, find
from engine.matter import Matter
from engine.office import Actor
from engine.work import Work
from runtime.settings import Settings
from storage.people import People

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Room, Work, Matter], None]
"""Look at the matter that was named, before anything is done; raise what it refuses."""

_OPTIONS = (
    click.argument("ref"),
    click.argument("action"),
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
    click.option("--revision", type=int, metavar="N", help="所见版次，已被改动则拒绝 / refuse a newer one"),
    click.option(
        "--second", metavar="PERSON", help="第二人；补录较早的事时须有 / who confirms an old record"
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


def carry_out(
    ctx: click.Context, settings: Settings, schema: str, ref: str, action: str, facts: Sequence[str],
    evidence: Sequence[str], at: str | None, reason: str, revision: int | None, second: str | None,
    dry_run: bool, as_json: bool, *, check: Check | None = None,
) -> None:  # fmt: skip
    """Take ``action`` on what is called ``ref`` and print the receipt, as JSON under the name ``schema``."""
    person = person_of(settings)
    moment, width = (None, timedelta()) if at is None else read_at(at)
    documents = [document(text) for text in evidence]
    with enter(settings) as room:
        office = room.office()
        with room.writing(dry_run=dry_run) as work:
            named = room.locate(work, ref)
            if check is not None:
                check(room, work, named)
            matter, definition = find(office, work, named, action)
            request = Request(
                matter=matter.id,
                action=action,
                at=room.now if moment is None else happened(office, work, matter, definition, moment, width),
                facts=facts_of(office, matter, facts),
                evidence=documents,
                reason=reason.strip(),
                revision=revision,
                second=None if second is None else actor_of(room, second.strip(), matter.unit),
            )
            receipt = advance(office, work, request, actor_of(room, person, matter.unit), room.now)
            done = take(office, work, receipt, request, room.now, person, dry_run=dry_run)
    command = typed(ctx)
    emit(
        as_json,
        schema,
        receipt_data(done, command),
        lambda: fold(receipt_page(done, command, settings.lang)),
    )


def actor_of(room: Room, person: str, unit: str) -> Actor:
    """Return who acts for ``unit``, together with those for whom this person stands in."""
    return People(room.store).actor(person, unit, room.now, os_user())
