"""Tencent Cloud SMS on loopback; verifies TC3 signatures by its own reading of the specification.

``echo``: give SessionContext back in receipts, which Tencent does on request only. ``settle(reference,
"SUCCESS", "DELIVRD")`` delivers and puts a receipt into the queue, which never repeats what it gave.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.fakes.web import TAKES, Asked, Reply, Taken, Web


class Tencent(Web):
    """The gateway ``sms.tencentcloudapi.com``."""

    def __init__(
        self, *, key: str = "SID", secret: str, app: str = "1400000001", signs: tuple[str, ...] = ("一日办",),
        templates: Mapping[str, str] | None = None, longest: int = 6, echo: bool = True,
        now: datetime | None = None,
    ) -> None:  # fmt: skip
        super().__init__(now=now)
        self.key, self.secret, self.app, self.signs = key, secret, app, signs
        self.longest, self.echo = longest, echo
        self.templates = dict(templates or {"1001": "编号{1}的项目：{2}"})
        self.queue: deque[Taken] = deque()

    def settle(self, reference: str, fate: str, code: str = "") -> None:
        super().settle(reference, fate, code)
        self.queue.extend(taken for taken in self.accepted if taken.reference == reference)

    def is_query(self, asked: Asked) -> bool:
        return asked.headers.get("x-tc-action", "").startswith("Pull")

    def answer(self, asked: Asked, step: str) -> Reply:
        wrong = self._unauthorised(asked)
        if wrong:
            return _error(wrong)
        told: dict[str, Any] = json.loads(asked.body)
        if self.is_query(asked):
            return _error(step) if step not in TAKES else self._pulled(asked.headers["x-tc-action"], told)
        if step.startswith(
            ("AuthFailure", "RequestLimit", "InternalError", "Unauthorized", "InvalidParameterValue.Sdk")
        ):
            return _error(step)
        code = step if step not in TAKES else self._refused(told)
        [phone] = told["PhoneNumberSet"]
        status = {
            "PhoneNumber": phone,
            "Fee": 0,
            "SessionContext": told.get("SessionContext", ""),
            "IsoCode": "CN",
        }
        if code:
            return _response(
                {"SendStatusSet": [status | {"SerialNo": "", "Code": code, "Message": f"no {phone}"}]}
            )
        values = told["TemplateParamSet"]
        text = re.sub(r"\{(\d+)\}", lambda m: values[int(m[1]) - 1], self.templates[told["TemplateId"]])
        taken = self.take(
            told.get("SessionContext", ""), phone.removeprefix("+86"), f"【{told['SignName']}】{text}", step
        )
        sent = status | {"SerialNo": taken.id, "Fee": 1, "Code": "Ok", "Message": "send success"}
        return _response({"SendStatusSet": [sent]})

    def _refused(self, told: Mapping[str, Any]) -> str:
        """Say what the provider finds wrong with a submission, ``""`` for nothing."""
        template = self.templates.get(told["TemplateId"])
        if not re.fullmatch(r"\+861\d{10}", told["PhoneNumberSet"][0]):
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if told["SignName"] not in self.signs:
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if template is None:
            return "FailedOperation.TemplateUnapprovedOrNotExist"
        if len(set(re.findall(r"\{(\d+)\}", template))) != len(told["TemplateParamSet"]):
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        long = any(len(value) > self.longest for value in told["TemplateParamSet"])
        return "InvalidParameterValue.TemplateParameterLengthLimit" if long else ""

    def _pulled(self, action: str, told: Mapping[str, Any]) -> Reply:
        if told["SmsSdkAppId"] != self.app:
            return _error("InvalidParameterValue.SdkAppIdNotExist")
        if not 1 <= told["Limit"] <= 100:
            return _error("InvalidParameterValue.LimitVerifyFail")
        if action == "PullSmsSendStatus":
            with self.lock:
                found = [self.queue.popleft() for _ in range(min(told["Limit"], len(self.queue)))]
        else:
            begin, end = told["BeginTime"], told.get("EndTime", 1 << 40)
            found = [
                taken
                for taken in self.shown()
                if f"+86{taken.address}" == told["PhoneNumber"] and begin <= taken.at.timestamp() <= end
            ][: told["Limit"]]
        return _response({"PullSmsSendStatusSet": [self._status(taken) for taken in found]})

    def _status(self, taken: Taken) -> dict[str, Any]:
        return {
            "UserReceiveTime": int(taken.at.timestamp()), "CountryCode": "86", "SubscriberNumber": taken.address,
            "PhoneNumber": f"+86{taken.address}", "SerialNo": taken.id, "ReportStatus": taken.fate,
            "Description": taken.code, "SessionContext": taken.reference if self.echo else "",
        }  # fmt: skip

    def _unauthorised(self, asked: Asked) -> str:
        """Verify the request as the specification of TC3-HMAC-SHA256 says; return the error or ``""``."""
        heads = asked.headers
        shape = (r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
                 r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")  # fmt: skip
        told = re.fullmatch(shape, heads.get("authorization", ""))
        if told is None or heads.get("x-tc-version") != "2021-01-11":
            return "AuthFailure.SignatureFailure"
        if told[1] != self.key:
            return "AuthFailure.SecretIdNotFound"
        stamp = int(heads["x-tc-timestamp"])
        day = f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"
        if abs(self.now.timestamp() - stamp) > 300 or day != told[2]:
            return "AuthFailure.SignatureExpire"
        names = told[3].split(";")
        if not {"content-type", "host"} <= set(names):
            return "AuthFailure.SignatureFailure"
        lines = [asked.method, "/", asked.query]
        lines += [f"{name}:{heads[name].strip().lower()}" for name in names]
        lines += ["", told[3], hashlib.sha256(asked.body).hexdigest()]
        hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = f"TC3-HMAC-SHA256\n{stamp}\n{day}/sms/tc3_request\n{hashed}"

        def mac(key: bytes, said: str) -> bytes:
            return hmac.new(key, said.encode(), hashlib.sha256).digest()

        key = mac(mac(mac(b"TC3" + self.secret.encode(), day), "sms"), "tc3_request")
        good = mac(key, text).hex()
        return "" if hmac.compare_digest(good, told[4]) else "AuthFailure.SignatureFailure"


def _response(told: Mapping[str, Any], status: int = 200) -> Reply:
    body = json.dumps({"Response": {**told, "RequestId": "R"}}, ensure_ascii=False).encode()
    return Reply(status, body, "application/json")  # to the letter: the official SDK looks for nothing else


def _error(code: str) -> Reply:
    """Refuse as the service does; ``InternalError@500`` has a status of its own."""
    name, _, status = code.partition("@")
    told = {"Error": {"Code": name, "Message": "refused for +8613800000001"}}
    return _response(told, int(status or 200))
