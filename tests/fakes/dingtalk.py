"""DingTalk on loopback: tokens, a queue of notices, what became of each by its ``task_id``.

The same text for the same person is turned away on the same day when ``strict`` is set. ``settle(reference, list)``
names the list of ``getsendresult`` in which the person stands.
"""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import parse_qs

from tests.fakes.web import TAKES, Asked, Reply, Web

SEND = "/topapi/message/corpconversation/asyncsend_v2"
RESULT = "/topapi/message/corpconversation/getsendresult"


class DingTalkServer(Web):
    """The server of one application."""

    def __init__(
        self, *, secret: str, key: str = "dingAppKey01", agent: int = 301, now: datetime | None = None
    ) -> None:
        super().__init__(now=now)
        self.secret, self.key, self.agent = secret, key, agent
        self.tokens: set[str] = set()
        self.given = 0
        self.lasts = 7200
        self.strict = False
        self.wrapped = False

    def expire(self) -> None:
        self.tokens.clear()

    def is_query(self, asked: Asked) -> bool:
        return asked.path != SEND

    def answer(self, asked: Asked, step: str) -> Reply:
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/gettoken":
            return self._token(query, step)
        if query.get("access_token") not in self.tokens:
            return self._refused("42001")
        if step not in TAKES:
            return self._refused(step)
        told = json.loads(asked.body)
        assert told["agent_id"] == self.agent
        if asked.path == RESULT:
            return _json(errcode=0, errmsg="ok", send_result=self._result(told["task_id"]))
        assert asked.path == SEND
        user, text = told["userid_list"], told["msg"]["text"]["content"]
        if self.strict and any((t.address, t.text) == (user, text) for t in self.accepted):
            return self._refused("143106")
        taken = self.take(asked.headers.get("x-request-id", ""), user, text, step)
        return _json(errcode=0, errmsg="ok", task_id=int(taken.id.partition("^")[0]))

    def _result(self, task: int) -> dict[str, list[str]]:
        taken = self.accepted[task - 1]
        return {taken.fate: [taken.address]} if taken.fate else {}

    def _refused(self, code: str) -> Reply:
        if self.wrapped:
            return _json(errcode=88, errmsg="ding talk error", sub_code=code, sub_msg=f"told {code}")
        return _json(errcode=int(code), errmsg=f"told {code}")

    def _token(self, query: dict[str, str], step: str) -> Reply:
        if step not in TAKES:
            return self._refused(step)
        if (query.get("appkey"), query.get("appsecret")) != (self.key, self.secret):
            return self._refused("40089")
        with self.lock:
            self.given += 1
            token = f"token{self.given}"
            self.tokens.add(token)
        return _json(errcode=0, errmsg="ok", access_token=token, expires_in=self.lasts)


def _json(**told: object) -> Reply:
    return Reply(200, json.dumps(told).encode())
