"""Whatever providers answer, every message ends exactly once; nothing is lost, and nothing is doubled unsaid.

The peer's ledger is what counts, never our own tables.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import deliver as route
from engine.deliver import deliver
from engine.deliver_limits import Limit, Limits
from engine.deliver_plan import Hand, Ready, Scene, admit
from engine.delivery import reference_of
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.delivery.peers import NOW, PERSONS, STEPS, Scripted, outbox_store, post, rows

ENDS = ("accepted", "expired", "moved", "dead")
DRAFTS = st.tuples(
    st.sampled_from(list(PERSONS)[:4]),
    st.sampled_from(["sms", "email"]),
    st.sampled_from(["remind", "warn", "open"]),
    st.none() | st.integers(0, 600).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)
SCRIPTS = st.lists(st.sampled_from(STEPS), max_size=25)
TWO_A_DAY = Limits({"sms": (Limit(2, None),)})


def live(
    store: SqlStore, sms: Scripted, email: Scripted, seed: int, limits: Limits, workers: int = 1
) -> list[tuple[str, str]]:  # fmt: skip
    """Let five days pass (eight messages at two a day take four), a delivery every few minutes, then once more after all is mended; return the states."""
    random = Random(seed)
    now = NOW
    while now < NOW + timedelta(days=5):
        deliver(
            SqlOutbox(store), {"sms": sms, "email": email}, now, random=random, limits=limits, workers=workers
        )
        waiting = rows(store, "select count(*) from message where state in ('queued', 'sending')")
        if waiting == [(0,)]:
            break
        now += timedelta(minutes=random.choice((1, 7, 31)) if now < NOW + timedelta(hours=12) else 97)
    return [(str(k), str(s)) for k, s in rows(store, "select key, state from message order by key")]


@settings(max_examples=120, deadline=None)
@given(
    drafts=st.lists(DRAFTS, min_size=1, max_size=8), sms=SCRIPTS, email=SCRIPTS, askable=st.booleans(),
    seed=st.integers(0, 10**6), limited=st.booleans(), workers=st.sampled_from([1, 1, 1, 4]),
)  # fmt: skip
def test_every_message_ends_exactly_once_and_nothing_is_lost_or_doubled_unsaid(
    drafts: list[tuple[str, str, str, None]], sms: list[str], email: list[str], askable: bool, seed: int,
    limited: bool, workers: int,
) -> None:  # fmt: skip
    store = outbox_store()
    kinds = {}
    for number, (person, channel, does, expires) in enumerate(drafts):
        key = post(
            store, f"f{number}", person, channel, does=does, expires=expires if does == "remind" else None
        )
        kinds[key] = does
    peers = {"sms": Scripted(sms, askable=askable), "email": Scripted(email, askable=askable)}
    ended = live(store, peers["sms"], peers["email"], seed, TWO_A_DAY if limited else Limits(), workers)
    told = {str(r[0]): r[1:] for r in rows(store, "select key, channel, state, doubt, fallback from message")}
    try:
        for key, state in ended:
            channel, _, doubt, fallback = told[key]
            copies = peers[str(channel)].ledger[reference_of(key)]
            if state == "queued":  # only what a person must register may wait for ever
                assert not PERSONS[key.split("/")[1]][1 if channel == "sms" else 0]
                assert fallback is None
                continue
            assert state in ENDS, (key, state)
            if askable:
                assert copies == (state == "accepted"), (key, state, copies)
            else:
                assert copies <= (2 if doubt == "resent" else 1), (key, copies)
                assert state != "accepted" or copies >= 1 or doubt == "resent"
                assert copies == 0 or state == "accepted" or doubt or state == "expired", (key, state)
            if state == "moved":
                assert fallback in told
            if fallback is not None:
                assert told[str(fallback)][0] != channel
        attempts = Counter(
            str(m) for (m,) in rows(store, "select message from attempt where outcome = 'accepted'")
        )
        assert set(attempts.values()) <= {1}
        assert set(attempts) == {key for key, state in ended if state == "accepted"}
        # a warning is never given up without a word: it was accepted, or is dead and shows it
        assert not [key for key, state in ended if kinds.get(key) in ("warn", "open") and state == "expired"]
        numbers = rows(store, "select message, no from attempt order by message, no")
        assert [n for _, n in numbers] == [
            n
            for m in dict.fromkeys(m for m, _ in numbers)
            for n in range(1, sum(m == k for k, _ in numbers) + 1)
        ]
    finally:
        store.close()


def _duplicates(monkeypatch: pytest.MonkeyPatch | None) -> int:
    """Lose a third of the answers; count the copies too many in the provider's ledger."""
    if monkeypatch is not None:

        def hasty(ready: Ready, scene: Scene) -> object:
            decided = admit(ready, scene)
            return Hand(decided.provider) if isinstance(decided, Hand) else decided

        monkeypatch.setattr(route, "admit", hasty)
    store = outbox_store()
    for number in range(60):
        post(store, f"f{number}", does="warn")
    peer = Scripted([("ok", "lost", "unsent")[n % 3] for n in range(60)])
    live(store, peer, Scripted(), 1, Limits())
    store.close()
    assert len(peer.ledger) == 60, "nothing was lost"
    return sum(copies - 1 for copies in peer.ledger.values())


def test_answers_that_are_lost_lead_to_no_duplicate() -> None:
    assert _duplicates(None) == 0


def test_planted_fault_sending_again_without_asking_doubles_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _duplicates(monkeypatch) == 20
