"""What a shell offers while somebody types: numbers of matters, actions, clocks, persons.

A shell must never be disturbed: whatever goes wrong, nothing is offered and nothing is said. This module
stands at the front door, so what reads the database is imported where it is wanted, for start-up cost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from runtime.settings import Settings, read_settings

if TYPE_CHECKING:
    from storage.inspection import Standing
    from storage.store import SqlStore

    Item = CompletionItem[str]
else:
    Item = CompletionItem  # older versions of click do not subscript it

VARIABLE = "_YIRIBAN_COMPLETE"
"""The environment variable by which the script asks: ``bash_complete``."""
MOST = 2_000
"""More candidates than anybody reads: then nothing is offered before another letter is typed."""


def answer(
    root: click.Command,
    asked: str,
    in_front: Callable[[Sequence[str]], list[str]],
    everywhere: frozenset[str],
) -> int:
    """Print what fits the word being typed; return the exit code.

    ``everywhere`` are the program's own options, which ``in_front`` moves to the front.
    """
    shell, _, what = asked.partition("_")
    kind = get_completion_class(shell)
    if kind is None or what != "complete":
        return 1
    with suppress(Exception):
        asking = kind(root, {}, "yiriban", VARIABLE)
        words, incomplete = asking.get_completion_args()
        if words and words[-1] in everywhere:  # its value is being typed
            words = [*_own(in_front(words[:-1]), everywhere), words[-1]]
        else:
            words = in_front(words)
        items = asking.get_completions(words, incomplete)
        click.echo("\n".join(map(asking.format_completion, items)).encode())
    return 0


def _own(words: Sequence[str], everywhere: frozenset[str]) -> list[str]:
    """Return the program's own options at the front of ``words``, with their values."""
    own: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in everywhere:
            own += [word, next(rest, "")]
        elif word.partition("=")[0] in everywhere:
            own.append(word)
        else:
            break
    return own


# what is offered: callbacks of arguments and options


def matters(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Offer projects, behind a project's number and a dot also what is inside, and other numbers.

    Behind `yiriban case` only cases are offered.
    """
    cases = ctx.parent is not None and ctx.parent.info_name == "case"
    return _offer(ctx, incomplete, lambda store, at: _called(store, at, incomplete, cases=cases))


def actions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Offer the actions that the state of the matter typed before, or of a part of it, allows."""
    return _offer(ctx, incomplete, lambda store, _: _allowed(store, str(ctx.params["ref"])))


def clocks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Offer the open clocks of the matter typed before and of its parts."""
    return _offer(ctx, incomplete, lambda store, _: _running(store, str(ctx.params["ref"])))


def persons(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Offer persons by their ids, with their names where these are others."""
    return _offer(ctx, incomplete, lambda store, _: _everybody(store))


def _offer(
    ctx: click.Context, incomplete: str, find: Callable[[SqlStore, Settings], dict[str, str]]
) -> list[Item]:
    """Open the database, find candidates with their titles, and offer those that fit; nothing on trouble."""
    found: dict[str, str] = {}
    with suppress(Exception), _looking(ctx) as (store, settings):
        found = find(store, settings)
    fitting = {name: title for name, title in found.items() if name.startswith(incomplete)}
    if len(fitting) > MOST:
        return []
    return [Item(name, help=" ".join(title.split()) or None) for name, title in fitting.items()]


@contextmanager
def _looking(ctx: click.Context) -> Iterator[tuple[SqlStore, Settings]]:
    """Open a reading transaction with the settings typed so far; it waits for nobody."""
    from commands.room import refuse_missing
    from storage.inspection import hasten, hasty
    from storage.store import SqlStore

    typed = ctx.find_root().params
    flags = {key: typed.get(key) for key in ("lang", "database", "workflows")} | {"as": typed.get("person")}
    settings = read_settings(flags, os.environ)
    refuse_missing(settings)
    store = SqlStore(hasty(settings.database))
    try:
        with store.reading():
            hasten(store)
            yield store, settings
    finally:
        store.close()


# finding candidates


def _called(store: SqlStore, settings: Settings, beginning: str, *, cases: bool) -> dict[str, str]:
    """Return matters behind the wall of who acts, with their titles; once begun, other numbers too."""
    from runtime.assembly import system_now
    from storage.inspection import also_called, named_like
    from storage.people import People

    units = None
    if settings.person:
        units = [u.id for u in People(store).visible_units(settings.person, system_now())]
    inside = cases or "." in beginning or "-C" in beginning
    found = named_like(store, beginning, MOST + 1, inside=inside, cases=cases, units=units)
    if beginning and not cases:
        found += also_called(store, beginning, MOST + 1, units=units)
    return dict(found)


def _allowed(store: SqlStore, reference: str) -> dict[str, str]:
    """Return the actions that people may take from where the matter and its parts stand."""
    from engine.including import read_alone

    found: dict[str, str] = {}
    for one in _under(store, reference):
        # the one workflow, and not the whole bundle: nothing is checked, somebody is typing
        workflow = read_alone(store.read_bundle(one.bundle) or {}, one.workflow)
        for action in workflow.actions.values() if workflow is not None else ():
            if one.state in action.sources and not action.automatic:
                found.setdefault(action.name, action.title.zh)
    return found


def _running(store: SqlStore, reference: str) -> dict[str, str]:
    """Return the open clocks of a matter and its parts."""
    from storage.inspection import open_clocks

    inside = _under(store, reference)
    return {name: matter for matter, name in open_clocks(store, [one.id for one in inside])}


def _everybody(store: SqlStore) -> dict[str, str]:
    from storage.people import People

    return {p.id: p.name if p.name != p.id else "" for p in People(store).persons()}


def _under(store: SqlStore, reference: str) -> list[Standing]:
    """Return how the matter called ``reference`` and its parts at every depth stand."""
    from storage.inspection import standing
    from storage.registry import Registry

    family = standing(store, Registry(store).root_of(reference))
    inside = {family[0].id}
    for one in family:  # parts come behind what they are part of
        if one.part_of in inside:
            inside.add(one.id)
    return [one for one in family if one.id in inside]
