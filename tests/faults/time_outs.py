"""Providers that time out and took the message, lose answers, answer twice, and tell late what became of it.

Real channels, real sockets, providers in processes of their own with their own ledgers; only the calendar is quick.
Where a provider can be asked nothing may be doubled; where it cannot, nothing may be doubled, lost or given up
without a mark that a person sees (对方可能收到两次 / 对方可能已收到).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from engine import deliver as route
from engine import deliver_receipts as receipts
from engine.deliver import deliver
from engine.deliver_plan import After, follow
from engine.deliver_receipts import Collected, collect
from engine.delivery import Notifier, Outcome, Provider, reference_of
from engine.workflow import ProviderText, TextDef
from notifiers import aliyun_sms, gateway, smtp, tencent_sms, webhook
from notifiers.address import read_address
from storage.outbox import SqlOutbox
from storage.receipt_book import SqlReceipts
from storage.store import SqlStore
from tests.fakes.serve import Entry, Peer, serving
from tests.faults import _city_outbox as box
from tests.faults._city_peers import SECRET, SIGN
from tests.faults.suite import Result

TITLE = "time-outs, lost and doubled answers, late receipts"
PLANTED = {
    "lease < lag": "a provider shows a message later than we believe it does",
    "time-out is refusal": "what was not answered counts as not taken",
    "no mark": "what is sent again in doubt is not marked",
    "any receipt counts": "a receipt may lower what an earlier one said",
}
TEN = datetime.fromisoformat("2026-11-20T10:00+08:00")
"""A Friday."""
PATIENCE = 0.4
"""Seconds that our side waits for an answer; a slow provider takes two."""
LAG = timedelta(seconds=90)
"""After so long a provider shows what it took; the channels believe it takes 120 s, Tencent 300 s."""
LATE = timedelta(minutes=40)
"""The same where `lease < lag` is planted: longer than all the times together that we ask."""
WEATHER = {
    "lose": 0.12,
    "half": 0.06,
    "garbage": 0.05,
    "drop": 0.08,
    "503": 0.05,
    "twice": 0.08,
    "slow": 0.02,
}
QUERIES = {"drop": 0.02, "503": 0.02, "garbage": 0.01, "twice": 0.05}
MAILS = {"lose": 0.15, "drop": 0.08, "421": 0.05, "450": 0.05, "slow": 0.02}
_TEXT = "编号{code}的{name}项目，{item}的{kind}为{date}，现已超期且未见办结登记。"
_NAMES = ("code", "name", "item", "kind", "date")
_STEPS = 400
_TOLD = 20
"""After so many times 2.7 hours nothing more is told: what comes behind the 72 hours is nobody's fault."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider: its fake, the channel it serves, whether it can be asked, and its words for what became of it."""

    fake: str
    channel: str
    asks: bool
    fates: tuple[tuple[str, str], tuple[str, str]] | None = None
    """(word, code) for delivered and for not delivered; ``None`` where it tells neither."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    plain: bool = False
    """A gateway whose description says nothing of asking."""


KINDS: Mapping[str, Kind] = {
    "aliyun": Kind("aliyun", "sms", True, (("3", "DELIVERED"), ("2", "UNDELIV")), {
        "templates": {"SMS_1": _TEXT.replace("{", "${")}, "longest": 500, "signs": (SIGN,)}),
    "tencent": Kind("tencent", "sms", True, (("SUCCESS", "DELIVRD"), ("FAIL", "UNDELIV")), {
        "templates": {"1001": _TEXT.format(**{n: f"{{{i}}}" for i, n in enumerate(_NAMES, 1)})}, "longest": 500,
        "signs": (SIGN,)}),
    "gateway": Kind("gateway", "sms", True, (("DELIVRD", ""), ("UNDELIV", ""))),
    "gateway that cannot be asked": Kind("gateway", "sms", False, plain=True),
    "mail": Kind("smtp", "email", False),
    "webhook": Kind("webhook", "webhook", False),
}  # fmt: skip
_WANTED = {"lease < lag": ("gateway", "aliyun"), "time-out is refusal": ("gateway",), "any receipt counts": ("gateway",),
           "no mark": ("gateway that cannot be asked",)}  # fmt: skip


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Let every provider be unreliable; see `tests.faults.suite`."""
    result = Result()
    names = _WANTED[planted] if planted else tuple(KINDS)
    number = 2000 if large else 60
    with _planted(planted or ""):
        for name in names:
            place = folder / name.replace(" ", "-")
            place.mkdir()
            lag = LATE if planted == "lease < lag" else LAG
            with _Post(name, place, number, seed, lag) as told:
                told.live()
                told.audit(result)
    return result


