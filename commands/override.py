"""`yiriban project override`: two persons let a matter pass a rule that blocks, once. 例外办理"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from commands.completing import actions, matters, persons
from commands.doing import actor_of
from commands.entries import document
from commands.printing import common_options, emit, local, pass_settings, pick
from commands.room import dry_run_option, enter, person_of, typed
from commands.words import fold, here
from engine.errors import BadInput
from engine.overriding import Passed
from engine.overriding import override as pass_rule
from engine.word import Word
from runtime.settings import Settings


@click.command()
@click.argument("ref", shell_complete=matters)
@click.argument("action", shell_complete=actions)
@click.argument("rule")
@click.option("--reason", default="", metavar="TEXT", help="为什么例外，必写 / why, required")
@click.option(
    "--approved-by", "approver", metavar="PERSON", shell_complete=persons,
    help="批准人，须有规则写明的任命 / who approves, under an appointment that the rule names",
)  # fmt: skip
@click.option("--evidence", multiple=True, metavar="KIND=FILE", help="附件，可多次 / a document, repeatable")
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def override(
    ctx: click.Context, settings: Settings, ref: str, action: str, rule: str, reason: str, approver: str | None,
    evidence: Sequence[str], dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """例外办理：两人批准，对拦截的规则放行一次 / let a matter pass a rule once, by two persons.

    只有写明可以例外的规则才行；用一次即失效，没有用的过期失效。RULE 是规则编号，如 R03。
    """
    person = person_of(settings)
    if not approver or not approver.strip():
        raise BadInput("没有写明由谁批准", why="例外办理须有另一人批准", then="加上 --approved-by 批准人")
    papers = [document(text) for text in evidence]
    with enter(settings) as room:
        office = room.office()
        with room.writing(dry_run=dry_run) as work:
            named = room.locate(work, ref)
            said = Word(actor_of(room, person, named), room.now, room.now, reason.strip(), papers)
            passed = pass_rule(
                office, work, named, action, rule.strip(), said, actor_of(room, approver.strip(), named)
            )
    command = typed(ctx)
    emit(
        as_json,
        "project.override",
        _data(passed, said, dry_run),
        lambda: fold(_page(passed, said, command, settings.lang, dry_run)),
    )


def _data(passed: Passed, said: Word, dry_run: bool) -> dict[str, Any]:
    """The receipt for programs."""
    return {
        "dry_run": dry_run,
        "matter": passed.matter.id,
        "action": passed.action.name,
        "rule": passed.rule.code,
        "person": said.actor.person,
        "approved_by": passed.grant.approver,
        "reason": said.reason,
        "until": here(passed.grant.until),
        "history_no": passed.line.no,
        "head_hash": passed.line.hash,
    }


def _page(passed: Passed, said: Word, command: Callable[..., str], lang: str, dry_run: bool) -> str:
    """The receipt as an officer reads it."""
    matter, action, rule, grant = passed.matter, passed.action, passed.rule, passed.grant
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if dry_run else []
    lines.append(
        pick(
            lang,
            f"例外办理  {matter.id}  {rule.code} {rule.title.zh}，用于“{action.title.zh}”一次",
            f"override  {matter.id}  {rule.code} {rule.title.in_(lang)}, once, for: {action.title.in_(lang)}",
        )
    )
    lines.append(
        pick(
            lang,
            f"  {said.actor.person} 申请，{grant.approver} 批准，{local(grant.until)} 前有效",
            f"  asked by {said.actor.person}, approved by {grant.approver}, good until {local(grant.until)}",
        )
    )
    lines.append(f"  {said.reason}")
    lines.append(f"  {pick(lang, '依据：', 'ground: ')}{rule.override.ground.basis if rule.override else ''}")
    lines.append(pick(lang, "接下来：", "Next:"))
    lines.append(f"  {command('project', 'do', matter.id, action.name)}")
    return "\n".join(lines)
