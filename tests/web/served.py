"""The routes over real HTTP in this process: a store to look into, a clock that stands, and what was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from engine.deliver import deliver
from engine.delivery import Provider
from engine.office import Office
from runtime.assembly import channels_for
from runtime.inbox import Inbox
from runtime.listening import LOOPBACK, Callback, Listening, Network
from runtime.pulse import Pulse
from runtime.sampler import Sampler
from runtime.settings import Settings
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.city import calendar, shipped
from tests.delivery.peers import NOW, Confirming, Scripted, outbox_store, post, rows, state
from tests.web.conftest import Got, ask
from web.app import Parts, make_app
from web.metrics import Exposition, Sources
from web.probe import Probe
from web.server import Server

SECRET = "a-secret-of-22-letters"
GATEWAY = Path(__file__).resolve().parents[2] / "examples" / "gateways" / "pushing-platform.yaml"
CHANNELS = (
    "aliyun-sms://AK@127.0.0.1:9/?secret=env:KEY&sign=一日办",
    "tencent-sms://SID@127.0.0.1:9/?secret=env:KEY&app=1400000001&sign=一日办",
    f"gateway://user@/?file={GATEWAY}&secret=env:KEY&base_url=http://127.0.0.1:9",
    "aliyun-sms://AK2@127.0.0.1:9/?secret=env:KEY&sign=一日办",
)
NAMES = ("aliyun-sms", "tencent-sms", "gateway", "aliyun-sms#2")
ENVIRON = {"KEY": "k", "SECRET": SECRET}


class Mail(NamedTuple):
    """Who delivers, as far as receipts are concerned."""

    channels: Mapping[str, Sequence[Provider]]
    office: Office


@cache
def mail() -> Mail:
    """Every provider that pushes, set up once: nothing is ever sent."""
    bundle, texts = shipped()
    settings = Settings(channels={"sms": CHANNELS})
    return Mail(channels_for(settings, texts, ENVIRON), Office(bundle, calendar(), texts))


class Served:
    """A server with an outbox behind it, in which messages have been accepted."""

    def __init__(
        self, folder: Path, *, origins: tuple[Network, ...] = LOOPBACK, proxies: tuple[Network, ...] = (),
        watchers: tuple[Network, ...] = LOOPBACK, every: float = 15.0,
    ) -> None:  # fmt: skip
        self.now = NOW + timedelta(minutes=2)
        self.url = f"sqlite:///{folder / 'outbox.db'}"
        self.store = outbox_store(self.url)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.mail = mail()
        callbacks = tuple(Callback(name, "env:SECRET", origins) for name in NAMES)
        listening = Listening("127.0.0.1", 0, watchers, proxies, callbacks)
        self.pulse = Pulse(every, now=lambda: self.now)
        self.sampler = Sampler(SqlStore(self.url), lambda: self.now, lambda: self.pulse.beats)
        self.sampler.begin()
        configured = [("sms", name) for name in NAMES]
        sources = Sources(every, lambda: date(2026, 12, 20), lambda: date(2026, 11, 2), lambda: configured)
        self.exposition = Exposition(self.pulse, sources)
        self.inbox = Inbox(callbacks, ENVIRON, self.mail, SqlStore(self.url), lambda: self.now)
        parts = Parts(
            listening, "zh", lambda: self.now, self.pulse, Probe(SqlStore(self.url), lambda: None), self.sampler,
            self.exposition, self.inbox, self._hear,
        )  # fmt: skip
        self.server = Server("127.0.0.1", 0)
        self.server.start(make_app(parts), self._died)

    def _hear(self, event: str, _at: datetime, fields: dict[str, Any]) -> None:
        self.told.append((event, fields))

    def _died(self, error: Exception) -> None:
        self.told.append(("http.died", {"error": error}))

    def accepted(self, fire: str, provider: str, *, does: str = "warn") -> str:
        """Let ``provider`` have accepted a message of ``fire``; return its key."""
        key = post(self.store, fire, does=does)
        peer = Confirming()
        deliver(SqlOutbox(self.store), {"email": Scripted(), "sms": [Provider(provider, peer)]}, NOW)
        assert state(self.store, key) == ("accepted",)
        return key

    def push(self, provider: str, body: bytes, *, secret: str = SECRET, **headers: str) -> Got:
        """Post as a provider does."""
        return ask(self.server.port, f"/callbacks/{provider}/{secret}", method="POST", body=body, **headers)

    def ask(self, path: str, **options: Any) -> Got:
        """Ask for a page."""
        return ask(self.server.port, path, **options)

    def state(self, key: str) -> str:
        """How a message stands."""
        return str(state(self.store, key)[0])

    def receipts(self) -> Sequence[Any]:
        """The receipts that were kept: provider, state, code."""
        return rows(self.store, "select provider, state, code from receipt order by id")

    def close(self) -> None:
        """Stop."""
        self.server.stop()
        self.store.close()
        assert not [fields for event, fields in self.told if event == "http.died"]
