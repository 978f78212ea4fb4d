"""DingTalk work notices over their own protocol. 钉钉工作通知

    dingtalk://APPKEY/AGENTID?secret=env:NAME

Further settings: ``timeout``, ``ca``, ``proxy``, ``base_url`` (专有钉钉). The address of a person is the userid.
DingTalk takes a notice into a queue and tells by its ``task_id``, for a day, what became of it; of one whose answer
got lost nobody knows the ``task_id``, so it cannot be asked. The same text reaches the same person once a day: a
notice sent again is turned away as a duplicate (143106), which proves that the one before arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.delivery import UNASKABLE, Blame, Outcome, Receipt, ReceiptState, Waiting
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import Answer, NoAnswer, NotSent, fate
from notifiers.sms import Codes, by_status, digits, inside, midnight, word
from notifiers.token import App, Token, Tokens, read_app

WHO = "钉钉"
SERVER = "https://oapi.dingtalk.com"
STALE = frozenset({"40014", "42001"})
DUPLICATE = frozenset({"143106", "143206"})
WRAPPED = "88"
"""The gateway's own error; what it means stands in ``sub_code``."""

CODES = Codes(
    WHO,
    {
        "retry": {
            "-1": "系统繁忙",
            "90002": "调用过于频繁",
            "90018": "调用过于频繁",
            "143103": "调用过于频繁",
            "143104": "调用过于频繁",
            "143203": "调用过于频繁",
            "143204": "调用过于频繁",
            "1430003": "触发系统保护",
        },
        "quota": {"143105": "此人今日的通知已满", "143205": "此人今日的通知已满"},
        "rejected": {
            "33012": "人员账号不对",
            "40031": "人员账号不对",
            "60121": "人员账号不存在",
            "143106": "同样的内容今天已经发过",
            "143206": "同样的内容今天已经发过",
            "1430000": "没有接收人",
            "1430002": "含有违禁内容",
            "1430004": "此人开启了高管保护",
        },
        "config": {
            "40001": "应用的密钥不对",
            "40014": "访问令牌一再不被接受",
            "40089": "应用的编号或密钥不对",
            "40096": "应用的编号或密钥不对",
            "42001": "访问令牌一再过期",
            "41011": "缺少应用编号",
            "60011": "应用没有权限",
            "60020": "本机的 IP 不在可信名单",
        },
    },
    frozenset({"33012", "40031", "60121", "1430000", "1430004"}),
)


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],  # noqa: ARG001 - all channels are set up alike
) -> DingTalk:
    """Set the channel up; raise ``BadInput`` for what is missing or unknown in its URL."""
    return DingTalk(read_app(address, secret, SERVER, "dingtalk://AppKey/AgentId"))


class DingTalk:
    """The channel; one object serves all threads."""

    def __init__(self, app: App) -> None:
        """Bind to an application; nothing is connected yet."""
        self._http = app.http
        self._key = app.owner
        self._agent = app.agent
        self._secret = app.secret
        self._tokens = Tokens(self._fetch)

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Send one notice to one person; what DingTalk answers never raises."""
        asked = {
            "agent_id": self._agent,
            "userid_list": message.address,
            "msg": {"msgtype": "text", "text": {"content": message.text}},
        }
        try:
            answer = self._call("asyncsend_v2", asked, message.reference)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return answer if isinstance(answer, Outcome) else _read(answer, message, now)

    def ask(self, message: Waiting) -> Outcome:
        """Nobody knows the number under which a notice without an answer was taken."""
        return Outcome("unknown", f"{WHO}不能按我们的编号查询", code=UNASKABLE)

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Ask for each notice by its ``task_id``; one that is still in the queue has no receipt."""
        found: list[Receipt] = []
        for message in messages:
            if not message.provider_id.isdigit():
                continue
            asked = {"agent_id": self._agent, "task_id": int(message.provider_id)}
            try:
                answer = self._call("getsendresult", asked, message.reference)
            except (NotSent, NoAnswer):
                break  # it does not answer; the rest is asked for next time
            if isinstance(answer, Outcome):
                break
            receipt = _receipt(inside(answer.json(), "send_result"), message, now)
            found += [receipt] if receipt is not None else []
        return found

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

    def _call(self, what: str, asked: Mapping[str, Any], reference: str) -> Answer | Outcome:
        """Call with a token, once more with a fresh one; raise what `Http.call` raises."""
        refused = ""
        body = json.dumps(asked, ensure_ascii=False).encode()
        # the protocol has no place for our reference; in a header it stands in a log at best
        headers = {"content-type": "application/json; charset=utf-8", "x-request-id": reference}
        for _ in range(2):
            token = self._tokens.get(refused)
            if isinstance(token, Outcome):
                return token
            where = f"/topapi/message/corpconversation/{what}"
            answer = self._http.call("POST", where, body=body, query={"access_token": token}, headers=headers)
            if _code(answer) not in STALE:
                break
            refused = token
        return answer

    def _fetch(self) -> Token | Outcome:
        answer = self._http.call("GET", "/gettoken", query={"appkey": self._key, "appsecret": self._secret})
        told = answer.json()
        token, lasts = inside(told, "access_token"), inside(told, "expires_in")
        if _code(answer) == "0" and isinstance(token, str) and token:
            return Token(token, float(lasts) if isinstance(lasts, int) else 0.0)
        if _code(answer) in ("", "0"):
            return Outcome("retry", f"{WHO}没有给出访问令牌", code=f"HTTP {answer.status}")
        return CODES.outcome(_code(answer))


def _code(answer: Answer) -> str:
    told = answer.json()
    code = inside(told, "errcode")
    text = "" if code is None else word(code)
    return word(inside(told, "sub_code")) or text if text == WRAPPED else text


def _read(answer: Answer, message: Waiting, now: datetime) -> Outcome:
    code = _code(answer)
    if not code or answer.status != 200:
        return by_status(WHO, answer, now)
    if code == "0":
        return Outcome("accepted", f"{WHO}已受理", provider_id=digits(inside(answer.json(), "task_id")))
    if code in DUPLICATE and message.tries > 0:
        return Outcome("accepted", f"{WHO}：先前一次已经收下（{code}）", code=code)
    outcome = CODES.outcome(code)
    return replace(outcome, again_at=midnight(now)) if outcome.kind == "quota" else outcome


def _receipt(told: Any, message: Waiting, now: datetime) -> Receipt | None:
    """Read what became of a notice to one person; ``None`` while nothing is known."""

    def named(where: str) -> bool:
        users = inside(told, where)
        return isinstance(users, list) and message.address in users

    def receipt(state: ReceiptState, code: str, detail: str = "", blame: Blame = "") -> Receipt:
        return Receipt(
            message.channel, state, now, message.reference, message.provider_id, code, detail, blame
        )

    if named("read_user_id_list"):
        return receipt("delivered", "read")
    if named("unread_user_id_list"):
        return receipt("delivered", "unread")
    if named("invalid_user_id_list"):
        return receipt("undelivered", "invalid", f"{WHO}：人员账号不对", "contact")
    if named("forbidden_user_id_list"):
        return receipt("undelivered", "forbidden", f"{WHO}：超量或重复，没有送达")
    if named("failed_user_id_list"):
        return receipt("undelivered", "failed", f"{WHO}：没有送达")
    return None
