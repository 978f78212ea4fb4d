"""A receiver of webhooks on loopback; verifies signatures by its own reading of Standard Webhooks.

It takes each ``webhook-id`` once and answers 2xx to a second coming, as the standard tells receivers to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.web import TAKES, Asked, Reply, Web

TOLERANCE = timedelta(minutes=5)


class Receiver(Web):
    """The receiver; ``events`` are those of all batches taken, in their order; ``ids`` every id that came."""

    def __init__(self, *, secret: str, now: datetime | None = None, once: bool = True) -> None:
        super().__init__(now=now)
        self.key = base64.b64decode(secret.removeprefix("whsec_") + "==")
        self.once = once
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.bodies: dict[str, bytes] = {}

    def is_query(self, asked: Asked) -> bool:
        return False

    def answer(self, asked: Asked, step: str) -> Reply:
        ident, moment = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
        signed = f"{ident}.{moment}.".encode() + asked.body
        mine = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if f"v1,{mine}" not in asked.headers.get("webhook-signature", "").split(" "):
            return Reply(401, b"")
        if abs(self.now.timestamp() - int(moment)) > TOLERANCE.total_seconds():
            return Reply(401, b"")
        if step not in TAKES:
            raise AssertionError(f"a receiver has no words of its own: {step}")
        with self.lock:
            known = ident in self.bodies
            self.ids.append(ident)
            assert self.bodies.setdefault(ident, asked.body) == asked.body, "one id, two bodies"
        told = json.loads(asked.body)
        if told["type"] == "yiriban.events" and not known:
            self.events += told["data"]["events"]
        if told["type"] == "yiriban.message" and not (known and self.once):
            self.take(ident, told["data"]["to"], told["data"]["text"], step)
        return Reply(204, b"")
