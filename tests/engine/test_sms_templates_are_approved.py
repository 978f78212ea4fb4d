"""Texts as SMS providers keep them: what is read, what a ladder may not send, what fills a template."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from engine.approval import Unapproved, template_values, unapproved
from engine.reader import read_texts
from engine.reading_law import LONGEST_PARAMETER
from engine.workflow import LadderDef, ProviderText, Rung, RungTime, TextDef
from runtime.settings import SHIPPED_WORKFLOWS

KEPT = ProviderText("aliyun", "SMS_1", ("code", "name"), date(2026, 11, 1), 35)
TEXT = TextDef("due", "", "", "{code}的{name}", {"code": 16, "name": 10}, providers={"aliyun": KEPT})
BARE = TextDef("late", "", "", "{code}", {"code": 16})
LETTER = TextDef("letter", "s", "b", "", {})


def rung(name: str, message: str, *via: str, at_top: str = "") -> Rung:
    return Rung(name, "remind", RungTime("start"), ("officer",), via, message, at_top=at_top)


def test_a_template_is_read_with_the_providers_limit_or_the_accounts_own(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "due.yaml").write_text(
        """\
message: due
params: {code: 16, date: 6}
subject: '{code}'
body: '{code}'
sms: 编号{code}，截止时间为{date}。
providers:
  aliyun: {code: SMS_123, approved: 2026-11-01, params: [code, date]}
  tencent: {code: "1001", params: [date, code], longest: 16}
""",
        "utf-8",
    )
    kept = read_texts(SHIPPED_WORKFLOWS, tmp_path)["due"].providers
    assert kept == {
        "aliyun": ProviderText(
            "aliyun", "SMS_123", ("code", "date"), date(2026, 11, 1), LONGEST_PARAMETER["aliyun"]
        ),
        "tencent": ProviderText("tencent", "1001", ("date", "code"), None, 16),
    }


def test_a_ladder_that_sends_what_nobody_approved_is_told_rung_by_rung() -> None:
    texts = {t.name: t for t in (TEXT, BARE, LETTER)}
    ladder = LadderDef("duty", (
        rung("a", "due", "sms"), rung("b", "late", "sms", "email"), rung("c", "late", "email"),
        rung("d", "letter", "email"), rung("e", "due", "sms", at_top="late"),
    ))  # fmt: skip
    missing = [Unapproved("late", "duty.b", "template"), Unapproved("late", "duty.e", "template")]
    assert unapproved(texts, [ladder], "aliyun") == missing
    assert len(unapproved(texts, [ladder], "tencent")) == 4
    # 31 October 2026 is a Saturday, 1 November the Sunday of the approval
    before, on, after = date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)
    assert [len(unapproved(texts, [ladder], "aliyun", day=day)) for day in (before, on, after)] == [4, 2, 2]
    pending = {**texts, "due": replace(TEXT, providers={"aliyun": replace(KEPT, approved=None)})}
    assert Unapproved("due", "duty.a", "approval") in unapproved(pending, [ladder], "aliyun")


def test_what_the_engine_sends_by_itself_must_be_approved_as_soon_as_anything_goes_by_sms() -> None:
    texts = {t.name: t for t in (TEXT, BARE)}
    mail, sms = LadderDef("m", (rung("a", "due", "email"),)), LadderDef("s", (rung("a", "due", "sms"),))
    assert unapproved(texts, [mail], "aliyun") == []
    assert unapproved(texts, [sms], "aliyun") == [Unapproved("late", "", "template")]


def test_no_shipped_text_claims_an_approval() -> None:
    texts = read_texts(SHIPPED_WORKFLOWS, None)
    assert any(text.sms for text in texts.values())
    assert {name for name, text in texts.items() if text.providers} == set()


@pytest.mark.parametrize(("length", "fits"), [(9, True), (10, True), (11, False)])
def test_a_value_is_cut_where_the_text_cuts_it(length: int, fits: bool) -> None:
    filled = template_values(TEXT, KEPT, {"code": "P-1", "name": "名" * length})
    assert filled is not None
    assert filled["name"] == ("名" * length if fits else "名" * 9 + "…")


def test_a_value_is_cut_where_the_provider_cuts_it_and_an_empty_one_says_so() -> None:
    filled = template_values(TEXT, replace(KEPT, longest=6), {"code": "P-12345", "name": " \n", "more": "x"})
    assert filled == {"code": "P-123…", "name": "无"}
    assert template_values(TEXT, KEPT, {"code": "P-1"}) is None
