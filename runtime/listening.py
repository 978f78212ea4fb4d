"""What the settings say of watching by HTTP, of receipts that providers push, and of the log.

[http]
listen = "127.0.0.1:8642"            # nothing is served without it, or `run --http`
watchers = ["10.1.2.0/24"]           # who may read /readyz and /metrics; this machine may always
proxies = ["127.0.0.1"]              # whose word (X-Forwarded-For) on who asks is taken

[callbacks.aliyun-sms]               # a provider of [channels], as `yiriban channel list` calls it
secret = "env:ALIYUN_CALLBACK"       # stands in the path: /callbacks/aliyun-sms/<secret>
from = ["203.0.113.0/24"]            # who may call; "any" says that anybody may

[log]
format = "json"                      # text | json
file = "yiriban.log"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, cast

from engine.errors import BadInput

Network = IPv4Network | IPv6Network
Format = Literal["text", "json"]
FORMATS = ("text", "json")
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
ANYBODY: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
TABLES = ("http", "callbacks", "log")
_WHERE = 'listen = "127.0.0.1:8642"'


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider that may push receipts: ``secret`` is a reference still, ``origins`` is who may call."""

    provider: str
    secret: str
    origins: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen (nowhere without ``host``), who may look, whose forwarding is believed, who may push."""

    host: str = ""
    port: int = 0
    watchers: tuple[Network, ...] = LOOPBACK
    proxies: tuple[Network, ...] = ()
    callbacks: tuple[Callback, ...] = ()


@dataclass(frozen=True, slots=True)
class Logging:
    """How the log of `yiriban run` is written: JSON lines to ``file``, or (``json``) to stderr in the place of words."""

    format: Format = "text"
    file: str = ""

    @property
    def lines(self) -> bool:
        """Whether JSON lines are written anywhere: a file holds nothing else."""
        return self.format == "json" or bool(self.file)


@dataclass(frozen=True, slots=True)
class Standing:
    """What only a program that runs for long needs to know."""

    http: Listening = field(default_factory=Listening)
    log: Logging = field(default_factory=Logging)


def read_standing(written: Mapping[str, Any], environ: Mapping[str, str]) -> Standing:
    """Read the tables; ``YIRIBAN_HTTP_LISTEN``, ``YIRIBAN_LOG_FORMAT`` and the like go first.

    Raise ``BadInput`` for whatever is unknown, malformed, or a secret in clear text.
    """
    http = _table("http", ("listen", "watchers", "proxies"), written, environ)
    log = _table("log", ("format", "file"), written, environ)
    host, port = where(_text("http", "listen", http)) if http.get("listen") else ("", 0)
    return Standing(
        Listening(
            host, port, (*LOOPBACK, *_networks("http", "watchers", http)), _networks("http", "proxies", http),
            _callbacks(written.get("callbacks", {})),
        ),
        Logging(log_format(_text("log", "format", log) or "text"), _text("log", "file", log)),
    )  # fmt: skip


def where(text: str) -> tuple[str, int]:
    """Read ``127.0.0.1:8642``, ``[::1]:8642``, ``:8642`` or ``8642``; without a host it is this machine only."""
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if (
        not port.isascii()
        or not port.isdigit()
        or not 0 <= int(port) <= 65535
        or any(c in host for c in "/@ ")
    ):
        raise BadInput(f"看不懂的监听地址：{text!r}", why="应是 地址:端口", then="写成 127.0.0.1:8642")
    return host, int(port)


def log_format(text: str) -> Format:
    """Read ``text`` or ``json``."""
    if text not in FORMATS:
        raise BadInput(f"没有这种日志格式：{text}", why="只有 text 和 json", then="写 text 或 json")
    return cast(Format, text)


def _table(
    name: str, keys: Sequence[str], written: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    table = written.get(name, {})
    if not isinstance(table, dict):
        raise BadInput(f"{name} 必须是一节", then=f"写成 [{name}]，每项一行")
    refuse_unknown(table, keys, f"[{name}]")
    told = {key: environ.get(f"YIRIBAN_{name}_{key}".upper()) for key in keys}
    return {**table, **{key: value for key, value in told.items() if value}}


def refuse_unknown(written: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise ``BadInput`` for the first setting that is none of ``known``; ``where`` is what people call the place."""
    for key in written:
        if key not in known:
            raise BadInput(
                f"{where} 里有不认识的配置项：{key}",
                why=f"认识的配置项只有：{'、'.join(known)}",
                then="改正拼写，或删去这一行",
            )


def _text(name: str, key: str, table: Mapping[str, Any]) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise BadInput(
            f"[{name}] 的 {key} 必须是文字", then=f"写成 {_WHERE if key == 'listen' else f'{key} = ...'}"
        )
    return value.strip()


def _networks(name: str, key: str, table: Mapping[str, Any]) -> tuple[Network, ...]:
    value = table.get(key, [])
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise BadInput(f"[{name}] 的 {key} 写得不对", then=f'写成 {key} = ["10.1.2.0/24", "10.1.3.4"]')
    found: list[Network] = []
    for one in listed:
        if one == "any":
            found += ANYBODY
            continue
        try:
            found.append(ip_network(one))
        except ValueError:
            raise BadInput(
                f"[{name}] 的 {key} 里看不懂：{one}",
                why="应是 IP 地址或网段",
                then="写成 10.1.2.0/24 或 10.1.3.4",
            ) from None
    return tuple(found)


def _callbacks(written: object) -> tuple[Callback, ...]:
    if not isinstance(written, dict) or not all(isinstance(table, dict) for table in written.values()):
        raise BadInput(
            "callbacks 里每个服务商一节", then="写成 [callbacks.aliyun-sms]，下面写 secret 和 from"
        )
    return tuple(_callback(provider, table) for provider, table in written.items())


def _callback(provider: str, table: Mapping[str, Any]) -> Callback:
    name = f"callbacks.{provider}"
    refuse_unknown(table, ("secret", "from"), f"[{name}]")
    secret = _text(name, "secret", table)
    if not secret.startswith(("env:", "file:")):
        raise BadInput(
            f"[{name}] 的 secret 必须是引用",
            why="密钥不写在配置文件里",
            then='写成 secret = "env:变量名" 或 "file:路径"',
        )
    origins = _networks(name, "from", table)
    if not origins:
        raise BadInput(
            f"[{name}] 缺少 from：哪些地址可以推送",
            why="服务商的推送不带签名，只凭密钥和来源地址识别",
            then='写服务商公布的网段，如 from = ["203.0.113.0/24"]；确实不限时写 from = ["any"]',
        )
    return Callback(provider, secret, origins)
