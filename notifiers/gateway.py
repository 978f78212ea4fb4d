"""A generic HTTP gateway, described in a YAML file: a city's platform, an operator's box. 通用短信网关

    gateway://USER@/?file=gateways/city-platform.yaml&secret=env:NAME

Further settings: ``timeout``, ``ca``, ``proxy``, ``verify_tls=0`` (told in the log at every start) and
``base_url``, which takes the place of the description's server. The description says what is sent, what an
answer means and how to ask; its reader is `notifiers.gateway_form`, an example lies in ``examples/gateways``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from engine.delivery import UNASKABLE, Blame, Outcome, Receipt, Waiting
from engine.errors import BadInput
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.gateway_form import PLACE, Asking, Call, Computed, Gateway, Posting, Reading, read_gateway
from notifiers.http import WAYS, Answer, Http, NoAnswer, NotSent, door, fate
from notifiers.sms import (
    BEIJING,
    IN_A_ROW,
    by_status,
    digits,
    inside,
    moment,
    not_posted,
    number,
    posted,
    rows,
    too_soon,
    word,
)

_TYPES = {
    "json": "application/json; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],  # noqa: ARG001 - all channels are set up alike
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> HttpGateway:
    """Set the channel up from its URL and the file that it names; raise ``BadInput`` for faults in either."""
    address.only(*WAYS, "file", "secret", "verify_tls")
    file = Path(address.text("file"))
    try:
        gateway = read_gateway(file.read_text("utf-8-sig"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"读不到短信网关说明 {file.name}", why="文件不存在、没有权限，或不是 UTF-8", then="改正 file="
        ) from error
    settings = {"base_url": gateway.origin, **address.settings}
    http = door(replace(address, settings=settings), verify=address.switch("verify_tls", True))
    return HttpGateway(
        http, gateway, user=address.user, secret=address.secret("secret", secret, ""), clock=clock
    )


class Push:
    """What a gateway posts by itself, as its description says."""

    def __init__(self, posting: Posting, who: str) -> None:
        """Read by ``posting``; ``who`` names the gateway in refusals."""
        self._posting = posting
        self._who = who

    def read(self, body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts in what was posted; a state that the description does not know tells nothing."""
        posting = self._posting
        if posting.format == "form":
            told: Any = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=100))
        else:
            told = posted(body, self._who)
        listed = _path(told, posting.items) if posting.items else told if isinstance(told, list) else [told]
        if not isinstance(listed, list):
            raise not_posted(self._who)
        return [receipt for row in rows(listed) if (receipt := _posted(posting, row, now)) is not None]

    def answer(self, kept: bool) -> tuple[str, bytes]:
        """Return the description's answer; its ``refusal``, or nothing, where they were not kept."""
        said = self._posting.answer if kept else self._posting.refusal
        kind = "application/json" if said.lstrip().startswith(("{", "[")) else "text/plain; charset=utf-8"
        return kind, said.encode()


class HttpGateway:
    """The channel; one object serves all threads."""

    def __init__(
        self, http: Http, gateway: Gateway, *, user: str, secret: str, clock: Callable[[], datetime]
    ) -> None:
        """Bind to a description; nothing is connected yet."""
        self._http = http
        self._gateway = gateway
        self._user = user
        self._secret = secret
        self._clock = clock

    @property
    def pushing(self) -> Push | None:
        """How the gateway posts receipts by itself, where the description says so."""
        posting = self._gateway.push
        return None if posting is None else Push(posting, self._gateway.title)

    @property
    def confirms(self) -> bool:
        """Whether the description says how to hear that a message was delivered."""
        return self._gateway.ask is not None and bool(self._gateway.ask.state)

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Make the request of the description; what the gateway answers never raises."""
        try:
            answer = self._call(self._gateway.send, message)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return self._read(answer, now)

    def ask(self, message: Waiting) -> Outcome:
        """Ask as the description says; ``unknown`` where it does not say how."""
        asking = self._gateway.ask
        who = self._gateway.title
        if asking is None:
            return Outcome("unknown", f"{who}没有查询接口", code=UNASKABLE)
        code, item = self._item(asking, message, own=True)
        if item is not None:
            ident = digits(_path(item, self._gateway.answer.id)) if self._gateway.answer.id else ""
            return Outcome("accepted", f"{who}：查到了", provider_id=ident)
        if code is None:
            return Outcome("unknown", f"{who}：没有查成", down=True)
        if too_soon(message, self._clock(), timedelta(seconds=asking.lag)):
            return Outcome("unknown", f"{who}：还查不到，稍后再查", code=code)
        return Outcome("retry", f"{who}：没有收到过", code=code)

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Ask for each message; a gateway that cannot be asked, or does not tell states, knows nothing."""
        asking = self._gateway.ask
        if asking is None or not asking.state:
            return ()
        found: list[Receipt] = []
        troubles = 0
        for message in messages:
            code, item = self._item(asking, message)
            troubles = troubles + 1 if code is None else 0
            if troubles == IN_A_ROW:
                break  # it does not answer; the rest is asked for next time
            receipt = None if item is None else _receipt(asking, item, message, now)
            if receipt is not None:
                found.append(receipt)
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

    def _read(self, answer: Answer, now: datetime) -> Outcome:
        gateway, who = self._gateway, self._gateway.title
        code = _code(gateway.answer, answer)
        if code and code in gateway.answer.success and answer.status < 300:
            ident = digits(_find(gateway.answer, answer, gateway.answer.id)) if gateway.answer.id else ""
            return Outcome("accepted", f"{who}已受理", provider_id=ident)
        kind = gateway.errors.get(code)
        if kind is None and (
            not code or code in gateway.answer.success or answer.status in (401, 403) or answer.status >= 500
        ):
            return by_status(who, answer, now, crashed="unknown")
        kind = kind or gateway.other
        blame: Blame = "contact" if code in gateway.contact else ""
        return Outcome(kind, f"{who}答复 {word(code)}", answer.again_at(now), code=word(code), blame=blame)

    def _item(
        self, asking: Asking, message: Waiting, *, own: bool = False
    ) -> tuple[str | None, Mapping[str, Any] | None]:
        """Return the answer's code (``None``: no usable answer) and what it holds about the message.

        ``own``: over a connection of its own, for then what is not found is sent again.
        """
        try:
            answer = self._call(asking.call, message, own=own)
        except (NotSent, NoAnswer):
            return None, None
        code = _code(asking.answer, answer)
        if code and code in asking.missing:
            return code, None
        if code not in asking.answer.success or answer.status >= 300:
            return None, None
        told = answer.json()
        listed = rows(_path(told, asking.items)) if asking.items else rows([told])
        ours = (message.reference, message.provider_id or None)
        for item in listed:
            if not asking.reference or digits(_path(item, asking.reference)) in ours:
                return code, item
        return code, None

    def _call(self, call: Call, message: Waiting, *, own: bool = False) -> Answer:
        values = self._values(message)
        headers = {name: fill(text, values) for name, text in call.headers.items()}
        if call.kind:
            headers = {"content-type": _TYPES[call.kind], **{n.lower(): v for n, v in headers.items()}}
        query = {name: fill(text, values) for name, text in call.query.items()}
        body = _written(call, values)
        return self._http.call(
            call.method, call.path, body=body, headers=headers, query=query or None, own=own
        )

    def _values(self, message: Waiting) -> dict[str, str]:
        values = {
            "phone": number(message.address),
            "phone_e164": number(message.address, "+86"),
            "text": message.text,
            "reference": message.reference,
            "user": self._user,
            "secret": self._secret,
            "nonce": token_hex(16),
            "id": message.provider_id,
        }
        for one in self._gateway.values:
            values[one.name] = _computed(one, values, self._clock())
        return values


