"""Signed webhooks as Standard Webhooks has them: the tracker's events, and messages where a ladder says so. 回调

    webhook+https://tracker.example.cn/hooks/yiriban?secret=env:NAME

Further settings: ``timeout``, ``ca``, ``proxy``, ``base_url``; ``webhook+http`` for a network of one's own. The
secret is ``whsec_`` and base64, or the base64 alone. Whoever receives verifies ``webhook-signature`` over
``webhook-id.webhook-timestamp.body`` and takes the same ``webhook-id`` once: what was sent and not answered is sent
again under the same one, so nothing is lost and nothing counts twice. 2xx accepts; 408, 429, 5xx come again; 410
wants no more; 401 is a wrong secret; any other 4xx is refused for good.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signer

from engine.delivery import UNASKABLE, Outcome, Waiting
from engine.errors import BadInput
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import WAYS, Answer, Http, NoAnswer, NotSent, door, fate

WHO = "订阅方"
_SCHEME = "webhook+"


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],  # noqa: ARG001 - every channel is set up alike
) -> Webhook:
    """Set the channel up; raise ``BadInput`` for a setting or a secret that cannot be used."""
    address.only(*WAYS, "secret")
    try:
        signer = Signer(address.secret("secret", secret))
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        raise BadInput(
            "webhook 的密钥看不懂",
            why="要写成 whsec_ 加 base64",
            then="向订阅方要一个新的，写进引用的变量或文件",
        ) from None
    return Webhook(door(address, scheme=address.scheme.removeprefix(_SCHEME)), address.path, signer)


class Webhook:
    """The channel; one object serves all threads."""

    def __init__(self, http: Http, path: str, signer: Signer) -> None:
        """Bind to a receiver; nothing is connected yet."""
        self._http = http
        self._path = path
        self._signer = signer

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Post one message; what the receiver answers never raises."""
        data = {
            "key": message.key, "to": message.address, "person": message.person, "subject": message.subject,
            "text": message.text, "wording": message.wording,
        }  # fmt: skip
        return self._post(message.reference, "yiriban.message", message.created_at, data, now)

    def ask(self, message: Waiting) -> Outcome:
        """Nobody can be asked; sending again under the same id is safe."""
        return Outcome("unknown", f"{WHO}没有查询接口", code=UNASKABLE)

    def post(self, ident: str, events: Sequence[Mapping[str, Any]], now: datetime) -> Outcome:
        """Post a batch of events, at least one, under ``ident``; the same events make the same body."""
        data = {"first": events[0]["seq"], "last": events[-1]["seq"], "events": list(events)}
        told = [datetime.fromisoformat(e["recorded_at"]) for e in events if "recorded_at" in e]
        return self._post(ident, "yiriban.events", max(told, default=now), data, now)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must be told whenever they look at this channel, in Chinese."""
        return self._http.cautions

    def rest(self) -> None:
        """Let go of the connections until there is something to send again."""
        self._http.rest()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _post(self, ident: str, kind: str, at: datetime, data: Mapping[str, Any], now: datetime) -> Outcome:
        told = {"type": kind, "timestamp": at.astimezone(UTC).isoformat(), "data": data}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        moment = now.astimezone(UTC)
        headers = {
            "content-type": "application/json; charset=utf-8",
            "webhook-id": ident,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._signer.sign(ident, moment, body),
        }
        try:
            answer = self._http.call("POST", self._path, body=body.encode(), headers=headers)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return _read(answer, now)


def _read(answer: Answer, now: datetime) -> Outcome:
    code = f"HTTP {answer.status}"
    if 200 <= answer.status < 300:
        return Outcome("accepted", f"{WHO}已收下", code=code)
    if answer.status in (408, 429) or answer.status >= 500:
        return Outcome("retry", f"{WHO}暂时不能收（{code}）", answer.again_at(now), code=code)
    if answer.status == 401:
        return Outcome("config", f"{WHO}不认我们的签名：密钥或本机时间不对（{code}）", code=code)
    if answer.status < 400:
        return Outcome("config", f"{WHO}的地址变了（{code}）", code=code)
    if answer.status == 410:
        return Outcome("rejected", f"{WHO}不再接收（{code}）", code=code, blame="contact")
    return Outcome("rejected", f"{WHO}拒收（{code}）", code=code, blame="content")
