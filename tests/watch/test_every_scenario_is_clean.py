"""No false alarm: whatever the scenarios of this house do, neither the check from outside nor that from inside finds
a fire missing or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.watching import Finding, Watch
from runtime.auditing import family
from storage.auditing import families_after
from storage.feed import Feed
from tests.city import City
from tests.scenarios.play import Play, Unmet

FILES = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_checks_from_outside_and_inside_agree_with_the_engine_in_every_scenario(path: Path) -> None:
    for told in yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader):
        given = told.get("given", {})
        if "refused" in given:
            continue  # nothing of it was kept
        play = Play(given)
        try:
            for step in told.get("when", []):
                play.step(dict(step))
        except Unmet:
            continue  # that scenario's own test says so
        city = play.city
        city.patrol(play.now)
        with city.store.transaction():
            feed = Feed(city.store)
            feed.beat(play.now)
            events = feed.read(0, 100_000)
        with city.store.reading() as work:
            inside = [
                f
                for root in families_after(city.store, "", 100)
                for f in family(city.store, work, city.office, root)
            ]
        assert inside == [], told["scenario"]
        city.store.close()
        found, unjudged = _watch(city, play.now, events)
        assert (found, unjudged) == ([], frozenset()), told["scenario"]
        fire = next((e for e in events if e["kind"] == "fire"), None)
        if fire is not None:
            kept = [e for e in events if e is not fire]
            assert "missing" in {f.kind for f in _watch(city, play.now, kept)[0]}, told["scenario"]


def _watch(
    city: City, now: datetime, events: Sequence[Mapping[str, Any]]
) -> tuple[list[Finding], frozenset[str]]:
    watch = Watch(city.office.current, city.office.calendar)
    for event in events:
        watch.hear(event)
    found = [f for f in watch.findings(now) if f.kind not in ("late", "message")]
    return found, watch.unjudged
