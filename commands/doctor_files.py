"""Checks of what lies in files: workflows, calendar, channels, texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from commands.channel import cautions_of
from commands.doctor_patient import Check, Patient, Said, Unusable, some
from commands.printing import SHANGHAI
from commands.words import CHANNELS, word
from engine.approval import unapproved
from engine.findings import LONGEST_SMS
from engine.workdays import compile_calendar
from engine.yamlfile import Fault
from runtime import assembly

COUNTRY = "CN"
ANNOUNCED_BY = 11
"""The month from which on next year's notice is to be expected."""
UNSURE = "to verify"
TEMPLATES = {
    "aliyun-sms": ("aliyun", "阿里云"),
    "tencent-sms": ("tencent", "腾讯云"),
    "yunmas": ("yunmas", "云MAS"),
}
"""Channels whose provider sends approved templates only, by the scheme of their address. 云MAS: one of its modes."""
_MOST = 10


def workflows(patient: Patient) -> Iterator[Said]:
    """The workflow files read without a fault."""
    faults = [fault for fault in patient.faults if not _about_sms(fault)]
    then = patient.pick("改正后运行 yiriban workflow check", "Put it right, then: yiriban workflow check")
    for fault in faults[:_MOST]:
        yield Said("finding", str(fault), "", then)
    if len(faults) > _MOST:
        more = len(faults) - _MOST
        yield Said("finding", patient.pick(f"另有 {more} 处", f"{more} more"), "", then)
    if patient.faults and not faults:
        yield Said(
            "finding",
            patient.pick("短信文案有错，整份流程不能采用", "Nothing is taken up for faults in SMS wording"),
            patient.pick("见“短信文案”一项", 'See "SMS wording"'),
            then,
        )
    if patient.faults:
        raise Unusable
    bundle = patient.bundle
    yield Said(
        "good",
        patient.pick(
            f"{len(bundle.workflows)} 个流程，版本 {bundle.hash[:12]}",
            f"{len(bundle.workflows)} workflows, bundle {bundle.hash[:12]}",
        ),
    )


def _about_sms(fault: Fault) -> bool:
    """Whether the fault is one of SMS wording, which the check of the texts reports."""
    return "短信" in fault.what


def calendar(patient: Patient) -> Iterator[Said]:
    """The working days of this year and, late in the year, of the next one are announced."""
    folder = assembly.calendars_folder(patient.settings)
    found = compile_calendar(COUNTRY, folder)
    today = found.day_of(patient.now)
    adopt = patient.pick(
        "放假通知公布后：yiriban calendar adopt 年份.json", "Once announced: yiriban calendar adopt YEAR.json"
    )
    if found.is_provisional(date(today.year, 6, 30)):
        yield Said(
            "finding",
            patient.pick(f"没有 {today.year} 年的放假通知", f"The notice of {today.year} is missing"),
            patient.pick("今年的截止时间都只是暂定", "This year's due moments are all provisional"),
            adopt,
        )
    elif today.month >= ANNOUNCED_BY and found.is_provisional(date(today.year + 1, 6, 30)):
        year = today.year + 1
        yield Said(
            "hint",
            patient.pick(f"还没有 {year} 年的放假通知", f"The notice of {year} is not there yet"),
            patient.pick("跨年的截止时间暂定，以 ? 标出", "Moments beyond the year are provisional (?)"),
            adopt,
        )
    own = sorted(path.stem for path in (folder / COUNTRY).glob("*.json") if re.fullmatch(r"\d{4}", path.stem))
    names = "、".join(own) if patient.lang != "en" else ", ".join(own)
    yield Said(
        "good",
        patient.pick(f"已采纳的放假通知：{names}", f"notices adopted: {names}")
        if own
        else patient.pick("放假通知随程序附带，没有另行采纳", "notices as shipped, none adopted"),
    )
    yield from _closing(patient, folder)


def _closing(patient: Patient, folder: Path) -> Iterator[Said]:
    """Say who vouches for the closing hours; nobody is a hint."""
    file = folder / COUNTRY / "closing.json"
    known: dict[str, Any] = json.loads(file.read_text("utf-8-sig")) if file.is_file() else {}
    if known.get("confidence", UNSURE) == UNSURE:
        yield Said(
            "hint",
            patient.pick("下班时间还没有核实", "Nobody has verified the closing hours"),
            patient.pick(
                str(known.get("basis") or "没有 closing.json，按程序的默认时间计"), "They decide when office acts end"
            ),
            patient.pick(
                "按本地作息通知写 calendars/CN/closing.json", "Write calendars/CN/closing.json after your own notice"
            ),
        )  # fmt: skip


