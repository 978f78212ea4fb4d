"""Cases in lists, on a page and on paper; their dossier."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from runtime.settings import SHIPPED_WORKFLOWS
from tests.commands.conftest import Desk
from tests.commands.supervision import (
    CASE,
    MONDAY,
    PACKAGE,
    PROJECT,
    REGULATOR,
    TRACKER,
    do,
    opened,
    shown,
)


@pytest.fixture
def city(reported: Desk) -> Desk:
    return opened(reported)


@pytest.fixture
def referred(city: Desk) -> Desk:
    """Reminded on Monday 2026-11-09, signed for at once, drafted on the 17th, referred that morning."""
    do(city, f"{MONDAY} 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    do(city, f"{MONDAY} 10:00", "张三", "sign_for")
    city.done("2026-11-17 08:30", "patrol")  # a Tuesday
    do(city, "2026-11-17 09:00", TRACKER, "refer", "--fact", "referral_no=跟踪提〔2026〕1号")
    return city


def test_cases_are_listed_by_hands_state_and_unit(referred: Desk) -> None:
    noon = "2026-11-17 12:00"
    one = referred.data(noon, "case", "list")["cases"][0]
    assert (one["id"], one["state"], one["level"]) == (CASE, "referred", "regulator")
    assert (one["moment"], one["missed_at"]) == ("promise", "2026-11-05T00:00:00+08:00")
    assert (one["clock"], one["due"]) == ("accept_case", "2026-11-21T00:00:00+08:00")
    for words, total in (
        (("--level", "regulator"), 1),
        (("--level", "tracker"), 0),
        (("--state", "已提请待受理"), 1),
        (("--state", "lead"), 0),
        (("--unit", "市一中"), 1),
    ):
        assert referred.data(noon, "case", "list", *words)["total"] == total, words
    assert referred.at(noon, "case", "list", "--state", "忘了").code == 2
    assert referred.at(noon, "case", "list", "--unit", "二中").code == 3
    # who holds no appointment sees nothing
    assert "没有督办件" in referred.done(noon, "case", "list", person="路人")


def test_both_languages_fit_the_screen(referred: Desk) -> None:
    for lang, said in (("zh", "所督办"), ("en", "What is followed up")):
        out = referred.done("2026-11-17 12:00", "--lang", lang, "case", "show", CASE)
        assert said in out
        referred.done("2026-11-17 12:00", "--lang", lang, "case", "list")


def test_every_proposed_command_of_a_case_can_be_typed_as_it_stands(city: Desk) -> None:
    """Who has the turn types the first proposal, the placeholders filled in, until the case is closed."""
    taken = []
    for minute in range(12):
        moment = f"{MONDAY} 10:{minute:02d}"
        offers = [o for o in shown(city, moment)["offers"] if o["action"] not in ("close", "return_case")]
        if not offers:
            break
        words = offers[0]["command"].replace("'", "").split()
        assert words[3:5] == ["case", "do"]
        city.done(moment, *words[3:], person=offers[0]["by"][0]["persons"][0])
        taken.append(offers[0]["action"])
    assert shown(city, f"{MONDAY} 11:00")["state"] == "rectifying" or "write_off" in taken, taken
    assert taken[:2] == ["remind", "sign_for"]


def test_a_project_is_no_case_and_what_the_system_writes_is_not_written_by_hand(city: Desk) -> None:
    before = city.dump()
    ran = city.at(f"{MONDAY} 09:00", "case", "do", PROJECT, "decide_award")
    assert (ran.code, CASE in ran.err) == (2, True)
    assert city.at(f"{MONDAY} 09:00", "case", "show", PACKAGE).code == 2
    # a unit that could write the moment down anew would talk itself out of the case
    for fact in ("moment=statutory", "level=regulator", "form=监管关注"):
        words = ("case", "do", CASE, "remind", "--fact", "letter_no=1", "--fact", fact)
        ran = city.at(f"{MONDAY} 09:00", *words, person=TRACKER)
        assert (ran.code, "由系统记录" in ran.err) == (2, True), fact
    assert city.at(f"{MONDAY} 09:00", "case", "do", CASE, "remind", "--fact", "letter_no=1").code == 4
    assert city.dump() == before


def test_letters_speak_to_units_and_a_tracker_never_orders(referred: Desk) -> None:
    noon = "2026-11-17 12:00"
    do(referred, noon, REGULATOR, "accept_case")
    do(referred, noon, REGULATOR, "urge", "--fact", "document_no=平财督〔2026〕3号")
    for kind, title, number, sender, receiver in (
        ("reminder", "提醒改正函", "跟踪〔2026〕1号", "平顶山市政府采购第三方跟踪机构", "市一中"),
        ("referral", "提请函", "跟踪提〔2026〕1号", "平顶山市政府采购第三方跟踪机构", "平顶山市财政局"),
        ("urge", "督促改正通知书", "平财督〔2026〕3号", "平顶山市财政局", "市一中"),
    ):
        paper = referred.data(noon, "case", "paper", CASE, kind)
        found = (paper["title"], paper["number"], paper["issuer"], paper["addressee"])
        assert found == (title, number, sender, receiver)
        text = paper["text"]
        assert text.startswith(f"{title}\n文号：{number}\n\n{receiver}：")
        assert "“确定采购结果”的承诺时限为2026年11月4日" in text
        assert "送达回证" in text
        assert f"受送达单位：{receiver}" in text
        for forbidden in ("张三", "李四", TRACKER, REGULATOR, "责令", "违法", "350,000", "甲公司", "{"):
            assert forbidden not in text, forbidden
        text.encode("gbk")
    named = referred.data(noon, "case", "paper", CASE, "reminder", "--issuer", "河南某咨询有限公司")
    assert "河南某咨询有限公司\n    2026年11月9日" in named["text"]


def test_no_shipped_text_of_a_tracker_orders_anybody() -> None:
    for path in (SHIPPED_WORKFLOWS / "papers").glob("*.txt"):
        assert "责令" not in path.read_text(encoding="utf-8"), path.name


def test_a_letter_is_a_draft_before_its_action_and_refused_before_its_turn(city: Desk) -> None:
    assert city.data(f"{MONDAY} 09:00", "case", "paper", CASE, "reminder")["draft"] is True
    for kind in ("referral", "urge"):
        ran = city.at(f"{MONDAY} 09:00", "case", "paper", CASE, kind)
        assert (ran.code, ran.out) == (5, "")
    do(city, f"{MONDAY} 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    sent = city.data(f"{MONDAY} 10:00", "case", "paper", CASE, "reminder")
    # what a letter says holds as of its own day, however late it is printed
    later = city.data("2026-11-20 10:00", "case", "paper", CASE, "reminder")
    assert sent["draft"] is False
    assert later["text"] == sent["text"]


def test_a_template_with_an_unknown_place_is_refused(city: Desk, tmp_path: Path) -> None:
    overlay = tmp_path / "local" / "papers"
    overlay.mkdir(parents=True)
    (overlay / "reminder.txt").write_text("提醒改正函\n{unit}，{supplier}：\n{receipt}\n", encoding="utf-8")
    words = ("--workflows", str(tmp_path / "local"), "case", "paper", CASE, "reminder")
    ran = city.at(f"{MONDAY} 09:00", *words)
    assert ran.code == 5
    assert "{supplier}" in ran.err
    (overlay / "reminder.txt").write_text("提醒函\n{unit}：请改正。\n{receipt}\n", encoding="utf-8")
    assert city.done(f"{MONDAY} 09:00", *words).lstrip().startswith("提醒函\n市一中：请改正。\n送达回证")


def test_the_dossier_is_frozen_at_referral_and_its_digest_is_that_of_its_text(referred: Desk) -> None:
    before = referred.data("2026-11-17 10:00", "case", "dossier", CASE)
    content = before["dossier"]
    assert before["frozen"] is True
    assert {m["id"]: m["state"] for m in content["matters"]} == {
        CASE: "drafted",
        PACKAGE: "deemed",  # the law's moment, Tuesday 11-10 24:00, had passed as well
        PROJECT: "open",
    }
    award = next(c for c in content["clocks"] if c["clock"] == "decide_award/1")
    assert (award["state"], award["promise"]) == ("running", "2026-11-04T16:00:00+00:00")
    document = sha256((referred.folder / "文件.pdf").read_bytes()).hexdigest()
    assert [(e["kind"], e["sha256"]) for e in content["evidence"]] == [("evaluation_report", document)]
    assert {m["person"] for m in content["messages"]} >= {"张三", "李四", TRACKER}
    page = referred.done("2026-11-17 10:00", "case", "dossier", CASE, "--out", "卷宗.json")
    assert "2026-11-17 09:00 提请监管时冻结" in page
    written = (referred.folder / "卷宗.json").read_bytes()
    assert sha256(written).hexdigest() == before["digest"]
    assert json.loads(written) == content
    assert referred.at("2026-11-17 10:00", "case", "dossier", CASE, "--out", "卷宗.json").code == 2
    # life goes on; the dossier does not
    referred.done("2026-11-18 09:00", "project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司")
    do(referred, "2026-11-18 10:00", REGULATOR, "return_case", "--reason", "材料不全")
    assert referred.data("2026-11-18 11:00", "case", "dossier", CASE) == before
    # and the referring line names the histories as far as it read them
    (body,) = referred.sql(
        'select body from history where matter = ? and body like \'%"name":"refer"%\'', CASE
    )[0]
    assert set(json.loads(body)["detail"]["dossier"]) == {CASE, PACKAGE, PROJECT}


def test_a_dossier_whose_history_was_changed_is_not_issued(referred: Desk) -> None:
    referred.sql(
        "update history set body = replace(body, '张三', '李四') where matter = ? and no = 2", PACKAGE
    )
    ran = referred.at("2026-11-18 09:00", "case", "dossier", CASE)
    assert (ran.code, ran.out) == (1, "")
    assert "history verify" in ran.err


def test_a_correction_that_was_reported_stays_on_the_list_until_somebody_checks_it(city: Desk) -> None:
    do(city, f"{MONDAY} 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    do(city, f"{MONDAY} 10:00", "张三", "sign_for")
    do(city, f"{MONDAY} 11:00", "张三", "report_correction", "--reason", "已确定")
    [case] = city.data(f"{MONDAY} 12:00", "case", "list")["cases"]
    assert (case["id"], case["state"]) == (CASE, "answered")
    assert city.data(f"{MONDAY} 12:00", "case", "sheet")["sheets"][0]["open"] == 1


def test_a_clock_wears_one_lamp_on_every_page(referred: Desk) -> None:
    noon = "2026-11-17 12:00"
    explained = referred.data(noon, "project", "explain", PACKAGE)["clocks"]
    listed = referred.data(noon, "clock", "list", "--overdue")["clocks"]
    for clocks in (explained, listed):
        assert {c["lamp"] for c in clocks if (c["matter"], c["clock"]) == (PACKAGE, "decide_award")} == {
            "overdue"
        }
    assert referred.data(noon, "project", "list")["projects"][0]["lamp"] == "overdue"
    assert "× 超期" in referred.done(noon, "desk", "officer")
