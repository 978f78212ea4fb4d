"""`yiriban replay`: play a register back on simulated time and judge every clock."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import click

from commands.printing import common_options, emit, note, pass_settings, table
from commands.progress import bar
from engine.errors import BadInput, Conflict
from engine.office import Office
from exchange.mapping import Mapping
from exchange.mapping_reader import find_mapping, load_mappings
from exchange.observation import Finding, Row
from exchange.replay import Replay, ranking
from exchange.report import ONE_DAYS, ClockCount, Judge, Report
from exchange.source import Source, open_source
from exchange.spool import Spool
from runtime import assembly
from runtime.assembly import long_work, office_for, overlay
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.store import SqlStore

JURISDICTION = "replay"
_SHOWN = 8


@click.command("replay")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping", metavar="NAME|FILE", help="对照的名称或文件；不给则按表头自动选择")
@click.option("--until", "until_text", metavar="DAY", help="回放到这一天零点为止（默认今天）")
@click.option("--profile", default="one-day", show_default=True, help="地方时限方案")
@click.option("--calendar", "country", default="CN", show_default=True, help="哪国的工作日历，例如 CN、XK")
@click.option("--db", "database", metavar="FILE|URL", help="把结果留在这个新数据库里（默认用后即弃）")
@click.option("--exit-code", "by_findings", is_flag=True, help="有发现时以 6 退出")
@common_options
@click.pass_context
@pass_settings
def replay(
    settings: Settings, context: click.Context, source: Path, mapping: str | None, until_text: str | None,
    profile: str, country: str, database: str | None, by_findings: bool, as_json: bool,
) -> None:  # fmt: skip
    """把台账或 OCDS 数据按日期重演一遍，评判每一个时限。

    SOURCE 是一个文件（.csv .xlsx .jsonl .json）或一个文件夹。
    """
    started = time.monotonic()
    office = office_for(settings, country=country)
    office.profile(office.current, profile)
    until = until_day(until_text, office)
    known = known_mappings(settings, office)
    only = find_mapping(mapping, known, office.current.workflows) if mapping else None
    opened = open_source(source, known, until=until, mapping=only)
    with tempfile.TemporaryDirectory(prefix="yiriban-replay-") as folder, Spool(ranking(office)) as spool:
        store = _fresh(database, Path(folder))
        try:
            report = play(office, store, opened, spool, profile=profile, until=until, country=country)
            emit(as_json, "replay", report.as_json(), lambda: _text(report, office))
        finally:
            store.close()
    note(f"用时 {time.monotonic() - started:.1f} 秒")
    if by_findings and report.kinds:
        context.exit(6)


def until_day(text: str | None, office: Office) -> date:
    """Read ``--until``; the default is today, of which nothing is played."""
    if text is None:
        return office.calendar.day_of(assembly.system_now())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"看不懂的日期：{text}", then="写成 2026-11-21") from None


def known_mappings(settings: Settings, office: Office) -> list[Mapping]:
    """Return the shipped mappings, and those of the overlay folder, which come first by name."""
    own = overlay(settings)
    folders = [SHIPPED_WORKFLOWS / "mappings", *([own / "mappings"] if own is not None else [])]
    found = {m.name: m for folder in folders for m in load_mappings(folder, office.current.workflows)}
    return list(found.values())


def _fresh(database: str | None, folder: Path) -> SqlStore:
    url = database or str(folder / "replay.db")
    store = SqlStore(url if "://" in url else f"sqlite:///{url}")
    if database and store.has_matters():
        raise Conflict(
            f"{store.place} 里已经有事项",
            why="回放总是从空数据库开始",
            then="换一个 --db；要导入运行中的城市，用 yiriban import",
        )
    return store


def play(
    office: Office, store: SqlStore, source: Source, spool: Spool, *, profile: str, until: date, country: str
) -> Report:
    """Read the source into the spool, play it into the store, and count what came of it."""
    long_work()
    begun = office.calendar.midnight_after(until)
    store.create(begun, feed=False)
    run = Replay(office, store, profile=profile, until=until, jurisdiction=JURISDICTION)
    with bar("读取", source.bytes_total) as told:
        run.read(_watched(source, told), spool)
    run.tally.findings += source.findings
    with store.transaction():
        store.keep_bundle(office.current, begun, JURISDICTION)
    with bar("回放", spool.count_steps()) as told:
        tally = run.run(spool, told)
    tally.findings.sort(key=lambda f: (f.place, f.kind, f.column, f.message))
    judge = Judge(office.current, office.calendar)
    with store.transaction():
        for clock in store.all_clocks():
            judge.add(clock)
        cases = store.cases_by_level()
    return Report(
        source.path.name, until, profile, country, office.current.hash, tally, judge.finish(), cases,
        dict(Counter(f.kind for f in tally.findings)), tally.findings, source.mappings,
    )  # fmt: skip


def _watched(source: Source, told: Callable[[int], None]) -> Iterator[Row]:
    for row in source:
        told(source.bytes_done)
        yield row


def _text(report: Report, office: Office) -> str:
    tally = report.tally
    titles = {n: c.title.zh for w in office.current.workflows.values() for n, c in w.clocks.items()}
    parts = [
        f"回放 {report.source}，到 {report.until} 零点为止；方案 {report.profile}，日历 {report.calendar}",
        f"读入 {tally.read} 行：回放 {tally.replayed}，拒绝 {tally.refused}。"
        f"项目 {tally.projects}，事项 {tally.matters}，操作 {tally.actions}（另推定 {tally.inferred}），"
        f"触发 {tally.fires}",
        "",
        table(
            [
                [titles[n], *_cells(c)]
                for n, c in report.clocks.items()
                if n in ONE_DAYS or c.judged or c.open
            ],
            ["计时", "评判", "承诺内", "约定内", "法定内", "逾期", "未结", "逾期中位数", "九成在"],
            right=range(1, 9),
        ),
        "",
    ]
    if tally.messages:
        rows = sorted(tally.messages.items())
        parts += [table([[r, c, n] for (r, c), n in rows], ["触发", "渠道", "消息"], right=[2]), ""]
    if report.cases:
        parts += ["督办件：" + "，".join(f"{level} {n}" for level, n in sorted(report.cases.items())), ""]
    parts += _findings(report.kinds, report.findings)
    parts += [f"注：{line}" for line in report.notes()]
    return "\n".join(parts).rstrip()


def _cells(count: ClockCount) -> list[str]:
    numbers = (
        count.judged, count.in_promise, count.in_agreed, count.in_law, count.late, count.open,
        count.median_late_days, count.p90_late_days,
    )  # fmt: skip
    return ["-" if n is None else str(n) for n in numbers[:6]] + [
        "-" if n is None else f"{n}日" for n in numbers[6:]
    ]


def _findings(kinds: dict[str, int], findings: Sequence[Finding]) -> list[str]:
    if not kinds:
        return ["没有发现。"]
    out = ["发现：" + "，".join(f"{kind} {n}" for kind, n in sorted(kinds.items()))]
    out += [f"  {f.place} [{f.kind}] {f.message}" for f in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        out.append(f"  ……另有 {len(findings) - _SHOWN} 条，用 --json 查看全部（finding_list）")
    return [*out, ""]
