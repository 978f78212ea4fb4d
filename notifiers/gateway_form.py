"""Reads the description of an HTTP gateway: strictly, with every fault by file and line. 短信网关说明"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

from engine.delivery import Kind
from engine.errors import BadInput
from engine.reading_form import Form, check_name, nearest
from engine.yamlfile import Faults, Map, Node, Scalar, Seq, plain, read_yaml

PLACE = re.compile(r"\{(\w+)\}")
KNOWN = ("phone", "phone_e164", "text", "reference", "user", "secret", "nonce")
"""What a template may use anywhere: the number (138…, +86138…), the text, our reference, the URL's user and
secret, 32 random hex digits. ``ask`` has ``id`` too: what the gateway called the message."""
KINDS = ("json", "form", "xml", "text")
METHODS = ("POST", "GET", "PUT")
ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "sm3")
SHAPES = ("hex", "HEX", "base64")
MISTAKES: tuple[Kind, ...] = tuple(k for k in get_args(Kind) if k != "accepted")
Format = Literal["json", "text"]


@dataclass(frozen=True, slots=True)
class Computed:
    """A value made for each request: the time in a ``pattern``, or a digest of a template."""

    name: str
    how: Literal["time", "digest", "hmac"]
    spec: str
    of: str = ""
    key: str = ""
    shape: str = "hex"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its strings being templates."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    kind: str
    body: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an answer holds its code and the message's identifier, and which codes are success."""

    format: Format
    code: str
    success: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask what became of a message; paths lead from one of the answer's items."""

    call: Call
    answer: Reading
    missing: tuple[str, ...]
    items: str
    reference: str
    state: str
    delivered: tuple[str, ...]
    undelivered: tuple[str, ...]
    at: str
    lag: int


@dataclass(frozen=True, slots=True)
class Posting:
    """What the gateway posts by itself, and what it wants to hear; paths lead from one of the items."""

    format: Literal["json", "form"]
    items: str
    reference: str
    id: str
    state: str
    delivered: tuple[str, ...]
    undelivered: tuple[str, ...]
    at: str
    answer: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A whole description; ``errors`` gives the class of each of the gateway's codes."""

    name: str
    title: str
    origin: str
    values: tuple[Computed, ...]
    send: Call
    answer: Reading
    errors: Mapping[str, Kind]
    other: Kind
    contact: frozenset[str] = field(default_factory=frozenset)
    ask: Asking | None = None
    push: Posting | None = None


def read_gateway(text: str, file: str) -> Gateway:
    """Read a description; ``file`` names it in faults. Raise ``BadInput`` with all faults."""
    faults = Faults()
    tree = read_yaml(text, file, faults)
    gateway = _gateway(Form(tree, file, faults, "网关")) if tree is not None else None
    if faults or gateway is None:
        listed = "\n".join(str(fault) for fault in faults)
        raise BadInput(
            f"短信网关说明有 {len(faults)} 处错误：\n{listed}",
            why="说明有错时不采用，以免发错或漏发",
            then="逐条改正；例子见 examples/gateways",
        )
    return gateway


def _gateway(form: Form) -> Gateway:
    name = form.text("gateway", "gateway: city_platform", required=True)
    if name:
        check_name(name, form.line("gateway"), form.file, form.faults, "网关")
    title = form.title()
    values = tuple(_values(form))
    known = (*KNOWN, *(value.name for value in values))
    send, origin = _call(form, "send", known)
    answer = _reading(form, "answer")
    errors: dict[str, Kind] = {}
    contact: frozenset[str] = frozenset()
    inner = form.inner("errors", "网关的 errors")
    if inner is not None:
        for kind in MISTAKES:
            for code in _codes(inner, kind):
                if code in errors:
                    inner.fault(inner.line(kind), f"答复 {code} 列了两次", f"只留在 {errors[code]} 或 {kind}")
                errors[code] = kind
        contact = frozenset(_codes(inner, "contact"))
        for code in contact:
            if errors.get(code) != "rejected":
                inner.fault(inner.line("contact"), f"答复 {code} 说的是号码，应同时列在 rejected", code)
        inner.done()
    other = cast(Kind, form.choice("other", MISTAKES, "retry"))
    ask = _asking(form, (*known, "id"), origin)
    push = _posting(form)
    form.done()
    return Gateway(name, title.zh, origin, values, send, answer, errors, other, contact, ask, push)


