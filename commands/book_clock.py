"""A clock in words, for the pages of terms and of workflows: where it starts, what ends it, when it counts at all."""

from __future__ import annotations

from collections.abc import Iterable

from commands.book_condition import condition_in_words
from commands.book_names import Names
from commands.book_words import Links, plain
from commands.law_page import value_words
from commands.words import DOES, PARTY_WORDS
from commands.workflow_page import agreed_title, end_words, trigger_words
from engine.lawbook import own_promises, spans
from engine.remarks import remarks
from engine.term import Length
from engine.workflow import Bundle, ClockDef, Rung, TermDef, Trigger, WorkflowDef

_BASES = {
    "start": "起算时",
    "promise": "承诺时限",
    "agreed": "约定期限",
    "statutory": "法定期限",
    "referral": "督办所依的时限",
}


def starts_in_words(workflow: WorkflowDef, clock: ClockDef) -> str:
    """What the clock counts from; of several triggers the last one counts."""
    said = "；".join(_trigger(workflow, trigger) for trigger in clock.starts)
    return f"下列都发生，以最后一个为准：{said}" if len(clock.starts) > 1 else said


def ends_in_words(workflow: WorkflowDef, clock: ClockDef, bundle: Bundle) -> str:
    """What ends the clock, or what must wait for it."""
    said = end_words(workflow, clock, bundle, "zh")
    if said is None:
        return "到期为止"
    if clock.ends:
        return plain(f"办理：{'、'.join(said.split(', '))}")
    term, held = bundle.terms[clock.term], said.partition("：")[2]
    if term.backward:
        return plain(f"到下列日期或者操作，至少隔这么久：{held}")
    return plain(f"再早不得：{held}" if term.ahead else said)


def besides(workflow: WorkflowDef, clock: ClockDef, bundle: Bundle) -> str:
    """Everything else about a clock: whose agreement, which profile, in which states it stands still or goes on."""
    said = []
    if clock.applies_when:
        said.append(f"只在：{condition_in_words(clock.applies_when, Names(bundle, workflow))}")
    if clock.agreed:
        said.append(f"有约定的，约定期限看「{agreed_title(workflow, clock.agreed, bundle).zh}」")
    if clock.profile:
        said.append(f"只在方案“{bundle.profiles[clock.profile].title.zh}”")
    stopped = [state.title.zh for state in workflow.states.values() if clock.name in state.stops]
    if stopped:
        said.append(f"在{_states(stopped)}时停住，触及的日子不计")
    if clock.survives:
        said.append(f"到了{_states(workflow.states[name].title.zh for name in clock.survives)}仍继续计时")
    if clock.charges:
        said.append(f"逾期的日子算{_charges(workflow, clock)}的")
    return "；".join(map(plain, said))


def clock_remarks(clock: ClockDef, text: str) -> str:
    """What the authors remark at the clock."""
    return " ".join(map(plain, remarks(text, "clocks", clock.name)))


def limits_in_words(clock: ClockDef, workflow: WorkflowDef, bundle: Bundle) -> str:
    """Every limit of a clock in short: by law, and as profiles promise it."""
    term = bundle.terms[clock.term]
    said = [f"法定 {_values(term)}"] if list(term.statutory) else []
    for profile in bundle.profiles.values():
        for key, promised in own_promises(bundle, profile):
            if key in (f"{workflow.name}.{clock.name}", f"{workflow.tier}.{clock.name}"):
                last = list(promised)[-1].value if list(promised) else None
                limit = value_words(last.limit if last else None, "zh")
                said.append(f"{profile.title.zh}方案承诺 {limit}")
    return "\n".join(map(plain, said)) or "没有录入天数"


def rung_at(rung: Rung) -> str:
    """When a rung falls."""
    at = rung.at
    said = _BASES[at.base] + ("当日下班" if at.closing else "")
    if at.offset is None:
        return said if at.base == "start" or at.closing else f"{said}届满"
    return f"{said}{'以前' if at.sign < 0 else '以后'} {at.offset.in_chinese()}"


def rung_does(rung: Rung) -> str:
    """What a rung does."""
    return DOES[rung.does][0]


def _trigger(workflow: WorkflowDef, trigger: Trigger) -> str:
    said = trigger_words(workflow, trigger, "zh")
    if trigger.kind == "state":
        return plain(f"进入“{said.removeprefix('进入')}”状态")
    if trigger.kind == "fact":
        return plain(f"填写「{said.removeprefix('得知')}」，从所填的那一天起")
    to = workflow.actions[trigger.name].to
    return plain(f"办理“{said}”" + (f"，进入“{workflow.states[to].title.zh}”状态" if to else ""))


def _states(titles: Iterable[str]) -> str:
    return "、".join(f"“{title}”" for title in titles)


def _charges(workflow: WorkflowDef, clock: ClockDef) -> str:
    said = []
    for charge in clock.charges:
        until = f"（到“{workflow.actions[charge.until].title.zh}”为止）" if charge.until else ""
        said.append(PARTY_WORDS[charge.party][0] + until)
    return "、".join(said)


def _values(term: TermDef) -> str:
    return "；".join(
        _length(value.value) + (f"（{value.since} 起）" if value.since else "")
        for value, _ in spans(term.statutory)
    )


def _length(length: Length | None) -> str:
    return value_words(length, "zh")


def ladder_link(clock: ClockDef, links: Links) -> str:
    """Link to what happens along the clock."""
    return links.ladder(links.bundle.ladders[clock.ladder]) if clock.ladder else ""
