"""What delivery reads before it decides: notices, messages that may go out, and what numbers got before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from engine.deliver_limits import Gone, Past
from engine.deliver_plan import Ready
from engine.delivery import Waiting
from engine.digest import REMINDERS, Notice
from engine.directory import ADDRESSES
from storage.moments import from_ticks

# spelled as in the partial index on what waits: with years of messages this must not walk them all
_DUE = "m.state in ('queued', 'sending') and m.send_from <= ?"
LOOSE = (
    "select m.key, m.person, m.channel, m.role, m.jurisdiction, f.does, f.at, c.promise, c.agreed, c.statutory,"
    " w.about_clock is not null, s.value, m.params, m.expires_at from message m join fire f on f.key = m.fire"
    " join matter w on w.id = f.matter"
    " left join clock c on c.matter = f.matter and c.name = f.clock and c.round = f.round"
    " left join fact s on s.matter = f.opened and s.name = 'sheet'"
    f" where {_DUE} and m.state = 'queued' and m.doubt = '' and m.params <> '{{}}' order by m.send_from, m.key"
)
"""What may be put together. A digest has no fire, so it is never put into another one; what perhaps reached its reader
goes again as it was, and what came over from the first schema has no values for a list to tell: both by themselves."""
COLUMNS = (
    "m.key, m.channel, m.person, m.subject, m.text, m.created_at, m.tries, m.wording, m.params, m.handed_at,"
    " m.provider_id, f.does, m.state, m.provider, m.expires_at, m.unknowns, m.doubt, m.insisted, m.owner"
    + "".join(
        f", case when c_{channel}.state = 'invalid' then '' else p.{name} end"
        for channel, name in ADDRESSES.items()
    )
)
SOURCES = "from message m left join person p on p.id = m.person left join fire f on f.key = m.fire" + "".join(
    f" left join contact c_{channel} on c_{channel}.person = m.person and c_{channel}.channel = '{channel}'"
    for channel in ADDRESSES
)
"""A message with its person and its cause, for ``ready_of``."""
_FIRST_ADDRESS = 19
"""Where in ``COLUMNS`` the addresses begin."""
READY = (
    f"select {COLUMNS} {SOURCES} where {_DUE} and (m.state = 'queued' or m.lease_until <= ?)"
    " order by m.send_from, m.key limit ?"
)
"""What may be handed over: what waits, and what somebody held too long."""
_GONE = (
    "select me.id, m.key, a.started_at, a.provider, m.wording, m.text, f.does from person me"
    " join person p on {same} join attempt a on a.person = p.id and a.channel = ? and a.started_at > ?"
    " join message m on m.key = a.message left join fire f on f.key = m.fire"
    " where a.asked = 0 and a.outcome in ('accepted', 'unknown') and me.id in ({{}}) order by a.started_at, a.id"
)
_UNDER_WAY = (
    "select me.id, m.key, coalesce(m.handed_at, ?), m.provider, m.wording, m.text, f.does from person me"
    " join person p on {same} join message m on m.person = p.id and m.state = 'sending' and m.channel = ?"
    " left join fire f on f.key = m.fire where me.id in ({{}})"
)
_FULL = (
    "select me.id, a.provider, max(a.again_at) from person me join person p on {same}"
    " join attempt a on a.person = p.id and a.channel = ?"
    " where a.outcome = 'quota' and a.again_at > ? and me.id in ({{}}) group by me.id, a.provider"
)
DAMAGED = (ValueError, TypeError, OverflowError, AttributeError)
"""What reading a row raises that holds something else than what was written."""
Among = Callable[[str, Sequence[str], Sequence[Any], Sequence[Any]], Iterator[Any]]
"""Runs a statement with its ``{}`` filled by some keys, with values before and after them."""


def notice_of(row: Sequence[Any]) -> Notice:
    """Return the notice of a row of ``LOOSE``."""
    dues = tuple(from_ticks(ticks) for ticks in row[7:10] if ticks is not None)
    return Notice(
        row[0], row[1], row[2], row[3], row[4], row[5], from_ticks(row[6]), dues, bool(row[10]), row[11] or "",
        json.loads(row[12]), _when(row[13]),
    )  # fmt: skip


def ready_of(row: Sequence[Any]) -> Ready:
    """Return the message of a row of ``COLUMNS``, with the address that its channel needs and that can be used."""
    channel, person = row[1], row[2]
    addresses = {name: row[at] or "" for at, name in enumerate(ADDRESSES, _FIRST_ADDRESS)}
    message = Waiting(
        row[0], channel, person, addresses.get(channel, person), row[3], row[4], from_ticks(row[5]), row[6], row[7],
        json.loads(row[8]), row[10], _when(row[9]),
    )  # fmt: skip
    reachable = frozenset(name for name, address in addresses.items() if address)
    return Ready(
        message, row[11] or "", row[12] == "sending", row[13], _when(row[14]), row[15], row[16], bool(row[17]),
        reachable, row[18],
    )  # fmt: skip


def past_of(among: Among, channel: str, persons: Sequence[str], since: int, now: int) -> dict[str, Past]:
    """Return what the numbers of ``persons`` got by ``channel`` after ``since``; who got nothing is left out."""
    # two persons at one telephone share its limits
    same = "p.phone = me.phone and me.phone <> ''" if channel == "sms" else "p.id = me.id"
    found: dict[str, Past] = {}
    if since < now:
        for row in among(_GONE.format(same=same), persons, (channel, since), ()):
            found.setdefault(row[0], Past()).add(_gone(row))
        for row in among(_UNDER_WAY.format(same=same), persons, (now, channel), ()):
            found.setdefault(row[0], Past()).add(_gone(row))
    for person, provider, until in among(_FULL.format(same=same), persons, (channel, now), ()):
        found.setdefault(person, Past()).full[provider] = from_ticks(until)
    return found


def _gone(row: Sequence[Any]) -> Gone:
    _, key, at, provider, wording, text, does = row[:7]
    return Gone(
        key, from_ticks(at), provider, wording, text, does == "remind" or (not does and wording == REMINDERS)
    )


def _when(ticks: int | None) -> datetime | None:
    return None if ticks is None else from_ticks(ticks)
