"""What is wrong with workflow files that have the right shape: names that lead nowhere, machines that
cannot run, expressions that do not compile, rules whose examples fail. All findings at once, each with
file and line. 检查
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from engine.findings_clock import look_at_clocks
from engine.findings_recurrence import look_at_duties
from engine.findings_rule import look_at_rules
from engine.findings_source import Sources
from engine.findings_state import look_at_states
from engine.findings_tables import look_at_table
from engine.findings_workflow import look_at_workflow
from engine.reading_form import nearest
from engine.roles import ROLES
from engine.workflow import Bundle, LadderDef, ProfileDef, ProviderText, Rung, TextDef

# Two segments of 67 characters, less the longest signature in its brackets (a rule of the channel).
LONGEST_SMS = 2 * 67 - 14
_PLACE = re.compile(r"\{([^{}]*)\}")


def look_at_bundle(bundle: Bundle, texts: Mapping[str, TextDef] | None, sources: Sources) -> None:
    """Check a whole bundle; ``texts=None`` leaves out whether the messages exist."""
    seen: dict[str, tuple[str, str]] = {}
    for workflow in bundle.workflows.values():
        look_at_workflow(workflow, bundle, sources)
        look_at_states(workflow, sources)
        look_at_clocks(workflow, bundle, sources)
        for clock, definition in workflow.clocks.items():
            tier, term = seen.setdefault(clock, (workflow.tier, definition.term))
            what = ""
            if tier != workflow.tier:
                what = f"计时 {clock} 已在流程 {tier} 中，报表按计时名称区分"
            elif term != definition.term:
                what = f"计时 {clock} 在同为 {tier} 的流程中用期限 {term}，报表按计时名称区分"
            if what:
                sources.add(workflow.file, ("clocks", clock), what, f"{workflow.name}_{clock}")
    look_at_rules(bundle, sources)
    for table in bundle.thresholds.values():
        look_at_table(table, sources)
    look_at_duties(bundle, sources)
    for ladder in bundle.ladders.values():
        _look_at_ladder(ladder, bundle, texts, sources)
    for profile in bundle.profiles.values():
        _look_at_profile(profile, bundle, sources)


def look_at_texts(texts: Mapping[str, TextDef], sources: Sources) -> None:
    """Check the messages: declared parameters, and what an SMS must not hold."""
    for text in texts.values():
        used: set[str] = set()
        for part, wording in (("subject", text.subject), ("body", text.body), ("sms", text.sms)):
            names = _PLACE.findall(wording)
            used.update(names)
            for name in names:
                if name not in text.params:
                    sources.add(
                        text.file,
                        (part,),
                        f"文案 {text.name}：参数 {{{name}}} 没有在 params 中声明",
                        nearest(name, text.params),
                    )
            if re.search(r"[{}]", _PLACE.sub("", wording)):
                sources.add(text.file, (part,), f"文案 {text.name}：花括号不成对", "{code}")
        for name in text.params:
            if name not in used:
                sources.add(
                    text.file, ("params", name), f"文案 {text.name}：参数 {name} 没有用到", f"删去 {name}"
                )
        _look_at_sms(text, sources)
        for provider in text.providers.values():
            _look_at_provider(text, provider, sources)


def _look_at_sms(text: TextDef, sources: Sources) -> None:
    where = (text.file, ("sms",))
    if "}{" in text.sms:
        sources.add(*where, f"文案 {text.name}：短信里两个参数相邻，运营商不受理", "在参数之间加文字")
    if re.search(r"https?:|www\.|[\[\]【】]", text.sms):
        sources.add(*where, f"文案 {text.name}：短信里有链接或方括号，运营商不受理", "删去链接和方括号")
    longest = len(_PLACE.sub("", text.sms)) + sum(
        text.params.get(name, 0) for name in _PLACE.findall(text.sms)
    )
    if longest > LONGEST_SMS:
        sources.add(
            *where, f"文案 {text.name}：短信最长 {longest} 字，超过两条的 {LONGEST_SMS} 字", "缩短文字"
        )


def _look_at_provider(text: TextDef, kept: ProviderText, sources: Sources) -> None:
    """A template must say what our text says: the same parameters, none longer than the provider takes."""
    path = ("providers", kept.provider)
    who = f"短信文案 {text.name} 在 {kept.provider} 的模板"
    used = list(dict.fromkeys(_PLACE.findall(text.sms)))
    for name in kept.params:
        if name not in text.params:
            what = f"{who}：参数 {name} 没有在 params 中声明"
            sources.add(text.file, (*path, "params", name), what, nearest(name, text.params))
        elif name not in used:
            sources.add(text.file, (*path, "params", name), f"{who}：短信里没有参数 {name}", f"删去 {name}")
        elif 0 < kept.longest < text.params[name]:
            what = f"{who}：参数 {name} 最长 {text.params[name]} 字，服务商每个参数最多 {kept.longest} 字"
            sources.add(
                text.file, (*path, "params", name), what, "缩短该参数，或按账号的实际上限写 longest: 上限"
            )
    for name in used:
        if name not in kept.params:
            what = f"{who}：缺少短信里的参数 {name}"
            sources.add(text.file, (*path, "params"), what, f"params: [{', '.join(used)}]")


def _look_at_ladder(
    ladder: LadderDef, bundle: Bundle, texts: Mapping[str, TextDef] | None, sources: Sources
) -> None:
    seen: set[str] = set()
    for place, rung in enumerate(ladder.rungs):

        def add(key: str, what: str, write: str, place: int = place) -> None:
            name = ladder.rungs[place].name
            sources.add(ladder.file, ("rungs", place, key), f"督办级 {name}：{what}", write)

        if rung.name in seen:
            add("name", "名称重复", f"{rung.name}_2")
        seen.add(rung.name)
        who, here = f"督办级 {rung.name}", ("rungs", place)
        for role in rung.tells:
            sources.unknown(ladder.file, (*here, "tells", role), who, "角色", role, ROLES)
        if texts is not None:
            sources.unknown(ladder.file, (*here, "message"), who, "文案", rung.message, texts)
            sources.unknown(ladder.file, (*here, "at_top"), who, "文案", rung.at_top, texts)
        text = texts.get(rung.message) if texts is not None else None
        if text is not None and "sms" in rung.via and not text.sms:
            add("via", f"文案 {rung.message} 没有短信内容", f"在 messages/{rung.message}.yaml 写 sms: ……")
        _look_at_effect(ladder, place, rung, bundle, sources)


def _look_at_effect(ladder: LadderDef, place: int, rung: Rung, bundle: Bundle, sources: Sources) -> None:
    """What a rung opens or does must exist."""
    who, here = f"督办级 {rung.name}", ("rungs", place)
    if rung.action and not sources.unread:
        actions = {name for workflow in bundle.workflows.values() for name in workflow.actions}
        sources.unknown(ladder.file, (*here, "action"), who, "操作", rung.action, actions)
        climbs = any(
            w.actions[rung.action].climbs for w in bundle.workflows.values() if rung.action in w.actions
        )
        if climbs and not rung.at_top:
            what = f"{who}：操作 {rung.action} 逐级上报，缺少已到最高一级时的文案"
            sources.add(ladder.file, (*here, "action"), what, "at_top: 文案名称")
        elif rung.at_top and not climbs and rung.action in actions:
            what = f"{who}：操作 {rung.action} 不逐级上报，不能有 at_top"
            sources.add(ladder.file, (*here, "at_top"), what, "删去 at_top")
    if not rung.opens:
        return
    about = [name for name, workflow in bundle.workflows.items() if workflow.about]
    if rung.opens not in bundle.workflows:
        sources.unknown(ladder.file, (*here, "opens"), who, "流程", rung.opens, about)
    elif rung.opens not in about:
        what = f"{who}：流程 {rung.opens} 不是针对事项的流程（about: any）"
        sources.add(ladder.file, (*here, "opens"), what, nearest(rung.opens, about))


def _look_at_switches(profile: ProfileDef, bundle: Bundle, sources: Sources) -> None:
    """What a profile switches on must be a switch of a rung, a workflow, an action, a rule or a duty; what it inherits is its base's to answer for."""
    if sources.unread:
        return
    known = {rung.switch for ladder in bundle.ladders.values() for rung in ladder.rungs if rung.switch}
    actions = {name: action for w in bundle.workflows.values() for name, action in w.actions.items()}
    for named in (bundle.workflows, actions, bundle.rules, bundle.duties):
        known |= {one.switch for one in named.values() if one.switch}
    above = [bundle.profiles[name] for name in profile.lineage[1:] if name in bundle.profiles]
    for switch in sorted(profile.switches.difference(*(base.switches for base in above))):
        who = f"方案 {profile.name}"
        sources.unknown(profile.file, ("switches", switch), who, "开关（switch）", switch, known)