class _Post:
    """One provider and an outbox full of messages for it."""

    def __init__(self, name: str, folder: Path, number: int, seed: int, lag: timedelta) -> None:
        self.kind, self._name, self._folder, self._number = KINDS[name], name, folder, number
        self._lag = lag
        self._random, self._seed = Random(seed), seed
        self._now = TEN
        self._fates: dict[str, int] = {}
        self._told = Collected()
        self._stack = ExitStack()

    def __enter__(self) -> _Post:
        box.filled(self._folder, 0, self._now)
        self._store = SqlStore(f"sqlite:///{self._folder / box.DATABASE}")
        self._stack.callback(self._store.close)
        with self._store.transaction():
            for one in range(self._number):
                # every third only reminds: it is worth nothing after its moment, and never sent twice in doubt
                remind = one % 3 == 0
                box.post(
                    self._store, one, self._now, channel=self.kind.channel, does="remind" if remind else "warn",
                    expires=self._now + timedelta(hours=6) if remind else None,
                )  # fmt: skip
        knobs = dict(self.kind.knobs)
        if self.kind.fake != "smtp":
            knobs |= {"now": self._now, "lag": self._lag, "secret": SECRET}
        self._peer: Peer = self._stack.enter_context(serving(self.kind.fake, **knobs))
        mails = self.kind.fake == "smtp"
        self._peer.weather(MAILS if mails else WEATHER, seed=self._seed, count=self._number * 3)
        if self.kind.asks:
            self._peer.weather(QUERIES, seed=self._seed + 1, count=self._number * 6, queries=True)
        notifier = _notifier(self.kind, self._peer, self._folder, lambda: self._now)
        self._stack.callback(getattr(notifier, "close", lambda: None))
        self._channels = {self.kind.channel: [Provider(self.kind.fake, notifier)]}
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def live(self) -> None:
        """Deliver every minute or so until nothing waits, then hear for three days what became of it."""
        for _ in range(_STEPS):
            self._deliver()
            self._settle()
            if not self._waiting():
                break
            self._pass(timedelta(seconds=self._random.uniform(20, 150)))
        for number in range(30):
            self._pass(timedelta(hours=2.7))
            if number < _TOLD:
                self._settle()
            self._collect()

    def _deliver(self) -> None:
        deliver(
            SqlOutbox(self._store), self._channels, self._now, workers=8, random=Random(self._random.random()),
            clock=lambda: self._now,
        )  # fmt: skip

    def _collect(self) -> None:
        found = collect(SqlReceipts(self._store), self._channels, self._now)
        self._told.states.update(found.states)
        self._told.unconfirmed += found.unconfirmed

    def _pass(self, by: timedelta) -> None:
        self._now += by
        if self.kind.fake != "smtp":
            self._peer.knobs(now=self._now)

    def _waiting(self) -> bool:
        return bool(
            box.rows(
                self._folder / box.DATABASE, "select 1 from message where state in ('queued', 'sending')"
            )
        )

    def _settle(self) -> None:
        """Let the provider find out what became of some messages: late, some never, some told twice."""
        if self.kind.fates is None:
            return
        for reference in dict.fromkeys(entry.reference for entry in self._peer.accepted()):
            if reference in self._fates or self._random.random() < 0.9:
                continue
            fate = self._random.choices((0, 1), (0.85, 0.15))[0]
            self._fates[reference] = fate
            for _ in range(self._random.choice((1, 1, 2))):
                self._peer.settle(reference, *self.kind.fates[fate])

    # what came of it

    def audit(self, result: Result) -> None:
        """Compare the outbox with the provider's ledger."""
        ledger = self._peer.accepted()
        copies = Counter(entry.reference for entry in ledger)
        sent = Counter(
            str(k)
            for (k,) in self._rows("select message from attempt where asked = 0 and outcome <> 'expired'")
        )
        for figure, number in (
            ("messages", self._number),
            ("handed over", sent.total()),
            ("answers nobody understood", self._count("outcome = 'unknown' and asked = 0")),
            ("asked what became of it", self._count("asked = 1")),
        ):
            result.count(f"{self._name}: {figure}", number)
        for key, state, doubt, does in self._rows(
            "select m.key, m.state, m.doubt, f.does from message m join fire f on f.key = m.fire"
        ):
            self._message(str(key), str(state), str(doubt), str(does), copies[reference_of(str(key))], result)
        for reference in copies.keys() - {
            reference_of(str(key)) for (key,) in self._rows("select key from message")
        }:
            result.wrong.append(f"{self._name}: {reference} was never in the outbox")
        self._receipts(ledger, result)

    def _message(self, key: str, state: str, doubt: str, does: str, copies: int, result: Result) -> None:
        """Say what is wrong with the end of one message."""
        name = self._name
        if state in ("queued", "sending"):
            result.wrong.append(f"{name}: {key} still stands at {state}")
        if copies > 1:
            result.count(f"{name}: doubled and marked so" if doubt else f"{name}: doubled in silence")
            if self.kind.asks or self.kind.channel == "webhook" or not doubt:
                result.wrong.append(f"{name}: {key} was taken {copies} times, marked: {doubt or 'no'}")
        over = state in ("dead", "expired")
        if over and copies and not doubt:
            result.wrong.append(f"{name}: {key} is {state} and was taken, and nothing says so")
        if not over and not copies and doubt != "resent":
            result.wrong.append(f"{name}: {key} is {state} and was lost")
        if over and does != "remind" and self.kind.asks:
            result.wrong.append(f"{name}: {key} is a warning and {state}")
        if over:
            result.count(f"{name}: given up, shown as {state}{' in doubt' if doubt else ''}")

    def _receipts(self, ledger: list[Entry], result: Result) -> None:
        """Whatever came late or twice: the state is the provider's last word, and every receipt is kept once."""
        states = {reference_of(str(k)): str(s) for k, s in self._rows("select key, state from message")}
        for reference, fate in self._fates.items():
            wanted = ("delivered", "undelivered")[fate]
            if states[reference] != wanted:
                result.wrong.append(
                    f"{self._name}: {reference} was {wanted}, and stands at {states[reference]}"
                )
        if self.kind.fates is not None:
            result.count(f"{self._name}: receipts, late and some twice", len(self._fates))
            kept = self._rows("select message, count(*) from receipt group by message having count(*) > 1")
            result.wrong += [f"{self._name}: {number} receipts of {key}" for key, number in kept]

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        return box.rows(self._folder / box.DATABASE, sql)

    def _count(self, where: str) -> int:
        return int(str(self._rows(f"select count(*) from attempt where {where}")[0][0]))


