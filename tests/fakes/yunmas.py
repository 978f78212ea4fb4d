"""China Mobile's cloud MAS on loopback; verifies the MD5 of the fields by its own reading.

Its protocol has no place for our reference; the ledger takes it from the header that a log would show.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from datetime import datetime

from tests.fakes.web import TAKES, Asked, Reply, Web


class YunMasPlatform(Web):
    """The platform; ``templates`` are texts with one ``{}`` for each parameter."""

    def __init__(
        self, *, ap: str = "ap1", secret: str, ec: str = "平顶山市财政局", sign: str = "SIGN1",
        templates: Mapping[str, str] | None = None, now: datetime | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        super().__init__(now=now, tls=tls)
        self.ap, self.secret, self.ec, self.sign = ap, secret, ec, sign
        self.templates = dict(templates or {"T1": "编号{}的项目：{}"})

    def is_query(self, asked: Asked) -> bool:
        return False

    def answer(self, asked: Asked, step: str) -> Reply:
        told: dict[str, str] = json.loads(base64.b64decode(asked.body, validate=True))
        code = step if step not in TAKES else self._refused(asked.path, told)
        if code:
            return _json({"msgGroup": "", "rspcod": code, "success": False})
        if asked.path == "/sms/norsubmit":
            text = told["content"]
        else:
            text = self.templates[told["templateId"]].format(*json.loads(told["params"]))
        reference = asked.headers.get("x-request-id", "")
        taken = self.take(reference, told["mobiles"], text, step, serial=told["addSerial"])
        return _json({"msgGroup": taken.id, "rspcod": "success", "success": True})

    def _refused(self, path: str, told: Mapping[str, str]) -> str:
        """Say what the platform finds wrong with a submission, ``""`` for nothing."""
        middle = ("mobiles", "content") if path == "/sms/norsubmit" else ("templateId", "mobiles", "params")
        fields = [told["ecName"], told["apId"], self.secret, *(told[name] for name in middle), told["sign"]]
        mac = hashlib.md5("".join([*fields, told["addSerial"]]).encode()).hexdigest()
        if (told["ecName"], told["apId"]) != (self.ec, self.ap):
            return "InvalidUsrOrPwd"
        if told["mac"] != mac:
            return "IllegalMac"
        if told["sign"] != self.sign:
            return "IllegalSignId" if told["sign"] else "NoSignId"
        return "" if told["mobiles"].isdigit() and len(told["mobiles"]) == 11 else "InvalidMessage"


def _json(told: Mapping[str, object]) -> Reply:
    return Reply(200, json.dumps(told).encode())
