"""The doctor and the templates of SMS providers: what nobody approved would never go out."""

from __future__ import annotations

from tests.city import WORKFLOWS
from tests.commands import test_doctor
from tests.commands.test_doctor import Clinic

clinic = test_doctor.clinic


def test_a_text_that_the_sms_provider_has_not_approved_is_a_finding_for_providers_of_templates(
    clinic: Clinic,
) -> None:
    # the clinic stands on Tuesday 2026-11-03
    for url, told in (
        ("aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:S&sign=x", "短信文案 due_soon 在阿里云没有模板"),
        (
            "tencent-sms://ID@sms.tencentcloudapi.com/?secret=env:S&app=1&sign=x",
            "短信文案 due_soon 在腾讯云没有模板",
        ),
        (
            "yunmas://ap@h/?secret=env:S&ec=x&sign=x&mode=tmpsubmit",
            "短信文案 digest_reminders 在云MAS没有模板",
        ),
        ("yunmas://ap@h/?secret=env:S&ec=x&sign=x", ""),
    ):
        (clinic.folder / "yiriban.toml").write_text(f'[channels]\nsms = "{url}"\n', "utf-8")
        found = clinic.findings().get("texts", "")
        assert told in found
        assert bool(told) == bool(found)
    text = (WORKFLOWS / "messages" / "due_soon.yaml").read_text("utf-8")
    template = "providers: {aliyun: {code: SMS_1, approved: DAY, params: [code, name, item, kind, date]}}\n"
    (clinic.folder / "yiriban.toml").write_text(
        '[channels]\nsms = "aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:S&sign=x"\n', "utf-8"
    )
    for day, told in (("2026-11-02", False), ("2026-11-03", False), ("2026-11-04", True)):
        clinic.own("messages/due_soon.yaml", text + template.replace("DAY", day))
        assert ("短信文案 due_soon 在阿里云的模板还没有审核通过" in clinic.findings()["texts"]) == told, day
