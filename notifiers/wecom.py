"""WeCom application messages over their own protocol. 企业微信应用消息

    wecom://CORPID/AGENTID?secret=env:NAME

Further settings: ``timeout``, ``ca``, ``proxy``, ``base_url`` (a server of one's own: 政务微信). The address of a
person is the member's userid. ``enable_duplicate_check`` is always on, for four hours: the same request sent again,
because its answer was lost, reaches nobody twice. WeCom compares the request as a whole; our reference stands in it,
so that two notices of the same wording are two. It gives no receipts and cannot be asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.delivery import UNASKABLE, Outcome, Waiting
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import Answer, NoAnswer, NotSent, fate
from notifiers.sms import Codes, by_status, digits, inside, word
from notifiers.token import App, Token, Tokens, read_app

WHO = "企业微信"
SERVER = "https://qyapi.weixin.qq.com"
AGAIN_WITHIN = 14_400
"""Seconds for which the same request counts once; WeCom knows no longer ones."""
LONGEST = 2048
"""Bytes of a text; WeCom cuts off the rest, perhaps within a character."""
STALE = frozenset({"40014", "42001"})
"""The token has run out or is another's: a fresh one, then once more."""

CODES = Codes(
    WHO,
    {
        "retry": {"-1": "系统繁忙", "45009": "调用过于频繁", "45033": "并发过多"},
        "rejected": {
            "81013": "成员不存在，或不在应用的可见范围",
            "40003": "成员账号不对",
            "60111": "成员账号不存在",
            "45002": "内容过长",
            "44004": "内容是空的",
        },
        "config": {
            "40001": "应用的密钥不对",
            "40013": "企业编号不对",
            "40014": "访问令牌一再不被接受",
            "40056": "应用编号不对",
            "41004": "没有密钥",
            "42001": "访问令牌一再过期",
            "48002": "应用没有这个权限",
            "50001": "没有可信域名",
            "60011": "应用没有权限",
            "60020": "本机的 IP 不在可信名单",
            "301002": "密钥不属于这个应用",
        },
    },
    frozenset({"81013", "40003", "60111"}),
)


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],  # noqa: ARG001 - all channels are set up alike
) -> WeCom:
    """Set the channel up; raise ``BadInput`` for what is missing or unknown in its URL."""
    return WeCom(read_app(address, secret, SERVER, "wecom://企业编号/应用编号"))


class WeCom:
    """The channel; one object serves all threads."""

    def __init__(self, app: App) -> None:
        """Bind to an application; nothing is connected yet."""
        self._http = app.http
        self._corp = app.owner
        self._agent = app.agent
        self._secret = app.secret
        self._tokens = Tokens(self._fetch)

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Send one message to one member; what WeCom answers never raises."""
        body = json.dumps(
            {
                "touser": message.address, "msgtype": "text", "agentid": self._agent,
                "text": {"content": _cut(message.text)}, "safe": 0, "enable_duplicate_check": 1,
                "duplicate_check_interval": AGAIN_WITHIN, "reference": message.reference,
            },
            ensure_ascii=False,
        ).encode()  # fmt: skip
        refused = ""
        for _ in range(2):
            token = self._tokens.get(refused)
            if isinstance(token, Outcome):
                return token
            try:
                answer = self._http.call(
                    "POST", "/cgi-bin/message/send", body=body, query={"access_token": token},
                    headers={"content-type": "application/json; charset=utf-8"},
                )  # fmt: skip
            except (NotSent, NoAnswer) as error:
                return fate(error)
            if _code(answer) not in STALE:
                break
            refused = token
        return _read(answer, now)

    def ask(self, message: Waiting) -> Outcome:
        """Nobody can be asked; sending again within four hours is safe."""
        return Outcome("unknown", f"{WHO}没有查询接口", code=UNASKABLE)

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

    def _fetch(self) -> Token | Outcome:
        answer = self._http.call(
            "GET", "/cgi-bin/gettoken", query={"corpid": self._corp, "corpsecret": self._secret}
        )
        told = answer.json()
        token, lasts = inside(told, "access_token"), inside(told, "expires_in")
        if _code(answer) == "0" and isinstance(token, str) and token:
            return Token(token, float(lasts) if isinstance(lasts, int) else 0.0)
        if _code(answer) in ("", "0"):
            return Outcome("retry", f"{WHO}没有给出访问令牌", code=f"HTTP {answer.status}")
        return CODES.outcome(_code(answer))


def _code(answer: Answer) -> str:
    code: Any = inside(answer.json(), "errcode")
    return "" if code is None else word(code)


def _read(answer: Answer, now: datetime) -> Outcome:
    code = _code(answer)
    if not code or answer.status != 200:
        return by_status(WHO, answer, now)
    if code != "0":
        return CODES.outcome(code)
    told = answer.json()
    # it was asked to reach one member: whoever is named here is that one
    for name, why in (
        ("invaliduser", "成员不存在，或不在应用的可见范围"),
        ("unlicenseduser", "成员没有接口许可"),
    ):
        if inside(told, name):
            return Outcome("rejected", f"{WHO}：{why}（{name}）", code=name, blame="contact")
    return Outcome("accepted", f"{WHO}已受理", provider_id=digits(inside(told, "msgid")))


def _cut(text: str) -> str:
    """Return ``text`` within what WeCom takes, cut between two characters."""
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    return raw[: LONGEST - len("…".encode())].decode(errors="ignore") + "…"
