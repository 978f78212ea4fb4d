"""The face: root options, the table of commands, and the one place where errors become words."""

from __future__ import annotations

import importlib
import io
import itertools
import keyword
import os
import sys
import traceback
from collections.abc import Iterable, Sequence

import click

from commands.completing import VARIABLE, answer, persons
from commands.printing import note, pick
from commands.troubles import BROKEN_PIPE, INTERRUPTED, explain
from engine.errors import NotFound
from runtime.settings import read_settings, spoken_language

VERSION = "0.1.0"


COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("造一座演示城市，走过六十个工作日", "a city of forty projects in a few seconds"),
    "init": ("建库，登记第一个单位和人员", "set up the database, the first unit and person"),
    "project": ("项目：新建、列出、查看、办理、解释", "open, list, show, act upon and explain projects"),
    "patrol": ("巡查一次：到点的提醒、预警、督办", "do whatever is due by now"),
    "run": ("持续巡查，到点即办", "patrol every few seconds until stopped"),
    "desk": ("工作台：此刻要看什么、先办什么", "what I must look at now"),
    "report": ("四率：分单位、有分母", "the four rates per unit"),
    "clock": ("计时：列出、中止、恢复、延期", "running clocks, pauses, extensions"),
    "case": ("督办件：列出、查看、办理、文书、卷宗", "cases: list, show, act, papers, dossier"),
    "calendar": ("工作日历：查看、检查、采纳放假通知", "working days; check and adopt a notice"),
    "unit": ("单位与行政区划：登记、列出、查看", "units and jurisdictions"),
    "person": ("人员：登记、任命、代理、名册导入", "persons, appointments, deputies, rosters"),
    "message": ("消息：列出、查看、发送、重发、查回执", "messages and what became of them"),
    "channel": ("渠道：列出、测试", "how messages go out"),
    "feed": ("事件流水：读取、推送给监管方", "the events for those outside: read, push"),
    "watch": ("凭事件流水从外部核对引擎", "check the engine from its events alone"),
    "history": ("历史：查看与校验流转记录", "show and verify histories"),
    "workflow": ("流程：检查、列出、查看、画图", "check, list, show and draw workflows"),
    "law": ("法规：查看、检索、待核对的数值", "read the law: show, search, what to check"),
    "profile": ("地方时限方案：列出、查看、比较", "local promises: list, show, compare"),
    "replay": ("重放台账，逐个期限判断", "replay a register and judge its clocks"),
    "import": ("把台账导入正在运行的库", "bring a register into a running database"),
    "mapping": ("对照表：检查、建议", "check and suggest mapping files"),
    "db": ("数据库：备份、核对、恢复、解除停发、升级", "back up, verify, restore, release the hold, upgrade"),
    "doctor": ("检查安装：什么不对、为什么、怎么办", "check an installation"),
    "completion": ("按 Tab 补全命令、编号、操作", "let the shell complete commands"),
}
"""The nouns with their short help (zh, en), kept here so that `--help` imports none of them.

`commands/<noun>.py` has a click command of the same name; a Python keyword gets a `_` in both.
"""

EVERYWHERE = frozenset({"--as", "--lang", "--database", "--workflows"})
"""Options of the program itself, understood behind a command too."""
WITHOUT_SETTINGS = frozenset({"doctor", "completion"})
"""Commands that run where the settings are broken: the one says so, the other stands in start-up files."""
_CLICK_TEXTS = {
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "参数",
    "Show this message and exit.": "显示本帮助并退出。",
}


class ChineseHelp(click.HelpFormatter):
    """Click's own words in Chinese; those of a command are its own."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or "用法：")

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        super().write_heading(_CLICK_TEXTS.get(heading, heading))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of options or commands."""
        spoken = [(name, _CLICK_TEXTS.get(text, text)) for name, text in rows]
        super().write_dl(spoken, col_max, col_spacing)


class LazyGroup(click.Group):
    """A group whose members are imported when they are called, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; raise ``NotFound`` where this installation lacks it."""
        if cmd_name not in COMMANDS:
            return None
        stem = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        try:
            module = importlib.import_module(f"commands.{stem}")
        except ModuleNotFoundError as error:
            if error.name != f"commands.{stem}":
                raise
            raise NotFound(
                f"这份安装里没有命令 {cmd_name}", why=f"缺少 commands/{stem}.py", then="重新安装一日办"
            ) from error
        command: click.Command = getattr(module, stem)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with its neighbours in the table."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing a single command."""
        lang = _language(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, pick(lang, zh, en)) for name, (zh, en) in COMMANDS.items()])

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the program is."""
        zh = "一日办：政府采购全流程的状态机、计时、督办与留痕。"
        en = "yiriban: every step of a government procurement, its clocks, reminders and record."
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(pick(_language(ctx), zh, en))


def _language(ctx: click.Context) -> str:
    return ctx.params.get("lang") or os.environ.get("YIRIBAN_LANG", "zh")


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--lang", metavar="zh|en", is_eager=True, help="语言 / language (YIRIBAN_LANG)")
@click.option(
    "--as", "person", metavar="PERSON", shell_complete=persons, help="以谁的名义办理 / who acts (YIRIBAN_AS)"
)
@click.option(
    "--database", "--db", metavar="URL", help="数据库：文件或 URL，默认 yiriban.db (YIRIBAN_DATABASE)"
)
@click.option("--workflows", metavar="DIR", help="流程文件夹，默认随程序附带的 (YIRIBAN_WORKFLOWS)")
@click.version_option(VERSION, message="yiriban %(version)s", help="显示版本并退出 / show the version")
@click.pass_context
def root(
    ctx: click.Context, lang: str | None, person: str | None, database: str | None, workflows: str | None
) -> None:
    """Read the settings once, for whichever command follows."""
    if ctx.invoked_subcommand in WITHOUT_SETTINGS:
        return
    flags = {"lang": lang, "as": person, "database": database, "workflows": workflows}
    ctx.obj = read_settings(flags, os.environ)


def in_front(words: Sequence[str]) -> list[str]:
    """Move options that hold for every command to the front, so that they may stand behind it as well."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += [word, *waiting]
        elif word in EVERYWHERE:
            front += [word, *itertools.islice(waiting, 1)]
        elif word.partition("=")[0] in EVERYWHERE:
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (docs/reference/exit-codes.md)."""
    if VARIABLE in os.environ:  # a shell asks what to offer
        return answer(root, os.environ[VARIABLE], in_front, EVERYWHERE)
    return _run(in_front(sys.argv[1:] if args is None else args))


def _run(words: list[str]) -> int:
    """Run a command; what goes wrong is said in words."""
    lang = spoken_language(words, os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    click.Context.formatter_class = click.HelpFormatter if lang == "en" else ChineseHelp
    try:
        with root.make_context("yiriban", words) as ctx:
            root.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, click.Abort):
        note(pick(lang, "已中断", "Interrupted"))
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; the interpreter's own flush at exit must find a place to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as bare:
        note(bare.format_message())
        return bare.exit_code
    except Exception as error:
        trouble = explain(error, lang)
        if os.environ.get("YIRIBAN_DEBUG"):
            note("".join(traceback.format_exception(error)).rstrip())
        for line in trouble.lines(lang):
            note(line)
        return trouble.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