def fill(template: str, values: Mapping[str, str], escaped: Callable[[str], str] = str) -> str:
    """Put ``values``, ``escaped``, into the ``{name}`` places; the reader has seen that all are there."""
    return PLACE.sub(lambda place: escaped(values[place[1]]), template)


def _computed(one: Computed, values: Mapping[str, str], now: datetime) -> str:
    if one.how == "time":
        if one.spec in ("unix", "unix_ms"):
            return str(int(now.timestamp() * (1000 if one.spec == "unix_ms" else 1)))
        return now.astimezone(BEIJING).strftime(one.spec)
    of = fill(one.of, values).encode()
    if one.how == "hmac":
        made = hmac.digest(fill(one.key, values).encode(), of, one.spec)
    else:
        made = hashlib.new(one.spec, of, usedforsecurity=False).digest()
    if one.shape == "base64":
        return b64encode(made).decode()
    return made.hex().upper() if one.shape == "HEX" else made.hex()


def _written(call: Call, values: Mapping[str, str]) -> bytes:
    if call.kind == "json":
        return json.dumps(_filled(call.body, values), ensure_ascii=False).encode()
    if call.kind == "form":
        return urlencode({name: fill(text, values) for name, text in call.body.items()}).encode()
    return fill(call.body, values, escape if call.kind == "xml" else str).encode()


def _filled(tree: Any, values: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {name: _filled(inner, values) for name, inner in tree.items()}
    if isinstance(tree, list):
        return [_filled(inner, values) for inner in tree]
    return fill(tree, values) if isinstance(tree, str) else tree


def _code(reading: Reading, answer: Answer) -> str:
    value = _find(reading, answer, reading.code)
    if isinstance(value, bool):
        return "true" if value else "false"
    return digits(value)


def _find(reading: Reading, answer: Answer, where: str) -> Any:
    if reading.format == "json":
        return _path(answer.json(), where)
    found = re.search(where, answer.body.decode("utf-8", "replace"))
    return found[1] if found else None


def _path(tree: Any, where: str) -> Any:
    return inside(tree, *where.split("."))


def _posted(posting: Posting, item: Mapping[str, Any], now: datetime) -> Receipt | None:
    state = digits(_path(item, posting.state))
    ours = digits(_path(item, posting.reference)) if posting.reference else ""
    ident = digits(_path(item, posting.id)) if posting.id else ""
    if state not in (*posting.delivered, *posting.undelivered) or not (ours or ident):
        return None
    return Receipt(
        channel="sms",
        state="delivered" if state in posting.delivered else "undelivered",
        at=moment(_path(item, posting.at), now) if posting.at else now,
        reference=ours,
        provider_id=ident,
        code=word(state),
    )


def _receipt(asking: Asking, item: Mapping[str, Any], message: Waiting, now: datetime) -> Receipt | None:
    state = digits(_path(item, asking.state))
    known = state in asking.delivered or state in asking.undelivered
    if not known:
        return None
    return Receipt(
        channel=message.channel,
        state="delivered" if state in asking.delivered else "undelivered",
        at=moment(_path(item, asking.at), now) if asking.at else now,
        reference=message.reference,
        provider_id=message.provider_id,
        code=word(state),
    )