def _values(form: Form) -> Iterator[Computed]:
    known: list[str] = list(KNOWN)
    for name, part in form.named("values", "计算值"):
        if name in known:
            part.fault(part.line(), f"名称 {name} 已有，不能再用", f"{name}_2")
        ways = [way for way in ("time", "digest", "hmac") if way in part.node]
        if len(ways) != 1:
            part.fault(part.line(), "写 time、digest、hmac 三者之一", 'stamp: {time: "%Y%m%d%H%M%S"}')
            continue
        how = cast(Literal["time", "digest", "hmac"], ways[0])
        spec = part.text(how, required=True)
        if how != "time" and spec not in ALGORITHMS:
            part.fault(part.line(how), f"不认识的算法 {spec}", nearest(spec, ALGORITHMS))
        elif how != "time" and spec not in hashlib.algorithms_available:
            part.fault(part.line(how), f"这台计算机的 Python 没有算法 {spec}", "换用带该算法的 OpenSSL")
        of = _template(part, "of", known, required=True) if how != "time" else ""
        key = _template(part, "key", known, required=True) if how == "hmac" else ""
        shape = part.choice("shape", SHAPES, "hex") if how != "time" else ""
        part.done()
        known.append(name)
        yield Computed(name, how, spec, of, key, shape)


def _call(form: Form, key: str, known: Collection[str]) -> tuple[Call, str]:
    part = form.inner(key, f"网关的 {key}", required=True)
    if part is None:
        return Call("POST", "/", {}, {}, "", ""), ""
    url = part.text("url", "url: https://sms.example.gov.cn/send", required=True)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        good = False
    if url and not good:
        part.fault(part.line("url"), "url 应是完整的网址，不带用户和密码", "https://sms.example.gov.cn/send")
    elif url and (parts.query or PLACE.search(url)):
        part.fault(part.line("url"), "url 里不能有参数", "参数写在 query: 下面")
    method = part.choice("method", METHODS, "POST")
    query = _strings(part, "query", known)
    headers = _strings(part, "headers", known)
    kinds = [kind for kind in KINDS if kind in part.node]
    for kind in set(KINDS).difference(kinds):
        part.get(kind)  # so that a slip is told the nearest of all that may stand here
    if len(kinds) > 1 or (kinds and method == "GET"):
        part.fault(part.line(kinds[-1]), "正文只能有一种，GET 没有正文", "json、form、xml、text 之一")
    kind = kinds[0] if kinds else ""
    body = _body(part, kind, known) if kind else ""
    part.done()
    path = (parts.path or "/") if good else "/"
    return Call(method, path, query, headers, kind, body), f"{parts.scheme}://{parts.netloc}" if good else ""


def _body(form: Form, kind: str, known: Collection[str]) -> Any:
    if kind in ("xml", "text"):
        return _template(form, kind, known, required=True)
    if kind == "form":
        return _strings(form, kind, known)
    node = form.get(kind, required=True)
    for leaf in _leaves(node) if node is not None else ():
        if isinstance(leaf.value, date):
            form.fault(leaf.line, f"{leaf.text} 会被 YAML 读成日期", f'加引号写成 "{leaf.text}"')
        _look_at(form, leaf.text, leaf.line, known)
    return plain(node) if node is not None else {}


