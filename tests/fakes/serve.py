"""A fake provider in a process of its own: its ledger survives whoever is killed, and nobody killed can falsify it.

    with serving("aliyun", secret="s", delay=0.02, lag=1.0) as peer:
        peer.weather({"lose": 0.1, "drop": 0.05}, seed=1)
        ...
        peer.accepted()  # [Entry(reference, number, text), ...] in the order of acceptance

What is said here travels over the process's pipes, one JSON line each way; the process ends with whoever began it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any, NamedTuple

from tests.fakes.aliyun import Aliyun
from tests.fakes.dingtalk import DingTalkServer
from tests.fakes.gateway import City
from tests.fakes.smtp import MailServer
from tests.fakes.tencent import Tencent
from tests.fakes.web import Asked, Taken, Web
from tests.fakes.webhook import Receiver
from tests.fakes.wecom import WeComServer
from tests.fakes.yunmas import YunMasPlatform

KINDS: Mapping[str, Any] = {
    "aliyun": Aliyun,
    "tencent": Tencent,
    "gateway": City,
    "yunmas": YunMasPlatform,
    "webhook": Receiver,
    "wecom": WeComServer,
    "dingtalk": DingTalkServer,
    "smtp": MailServer,
}
ROOT = Path(__file__).resolve().parents[2]


class Entry(NamedTuple):
    """A message of the provider's ledger."""

    reference: str
    number: str
    text: str


class Peer:
    """What the process that began a fake knows of it; usable from any thread."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self._lock = Lock()
        self.port = port
        self.host = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where a provider over HTTP listens; the mail server's users need ``port`` only."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def plan(self, *steps: str) -> None:
        """Say what happens to the submissions to come, one word each (see the fake's own page)."""
        self._ask("plan", steps=list(steps))

    def plan_query(self, *steps: str) -> None:
        """Say what happens to the queries to come."""
        self._ask("plan_query", steps=list(steps))

    def weather(
        self, chances: Mapping[str, float], *, seed: int, count: int = 20_000, queries: bool = False
    ) -> None:
        """Plan ``count`` submissions (or queries): each meets a word with its chance, else nothing."""
        self._ask("weather", chances=dict(chances), seed=seed, count=count, queries=queries)

    def calm(self) -> None:
        """Forget all that was planned: nothing goes wrong any more."""
        self._ask("calm")

    def knobs(self, **values: Any) -> None:
        """Turn knobs of the running fake: ``delay`` and ``lag`` in seconds, ``now`` (a moment, ``None`` for the
        system's), ``pace`` and ``settles`` (see ``_Lively``), or any other attribute that the fake has.
        """
        self._ask("knobs", values=_plain(values))

    def settle(self, reference: str, fate: str, code: str = "") -> None:
        """Say what became of an accepted message, in the provider's words."""
        self._ask("settle", reference=reference, fate=fate, code=code)

    def accepted(self) -> list[Entry]:
        """Return the ledger: a message accepted twice stands in it twice."""
        return [Entry(*row) for row in self._ask("accepted")]

    def forget(self) -> None:
        """Empty the ledger and the plans: the peer is as new."""
        self._ask("forget")

    def requests(self) -> Counter[str]:
        """Return how many requests there were, by ``send`` and ``query``."""
        return Counter(self._ask("requests"))

    def under_way(self) -> int:
        """Return how many requests a provider over HTTP has before it: those of the dead among them."""
        return int(self._ask("under_way"))

    def disturbed(self) -> int:
        """Return how many submissions and queries met a planned word."""
        return int(self._ask("disturbed"))

    def faults(self) -> list[str]:
        """Return what went wrong in the fake itself; a test that got none was a test of the product."""
        return list(self._ask("faults"))

    def _ask(self, act: str, **told: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"act": act, **told}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, f"the fake has died with {self._process.wait()}"
        answer = json.loads(line)
        assert "trouble" not in answer, answer["trouble"]
        return answer["told"]


@contextmanager
def serving(kind: str, **knobs: Any) -> Iterator[Peer]:
    """Run a fake of ``kind`` (see ``KINDS``) in a process of its own.

    ``knobs`` are arguments of its class (``secret``, ``templates`` …) or knobs as ``Peer.knobs`` takes them. At the
    end the fake's own faults are raised.
    """
    assert kind in KINDS, f"no such fake: {kind}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.serve", kind, json.dumps(_plain(knobs))],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the fake did not start: {process.wait()}"
        peer = Peer(process, int(json.loads(line)["port"]))
        yield peer
        assert not (faults := peer.faults()), faults
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write moments as text and lengths of time as seconds."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return value.total_seconds() if isinstance(value, timedelta) else value

    return {name: plain(value) for name, value in values.items()}


# in the fake's own process


