"""China Mobile's cloud MAS against a platform on loopback that verifies the MD5 of the fields."""

from __future__ import annotations

import logging
import ssl
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from engine.delivery import UNASKABLE, Kind, Waiting
from engine.workflow import ProviderText, TextDef
from notifiers.address import read_address
from notifiers.yunmas import YunMas, from_address
from tests.channels.contract import NOW, ChannelContract
from tests.fakes.yunmas import YunMasPlatform

SECRET = "yunmas-secret-key"
KEPT = ProviderText("yunmas", "T1", ("code", "note"), date(2026, 11, 2))
TEXTS = {
    "due_soon": TextDef(
        "due_soon", "", "", "编号{code}的项目：{note}", {"code": 16, "note": 500}, providers={"yunmas": KEPT}
    )
}


def channel(
    port: int,
    *,
    secret: str = SECRET,
    more: str = "",
    timeout: float = 5.0,
    scheme: str = "http",
    ap: str = "ap1",
) -> YunMas:
    url = (f"yunmas://{ap}@mas.example.cn/?secret=env:S&ec=平顶山市财政局&timeout={timeout}"
           f"&base_url={scheme}://127.0.0.1:{port}{more}")  # fmt: skip
    if "sign=" not in more:
        url += "&sign=SIGN1"
    return from_address(read_address(url), {"env:S": secret}.__getitem__, TEXTS)


class TestYunMas(ChannelContract):
    channel, to, secret, asks = "sms", "13800000001", SECRET, False
    table: ClassVar[dict[str, Kind]] = {
        "InvalidMessage": "rejected",
        "IllegalMac": "config",
        "InvalidUsrOrPwd": "config",
        "IllegalSignId": "config",
        "NoSignId": "config",
        "NeverHeardOf": "retry",
        "500": "retry",
        "503": "retry",
        "502": "unknown",
        "504": "unknown",
        "404": "config",
    }

    def peer(self) -> YunMasPlatform:
        return YunMasPlatform(secret=SECRET)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> YunMas:
        return channel(port or peer.port, secret=secret or SECRET, timeout=timeout)


def message(**more: Any) -> Waiting:
    return replace(TestYunMas().message(), **more)


def test_an_approved_template_is_sent_instead_of_the_text() -> None:
    with YunMasPlatform(secret=SECRET) as platform:
        ours = channel(platform.port, more="&mode=tmpsubmit&serial=01")
        assert ours.send(message(params={"code": "P-1", "note": "请签“合同”"}), NOW).kind == "accepted"
        assert ours.send(message(wording="nobody_knows"), NOW).kind == "config"
        ours.close()
        [taken] = platform.accepted
        assert (taken.text, taken.more["serial"]) == ("编号P-1的项目：请签“合同”", "01")


def test_wrong_settings_are_ours_to_mend_each_by_its_own_name() -> None:
    with YunMasPlatform(secret=SECRET) as platform:
        told = [
            channel(platform.port, secret="other").send(message(), NOW),
            channel(platform.port, ap="ap2").send(message(), NOW),
            channel(platform.port, more="&sign=SIGN2").send(message(), NOW),
        ]
    assert [(t.kind, t.code) for t in told] == [
        ("config", "IllegalMac"), ("config", "InvalidUsrOrPwd"), ("config", "IllegalSignId"),
    ]  # fmt: skip


def test_whoever_asks_is_told_that_nobody_can() -> None:
    with YunMasPlatform(secret=SECRET) as platform:
        assert channel(platform.port).ask(message()).code == UNASKABLE
        assert not platform.requests


def test_certificates_are_verified_unless_one_opts_out_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with YunMasPlatform(secret=SECRET, tls=context) as platform:
        strict = channel(platform.port, scheme="https").send(message(), NOW)
        assert (strict.kind, platform.accepted) == ("config", []), "an unknown authority: nothing was sent"
        assert "证书" in strict.detail
        trusting = channel(platform.port, scheme="https", more=f"&ca={tmp_path}/ca.pem")
        assert trusting.send(message(), NOW).kind == "accepted"
        assert not caplog.records
        with caplog.at_level(logging.WARNING):
            lax = channel(platform.port, scheme="https", more="&verify_tls=0")
        assert "不验证对方的证书" in caplog.text
        assert lax.send(message(), NOW).kind == "accepted"
