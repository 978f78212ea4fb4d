"""Faulty workflow files: every fault at once, each with file, line, what is wrong and what to write.

Each folder under `bad/` lies over `good/` and holds the findings it must give in `findings.txt`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.errors import BrokenWorkflows, NotFound
from engine.reader import check, read_bundle, read_bundle_from
from engine.yamlfile import Fault
from runtime.settings import SHIPPED_WORKFLOWS

HERE = Path(__file__).parent
GOOD = HERE / "good"
BAD = sorted((HERE / "bad").iterdir())


def test_the_good_files_have_no_finding() -> None:
    assert check(GOOD) == []


def test_there_are_at_least_thirty_kinds_of_broken_files() -> None:
    assert len(BAD) >= 30


@pytest.mark.parametrize("folder", BAD, ids=lambda folder: folder.name)
def test_a_broken_file_gives_exactly_these_findings(folder: Path) -> None:
    golden = (folder / "findings.txt").read_text(encoding="utf-8")
    assert "\n".join(map(str, check(GOOD, folder))) + "\n" == golden
    assert golden.strip()


def test_the_faults_of_several_files_are_all_listed_at_once(tmp_path: Path) -> None:
    for name in ("job.yaml", "law/waiting.yaml", "messages/hello.yaml"):
        text = (GOOD / name).read_text(encoding="utf-8")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "surprise: 1\n", encoding="utf-8")
    assert [(fault.file, fault.what) for fault in check(GOOD, tmp_path)] == [
        ("job.yaml", "流程 job：不认识的键 surprise"),
        ("law/waiting.yaml", "期限 waiting：不认识的键 surprise"),
        ("messages/hello.yaml", "文案 hello：不认识的键 surprise"),
    ]


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    text = (GOOD / "piece.yaml").read_text(encoding="utf-8")
    (tmp_path / "piece.yaml").write_bytes(text.encode("gbk"))
    assert [str(fault) for fault in check(GOOD, tmp_path)] == [
        "piece.yaml:2: 文件不是 UTF-8 编码。应写：另存为 UTF-8 后重试"
    ]


def test_a_file_with_the_other_ending_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "local.yml").write_text("workflow: local\n", encoding="utf-8")
    assert [str(fault) for fault in check(GOOD, tmp_path)] == [
        "local.yml:1: 扩展名 .yml 的文件不会被读取。应写：改名为 local.yaml"
    ]


def test_a_folder_that_is_missing_or_empty_is_not_found(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFound):
            check(folder)


def test_a_bundle_from_the_database_is_checked_like_files() -> None:
    files = dict(read_bundle(GOOD).files)
    files["job.yaml"] = files["job.yaml"].replace("term: waiting", "term: waitng")
    with pytest.raises(BrokenWorkflows) as broken:
        read_bundle_from(files)
    assert "job.yaml:51" in str(broken.value)
    assert len(broken.value.faults) == 1


def faults_of(files: dict[str, str]) -> tuple[Fault, ...]:
    try:
        read_bundle_from(files)
    except BrokenWorkflows as broken:
        return broken.faults or pytest.fail("refused without a fault")
    return ()


@pytest.mark.parametrize("seed", range(2))
def test_no_damage_to_the_shipped_files_ends_in_anything_but_findings(seed: int) -> None:
    dice = random.Random(seed)
    files = dict(read_bundle(SHIPPED_WORKFLOWS).files)
    for _ in range(25):
        name = dice.choice(sorted(files))
        lines = files[name].split("\n")
        place = dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, lines[dice.randrange(len(lines))])
            case 2:
                cut = dice.randrange(len(lines[place]) + 1)
                lines[place] = (
                    lines[place][:cut] + dice.choice("[]{}:,'\"-&*!|>%@`#? \\1é") + lines[place][cut:]
                )
            case _:
                lines[place] = lines[place].replace(": ", ": {", 1)
        for fault in faults_of({**files, name: "\n".join(lines)}):
            assert fault.what
            assert fault.line >= 1
