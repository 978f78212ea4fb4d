"""`yiriban import`: bring a register into the running city, again and again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from commands.desk import fill as desk_fill
from commands.printing import common_options, emit, pass_settings
from commands.progress import bar
from commands.replay import known_mappings
from engine.directory import Unit
from engine.errors import BadInput, NotFound
from exchange.importing import Import, Result
from exchange.mapping_reader import find_mapping
from exchange.observation import Row
from exchange.replay import ranking
from exchange.source import Source, open_source
from exchange.spool import Spool
from runtime import assembly
from runtime.assembly import long_work, office_for, open_store
from runtime.settings import Settings
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

_SHOWN = 12


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping", metavar="NAME|FILE", help="对照的名称或文件；不给则按表头自动选择")
@click.option("--unit", "unit", metavar="UNIT", help="来源没有写明单位时记在这个单位名下")
@click.option("--add-units", is_flag=True, help="没有登记的单位随导入登记，列在 --unit（或第一个单位）之下")
@click.option("--go-live", "go_live", metavar="DAY", help="上线日：此前到期的一律不触发（默认今天）")
@click.option("--dry-run", is_flag=True, help="只预览：列出会开立、更新什么和有哪些发现，不写入")
@click.option(
    "--fill", is_flag=True, help="SOURCE 是填好的待办清单（desk officer --xlsx 所写），同 desk fill"
)
@click.option("--exit-code", "by_findings", is_flag=True, help="有发现时以 6 退出")
@common_options
@click.pass_context
@pass_settings
def import_(
    settings: Settings, context: click.Context, source: Path, mapping: str | None, unit: str | None,
    add_units: bool, go_live: str | None, dry_run: bool, fill: bool, by_findings: bool, as_json: bool,
) -> None:  # fmt: skip
    """把台账或 OCDS 数据导入运行中的城市；按编号更新，可以反复导入。

    SOURCE 是一个文件（.csv .xlsx .jsonl .json）或一个文件夹；--fill 收回填好的待办清单。
    """
    if fill:
        _refuse_with_fill(mapping, unit, add_units, go_live)
        context.invoke(desk_fill, file=source, by_findings=by_findings, dry_run=dry_run, as_json=as_json)
        return
    now = assembly.system_now()
    store = open_store(settings)
    try:
        office = office_for(settings, store)
        today = office.calendar.day_of(now)
        known = known_mappings(settings, office)
        only = find_mapping(mapping, known, office.current.workflows) if mapping else None
        long_work()
        opened = open_source(source, known, until=today + timedelta(days=1), mapping=only)
        people = People(store)
        with store.transaction():
            store.keep_bundle(office.current, now, "")
            above = people.unit(unit) if unit else people.first_unit()
        run = Import(
            office, store, Registry(store), unit=_finder(people, above, unit is not None, add_units), source=f"import:{source.name}@{_digest(source)}",
            go_live=_day(go_live, today), now=now, dry_run=dry_run,
        )  # fmt: skip
        with Spool(ranking(office)) as spool:
            with bar("读取", opened.bytes_total) as told:
                run.read(_watched(opened, told), spool)
            run.result.findings += opened.findings
            with bar("导入", spool.count_projects()) as told:
                result = run.run(spool, told)
    finally:
        store.close()
    result.findings.sort(key=lambda f: (f.place, f.kind, f.column, f.message))
    emit(as_json, "import", _payload(result, store, dry_run), lambda: _text(result, source, dry_run))
    if by_findings and result.findings:
        context.exit(6)


def _refuse_with_fill(mapping: str | None, unit: str | None, add_units: bool, go_live: str | None) -> None:
    given = {"--mapping": mapping, "--unit": unit, "--add-units": add_units, "--go-live": go_live}
    if used := [name for name, value in given.items() if value]:
        raise BadInput(
            f"--fill 不能与 {'、'.join(used)} 同用", why="待办清单里写明了每一件", then="去掉这些选项"
        )


def _finder(people: People, above: Unit, default: bool, add: bool) -> Callable[[str], Unit]:
    """Return how a unit named in the source is found; one that is missing may be registered below ``above``."""

    def find(name: str) -> Unit:
        if not name:
            if default:
                return above
            raise NotFound("来源没有写明采购单位", then="用 --unit 指定记在哪个单位名下")
        try:
            return people.unit(name)
        except NotFound:
            if not add:
                raise
        unit = Unit(name, name, f"{above.path}/{name}", above.profile, above.jurisdiction)
        people.add_unit(unit)
        return unit

    return find


def _watched(source: Source, told: Callable[[int], None]) -> Iterator[Row]:
    for row in source:
        told(source.bytes_done)
        yield row


def _day(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"看不懂的日期：{text}", then="写成 2026-11-21") from None


def _digest(source: Path) -> str:
    """Return the first hex digits of a file's SHA-256, so that the history names the very file."""
    if not source.is_file():
        return "folder"
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16]


def _payload(result: Result, store: SqlStore, dry_run: bool) -> dict[str, Any]:
    numbers = {k: v for k, v in asdict(result).items() if k != "findings"}
    return {
        "database": store.place,
        "dry_run": dry_run,
        **numbers,
        "findings": dict(sorted(Counter(f.kind for f in result.findings).items())),
        "finding_list": [
            {"kind": f.kind, "file": f.place.file, "line": f.place.line, "item": f.place.item, "column": f.column,
             "message": f.message}
            for f in result.findings
        ],
    }  # fmt: skip


def _text(result: Result, source: Path, dry_run: bool) -> str:
    kinds = Counter(f.kind for f in result.findings)
    lines = [
        f"{'预览（未写入）' if dry_run else '导入'} {source.name}：读入 {result.read} 行，拒绝 {result.refused}",
        f"新开项目 {result.opened}，更新 {result.updated}，无变化 {result.unchanged}；"
        f"记录操作 {result.actions}（已有 {result.known}，推定 {result.inferred}）",
        f"触发 {result.fires}，消息 {result.messages}",
    ]
    if kinds:
        lines.append("发现：" + "，".join(f"{k} {n}" for k, n in sorted(kinds.items())))
        lines += [f"  {f.place} [{f.kind}] {f.message}" for f in result.findings[:_SHOWN]]
        if len(result.findings) > _SHOWN:
            lines.append(f"  ……另有 {len(result.findings) - _SHOWN} 条，用 --json 查看全部")
    return "\n".join(lines)
