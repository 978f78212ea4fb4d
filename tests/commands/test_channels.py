"""Channels at the command line: set up in a file, tried out, delivering by themselves; a message's whole life."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.delivery import Outcome
from engine.errors import BadInput
from notifiers.drop import Drop
from runtime import assembly
from runtime.settings import read_settings
from tests.commands.conftest import Desk

MORNING = "2026-11-03 11:05"
"""Tuesday, five minutes after the report was delivered."""


@pytest.fixture
def served(reported: Desk) -> Desk:
    """The desk of P2026-0001, with a folder as its channels; everybody can be reached."""
    reported.sql("update person set email = id || '@example.org', phone = '1380000000' || rowid")
    (reported.folder / "yiriban.toml").write_text('[channels]\ndrop = "out"\n', "utf-8")
    return reported


def test_channels_are_read_from_the_file_and_the_environment_and_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "yiriban.toml"
    file.write_text(
        '[channels]\nsms = ["aliyun-sms://a", "yunmas://b"]\nemail = "smtps://c"\ndrop = "out"\n', "utf-8"
    )
    read = read_settings({}, {"YIRIBAN_CHANNELS_EMAIL": "smtp://d  smtps://e"}, tmp_path).channels
    assert read == {
        "email": ("smtp://d", "smtps://e"), "sms": ("aliyun-sms://a", "yunmas://b"), "drop": ("out",),
    }  # fmt: skip
    for written, named in (("emial = 'x'", "emial"), ("sms = 7", "sms"), ("sms = ['']", "sms")):
        file.write_text(f"[channels]\n{written}\n", "utf-8")
        with pytest.raises(BadInput, match=named):
            read_settings({}, {}, tmp_path)
    file.write_text("channels = 'sms'\n", "utf-8")
    with pytest.raises(BadInput, match="一节"):
        read_settings({}, {}, tmp_path)


def test_providers_are_built_by_scheme_in_their_order_and_the_wrong_one_is_refused(tmp_path: Path) -> None:
    def built(**channels: str) -> dict[str, list[str]]:
        environ = {f"YIRIBAN_CHANNELS_{k.upper()}": v for k, v in channels.items()}
        settings = read_settings({}, environ, tmp_path)
        made = assembly.channels_for(settings, {}, {"S": "secret"})
        assembly.close_channels(made)
        return {channel: [p.name for p in listed] for channel, listed in made.items()}

    mas = "yunmas://ap@mas.example.cn/?secret=env:S&ec=x&sign=y"
    mail = "smtps://u@mail.example.cn/?from=a@example.cn&password=env:S"
    assert built(email=mail, sms=f"{mas} {mas} {mas.replace('ap@', 'other@')}", drop="out") == {
        "email": ["smtp"], "sms": ["yunmas", "yunmas#2", "yunmas#3"],
    }  # fmt: skip
    assert built(drop="out") == {"email": ["file"], "sms": ["file"]}
    assert built(email=mail, drop="out") == {"email": ["smtp"], "sms": ["file"]}
    with pytest.raises(BadInput, match="sms 不能用 smtps"):
        built(sms=mail)
    with pytest.raises(BadInput, match="nonsense"):
        built(sms="nonsense://x")


def test_without_channels_nothing_is_sent_and_every_command_says_how_to_set_them_up(reported: Desk) -> None:
    for words in (("message", "send"), ("message", "receipts")):
        refused = reported.at(MORNING, *words)
        assert refused.code == 2
        assert "[channels]" in refused.err
    assert "没有设置渠道" in reported.done(MORNING, "channel", "list")
    assert reported.at(MORNING, "channel", "test", "sms", "--to", "张三").code == 3
    reported.sql("update person set email = id || '@example.org'")
    reported.done(MORNING, "patrol")
    reported.done(MORNING, "message", "send", "--drop", "files")
    assert list((reported.folder / "files" / "mail").iterdir())


def test_run_patrols_then_delivers_and_says_both(served: Desk) -> None:
    out = served.done(MORNING, "run", "--once", "--json")
    beat, delivery = (json.loads(line) for line in out.splitlines())
    assert (beat["schema"], delivery["schema"]) == ("yiriban.beat/1", "yiriban.delivery/1")
    assert delivery["outcomes"] == {"accepted": len(list((served.folder / "out" / "mail").iterdir()))}
    assert delivery["outcomes"]["accepted"] >= 1
    assert served.done(MORNING, "run", "--once") == "", "a second one finds nothing to do"


def test_the_whole_life_of_a_message_is_shown_and_its_address_masked(served: Desk) -> None:
    served.done(MORNING, "patrol")
    served.done(MORNING, "message", "send")
    for listed in served.data(MORNING, "message", "list")["messages"]:
        shown = served.data(MORNING, "message", "show", listed["key"])
        page = served.done(MORNING, "message", "show", listed["key"])
        assert shown["state"] == listed["state"]
        assert f"{listed['person']}@example.org" not in page + json.dumps(shown, ensure_ascii=False)
        if listed["state"] == "accepted":
            assert [(a["outcome"], a["provider"]) for a in shown["attempts"]] == [("accepted", "file")]
            assert served.data(MORNING, "message", "show", shown["reference"][:12])["key"] == listed["key"]
        if listed["digested"]:
            assert len(shown["members"]) == listed["digested"]
    assert served.at(MORNING, "message", "show", "nothing/such").code == 3


def test_a_dead_letter_is_sent_again_by_a_person_with_a_reason_that_stays_on_record(served: Desk) -> None:
    served.done(MORNING, "patrol")
    served.sql("update message set state = 'dead', doubt = 'dropped', expires_at = 1, tries = 10")
    key = served.data(MORNING, "message", "list", "--state", "dead")["messages"][0]["key"]
    assert served.at(MORNING, "message", "retry", key).code == 2
    assert served.at(MORNING, "message", "retry", key, "--reason", " ").code == 2
    before = served.dump()
    assert "只预演" in served.done(MORNING, "message", "retry", key, "--reason", "号码已改", "--dry-run")
    assert served.dump() == before
    served.done(MORNING, "message", "retry", key, "--reason", "号码已改")
    assert served.at(MORNING, "message", "retry", key, "--reason", "再来").code == 5, "it is on its way"
    served.done(MORNING, "message", "send")
    shown = served.data(MORNING, "message", "show", key)
    assert shown["state"] == "accepted"
    outcomes = [(a["outcome"], a["asked"]) for a in shown["attempts"]]
    assert outcomes == [("replay", False), ("retry", True), ("accepted", False)], (
        "asked first, for it was in doubt"
    )
    assert shown["attempts"][0]["detail"].startswith("张三")
    assert shown["attempts"][0]["detail"].endswith("：号码已改")
    page = served.done(MORNING, "message", "show", key)
    assert "人工重发" in page
    assert "查询：" in page


def test_a_channel_is_tried_out_and_its_success_puts_it_into_use_again(
    served: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.done(MORNING, "patrol")
    answers = [Outcome("config", "签名没有通过", code="SIGN")]
    send = Drop.send
    with monkeypatch.context() as broken:
        broken.setattr(Drop, "send", lambda *_: answers[0])
        out = served.done(MORNING, "message", "send")
        assert "渠道停用" in out
        listed = served.data(MORNING, "channel", "list")
        mail = next(row for row in listed["channels"] if row["channel"] == "email")
        assert (mail["in_use"], mail["reason"], mail["provider"]) == (False, "签名没有通过", "file")
        assert "已停用" in served.done(MORNING, "channel", "list")
        waiting = listed["waiting"]["email"]
        tried = served.at(MORNING, "channel", "test", "email", "--to", "张三")
        assert (tried.code, "签名没有通过" in tried.out) == (1, True)
        doctor = served.at(MORNING, "doctor")
        assert "已停用" in doctor.out
    monkeypatch.setattr(Drop, "send", send)
    assert served.data(MORNING, "message", "send")["outcomes"] == {}, "the next try is some minutes away"
    tried = served.at(MORNING, "channel", "test", "email", "--to", "张三")
    assert (tried.code, "accepted" in tried.out or "已发" in tried.out) == (0, True)
    sent = served.data(MORNING, "message", "send")
    assert sum(sent["outcomes"].values()) + sent["digested"] - sent["digests"] == waiting
    rows = served.data(MORNING, "channel", "list")["channels"]
    mail = next(row for row in rows if row["channel"] == "email")
    assert (mail["in_use"], mail["last_trouble"]) == (True, "签名没有通过")
    assert mail["sent_today"] == 1 + sent["outcomes"]["accepted"]
    marked = served.data(MORNING, "message", "list", "--person", "张三")["messages"]
    assert any(m["rung"] == "test" and "测试" in m["text"] for m in marked)


def test_a_database_of_another_version_is_refused_with_what_to_do(served: Desk) -> None:
    for found, why in (("1", "旧版"), ("99", "更新的一日办")):
        served.sql("update meta set value = ? where name = 'schema'", found)
        refused = served.at(MORNING, "message", "list")
        assert refused.code == 1
        assert why in refused.err
        assert "数据没有改动" in refused.err
