"""A channel's URL is read as it is written, and no refusal repeats what may be a secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import BadInput, NotFound
from notifiers.address import Address, read_address

PASTED = "wo-de-mima-123"


def refusal(act: Callable[[], object]) -> BadInput:
    with pytest.raises(BadInput) as caught:
        act()
    assert PASTED not in f"{caught.value.what}{caught.value.why}{caught.value.then}"
    return caught.value


def test_every_part_of_a_url_is_read_and_capitals_are_kept() -> None:
    address = read_address(
        " smtp+starttls://yi%40ri@Corp.Example.cn:2525/a%20b/c?from=a+b@c.cn&name=%E9%87%87%E8%B4%AD&password=env:X "
    )
    assert (address.scheme, address.user, address.host, address.port) == (
        "smtp+starttls", "yi@ri", "Corp.Example.cn", 2525,
    )  # fmt: skip
    assert (address.path, address.segments) == ("/a b/c", ("a b", "c"))
    assert address.settings == {"from": "a+b@c.cn", "name": "采购", "password": "env:X"}
    assert read_address("wecom://wwAbC/1000002?secret=env:X").host == "wwAbC"
    assert read_address("smtp://[::1]:25").host == "::1"
    assert read_address("smtp://user@corp.cn@mail.corp.cn").user == "user@corp.cn"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mail.example.cn", "没有写渠道名"),
        ("", "没有写渠道名"),
        (f"smtp://user:{PASTED}@host", "直接写了密码"),
        ("smtp://host:65536", "1 到 65535"),
        ("smtp://host:0", "不能是 0"),
        ("smtp://host:ab", "1 到 65535"),
        ("smtp://[::1", "主机写得不对"),
        (f"smtp://host?password=env:X#{PASTED}", "%23"),
        ("smtp://host?from=", "没有值"),
        ("smtp://host?from", "没有值"),
        ("smtp://host?from=a&from=b", "写了两次"),
        (f"smtp://host?password=a&%20{PASTED}", "设置名写得不对"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, told: str) -> None:
    error = refusal(lambda: read_address(url))
    assert told in f"{error.what}{error.why}{error.then}"


def test_an_unknown_setting_is_refused_with_the_nearest_known_one() -> None:
    address = read_address("smtp://host?frm=a")
    error = refusal(lambda: address.only("from", "name"))
    assert "frm" in error.what
    assert "from、name" in error.why
    assert "from" in error.then
    read_address("smtp://host?from=a").only("from", "name")


def test_every_channel_by_http_may_be_led_elsewhere() -> None:
    plain = read_address("aliyun-sms://AK@dysmsapi.aliyuncs.com/?sign=x")
    assert plain.base() == "https://dysmsapi.aliyuncs.com"
    assert read_address("yunmas://ap@host:8443/").base() == "https://host:8443"
    led = read_address("aliyun-sms://AK@x/?base_url=http://127.0.0.1:8080/gate/")
    led.only("sign")
    assert led.base() == "http://127.0.0.1:8080/gate"
    refusal(lambda: read_address("smtp://host?base_url=http://x").only("from"))
    for wrong in ("127.0.0.1:8080", "ftp://x", "http://"):
        refusal(read_address(f"aliyun-sms://AK@x/?base_url={wrong}").base)


def test_a_secret_is_a_reference_and_never_itself() -> None:
    known = {"env:X": PASTED, "file:s": "t", "env:EMPTY": ""}

    def resolve(reference: str) -> str:
        if reference not in known:
            raise NotFound("没有")
        return known[reference]

    def secret(written: str) -> str:
        return read_address(f"smtp://h?password={written}").secret("password", resolve)

    assert (secret("env:X"), secret("file:s")) == (PASTED, "t")
    assert "要写成 env:变量名" in refusal(lambda: secret(PASTED)).why
    refusal(lambda: secret("env:EMPTY"))
    with pytest.raises(NotFound):
        secret("env:MISSING")
    none = read_address("smtp://h")
    assert none.secret("password", resolve, "") == ""
    refusal(lambda: none.secret("password", resolve))


@pytest.mark.parametrize(
    ("written", "read", "value"),
    [
        ("0.5", lambda a: a.number("x", 9, least=0.5, most=2), 0.5),
        ("2", lambda a: a.number("x", 9, least=0.5, most=2), 2),
        ("3", lambda a: a.count("x", 9, least=3, most=3), 3),
        ("On", lambda a: a.switch("x", False), True),
        ("0", lambda a: a.switch("x", True), False),
        ("b", lambda a: a.choice("x", ("a", "b")), "b"),
    ],
)
def test_a_setting_of_the_right_kind_is_taken(
    written: str, read: Callable[[Address], object], value: object
) -> None:
    assert read(read_address(f"smtp://h?x={written}")) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.49", lambda a: a.number("x", 9, least=0.5, most=2)),
        ("2.01", lambda a: a.number("x", 9, least=0.5, most=2)),
        ("nan", lambda a: a.number("x", 9)),
        ("inf", lambda a: a.number("x", 9)),
        ("viel", lambda a: a.number("x", 9)),
        ("1.5", lambda a: a.count("x", 9)),
        ("ja", lambda a: a.switch("x", False)),
        ("c", lambda a: a.choice("x", ("a", "b"))),
    ],
)
def test_a_setting_of_another_kind_is_refused(written: str, read: Callable[[Address], object]) -> None:
    assert "x" in refusal(lambda: read(read_address(f"smtp://h?x={written}"))).what


def test_what_is_not_written_has_its_default_or_is_missed() -> None:
    address = read_address("file:///out")
    assert (address.text("a", "b"), address.number("a", 1.5), address.count("a", 2)) == ("b", 1.5, 2)
    assert (address.switch("a", True), address.choice("a", ("x",), "x")) == (True, "x")
    assert (address.port_or(25), address.path) == (25, "/out")
    refusal(lambda: address.text("a"))
    refusal(lambda: address.choice("a", ("x",)))
    refusal(lambda: address.host)
