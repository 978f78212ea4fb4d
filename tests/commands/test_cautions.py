"""What everybody should know about a channel is said wherever the channel is shown: in the clear, any certificate."""

from __future__ import annotations

import json

import pytest

from tests.commands.conftest import Desk
from tests.fakes.smtp import MailServer

MORNING = "2026-11-03 11:05"  # a Tuesday
MAS = "yunmas://ap@mas.example.cn/?secret=env:SECRET&ec=x&sign=y"
HOOK = "webhook+http://tracker.example.cn/hook?secret=env:SECRET"


@pytest.mark.parametrize(
    ("channel", "url", "caution"),
    [
        ("sms", f"{MAS}&verify_tls=0", "不核对 mas.example.cn 的证书"),
        ("sms", f"{MAS}&base_url=http://10.1.2.3:8080", "经 10.1.2.3 明文发送"),
        ("sms", MAS, ""),
        ("sms", f"{MAS}&base_url=http://127.0.0.1:8080", ""),
        ("webhook", HOOK, "经 tracker.example.cn 明文发送"),
        ("webhook", HOOK.replace("+http", "+https"), ""),
        (
            "wecom",
            "wecom://corp/1?secret=env:SECRET&base_url=http://wx.example.cn",
            "经 wx.example.cn 明文发送",
        ),
    ],
)
def test_a_list_of_channels_and_the_doctor_say_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, channel: str, url: str, caution: str
) -> None:
    monkeypatch.setenv("SECRET", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
    monkeypatch.setenv(f"YIRIBAN_CHANNELS_{channel.upper()}", url)
    told = desk.data(MORNING, "channel", "list")["channels"]
    assert [bool(row["cautions"]) for row in told] == [bool(caution)]
    listed = desk.done(MORNING, "channel", "list")
    checks = json.loads(desk.at(MORNING, "doctor", "--json").out)["checks"]
    hints = [s["what"] for c in checks if c["name"] == "channels" for s in c["says"] if s["level"] == "hint"]
    assert ("注意：" in listed) == bool(caution)
    assert caution in listed.replace("\n", "")
    assert any(caution in hint for hint in hints) == bool(caution)


def test_a_channel_that_is_tried_out_says_it_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sql("update person set email = 'zhang@example.org' where id = '张三'")
    with MailServer() as server:
        url = f"smtp://127.0.0.1:{server.port}/?from=a@example.org"
        monkeypatch.setenv("YIRIBAN_CHANNELS_EMAIL", url)
        tried = desk.done(MORNING, "channel", "test", "email", "--to", "张三")
        assert "已发" in tried
        assert "注意：" in tried
        assert "明文" in tried
        [data] = desk.data(MORNING, "channel", "test", "email", "--to", "张三")["tried"]
        assert "明文" in data["cautions"][0]
        assert len(server.accepted) == 2
