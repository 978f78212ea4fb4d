"""`yiriban workflow`: check, list, show and draw the workflow files in force; migrate running matters."""

from __future__ import annotations

from pathlib import Path

import click

from commands.printing import common_options, emit, note, pass_settings, pick, say, table
from commands.workflow_migrate import impact, migrate
from commands.workflow_page import page, page_as_data
from engine.diagram import diagram as draw
from engine.errors import BrokenWorkflows, NotFound
from engine.reader import check as find_faults
from engine.reading_form import nearest
from engine.workflow import Bundle, WorkflowDef
from runtime import assembly
from runtime.settings import SHIPPED_WORKFLOWS, Settings

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def workflow() -> None:
    """流程：检查、列出、查看、画图，迁移在办事项 / check, list, show, draw workflows, migrate matters."""


workflow.add_command(impact)
workflow.add_command(migrate)


@workflow.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--overlay", type=FOLDER, help="叠加其上的本地文件夹 / a local folder over it")
@common_options
@pass_settings
@click.pass_context
def check(
    ctx: click.Context, settings: Settings, folder: Path | None, overlay: Path | None, as_json: bool
) -> None:
    """检查流程文件，列出全部错误；有错误时退出码为 6 / list every fault; exit 6 if any."""
    found = find_faults(
        folder or SHIPPED_WORKFLOWS, overlay or (None if folder else assembly.overlay(settings))
    )
    lang = settings.lang
    payload = {
        "ok": not found,
        "findings": [{"file": f.file, "line": f.line, "what": f.what, "write": f.write} for f in found],
    }
    good = pick(lang, "没有错误", "No faults")
    emit(as_json, "workflow.check", payload, lambda: "\n".join(map(str, found)) if found else good)
    if found:
        if not as_json:
            count = len(found)
            note(
                pick(lang, f"共 {count} 处错误，逐条改正后再检查", f"{count} faults; correct and check again")
            )
        ctx.exit(BrokenWorkflows.exit_code)


@workflow.command("list")
@common_options
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """列出流程及其版本 / list the workflows and their bundle."""
    bundle = assembly.law_in_force(settings).bundle
    payload = {
        "bundle": bundle.hash,
        "workflows": [
            {
                "name": w.name,
                "title": {"zh": w.title.zh, "en": w.title.en},
                "part_of": w.part_of or None,
                "about": w.about,
                "states": list(w.states),
                "actions": list(w.actions),
                "clocks": list(w.clocks),
            }
            for w in bundle.workflows.values()
        ],
        "profiles": sorted(bundle.profiles),
        "terms": sorted(bundle.terms),
        "rules": sorted(bundle.rules),
        "recurring": sorted(bundle.duties),
    }
    emit(as_json, "workflow.list", payload, lambda: _listing(bundle, settings.lang))


@workflow.command()
@click.argument("name")
@common_options
@pass_settings
def show(settings: Settings, name: str, as_json: bool) -> None:
    """查看一个流程：状态、操作、计时及其依据 / show states, actions, and clocks with their grounds."""
    bundle = assembly.law_in_force(settings).bundle
    found = _find(bundle, name)
    emit(as_json, "workflow.show", page_as_data(found, bundle), lambda: page(found, bundle, settings.lang))


@workflow.command()
@click.argument("name")
@common_options
@pass_settings
def diagram(settings: Settings, name: str, as_json: bool) -> None:
    """输出 Mermaid 状态图 / print a Mermaid state diagram."""
    text = draw(_find(assembly.law_in_force(settings).bundle, name), settings.lang)
    if as_json:
        emit(True, "workflow.diagram", {"name": name, "mermaid": text}, "")
    else:
        say(text.rstrip("\n"))


def _find(bundle: Bundle, name: str) -> WorkflowDef:
    found = bundle.workflows.get(name)
    if found is None:
        raise NotFound(f"没有名为 {name} 的流程", then=f"可用的流程：{nearest(name, bundle.workflows)}")
    return found


def _listing(bundle: Bundle, lang: str) -> str:
    heads = pick(
        lang, "流程 名称 隶属 状态 操作 计时", "workflow title part-of states actions clocks"
    ).split()
    rows = [
        (w.name, w.title.in_(lang), w.part_of or None, len(w.states), len(w.actions), len(w.clocks))
        for w in bundle.workflows.values()
    ]
    version = pick(lang, "流程版本", "bundle")
    parts = [table(rows, heads, right=(3, 4, 5))]
    if bundle.duties:
        heads = pick(lang, "周期性工作 编号 名称 流程", "recurring code title workflow").split()
        duties = sorted(bundle.duties.values(), key=lambda d: d.code)
        parts.append(table([(d.name, d.code, d.title.in_(lang), d.workflow) for d in duties], heads))
    return "\n\n".join([*parts, f"{version} {bundle.hash}"])
