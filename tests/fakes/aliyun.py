"""Aliyun SMS on loopback; verifies ACS3 signatures by its own reading of the specification.

An account has one key, signatures (``signs``) and templates. ``settle(reference, "3", "DELIVERED")`` delivers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from tests.fakes.web import TAKES, Asked, Reply, Taken, Web

BEIJING = ZoneInfo("Asia/Shanghai")
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_STATUS = {"Throttling": 400, "ServiceUnavailable": 503, "InternalError": 500}


class Aliyun(Web):
    """The gateway ``dysmsapi``."""

    def __init__(
        self, *, key: str = "AK", secret: str, signs: tuple[str, ...] = ("一日办",),
        templates: Mapping[str, str] | None = None, longest: int = 35, now: datetime | None = None,
    ) -> None:  # fmt: skip
        super().__init__(now=now)
        self.key, self.secret, self.signs, self.longest = key, secret, signs, longest
        self.templates = dict(templates or {"SMS_1": "编号${code}的项目：${note}"})
        self._nonces: set[str] = set()

    def is_query(self, asked: Asked) -> bool:
        return asked.headers.get("x-acs-action") == "QuerySendDetails"

    def answer(self, asked: Asked, step: str) -> Reply:
        wrong = self._unauthorised(asked)
        if wrong:
            return _error(wrong)
        params = dict(_pairs(asked.query))
        if self.is_query(asked):
            return _error(step) if step not in TAKES else self._details(params)
        code, _, says = step.partition("|")
        code = code if code not in TAKES else self._refused(params)
        if code:
            return _error(code, says)
        values: dict[str, str] = json.loads(params.get("TemplateParam", "{}"))
        text = re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], self.templates[params["TemplateCode"]])
        taken = self.take(params.get("OutId", ""), params["PhoneNumbers"], f"【{params['SignName']}】{text}", step,
                          template=params["TemplateCode"])  # fmt: skip
        return _json({"Code": "OK", "Message": "OK", "RequestId": "R", "BizId": taken.id})

    def _refused(self, params: Mapping[str, str]) -> str:
        """Say what the provider finds wrong with a submission, ``""`` for nothing."""
        template = self.templates.get(params.get("TemplateCode", ""))
        if not re.fullmatch(r"1\d{10}", params.get("PhoneNumbers", "")):
            return "isv.MOBILE_NUMBER_ILLEGAL"
        if params.get("SignName") not in self.signs:
            return "isv.SMS_SIGNATURE_ILLEGAL"
        if template is None:
            return "isv.SMS_TEMPLATE_ILLEGAL"
        values = json.loads(params.get("TemplateParam", "{}"))
        if not all(values.get(name) for name in re.findall(r"\$\{(\w+)\}", template)):
            return "isv.TEMPLATE_MISSING_PARAMETERS"
        return "isv.PARAM_LENGTH_LIMIT" if any(len(v) > self.longest for v in values.values()) else ""

    def _details(self, params: Mapping[str, str]) -> Reply:
        size, page = int(params["PageSize"]), int(params["CurrentPage"])
        if not 1 <= size <= 50:
            return _error("isv.INVALID_PARAMETERS")
        found = [
            taken
            for taken in self.shown()
            if taken.address == params["PhoneNumber"]
            and f"{taken.at.astimezone(BEIJING):%Y%m%d}" == params["SendDate"]
            and params.get("BizId") in (None, taken.id)
        ]
        listed = [self._detail(taken) for taken in found[(page - 1) * size : page * size]]
        told = {"SmsSendDetailDTO": listed}
        return _json({"Code": "OK", "Message": "OK", "TotalCount": len(found), "SmsSendDetailDTOs": told})

    def _detail(self, taken: Taken) -> dict[str, Any]:
        at = f"{taken.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
        told = {"OutId": taken.reference, "PhoneNum": taken.address, "Content": taken.text, "SendDate": at,
                "TemplateCode": taken.more["template"], "SendStatus": int(taken.fate or 1)}  # fmt: skip
        return told | ({"ErrCode": taken.code, "ReceiveDate": at} if taken.fate else {})

    def _unauthorised(self, asked: Asked) -> str:
        """Verify the request as the specification of ACS3-HMAC-SHA256 says; return the error or ``""``."""
        heads = asked.headers
        shape = r"ACS3-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
        told = re.fullmatch(shape, heads.get("authorization", ""))
        if told is None:
            return "IncompleteSignature"
        signed = told[2].split(";")
        needed = {n for n in heads if n.startswith("x-acs-")} | {"host"}
        if (
            signed != sorted(signed)
            or not needed <= set(signed)
            or heads.get("x-acs-version") != "2017-05-25"
        ):
            return "IncompleteSignature"
        if told[1] != self.key:
            return "InvalidAccessKeyId.NotFound"
        dated = datetime.strptime(heads["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(self.now - dated) > timedelta(minutes=15):
            return "InvalidTimeStamp.Expired"
        if not self._matches(asked, signed, told[3]):
            return "SignatureDoesNotMatch"
        with self.lock:
            known = heads["x-acs-signature-nonce"] in self._nonces
            self._nonces.add(heads["x-acs-signature-nonce"])
        return "SignatureNonceUsed" if known else ""

    def _matches(self, asked: Asked, signed: list[str], signature: str) -> bool:
        heads = asked.headers
        payload = hashlib.sha256(asked.body).hexdigest()
        lines = [asked.method, asked.path, _canonical(asked.query)]
        lines += [f"{name}:{heads[name].strip()}" for name in signed]
        lines += ["", ";".join(signed), payload]
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
        good = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return heads["x-acs-content-sha256"] == payload and hmac.compare_digest(good, signature)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        yield unquote(name.replace("+", " ")), unquote(value.replace("+", " "))


def _canonical(query: str) -> str:
    """Write the parameters again as RFC 3986 wants them, whatever way they came."""

    def coded(text: str) -> str:
        return "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in text.encode())

    return "&".join(f"{coded(name)}={coded(value)}" for name, value in sorted(_pairs(query)))


def _json(told: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(status, json.dumps(told, ensure_ascii=False).encode())


def _error(code: str, says: str = "") -> Reply:
    own = code.startswith(("isv.", "isp."))
    status = 200 if own else _STATUS.get(code.partition(".")[0], 400)
    return _json({"Code": code, "Message": says or "refused for 13800000001", "RequestId": "R"}, status)
