"""What went wrong, in words: from any exception to what / why / what next and an exit code.

The database's errors are known by their name, not by their class: a refusal before the database is
needed must not pay for importing it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace

import click
from click import exceptions as usage

from commands.printing import pick
from engine.errors import YiribanError

INTERRUPTED = 130
BROKEN_PIPE = 141


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, why, what to do next; ``internal`` = our own fault, with a traceback to look for."""

    what: str
    why: str
    then: str
    exit_code: int
    internal: bool = False

    def lines(self, lang: str) -> list[str]:
        """The lines for stderr, with heads in ``lang``; an empty sentence is left out."""
        head = pick(lang, "内部错误", "Internal error") if self.internal else pick(lang, "错误", "Error")
        parts = (
            (head, self.what),
            (pick(lang, "原因", "Why"), self.why),
            (pick(lang, "下一步", "Next"), self.then),
        )
        mark = pick(lang, "：", ": ")
        return [f"{name}{mark}{' '.join(text.split())}" for name, text in parts if text]


@dataclass(frozen=True, slots=True)
class _Known:
    """A database message that we recognise, with what to say about it (zh, en)."""

    sign: str
    what: tuple[str, str]
    why: tuple[str, str]
    then: tuple[str, str]
    exit_code: int = 1


_DISK_FULL = _Known(
    "disk is full",
    ("磁盘已满，这次操作没有写入", "The disk is full; nothing of this action was written"),
    ("数据库或文件所在的磁盘没有剩余空间", "No space is left where the database or file lies"),
    ("腾出空间后原样再做一次", "Free some space, then repeat the command"),
)
_DAMAGED = _Known(
    "",
    ("数据库里的内容读不出来", "The content of the database cannot be read"),
    ("数据库文件已损坏，或在程序之外改动过", "Its file is damaged, or was changed outside the program"),
    ("用 yiriban db verify 核对，用备份恢复", "Check it by `yiriban db verify`, and restore a backup"),
)
_DATABASE_ERRORS = frozenset({"DatabaseError", "OperationalError", "DataError"})
"""Of every other kind the statement is to blame, and that is ours."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_KNOWN = (
    _DISK_FULL,
    replace(_DISK_FULL, sign="disk i/o error"),
    _Known(
        "database is locked",
        ("数据库正被占用，这次操作没有写入", "The database is locked; nothing was written"),
        ("另一个程序正在写同一个数据库", "Another program is writing to the same database"),
        ("稍等片刻再做一次；若一直如此，找出并结束占用它的程序", "Wait a moment and repeat the command"),
        exit_code=7,
    ),
    _Known(
        "unable to open database",
        ("打不开数据库文件", "The database file cannot be opened"),
        (
            "路径是文件夹、所在文件夹不存在，或没有权限",
            "It is a folder, its folder is missing, or access is denied",
        ),
        ("检查 --database 或 YIRIBAN_DATABASE 的路径", "Check --database or YIRIBAN_DATABASE"),
    ),
    _Known(
        "file is not a database",
        ("这个文件不是数据库", "This file is not a database"),
        ("它不是 SQLite 文件，或已损坏", "It is no SQLite file, or it is damaged"),
        ("检查 --database 的路径，或从备份恢复", "Check --database, or restore a backup"),
    ),
    _Known(
        "readonly database",
        ("数据库只读，不能写入", "The database is read-only"),
        ("没有该文件或其文件夹的写权限", "Its file or folder may not be written"),
        ("请管理员开放写权限", "Ask the administrator for write access"),
    ),
    _Known(
        "no such table",
        ("数据库还没有初始化", "The database has not been set up"),
        ("里面没有一日办的数据表", "It holds no tables of yiriban"),
        ("先运行 yiriban init", "Run `yiriban init` first"),
        exit_code=3,
    ),
)


def explain(error: BaseException, lang: str) -> Trouble:
    """Turn any exception into a ``Trouble`` that a person can act upon."""
    if isinstance(error, YiribanError):
        return Trouble(error.what, error.why, error.then, error.exit_code)
    if isinstance(error, usage.ClickException):
        return _usage(error, lang)
    known = _known(error)
    if known is not None:
        place = 1 if lang == "en" else 0
        return Trouble(known.what[place], known.why[place], known.then[place], known.exit_code)
    if isinstance(error, OSError) and error.filename is not None:
        return _file(error, lang)
    return Trouble(
        f"{type(error).__name__}: {error}",
        pick(lang, "这是程序的缺陷，不是您的操作有误", "This is a fault of the program, not of yours"),
        pick(
            lang,
            "设置环境变量 YIRIBAN_DEBUG=1 再运行一次，把显示的内容交给维护者",
            "Repeat with YIRIBAN_DEBUG=1 and hand what is shown to the maintainers",
        ),
        1,
        internal=True,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _known(error: BaseException) -> _Known | None:
    for link in _chain(error):
        if isinstance(link, OSError) and (link.errno in _NO_ROOM or "temporary directory" in str(link)):
            return _DISK_FULL
        if type(link).__module__.partition(".")[0] in ("sqlalchemy", "sqlite3"):
            text = str(link).lower()
            for known in _KNOWN:
                if known.sign in text:
                    return known
            if type(link).__name__ in _DATABASE_ERRORS:
                return _DAMAGED
    return None


def _file(error: OSError, lang: str) -> Trouble:
    missing = isinstance(error, FileNotFoundError)
    return Trouble(
        pick(lang, f"读写文件失败：{error.filename}", f"Cannot read or write {error.filename}"),
        pick(lang, "文件不存在", "There is no such file") if missing else str(error.strerror),
        pick(lang, "检查路径和权限", "Check the path and its permissions"),
        3 if missing else 1,
    )


def _usage(error: usage.ClickException, lang: str) -> Trouble:
    context = error.ctx if isinstance(error, usage.UsageError) else None
    command = context.command_path if context is not None else "yiriban"
    return Trouble(
        error.format_message() if lang == "en" else _in_chinese(error, context),
        "",
        pick(lang, f"看用法：{command} --help", f"See {command} --help"),
        error.exit_code,
    )


def _in_chinese(error: usage.ClickException, context: click.Context | None) -> str:
    match error:
        case usage.NoSuchCommand():
            near = f"，是不是想写：{'、'.join(error.possibilities)}" if error.possibilities else ""
            return f"没有这个命令：{error.command_name}{near}"
        case usage.NoSuchOption():
            near = f"，是不是想写：{'、'.join(error.possibilities)}" if error.possibilities else ""
            return f"没有这个选项：{error.option_name}{near}"
        case usage.MissingParameter():
            name = error.param.get_error_hint(context) if error.param is not None else ""
            return f"缺少必填的参数：{name}"
        case usage.BadParameter():
            name = error.param.get_error_hint(context) if error.param is not None else ""
            return f"参数 {name} 的值不对：{error.message}"
        case usage.FileError():
            return f"打不开文件：{error.ui_filename}"
        case _:
            return f"命令用法不对：{error.format_message()}"