class _Lively:
    """What every provider over HTTP can do here beside its own: keep a time of its own, settle at once."""

    pace: tuple[str, float, float] | None = None
    """A moment, the seconds since 1970 when it is, and how many seconds pass in one."""
    lock: Lock
    settles: tuple[str, str] | None = None
    """What becomes of every message that is accepted, in the provider's words: seen by whoever asks after ``lag``."""

    @property
    def now(self) -> datetime:
        if self.pace is None:
            told: datetime = super().now  # type: ignore[misc]
            return told
        moment, since, speed = self.pace
        return datetime.fromisoformat(moment) + timedelta(seconds=(time.time() - since) * speed)

    under_way = 0

    def handle(self, asked: Asked, handler: Any) -> None:
        with self.lock:
            self.under_way += 1
        try:
            super().handle(asked, handler)  # type: ignore[misc]
        finally:
            with self.lock:
                self.under_way -= 1

    def take(self, *given: Any, **more: Any) -> Taken:
        taken: Taken = super().take(*given, **more)  # type: ignore[misc]
        if self.settles is not None:
            taken.fate, taken.code = self.settles
            if isinstance(self, Tencent):
                self.queue.append(taken)
        return taken


def _turn(fake: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name == "now":
            fake.fixed = None if value is None else datetime.fromisoformat(value)
        elif name == "lag":
            fake.lag = timedelta(seconds=value)
        elif name == "delay" and isinstance(fake, MailServer):
            fake._delay = value
        else:
            assert hasattr(fake, name), f"{type(fake).__name__} has no knob {name}"
            setattr(fake, name, value)


def _made(kind: str, told: dict[str, Any]) -> Any:
    """Make the fake; what its class does not take as an argument is a knob."""
    turned: dict[str, Any] = {
        n: told.pop(n)
        for n in ("delay", "lag", "now", "pace", "settles", "lasts", "strict")
        if n in told and kind != "smtp"
    }
    for name in ("signs", "mechanisms_hidden"):
        if name in told:
            told[name] = tuple(told[name])
    if kind != "smtp":
        told.setdefault("secret", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
    made = KINDS[kind] if kind == "smtp" else type(kind, (_Lively, KINDS[kind]), {})
    fake = made(**told)
    fake._steps = _Script()
    if isinstance(fake, Web):
        fake._query_steps = _Script()
    _turn(fake, turned)
    return fake


def _weather(fake: Any, chances: Mapping[str, float], seed: int, count: int, queries: bool) -> None:
    weights = [*chances.values(), 1 - sum(chances.values())]
    drawn = Random(seed).choices([*chances, ""], weights, k=count)
    (fake.plan_query if queries else fake.plan)(*drawn)


class _Script(deque[str]):
    """A plan that counts how many of its words were met; an empty word is none."""

    met = 0

    def popleft(self) -> str:
        step = super().popleft()
        self.met += bool(step)
        return step


def _scripts(fake: Any) -> list[_Script]:
    found: list[_Script] = [fake._steps]
    if hasattr(fake, "_query_steps"):
        found.append(fake._query_steps)
    return found


def _calm(fake: Any) -> None:
    for steps in _scripts(fake):
        steps.clear()


def _forget(fake: Any) -> None:
    for steps in _scripts(fake):
        steps.clear()
        steps.met = 0
    fake.accepted.clear()
    if isinstance(fake, Web):
        fake.requests.clear()
    if isinstance(fake, Tencent):
        fake.queue.clear()


ACTS: Mapping[str, Callable[..., Any]] = {
    "plan": lambda fake, steps: fake.plan(*steps),
    "plan_query": lambda fake, steps: fake.plan_query(*steps),
    "weather": _weather,
    "calm": _calm,
    "forget": _forget,
    "knobs": _turn,
    "settle": lambda fake, reference, fate, code: fake.settle(reference, fate, code),
    "accepted": lambda fake: [(t.reference, t.address, t.text) for t in list(fake.accepted)],
    "requests": lambda fake: dict(fake.requests) if isinstance(fake, Web) else {"send": len(fake.accepted)},
    "under_way": lambda fake: fake.under_way if isinstance(fake, _Lively) else 0,
    "disturbed": lambda fake: sum(steps.met for steps in _scripts(fake)),
    "faults": lambda fake: [repr(fault) for fault in getattr(fake, "faults", [])],
}
"""What can be asked of a fake, by name; what an act returns is told."""


def _say(told: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the pipe is closed."""
    with _made(sys.argv[1], json.loads(sys.argv[2])) as fake:
        _say({"port": fake.port})
        for line in sys.stdin:
            try:
                told = json.loads(line)
                answer: dict[str, Any] = {"told": ACTS[told.pop("act")](fake, **told)}
            except Exception as trouble:  # told to whoever asked
                answer = {"trouble": repr(trouble)}
            _say(answer)


if __name__ == "__main__":
    main()