def _look_at_profile(profile: ProfileDef, bundle: Bundle, sources: Sources) -> None:
    _look_at_switches(profile, bundle, sources)
    clocks: dict[str, str] = {
        f"{name}.{clock.name}": clock.term
        for workflow in bundle.workflows.values()
        for clock in workflow.clocks.values()
        for name in (workflow.tier, workflow.name)
    }
    for key, dated in profile.promises.items():
        path = ("promises", key)
        if key.partition(".")[0] in sources.unread:
            continue
        if key not in clocks:
            sources.add(profile.file, path, f"承诺 {key}：没有这个计时", _qualified(key, clocks))
            continue
        term = bundle.terms.get(clocks[key])
        if term is not None and term.kind == "min" and tuple(term.statutory):
            sources.add(profile.file, path, f"承诺 {key}：最短期限（kind: min）不能承诺", "删去这一项")
        if not dated.values:
            sources.add(profile.file, path, f"承诺 {key}：没有数值", "- limit: 1 working day")


def _qualified(key: str, clocks: Collection[str]) -> str:
    """Suggest a clock; the bare name of a clock, without its workflow, is recognised too."""
    named = [clock for clock in clocks if clock.partition(".")[2] == key.rpartition(".")[2]]
    return named[0] if len(named) == 1 else nearest(key, clocks)
