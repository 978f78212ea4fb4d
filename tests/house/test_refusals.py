"""One place turns errors into words and exit codes, and no traceback reaches a person."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

import cli
from engine.errors import Conflict, Forbidden, NotFound, Refused
from tests.conftest import Ran


@pytest.fixture
def failing(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `clock` with a body that raises what it is given."""

    def runner(error: BaseException, *options: str) -> Ran:
        @click.command(name="clock")
        def clock() -> None:
            raise error

        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: clock)
        return run(*options, "clock")

    return runner


def test_a_refusal_says_what_why_and_what_next_with_its_own_exit_code(failing: Callable[..., Ran]) -> None:
    error = Refused("现在不能签订合同", why="政府采购法第46条", then="先发出中标通知书")
    assert failing(error) == Ran(
        5, "", "错误：现在不能签订合同\n原因：政府采购法第46条\n下一步：先发出中标通知书\n"
    )
    assert failing(error, "--lang", "en").err.startswith(
        "Error: 现在不能签订合同\nWhy: 政府采购法第46条\nNext: "
    )
    assert failing(NotFound("没有")).err == "错误：没有\n"
    assert [failing(kind("x")).code for kind in (NotFound, Forbidden, Conflict)] == [3, 4, 7]


def test_an_unforeseen_error_is_one_line_and_the_traceback_only_on_request(
    failing: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = failing(ZeroDivisionError("division by zero"))
    assert ran.code == 1
    assert ran.err.startswith("内部错误：ZeroDivisionError: division by zero\n")
    assert "YIRIBAN_DEBUG=1" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("YIRIBAN_DEBUG", "1")
    assert "Traceback" in failing(ZeroDivisionError("division by zero")).err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "磁盘已满"),
        (OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")), 1, "磁盘已满"),
        (OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked")), 7, "正被占用"),
        (sqlite3.OperationalError("unable to open database file"), 1, "打不开数据库"),
        (sqlite3.DatabaseError("file is not a database"), 1, "不是数据库"),
        (sqlite3.OperationalError("attempt to write a readonly database"), 1, "只读"),
        (sqlite3.OperationalError("no such table: matter"), 3, "还没有初始化"),
        (FileNotFoundError(errno.ENOENT, "No such file", "台账.csv"), 3, "读写文件失败：台账.csv"),
        (PermissionError(errno.EACCES, "Permission denied", "台账.csv"), 1, "读写文件失败：台账.csv"),
    ],
)
def test_what_the_machine_refuses_is_said_in_words(
    failing: Callable[..., Ran], error: Exception, code: int, said: str
) -> None:
    ran = failing(error)
    assert ran.code == code
    assert said in ran.err.splitlines()[0]
    assert ran.err.splitlines()[-1].startswith("下一步：")


def test_a_database_error_deep_in_the_chain_is_still_recognised(failing: Callable[..., Ran]) -> None:
    outer = RuntimeError("the store gave up")
    outer.__cause__ = sqlite3.OperationalError("database is locked")
    assert failing(outer).code == 7


def test_a_database_that_is_a_folder_is_refused_by_the_real_driver(
    failing: Callable[..., Ran], tmp_path: Path
) -> None:
    with (
        pytest.raises(OperationalError) as caught,
        create_engine(f"sqlite:///{tmp_path}").connect() as connection,
    ):
        connection.execute(text("select 1"))
    assert "打不开数据库" in failing(caught.value).err


def test_interruption_is_130_and_an_abort_too(failing: Callable[..., Ran]) -> None:
    assert failing(KeyboardInterrupt()) == Ran(130, "", "已中断\n")
    assert failing(click.Abort()).code == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("proj",), "没有这个命令：proj，是不是想写：project"),
        (("--databas", "x", "clock"), "没有这个选项：--databas，是不是想写：--database"),
        (("--database",), "命令用法不对"),
    ],
)
def test_wrong_usage_is_two_and_points_to_the_help(
    run: Callable[..., Ran], words: tuple[str, ...], said: str
) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "下一步：看用法：yiriban --help" in ran.err


def test_a_command_that_leaves_with_a_code_leaves_with_that_code(failing: Callable[..., Ran]) -> None:
    assert failing(click.exceptions.Exit(6)) == Ran(6, "", "")


def test_a_reader_that_goes_away_is_no_error_worth_a_word(root: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "cli.py", "--help"], cwd=root, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (run.returncode, run.stderr) == (141, b"")


def test_a_console_that_knows_only_gbk_gets_the_whole_help(root: Path) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "gbk:strict", "PYTHONUTF8": "0"}
    run = subprocess.run(
        [sys.executable, "cli.py", "--help"], cwd=root, env=environ, capture_output=True, check=True
    )
    assert "政府采购" in run.stdout.decode("gbk")
    assert b"?" not in run.stdout