def _leaves(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
        return
    for inner in node if isinstance(node, Seq) else node.entries.values():
        yield from _leaves(inner)


def _strings(form: Form, key: str, known: Collection[str]) -> dict[str, str]:
    node = form.get(key)
    if node is None:
        return {}
    if not isinstance(node, Map):
        form.fault(node.line, f"{key} 应是 键: 值", f'{key}: {{X-App-Id: "{{user}}"}}')
        return {}
    found: dict[str, str] = {}
    for name, value in node.items():
        if not isinstance(value, Scalar) or value.value is None:
            form.fault(node.line_of(name), f"{key} 的 {name} 应是文字", f'{name}: "……"')
            continue
        _look_at(form, value.text, value.line, known)
        found[name] = value.text
    return found


def _template(form: Form, key: str, known: Collection[str], *, required: bool = False) -> str:
    text = form.text(key, required=required)
    _look_at(form, text, form.line(key), known)
    return text


def _look_at(form: Form, text: str, line: int, known: Collection[str]) -> None:
    for name in PLACE.findall(text):
        if name not in known:
            form.fault(line, f"没有参数 {{{name}}}", nearest(name, known))
    if re.search(r"[{}]", PLACE.sub("", text)):
        form.fault(line, "花括号不成对，或里面不是参数名", "{phone}")


def _reading(form: Form, key: str) -> Reading:
    part = form.inner(key, f"网关的 {key}", required=True)
    if part is None:
        return Reading("json", "", ())
    shape = cast(Format, part.choice("format", get_args(Format), "json"))
    code = part.text("code", "code: code", required=True)
    ident = part.text("id")
    for name, value in (("code", code), ("id", ident)):
        if shape == "text" and value and not _one_group(value):
            part.fault(part.line(name), f"{name} 应是有一个括号组的正则表达式", r"^(-?\d+)")
    success = _codes(part, "success")
    if not success:
        part.fault(part.line("success"), "缺少 success：哪些答复表示成功", 'success: ["0"]')
    part.done()
    return Reading(shape, code, success, ident)


def _one_group(pattern: str) -> bool:
    try:
        return re.compile(pattern).groups == 1
    except re.error:
        return False


def _codes(form: Form, key: str) -> tuple[str, ...]:
    """Read a list of codes; ``1001`` and ``"1001"`` are the same code."""
    node = form.get(key)
    found: list[str] = []
    for item in node if isinstance(node, Seq) else (node,) if node is not None else ():
        if isinstance(item, Scalar) and item.text:
            found.append(item.text)
        else:
            form.fault(item.line, f"{key} 应是答复的列表", f'{key}: ["1001", "1002"]')
    return tuple(found)


def _asking(form: Form, known: Collection[str], origin: str) -> Asking | None:
    if "ask" not in form.node:
        return None
    part = form.inner("ask", "网关的 ask", required=True)
    if part is None:
        return None
    call, elsewhere = _call(part, "request", known)
    if elsewhere and origin and elsewhere != origin:
        part.fault(part.line("request"), "查询和发送要在同一台服务器", origin)
    answer = _reading(part, "answer")
    if answer.format != "json":
        part.fault(part.line("answer"), "查询的答复只能是 json", "format: json")
    asking = Asking(
        call=call,
        answer=answer,
        missing=_codes(part, "missing"),
        items=part.text("items"),
        reference=part.text("reference"),
        state=part.text("state"),
        delivered=_codes(part, "delivered"),
        undelivered=_codes(part, "undelivered"),
        at=part.text("at"),
        lag=(part.integer("lag") if "lag" in part.node else None) or 120,
    )
    if asking.items and not asking.reference:
        part.fault(part.line("items"), "有 items 时要写 reference，才知道哪一项是这一条", "reference: outId")
    if asking.state and not asking.delivered:
        part.fault(part.line("state"), "有 state 时要写 delivered", 'delivered: ["DELIVRD"]')
    part.done()
    return asking


def _posting(form: Form) -> Posting | None:
    part = form.inner("push", "网关的 push") if "push" in form.node else None
    if part is None:
        return None
    posting = Posting(
        format=cast(Literal["json", "form"], part.choice("format", ("json", "form"), "json")),
        items=part.text("items"),
        reference=part.text("reference"),
        id=part.text("id"),
        state=part.text("state", "state: status", required=True),
        delivered=_codes(part, "delivered"),
        undelivered=_codes(part, "undelivered"),
        at=part.text("at"),
        answer=part.text("answer", "answer: '{\"code\":0}'", required=True),
        refusal=part.text("refusal"),
    )
    if not posting.reference and not posting.id:
        part.fault(part.line(), "写 reference 或 id，才知道说的是哪一条", "reference: outId")
    if not posting.delivered:
        part.fault(part.line("state"), "有 state 时要写 delivered", 'delivered: ["DELIVRD"]')
    if posting.format == "form" and posting.items:
        part.fault(part.line("items"), "表单里只有一条，没有 items", "删去 items")
    part.done()
    return posting
