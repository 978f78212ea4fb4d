"""A shell completes commands, numbers, actions, clocks and persons; and is never disturbed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cli import root as command_root
from commands import completing
from commands.completing import VARIABLE
from tests.commands.conftest import DATABASE, HALFWAY, Desk
from tests.conftest import Ran

Offers = Callable[..., list[str]]
NOW = "2026-11-03 11:05"  # a Tuesday


@pytest.fixture
def offers(reported: Desk, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Offers:
    """Ask as the script of bash does: the last word is being typed."""
    monkeypatch.setenv(VARIABLE, "bash_complete")
    reported.tell_time(NOW)

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", "\n".join(("yiriban", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        ran = run()
        assert (ran.code, ran.err) == (0, "")
        return [line.partition(",")[2] for line in ran.out.splitlines() if line]

    return ask


@pytest.fixture
def typed(reported: Desk) -> Desk:
    """The same desk, for what is typed besides."""
    return reported


def test_commands_and_options_are_offered_in_the_words_of_the_table(offers: Offers) -> None:
    assert offers("do") == ["doctor"]
    assert "do" in offers("project", "")
    assert offers("project", "do", "--ev") == ["--evidence"]
    assert offers("completion", "") == ["bash", "zsh", "fish"]


def test_numbers_of_projects_are_offered_and_behind_a_dot_what_is_inside(offers: Offers) -> None:
    for command in (("project", "show"), ("project", "do"), ("project", "explain"), ("clock", "pause")):
        assert offers(*command, "P") == ["P2026-0001"]
    assert "P2026-0001.1" in offers("project", "show", "P2026-0001.")
    assert offers("project", "show", "P2025") == []


def test_another_number_is_offered_once_it_is_begun(offers: Offers, typed: Desk) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        typed.done(
            NOW, "project", "new", "课桌", *HALFWAY, "--code", "采-7", "--alias", "plan=平财采备〔2026〕15号"
        )
    assert offers("project", "show", "平") == ["平财采备〔2026〕15号"]
    assert offers("project", "show", "") == ["P2026-0001", "采-7"]
    # what answers to the number answers to the rest of the line too
    assert offers("project", "do", "平财采备〔2026〕15号", "") == offers("project", "do", "采-7", "") != []


def test_the_actions_of_the_present_states_are_offered_and_no_others(offers: Offers) -> None:
    offered = offers("project", "do", "P2026-0001", "")
    assert "decide_award" in offered
    assert "sign_contract" not in offered
    assert offers("project", "do", "P2026-0001", "decide_") == ["decide_award"]
    assert offers("project", "do", "P2026-9999", "") == []


def test_open_clocks_and_persons_are_offered(offers: Offers) -> None:
    assert "decide_award" in offers("clock", "extend", "P2026-0001", "")
    assert "decide_award" in offers("clock", "approve", "P2026-0001", "")
    assert set(offers("project", "do", "P2026-0001", "decide_award", "--second", "")) == {"张三", "李四"}
    assert offers("--as", "张") == ["张三"]
    assert offers("project", "show", "P2026-0001", "--as", "李") == ["李四"]


def test_cases_are_offered_behind_case_alone(offers: Offers, typed: Desk) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        typed.done("2026-11-16 09:00", "patrol")  # a Monday, four working days past the statutory limit
        listed = typed.data("2026-11-16 09:00", "case", "list")["cases"]
    numbers = sorted(case["id"] for case in listed)
    assert numbers
    assert offers("case", "show", "") == offers("case", "do", "") == numbers
    assert offers("project", "show", "") == ["P2026-0001"]
    assert offers("case", "do", numbers[0], "") != []


def test_who_is_named_is_offered_the_matters_behind_the_wall(offers: Offers) -> None:
    assert offers("--as", "张三", "project", "show", "") == ["P2026-0001"]
    assert offers("project", "show", "--as", "张三", "") == ["P2026-0001"]
    assert offers("--as", "外人", "project", "show", "") == []


def test_the_database_named_on_the_line_is_the_one_looked_at(offers: Offers, typed: Desk) -> None:
    (typed.folder / DATABASE).rename(typed.folder / "city.db")
    assert offers("project", "show", "") == []
    assert offers("project", "show", "--database", "city.db", "") == ["P2026-0001"]
    assert offers("project", "show", "--database", "city.db", "--as", "张") == ["张三"]
    assert offers("project", "show", "--database", "other.db", "--as", "张") == []
    assert not (typed.folder / DATABASE).exists()


def test_too_many_candidates_are_not_offered(offers: Offers, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(offers("--as", "")) == 2
    monkeypatch.setattr(completing, "MOST", 2)
    assert len(offers("--as", "")) == 2
    monkeypatch.setattr(completing, "MOST", 1)
    assert offers("--as", "") == []


@pytest.mark.parametrize("broken", ["settings", "database", "schema", "bundle"])
def test_whatever_is_broken_nothing_is_offered_and_nothing_is_said(
    offers: Offers, typed: Desk, broken: str
) -> None:
    assert offers("project", "do", "P2026-0001", "decide_") == ["decide_award"]
    if broken == "settings":
        (typed.folder / "yiriban.toml").write_text("lang = ")
    elif broken == "database":
        (typed.folder / DATABASE).write_bytes(b"no database" * 999)
    elif broken == "schema":
        typed.sql("drop table matter")
    else:
        typed.sql("delete from bundle")
    assert offers("project", "do", "P2026-0001", "decide_") == []


def test_a_database_held_by_a_writer_keeps_nobody_waiting(offers: Offers, typed: Desk) -> None:
    held = sqlite3.connect(typed.folder / DATABASE, isolation_level=None)
    held.execute("begin exclusive")
    began = time.monotonic()
    assert offers("project", "show", "P") == []
    assert time.monotonic() - began < 2
    held.execute("rollback")
    held.close()
    assert offers("project", "show", "P") == ["P2026-0001"]


def test_offers_cost_less_than_the_page_that_they_lead_to(
    offers: Offers, typed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    def page() -> None:
        with monkeypatch.context() as outside:
            outside.delenv(VARIABLE)
            assert "P2026-0001" in typed.done(NOW, "project", "show", "P2026-0001")

    pairs = [(cost(lambda: offers("project", "do", "P2026-0001", "")), cost(page)) for _ in range(5)]
    # who waits for a page of the project is not kept waiting by its offers
    assert min(mine for mine, _ in pairs) < min(page for _, page in pairs)


def test_an_unknown_question_of_a_shell_is_refused_without_a_word(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in ("tcsh_complete", "bash_nothing", "bash"):
        monkeypatch.setenv(VARIABLE, asked)
        assert run() == Ran(1, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_for_the_shell_named_or_in_use(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: str
) -> None:
    (tmp_path / "yiriban.toml").write_text("lang = ")  # it stands in start-up files: no settings may stop it
    named = run("completion", shell)
    assert named.code == 0
    assert f"{VARIABLE}={shell}_complete" in named.out
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert run("completion") == named
    assert f"yiriban completion {shell}" in run("completion", "--help").out


@pytest.mark.parametrize("told", ["", "/bin/ksh"])
def test_a_shell_that_is_not_known_is_told_to_choose(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("SHELL", told)
    ran = run("completion")
    assert ran.code == 2
    assert ran.out == ""
    assert "bash、zsh、fish" in ran.err
    assert "yiriban completion bash" in ran.err


def test_every_number_of_a_matter_on_the_line_is_completed() -> None:
    context = click.Context(command_root)
    groups = [command_root.get_command(context, name) for name in ("project", "case", "clock")]
    commands = [c for group in groups if isinstance(group, click.Group) for c in group.commands.values()]
    found = [
        p
        for c in commands
        for p in c.params
        if isinstance(p, click.Argument) and p.name in ("ref", "action", "clock")
    ]
    assert len(found) >= 14
    assert [p for p in found if p._custom_shell_complete is None] == []


@pytest.mark.skipif(shutil.which("bash") is None or os.name != "posix", reason="there is no bash")
def test_a_real_bash_sources_the_script_and_completes_a_word(typed: Desk, root: Path) -> None:
    place = typed.folder / "bin"
    place.mkdir()
    (place / "yiriban").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{root / "cli.py"}" "$@"\n')
    (place / "yiriban").chmod(0o755)
    script = """
        source <(yiriban completion bash)
        complete -p yiriban
        COMP_WORDS=(yiriban project do P2026-0001 decide_); COMP_CWORD=4
        _yiriban_completion yiriban
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    env = {**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=typed.folder, env=env, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "complete -o nosort -F _yiriban_completion yiriban",
        "decide_award",
    ]
