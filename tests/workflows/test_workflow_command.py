"""`yiriban workflow check | list | show | diagram` as a person runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.diagram import diagram
from engine.reader import read_bundle
from runtime.settings import SHIPPED_WORKFLOWS

HERE = Path(__file__).parent


def test_check_is_silent_about_good_files_and_lists_every_fault_of_bad_ones(
    run: Callable[..., object],
) -> None:
    good = run("workflow", "check")
    assert (good.code, good.out) == (0, "没有错误\n")
    folder = HERE / "bad" / "15-unknown-fact-role-rule"
    bad = run("workflow", "check", HERE / "good", "--overlay", folder)
    assert (bad.code, bad.out) == (6, (folder / "findings.txt").read_text(encoding="utf-8"))
    assert "共 3 处错误" in bad.err
    as_json = run("workflow", "check", HERE / "good", "--overlay", folder, "--json")
    answer = json.loads(as_json.out)
    assert (as_json.code, answer["schema"], answer["ok"]) == (6, "yiriban.workflow.check/1", False)
    assert answer["findings"][0] == {
        "file": "job.yaml",
        "line": 17,
        "what": "操作 start：没有名为 oficer 的角色",
        "write": "officer",
    }


def test_a_folder_that_does_not_exist_is_a_usage_error(run: Callable[..., object]) -> None:
    assert run("workflow", "check", "nowhere").code in (2, 3)


def test_broken_files_stop_every_other_command_with_all_their_faults(
    run: Callable[..., object], tmp_path: Path
) -> None:
    for path in (HERE / "good").rglob("*.yaml"):
        copy = tmp_path / "mine" / path.relative_to(HERE / "good")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8").replace("officer", "oficer"), encoding="utf-8")
    result = run("--workflows", tmp_path / "mine", "workflow", "list")
    assert result.code == 6
    assert result.out == ""
    assert result.err.count("没有名为 oficer 的角色") == 7


def test_list_names_the_workflows_and_the_bundle(run: Callable[..., object]) -> None:
    bundle = read_bundle(SHIPPED_WORKFLOWS)
    answer = json.loads(run("workflow", "list", "--json").out)
    assert answer["schema"] == "yiriban.workflow.list/1"
    assert answer["bundle"] == bundle.hash
    assert [w["name"] for w in answer["workflows"]] == list(bundle.workflows)
    assert bundle.hash in run("workflow", "list").out


@pytest.mark.parametrize("name", ["project", "package", "contract", "instalment", "query", "case"])
def test_show_gives_every_clock_its_limit_and_article(run: Callable[..., object], name: str) -> None:
    chinese, english = run("workflow", "show", name), run("--lang", "en", "workflow", "show", name)
    answer = json.loads(run("workflow", "show", name, "--json").out)
    assert (chinese.code, english.code, answer["schema"]) == (0, 0, "yiriban.workflow.show/1")
    for clock in answer["clocks"]:
        assert clock["name"] in chinese.out
        # 公告验收结果：全国没有天数，由方案规定
        assert clock["limits"] or clock["agreed"] or clock["name"] == "publish_acceptance"
        for limit in clock["limits"]:
            assert limit["basis"]
            assert limit["checked_on"] in {"2026-11-21", "2026-11-22"}  # a Saturday, a Sunday
    for text in (chinese.out, english.out):
        text.encode("gbk")


def test_show_of_a_misspelt_name_says_which_one_was_meant(run: Callable[..., object]) -> None:
    result = run("workflow", "show", "contrct")
    assert result.code == 3
    assert "contract" in result.err


def test_a_diagram_has_ascii_ids_and_only_arrows_between_declared_states(run: Callable[..., object]) -> None:
    for workflow in read_bundle(SHIPPED_WORKFLOWS).workflows.values():
        text = diagram(workflow)
        assert run("workflow", "diagram", workflow.name).out == text
        declared = set(re.findall(r'^    state "[^"]+" as (\w+)$', text, re.MULTILINE))
        assert {name.isascii() for name in declared} == {True}
        assert declared == set(workflow.states)
        arrows = re.findall(r"^    (\S+) --> (\S+?)(?:: .+)?$", text, re.MULTILINE)
        assert {end for arrow in arrows for end in arrow} == declared | {"[*]"}


def test_a_diagram_marks_what_happens_by_itself() -> None:
    workflow = read_bundle(HERE / "good").workflows["alarm"]
    assert diagram(workflow) == (
        "stateDiagram-v2\n"
        '    state "督办中" as opened\n'
        '    state "已销号" as closed\n'
        "    [*] --> opened\n"
        "    opened --> closed: 撤回（自动）\n"
        "    closed --> [*]\n"
    )
    assert "(automatic)" in diagram(workflow, "en")