def _notifier(kind: Kind, peer: Peer, folder: Path, clock: Callable[[], datetime]) -> Notifier:
    """Set the channel up."""
    secret = {"env:S": SECRET}.__getitem__
    way = f"secret=env:S&timeout={PATIENCE}&base_url={peer.url}"
    if kind.fake == "smtp":
        url = f"smtp://127.0.0.1:{peer.port}/?from=yiriban@example.org&timeout={PATIENCE}"
        return smtp.from_address(read_address(url), secret)
    if kind.fake == "webhook":
        url = f"webhook+http://127.0.0.1:{peer.port}/hook?secret=env:S&timeout={PATIENCE}"
        return webhook.from_address(read_address(url), secret, {})
    if kind.fake == "gateway":
        file = folder / "gateway.yaml"
        shutil.copy(box.EXAMPLE, file)
        if kind.plain:
            text = file.read_text("utf-8")
            file.write_text(text[: text.index("\nask:")] + "\n", "utf-8")
        url = f"gateway://yiriban@/?file={file}&{way}"
        return gateway.from_address(read_address(url), secret, {}, clock=clock)
    kept = ProviderText(kind.fake, next(iter(kind.knobs["templates"])), _NAMES, date(2026, 1, 1), 500)
    wording = TextDef(
        "overdue_unrecorded", "", "", _TEXT, dict.fromkeys(_NAMES, 16), providers={kind.fake: kept}
    )
    texts = {wording.name: wording}
    if kind.fake == "aliyun":
        url = f"aliyun-sms://AK@dysmsapi.aliyuncs.com/?sign={SIGN}&{way}"
        return aliyun_sms.from_address(read_address(url), secret, texts, clock=clock)
    url = f"tencent-sms://SID@sms.tencentcloudapi.com/?app=1400000001&sign={SIGN}&echo=1&{way}"
    return tencent_sms.from_address(read_address(url), secret, texts, clock=clock)


# planted faults


@contextmanager
def _planted(fault: str) -> Iterator[None]:
    """Put a fault into the product for a while."""
    changed: list[tuple[Any, str, Any]] = []

    def change(module: Any, name: str, value: Any) -> None:
        changed.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    if fault == "time-out is refusal":
        for module in (gateway, aliyun_sms):
            change(module, "fate", lambda error: Outcome("retry", error.detail))
    elif fault == "no mark":
        change(route, "follow", _unmarked)
    elif fault == "any receipt counts":
        change(receipts, "risen", lambda _state, told: "undelivered" if told == "delivered" else told)
    try:
        yield
    finally:
        for module, name, value in changed:
            setattr(module, name, value)


def _unmarked(*given: Any, **more: Any) -> After:
    after = follow(*given, **more)
    return replace(after, doubt="")
