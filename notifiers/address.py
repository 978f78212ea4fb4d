"""Reads the URL that a channel is set up with. 渠道地址

A channel module takes what it needs and refuses the rest; every refusal is a ``BadInput`` in Chinese that
names the setting and never repeats its value::

    def from_address(address: Address, secret: Secret, texts: Mapping[str, TextDef]) -> Notifier:
        address.only("from", "name", "password", "timeout")  # anything else: BadInput, with the near miss
        return Smtp(
            host=address.host,                        # case kept (a corpid has capitals); BadInput if none
            port=address.port_or(587),
            user=address.user,                        # "" if none
            sender=address.text("from"),              # BadInput if missing
            name=address.text("name", ""),            # or the default
            timeout=address.number("timeout", 20, least=1, most=300),  # float; `count` for an int
            verify=address.switch("verify_tls", True),  # 1/0, yes/no, true/false, on/off
            mode=address.choice("mode", ("norsubmit", "tmpsubmit"), "norsubmit"),
            password=address.secret("password", secret),  # the setting must read env:NAME or file:PATH
        )

    from_address(read_address("smtp+starttls://user@mail.example.cn:587/?from=...&password=env:X"), secret, {})

For HTTP, ``address.base("https")`` is ``base_url=`` where it is given, else ``https://host:port``; it never
ends in a slash and ``only`` knows ``base_url`` unasked wherever ``base`` can use it (not for mail, whose URL
is the place itself). ``address.path`` keeps its leading slash, ``address.segments`` are its parts.
A plus sign is a plus sign; write a space as ``%20``, ``#`` as ``%23``, ``&`` as ``%26``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from urllib.parse import SplitResult, unquote, urlsplit

from engine.errors import BadInput

Secret = Callable[[str], str]
"""Turns a reference (``env:NAME``, ``file:PATH``) into what it points to; raises ``NotFound``."""

REFERENCES = ("env:", "file:")
_YES = {
    "1": True,
    "yes": True,
    "true": True,
    "on": True,
    "0": False,
    "no": False,
    "false": False,
    "off": False,
}
_ABOUT_URLS = "写法：渠道://用户@主机:端口/路径?设置=值&设置=值，密钥写成 env:变量名 或 file:路径"
_KEY = re.compile("[a-z][a-z0-9_]*")
_PLACES = ("smtp", "imap", "file")
"""Kinds of URL that are the place themselves, so that ``base_url`` has nothing to redirect."""


@dataclass(frozen=True, slots=True)
class Address:
    """A channel's URL in its parts, percent signs resolved; ``settings`` are its query."""

    scheme: str
    user: str = ""
    host_or_empty: str = ""
    port: int | None = None
    path: str = "/"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host as written, capitals kept. Raises ``BadInput`` if there is none."""
        if not self.host_or_empty:
            raise BadInput(f"渠道 {self.scheme} 的地址里没有主机", then=_ABOUT_URLS)
        return self.host_or_empty

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path between slashes, empty ones left out."""
        return tuple(part for part in self.path.split("/") if part)

    def port_or(self, default: int) -> int:
        """Return the port, or ``default`` where none is written."""
        return default if self.port is None else self.port

    def base(self, scheme: str = "https") -> str:
        """Return ``base_url``, else ``scheme://host:port``; no slash at the end.

        Raises ``BadInput`` if ``base_url`` is no http or https URL.
        """
        given = self.settings.get("base_url")
        if given is None:
            return f"{scheme}://{self.host}" + ("" if self.port is None else f":{self.port}")
        if not given.startswith(("http://", "https://")) or not urlsplit(given).netloc:
            raise self._bad("base_url", "要写成 http:// 或 https:// 开头的完整网址")
        return given.rstrip("/")

    def only(self, *known: str) -> None:
        """Refuse every setting that is not among ``known`` (and ``base_url``) with ``BadInput``."""
        allowed = sorted({*known, *(() if self.scheme.startswith(_PLACES) else ("base_url",))})
        for key in self.settings:
            if key not in allowed:
                near = get_close_matches(key, allowed, 1)
                raise BadInput(
                    f"渠道 {self.scheme} 没有设置“{key}”",
                    why=f"可用的设置：{'、'.join(allowed) or '无'}",
                    then=f"是不是“{near[0]}”？" if near else "去掉它，或照可用的设置改",
                )

    def text(self, key: str, default: str | None = None) -> str:
        """Return a setting, else ``default``. Raises ``BadInput`` if it is missing without a default."""
        value = self.settings.get(key, default)
        if value is None:
            raise BadInput(
                f"渠道 {self.scheme} 缺少设置“{key}”", then=f"在地址后面加上 {key}=…（多个设置用 & 连接）"
            )
        return value

    def number(
        self, key: str, default: float, *, least: float = 0, most: float = 1_000_000_000
    ) -> float:  # fmt: skip
        """Return a number between ``least`` and ``most``; anything else is ``BadInput``."""
        if key not in self.settings:
            return default
        try:
            value = float(self.settings[key])
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise self._bad(key, f"要写成 {least:g} 到 {most:g} 之间的数字")
        return value

    def count(self, key: str, default: int, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """Return a whole number between ``least`` and ``most``; anything else is ``BadInput``."""
        value = self.number(key, default, least=least, most=most)
        if value != int(value):
            raise self._bad(key, "要写成整数")
        return int(value)

    def switch(self, key: str, default: bool) -> bool:
        """Return yes or no; anything else is ``BadInput``."""
        if key not in self.settings:
            return default
        known = _YES.get(self.settings[key].lower())
        if known is None:
            raise self._bad(key, "要写成 1 或 0")
        return known

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """Return one of ``allowed``; anything else, or a missing one without default, is ``BadInput``."""
        value = self.text(key, default)
        if value not in allowed:
            raise self._bad(key, f"可以写：{'、'.join(allowed)}")
        return value

    def secret(self, key: str, resolve: Secret, default: str | None = None) -> str:
        """Return the secret that a setting refers to, else ``default``.

        Raises ``BadInput`` for a secret written out in the URL, for an empty one, and for a missing one
        without a default; what ``resolve`` raises passes.
        """
        if key not in self.settings and default is not None:
            return default
        reference = self.text(key)
        if not reference.startswith(REFERENCES):
            raise self._bad(
                key, "密钥不能直接写在地址里，要写成 env:变量名 或 file:路径；已写出来的密钥请更换"
            )
        value = resolve(reference)
        if not value:
            raise BadInput(f"渠道 {self.scheme} 的“{key}”引用的密钥是空的", then="给那个变量或文件填上内容")
        return value

    def _bad(self, key: str, how: str) -> BadInput:
        return BadInput(f"渠道 {self.scheme} 的设置“{key}”写得不对", why=how)


def read_address(url: str) -> Address:
    """Take a channel's URL apart.

    Raises ``BadInput`` for what is no URL, a password in front of the host, a setting that is empty, has no
    value or stands twice. No refusal repeats the URL: somebody may have written a secret into it.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise BadInput("渠道地址的主机写得不对", then=_ABOUT_URLS) from None
    if not parts.scheme:
        raise BadInput("渠道地址没有写渠道名", why="例如 smtp+starttls:// 或 file:///", then=_ABOUT_URLS)
    if parts.fragment:
        raise BadInput(f"渠道 {parts.scheme} 的地址里有 #", then="属于内容的 # 要写成 %23")
    user, host, port = _place(parts)
    return Address(parts.scheme, user, host, port, unquote(parts.path) or "/", _settings(parts))


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    """Split ``user@host:port``, keeping capitals, which `urlsplit` does not."""
    who, _, where = parts.netloc.rpartition("@")
    if ":" in who:
        raise BadInput(
            f"渠道 {parts.scheme} 的地址里直接写了密码",
            why="密钥不能写在设置里，只能引用",
            then="改成 ?password=env:变量名 或 ?password=file:路径，并更换已写出来的密码",
        )
    try:
        port = parts.port
    except ValueError:
        raise BadInput(f"渠道 {parts.scheme} 的端口要写成 1 到 65535 之间的数字", then=_ABOUT_URLS) from None
    if port == 0:
        raise BadInput(f"渠道 {parts.scheme} 的端口不能是 0", then=_ABOUT_URLS)
    host = where[1:].partition("]")[0] if where.startswith("[") else where.partition(":")[0]
    return unquote(who), unquote(host), port


def _settings(parts: SplitResult) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, parts.query.split("&")):
        key, _, value = (unquote(part) for part in pair.partition("="))
        if not _KEY.fullmatch(key):  # perhaps the rest of a secret with an & in it: not repeated
            raise BadInput(
                f"渠道 {parts.scheme} 有一个设置名写得不对", why="设置名只用小写字母、数字和下划线"
            )
        if not value:
            raise BadInput(f"渠道 {parts.scheme} 的设置“{key}”没有值", then=f"写成 {key}=…，或去掉它")
        if key in found:
            raise BadInput(f"渠道 {parts.scheme} 的设置“{key}”写了两次", then="只留一个")
        found[key] = value
    return found
