"""What the settings say of serving and logging; what cannot be meant is refused."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from engine.errors import BadInput
from runtime.listening import LOOPBACK, Callback, Listening, Logging, read_standing, where
from runtime.settings import read_settings

WHOLE = """
[http]
listen = "[::1]:8642"
watchers = ["10.1.2.0/24", "10.1.3.4"]
proxies = "10.0.0.1"
[callbacks.aliyun-sms]
secret = "env:ALIYUN"
from = ["203.0.113.0/24"]
[callbacks."gateway#2"]
secret = "file:secret"
from = "any"
[log]
format = "json"
file = "run.log"
"""


def test_everything_is_read_and_nothing_is_on_unless_said(tmp_path: Path) -> None:
    assert read_settings({}, {}, tmp_path).standing.http == Listening()
    assert read_settings({}, {}, tmp_path).standing.log == Logging()
    (tmp_path / "yiriban.toml").write_text(WHOLE, encoding="utf-8")
    standing = read_settings({}, {}, tmp_path).standing
    assert standing.http == Listening(
        "::1", 8642, (*LOOPBACK, ip_network("10.1.2.0/24"), ip_network("10.1.3.4/32")), (ip_network("10.0.0.1/32"),),
        (Callback("aliyun-sms", "env:ALIYUN", (ip_network("203.0.113.0/24"),)),
         Callback("gateway#2", "file:secret", (ip_network("0.0.0.0/0"), ip_network("::/0")))),
    )  # fmt: skip
    assert standing.log == Logging("json", "run.log")
    environ = {
        "YIRIBAN_HTTP_LISTEN": "8000",
        "YIRIBAN_LOG_FORMAT": "text",
        "YIRIBAN_HTTP_WATCHERS": "10.9.9.9",
    }
    standing = read_settings({}, environ, tmp_path).standing
    assert (standing.http.host, standing.http.port, standing.log.format) == ("127.0.0.1", 8000, "text")
    assert standing.http.watchers == (*LOOPBACK, ip_network("10.9.9.9/32"))


@pytest.mark.parametrize(
    "text", ["", "here", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "http://127.0.0.1:80/", "a b:80"]
)
def test_an_address_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="监听地址"):
        where(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [(":80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("0.0.0.0:65535", ("0.0.0.0", 65535))],
)
def test_an_address_is_host_and_port_and_this_machine_without_a_host(
    text: str, read: tuple[str, int]
) -> None:
    assert where(text) == read


@pytest.mark.parametrize(
    ("table", "written", "named"),
    [
        ("http", {"lisen": "127.0.0.1:80"}, "lisen"),
        ("http", {"listen": 8642}, "listen"),
        ("http", {"watchers": ["10.1.2.3/24"]}, "10.1.2.3/24"),
        ("http", {"proxies": [7]}, "proxies"),
        ("http", "127.0.0.1:80", "http"),
        ("log", {"format": "xml"}, "xml"),
        ("callbacks", {"aliyun-sms": "secret"}, "callbacks"),
        ("callbacks", {"aliyun-sms": {"secret": "in clear text", "from": "any"}}, "引用"),
        ("callbacks", {"aliyun-sms": {"secret": "env:X"}}, "from"),
        ("callbacks", {"aliyun-sms": {"secret": "env:X", "form": "any"}}, "form"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(table: str, written: object, named: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_standing({table: written}, {})
    assert named in f"{refused.value.what}{refused.value.why}"
