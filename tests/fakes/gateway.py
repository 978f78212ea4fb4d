"""A city's SMS platform on loopback, as `examples/gateways/city-platform.yaml` describes one.

``shape`` makes it speak otherwise: ``xml`` (a form in, XML out) or ``get`` (all in the URL, plain text out).
"""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from tests.fakes.web import TAKES, Asked, Reply, Web

BEIJING = ZoneInfo("Asia/Shanghai")
Shape = Literal["json", "xml", "get"]


class City(Web):
    """The platform."""

    def __init__(
        self, *, user: str = "yiriban", secret: str, shape: Shape = "json", now: datetime | None = None
    ) -> None:
        super().__init__(now=now)
        self.user, self.secret, self.shape = user, secret, shape

    def is_query(self, asked: Asked) -> bool:
        return asked.path.endswith("/status")

    def answer(self, asked: Asked, step: str) -> Reply:
        if not self._authorised(asked):
            return self._told("2001")
        told = self._read(asked)
        if self.is_query(asked):
            return self._told(step) if step not in TAKES else self._state(told["outId"])
        if step not in TAKES:
            return self._told(step)
        if not told["mobile"].isdigit():
            return self._told("1001")
        taken = self.take(told["outId"], told["mobile"], told["content"], step)
        return self._told("0", {"msgId": taken.id})

    def _read(self, asked: Asked) -> dict[str, str]:
        if self.shape == "json":
            told: dict[str, str] = json.loads(asked.body)
            return told
        if self.shape == "xml":
            root = ElementTree.fromstring(asked.body)
            return {part.tag: part.text or "" for part in root}
        return dict(parse_qsl(asked.query, keep_blank_values=True))

    def _authorised(self, asked: Asked) -> bool:
        stamp = asked.headers.get("x-timestamp", "")
        if asked.headers.get("x-app-id") != self.user or len(stamp) != 14:
            return False
        mac = hashlib.sha256((self.user + stamp + self.secret).encode()).hexdigest()
        return asked.headers.get("x-sign") == mac

    def _state(self, reference: str) -> Reply:
        found = [taken for taken in self.shown() if taken.reference == reference]
        if not found:
            return self._told("2404")
        listed = [
            {"outId": t.reference, "msgId": t.id, "status": t.fate or "SENT",
             "reportTime": f"{t.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"}
            for t in found
        ]  # fmt: skip
        return self._told("0", {"list": listed})

    def _told(self, code: str, data: Mapping[str, Any] | None = None) -> Reply:
        data = data or {}
        if self.shape == "json":
            # half of the platforms write their codes as numbers
            told = {"code": int(code), "message": "for 13800000001", "data": data}
            return Reply(200, json.dumps(told).encode())
        if self.shape == "xml":
            text = f"<r><code>{code}</code><id>{data.get('msgId', '')}</id></r>"
            return Reply(200, text.encode(), "application/xml")
        return Reply(200, f"{code},{data.get('msgId', '')}".encode(), "text/plain")