def channels(patient: Patient) -> Iterator[Said]:
    """Every channel that a rung sends by can be sent by; that nothing leaves by itself is a hint."""
    wanted: dict[str, list[str]] = {}
    for ladder in patient.ladders():
        for rung in ladder.rungs:
            for channel in rung.via:
                wanted.setdefault(channel, []).append(f"{ladder.name}.{rung.name}")
    there, cautions = _channels(patient)
    for channel in sorted(set(wanted) - set(there)):
        name = word(CHANNELS, channel, patient.lang)
        rungs = some(list(dict.fromkeys(wanted[channel])), patient.lang)
        yield Said(
            "finding",
            patient.pick(f"渠道“{name}”不能发送", f"Nothing can be sent by {name}"),
            patient.pick(f"用到它的督办级：{rungs}", f"It is used by the rungs {rungs}"),
            patient.pick("设置这个渠道，或从督办规则中删去", "Set the channel up, or take it out of the ladders"),
        )  # fmt: skip
    usable = [word(CHANNELS, channel, patient.lang) for channel in sorted(set(wanted) & set(there))]
    if usable:
        yield Said("good", some(usable, patient.lang))
    if not patient.settings.channels:
        yield Said(
            "hint",
            patient.pick("消息不会自己发出", "No message leaves by itself"),
            patient.pick("没有设置 [channels]，yiriban run 只巡查，不发送", "Without [channels] yiriban run does not send"),
            patient.pick(
                "在 yiriban.toml 里写 [channels]，或定时运行 yiriban message send --drop 文件夹",
                "Write [channels] in yiriban.toml, or run yiriban message send --drop FOLDER regularly",
            ),
        )  # fmt: skip
    for caution in cautions:
        yield Said(
            "hint",
            caution,
            "",
            patient.pick(
                "改用加密的地址，或用 ca= 指定要信任的证书",
                "Use an encrypted address, or name the authority with ca=",
            ),
        )


def _channels(patient: Patient) -> tuple[set[str], list[str]]:
    """Return what can be sent by, and what people must be told about it; raise for a faulty address.

    Where nothing is set up, files can be written.
    """
    if not patient.settings.channels:
        return set(assembly.drop_channels(patient.folder)), []
    channels = assembly.channels_for(patient.settings, patient.texts, patient.environ)
    try:
        return set(channels), [
            text for listed in channels.values() for p in listed for text in cautions_of(p)
        ]
    finally:
        assembly.close_channels(channels)


def texts(patient: Patient) -> Iterator[Said]:
    """Wherever a rung sends an SMS its text has one, short enough for two segments."""
    then = patient.pick("改正 messages 中的文案", "Put the wording in messages/ right")
    for fault in patient.faults:
        if _about_sms(fault):
            yield Said("finding", str(fault), "", then)
    for url in patient.settings.channels.get("sms", ()):
        yield from _templates(patient, url)
    named = {r.message for ladder in patient.ladders() for r in ladder.rungs if "sms" in r.via}
    longest = max((_length(patient.texts[name].sms, patient.texts[name].params) for name in named), default=0)
    yield Said(
        "good",
        patient.pick(
            f"{len(named)} 份短信文案，最长 {longest} 字（上限 {LONGEST_SMS}）",
            f"{len(named)} SMS wordings, the longest {longest} characters (of {LONGEST_SMS})",
        ),
    )


def _templates(patient: Patient, url: str) -> Iterator[Said]:
    """Every text that goes out through a provider of templates is approved there."""
    scheme, _, rest = url.partition("://")
    provider, name = TEMPLATES.get(scheme, ("", ""))
    if not provider or (provider == "yunmas" and "mode=tmpsubmit" not in rest):
        return
    today = patient.now.astimezone(SHANGHAI).date()
    lacking: dict[tuple[str, bool], list[str]] = {}
    for one in unapproved(patient.texts, patient.ladders(), provider, day=today):
        by = one.rung or patient.pick("（程序自动发出）", "(sent by the engine)")
        lacking.setdefault((one.text, one.missing == "template"), []).append(by)
    for (text, none), rungs in lacking.items():
        zh = f"短信文案 {text} 在{name}{'没有模板' if none else '的模板还没有审核通过'}"
        en = f"The SMS text {text} {'has no template' if none else 'has no approval'} with {provider}"
        yield Said(
            "finding",
            patient.pick(zh, en),
            patient.pick("用到它的：", "Used by: ") + some(rungs, patient.lang),
            patient.pick(
                f"审核通过后在 messages/{text}.yaml 写 providers: {{{provider}: {{code: …, approved: 日期, params: […]}}}}",
                f"Once approved, write providers: {{{provider}: {{code, approved, params}}}} in messages/{text}.yaml",
            ),
        )  # fmt: skip


def _length(wording: str, params: dict[str, int]) -> int:
    return len(re.sub(r"\{\w+\}", "", wording)) + sum(
        params.get(n, 0) for n in re.findall(r"\{(\w+)\}", wording)
    )


CHECKS = (
    Check("workflows", ("流程文件", "workflow files"), workflows, ("settings",)),
    Check("calendar", ("工作日历", "calendar"), calendar, ("settings",)),
    Check("channels", ("发送渠道", "channels"), channels, ("workflows",)),
    Check("texts", ("短信文案", "SMS wording"), texts, ("settings",)),
)
"""The checks of this module in their order."""
