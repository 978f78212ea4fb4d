"""WeCom on loopback: hands out tokens, checks them, and takes the same request once, as its documentation says.

``expire()`` makes every token given so far stale (42001); the words ``40014`` and ``42001`` of ``plan`` refuse one
request; ``invalid`` names members that are not there.
"""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import parse_qs

from tests.fakes.web import TAKES, Asked, Reply, Web


class WeComServer(Web):
    """The server of one application."""

    def __init__(
        self, *, secret: str, corp: str = "wwCorpId01", agent: int = 1000002, now: datetime | None = None
    ) -> None:
        super().__init__(now=now)
        self.secret, self.corp, self.agent = secret, corp, agent
        self.tokens: set[str] = set()
        self.given = 0
        self.lasts = 7200
        self.invalid: set[str] = set()
        self.known: set[bytes] = set()

    def expire(self) -> None:
        self.tokens.clear()

    def is_query(self, asked: Asked) -> bool:
        return asked.path == "/cgi-bin/gettoken"

    def answer(self, asked: Asked, step: str) -> Reply:
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if self.is_query(asked):
            return self._token(query, step)
        assert (asked.method, asked.path) == ("POST", "/cgi-bin/message/send")
        if query.get("access_token") not in self.tokens:
            return _json(errcode=42001, errmsg="access_token expired")
        if step not in TAKES:
            return _json(errcode=int(step), errmsg=f"told {step}")
        told = json.loads(asked.body)
        assert (told["agentid"], told["msgtype"]) == (self.agent, "text")
        if told["touser"] in self.invalid:
            return _json(errcode=0, errmsg="ok", invaliduser=told["touser"].lower())
        assert len(told["text"]["content"].encode()) <= 2048
        with self.lock:
            twice = asked.body in self.known and told["enable_duplicate_check"] == 1
            self.known.add(asked.body)
        if not twice:
            self.take(told["reference"], told["touser"], told["text"]["content"], step)
        return _json(errcode=0, errmsg="ok", invaliduser="", msgid="m1")

    def _token(self, query: dict[str, str], step: str) -> Reply:
        if step not in TAKES:
            return _json(errcode=int(step), errmsg=f"told {step}")
        if query.get("corpid") != self.corp:
            return _json(errcode=40013, errmsg="invalid corpid")
        if query.get("corpsecret") != self.secret:
            return _json(errcode=40001, errmsg="invalid credential")
        with self.lock:
            self.given += 1
            token = f"token{self.given}"
            self.tokens.add(token)
        return _json(errcode=0, errmsg="ok", access_token=token, expires_in=self.lasts)


def _json(**told: object) -> Reply:
    return Reply(200, json.dumps(told).encode())
