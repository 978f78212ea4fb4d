"""`yiriban mapping`: propose, list and check mapping files. 对照"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from commands.printing import SHANGHAI, common_options, emit, note, pass_settings, pick, say, table
from engine.errors import BrokenWorkflows, NotFound
from exchange.mapping import Mapping
from exchange.mapping_reader import BrokenMapping, load_mapping, load_mappings
from exchange.suggest import suggest as propose
from runtime import assembly
from runtime.settings import SHIPPED_WORKFLOWS, Settings

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def mapping() -> None:
    """对照：提出、列出、检查 / propose, list and check mapping files."""


@mapping.command()
@click.argument("file", type=FILE)
@click.option("--sheet", default="", metavar="NAME", help="Excel 工作表，默认第一张 / the sheet to read")
@pass_settings
def suggest(settings: Settings, file: Path, sheet: str) -> None:
    """根据表头和样本提出一份对照，输出到标准输出 / propose a mapping from headers and samples."""
    if not file.is_file():
        raise NotFound(f"没有这个文件：{file}", then="检查路径")
    today = datetime.now(SHANGHAI).date()
    say(
        propose(file, assembly.law_in_force(settings).bundle.workflows, until=today, sheet=sheet).rstrip("\n")
    )
    note(
        pick(
            settings.lang,
            "请逐条核对依据，存为 .yaml 文件，再运行 yiriban mapping check 文件",
            "Compare each line with its evidence, save it as .yaml, then run yiriban mapping check FILE",
        )
    )


@mapping.command("list")
@common_options
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """列出可用的对照 / list the mappings in force."""
    found = load_mappings(mappings_folder(settings), assembly.law_in_force(settings).bundle.workflows)
    payload = {
        "mappings": [
            {
                "name": one.name,
                "title": {"zh": one.title.zh, "en": one.title.en},
                "file": one.file,
                "headers": list(one.fits),
                "columns": len(one.columns),
                "currency": one.currency,
            }
            for one in found
        ]
    }
    emit(as_json, "mapping.list", payload, lambda: _listing(found, settings.lang))


@mapping.command()
@click.argument("file", type=FILE, required=False)
@common_options
@pass_settings
@click.pass_context
def check(ctx: click.Context, settings: Settings, file: Path | None, as_json: bool) -> None:
    """检查对照文件（默认全部），列出每处错误；有错误时退出码为 6 / list every fault; exit 6 if any."""
    workflows = assembly.law_in_force(settings).bundle.workflows
    names: list[str] = []
    faults: BrokenMapping | None = None
    try:
        found = (
            load_mappings(mappings_folder(settings), workflows)
            if file is None
            else [load_mapping(file, workflows)]
        )
        names = [one.name for one in found]
    except BrokenMapping as error:
        faults = error
    listed = () if faults is None else faults.faults
    payload = {
        "ok": faults is None,
        "mappings": names,
        "findings": [{"file": f.file, "line": f.line, "what": f.what, "write": f.write} for f in listed],
    }
    good = pick(settings.lang, f"没有错误：{'、'.join(names)}", f"No faults: {', '.join(names)}")
    emit(as_json, "mapping.check", payload, lambda: "\n".join(map(str, listed)) if listed else good)
    if listed:
        if not as_json:
            count = len(listed)
            zh, en = f"共 {count} 处错误，逐条改正后再检查", f"{count} faults; correct and check again"
            note(pick(settings.lang, zh, en))
        ctx.exit(BrokenWorkflows.exit_code)


def mappings_folder(settings: Settings) -> Path:
    """The folder `mappings` beside the workflows in force, or the one that ships where it has none."""
    own = settings.workflows / "mappings"
    return own if own.is_dir() else SHIPPED_WORKFLOWS / "mappings"


def _listing(found: list[Mapping], lang: str) -> str:
    heads = pick(lang, "对照 名称 列数 币种 文件", "mapping title columns currency file").split()
    rows = [(one.name, one.title.in_(lang), len(one.columns), one.currency, one.file) for one in found]
    return table(rows, heads, right=(2,))
