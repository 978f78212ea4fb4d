"""README, constraints and the list of exit codes say what is true."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path

from engine import errors

FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(path: Path) -> list[str]:
    return FENCE.findall(path.read_text(encoding="utf-8"))


def test_the_first_two_commands_of_both_readmes_are_the_same_single_lines(root: Path) -> None:
    english, chinese = (_blocks(root / name)[:2] for name in ("README.md", "README.zh-CN.md"))
    assert english == chinese
    assert [block.count("\n") for block in english] == [1, 1]
    assert english[0].endswith("yiriban demo\n")
    assert "'.[test]'" in english[1]
    assert "pytest" in english[1]


def test_every_link_in_the_papers_leads_somewhere(root: Path) -> None:
    papers = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    assert len(papers) >= 9
    for paper in papers:
        for target in re.findall(r"\]\(([^)#]+)", paper.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (paper.parent / target).exists(), f"{paper.relative_to(root)} -> {target}"


def test_the_constraints_pin_every_dependency_exactly_and_hold_no_option(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in pins}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=]", wish)[0]).lower() for wish in wanted}
    assert names - pinned == set()


def test_no_paper_or_source_names_a_path_of_one_machine(root: Path) -> None:
    places = re.compile(r"(?<![\w.:/])/(?:work|tmp|home|Users|root)/\w")
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".json", ".csv", ".ini", ""}
    skipped = {".git", ".venv", ".hypothesis", "build", "dist"}
    for path in root.rglob("*"):
        inside = path.relative_to(root).parts
        if skipped.intersection(inside) or any(
            part.endswith("_cache") or part == "__pycache__" for part in inside
        ):
            continue
        if path.is_file() and path.suffix in kinds:
            found = places.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{path.relative_to(root)}: {found and found[0]}"


def test_the_page_of_exit_codes_lists_every_refusal_with_its_code(root: Path) -> None:
    page = (root / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    rows = {
        int(code): names for code, names in re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", page, re.MULTILINE)
    }
    assert set(rows) == {0, 1, 2, 3, 4, 5, 6, 7, 130, 141}
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.YiribanError)
    ]
    for kind in kinds:
        assert f"`{kind.__name__}`" in rows[kind.exit_code], kind


def test_the_glossary_names_every_word_of_the_plan_once(root: Path) -> None:
    page = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([A-Z][\w /]*?) \|", page, re.MULTILINE)
    assert len(words) == len(set(words))
    assert {"Workflow", "Bundle", "Matter", "Action", "Term", "Clock", "Fire", "Case"} <= set(words)


def test_the_sample_register_is_a_whole_table(root: Path) -> None:
    with (root / "examples" / "register.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {14}
    assert rows[0][0] == "项目编号"
    assert len(rows) == 63
