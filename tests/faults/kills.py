"""kill -9 at random moments of patrols, senders and people's actions, while providers lose and repeat answers.

A town lives the same weeks twice: undisturbed, and with its programs killed all the time. Afterwards both databases
must hold the same fires, states, cases, clocks and histories, and the providers' ledgers every message once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tests.city import ROOT
from tests.faults import _kill_planted
from tests.faults._kill_checks import FLAGGED, UNANSWERED, check
from tests.faults._kill_nemesis import Plan, Round
from tests.faults._kill_town import Size
from tests.faults._kill_worker import ASKABLE, DELIVERY, OFFICER, PATROL
from tests.faults.suite import Result

TITLE = "kill -9"
PLANTED = {name: fault.breaks for name, fault in _kill_planted.PLANTED.items()}
KINDS = (PATROL, DELIVERY, OFFICER)
SMALL = Plan(
    Size(projects=16, units=16, days=5, hours=1, mates=2),
    0,
    "gateway",
    "PERSIST",
    [Round(dict.fromkeys(KINDS, 15))],
)
PROBE = Size(projects=8, units=8, days=3, hours=1, mates=6)
"""For a planted fault; where luck hides it, a further course is lived, at most ``TRIES``."""
TRIES = 6
LARGE = Plan(Size(projects=150, units=50, days=26), 0, "", "", [Round(dict.fromkeys(KINDS, 100))])
WAYS = (("gateway", "PERSIST"), ("aliyun", "WAL"), ("tencent", "PERSIST"), ("yunmas", "WAL"))
"""The large run goes through every provider of SMS and both journal modes."""
ZEROES = ("fires lost", "fires doubled or foreign", "messages lost", "messages doubled")
PATIENCE = 900


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Live the plans and check what they left."""
    if planted:
        return find([planted], seed=seed, folder=folder)[planted]
    plans = [replace(LARGE, seed=seed + n, sms=sms, journal=journal) for n, (sms, journal) in enumerate(WAYS)]
    result = _fresh()
    for number, plan in enumerate(plans if large else [replace(SMALL, seed=seed)]):
        place = folder / str(number)
        _live(plan, place, [result])
    return result


def find(names: Sequence[str], *, seed: int, folder: Path) -> Mapping[str, Result]:
    """Plant these faults, each in a round of its own of the same course, until they have shown themselves."""
    found = {name: _fresh() for name in names}
    for number in range(TRIES):
        hidden = [name for name in names if not found[name].wrong]
        if hidden:
            plan = Plan(PROBE, seed + number, "gateway", "PERSIST", [_probe(name) for name in hidden])
            _live(plan, folder / f"probe{number}", [found[name] for name in hidden])
    return found


def _probe(name: str) -> Round:
    """Kill those in which the fault is planted; senders that disagree must be several."""
    fault = _kill_planted.PLANTED[name]
    return Round({fault.kind: fault.kills}, name, senders=3 if fault.kind == DELIVERY else 1)


def _fresh() -> Result:
    return Result(
        dict.fromkeys(["kills", *(f"kills of {kind}" for kind in KINDS), *ZEROES, FLAGGED, UNANSWERED], 0)
    )


def _live(plan: Plan, place: Path, results: Sequence[Result]) -> None:
    """Live one plan in a process of its own: programs are forked from it, which a test's process is not fit for."""
    place.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults._kill_nemesis", str(place), json.dumps(asdict(plan))],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, f"the nemesis ended with {ended.returncode}: {ended.stderr[-3000:]}"
    for number, result in enumerate(results):
        told = json.loads((place / str(number) / "told.json").read_text("utf-8"))
        for figure, count in told["figures"].items():
            result.count(figure, count)
        result.figures["kills"] = sum(int(result.figures[f"kills of {kind}"]) for kind in KINDS)
        result.count("requests to providers", sum(sum(asked.values()) for asked in told["requests"].values()))
        result.count("answers lost, cut off, garbled, late, refused or repeated", told["disturbed"])
        result.wrong += told["wrong"]
        check(place / str(number) / "city.db", place / "oracle.db", told, plan.sms in ASKABLE, result)
