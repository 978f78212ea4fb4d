"""Files and folders: which are read, by which mapping, and that every row is accounted for."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from engine.errors import BadInput, DamagedFile, NotFound
from exchange.mapping import Mapping
from exchange.observation import Finding, Row
from exchange.source import open_source
from tests.exchange.conftest import UNTIL

Read = Callable[..., tuple[list[Row], list[Finding]]]
Make = Callable[[str], Mapping]

SHORT = "mapping: {name}\ntitle: {{zh: 甲}}\nfits: {{headers: [{fits}]}}\ncolumns:\n{columns}"
SIGNED = "  编号: {alias: number}\n  签订: {action: contract.sign_contract}\n"


def _short(make: Make, name: str, fits: str = "签订", columns: str = SIGNED, more: str = "") -> Mapping:
    return make(SHORT.format(name=name, fits=fits, columns=columns) + more)


def test_a_folder_of_mixed_files_is_read_in_order_and_the_rest_is_passed_over(
    tmp_path: Path, mapping: Make, read: Read
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["全市台账"], ["签订", "编号"], ["2025-03-05", 7]):
        book.active.append(row)
    book.save(tmp_path / "b" / "2.xlsx")
    for name in ("a.CSV", "c.csv", "README.md", "note.txt", "~$c.csv", ".hidden/x.csv"):
        (tmp_path / name).write_text("编号,签订\n1,2025-03-05\n", encoding="utf-8")
    (tmp_path / "d.jsonl").write_text('{"签订": "2025-03-05"}\n', encoding="utf-8")
    (tmp_path / "e.csv").write_text("甲,乙\n1,2\n", encoding="utf-8")
    (tmp_path / "f.csv").write_text("", encoding="utf-8")
    rows, findings = read(tmp_path, _short(mapping, "one"))
    places = [("a.CSV", 2), ("b/2.xlsx", 3), ("c.csv", 2), ("d.jsonl", 1)]
    assert [(row.place.file, row.place.line) for row in rows] == places
    assert rows[1].aliases == [("number", "7")]
    assert [(f.kind, f.place.file) for f in findings] == [("no_mapping", "e.csv"), ("no_mapping", "f.csv")]
    assert "甲、乙" in findings[0].message


def test_iterating_twice_gives_the_same_rows_and_findings(tmp_path: Path, mapping: Make) -> None:
    (tmp_path / "a.csv").write_text("编号,签订,新\n1,待定,\n2,2025-03-05,\n", encoding="utf-8")
    source = open_source(tmp_path, [_short(mapping, "one")], until=UNTIL)
    first, found = list(source), list(source.findings)
    assert (list(source), source.findings) == (first, found)
    assert [f.kind for f in found] == ["unknown_column"]
    assert source.bytes_done == source.bytes_total > 0
    assert source.mappings == {"a.csv": "one"}


def test_of_several_mappings_the_one_that_knows_most_headers_reads(
    tmp_path: Path, mapping: Make, read: Read
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,签订,付款\n1,2025-03-05,2025-04-01\n", encoding="utf-8")
    more = _short(mapping, "more", columns=SIGNED + "  付款: {action: instalment.pay}\n")
    (row,), _ = read(path, _short(mapping, "less"), more)
    assert [s.action for s in row.steps] == ["sign_contract", "pay"]


def test_a_tie_is_refused_with_both_names_and_settled_by_naming_one(
    tmp_path: Path, mapping: Make, read: Read
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,签订\n1,2025-03-05\n", encoding="utf-8")
    one, two = _short(mapping, "one"), _short(mapping, "two")
    with pytest.raises(BadInput) as refused:
        read(path, one, two)
    assert "one、two" in refused.value.what
    assert "--mapping" in refused.value.then
    assert len(read(path, one, two, mapping=two)[0]) == 1


def test_what_nothing_fits_is_refused_with_the_way_out(tmp_path: Path, mapping: Make, read: Read) -> None:
    one = _short(mapping, "one")
    path = tmp_path / "a.csv"
    path.write_text("甲,乙\n1,2\n", encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        read(path, one)
    assert "甲、乙" in refused.value.why
    assert "yiriban mapping suggest" in refused.value.then
    with pytest.raises(BadInput) as forced:
        read(path, mapping=one)
    assert "缺少表头：签订" in forced.value.why
    with pytest.raises(BadInput, match="1 个文件都不知道怎么读"):
        read(tmp_path, one)
    with pytest.raises(NotFound):
        read(tmp_path / "none", one)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="没有可读的文件"):
        read(tmp_path / "empty", one)
    (tmp_path / "a.txt").write_text("编号,签订\n", encoding="utf-8")
    with pytest.raises(BadInput, match="不认识的文件类型"):
        read(tmp_path / "a.txt", one)


def test_a_damaged_file_stops_a_folder_rather_than_being_left_out(
    tmp_path: Path, mapping: Make, read: Read
) -> None:
    (tmp_path / "a.csv").write_text("编号,签订\n1,2025-03-05\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text('编号,签订\n1,"2025', encoding="utf-8")
    with pytest.raises(DamagedFile, match=r"b\.csv"):
        read(tmp_path, _short(mapping, "one"))


def test_the_sample_register_is_read_by_its_mapping(root: Path, shipped: list[Mapping], read: Read) -> None:
    rows, findings = read(root / "examples" / "register.csv", *shipped)
    with (root / "examples" / "register.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(rows) == len(list(csv.DictReader(file))) > 50
    assert all(finding.place.line > 1 and finding.column for finding in findings)
    assert {step.action for row in rows for step in row.steps} >= {
        "decide_award",
        "sign_contract",
        "accept",
        "pay",
    }
    amounts = [value for row in rows for _, _, fact, value in row.facts if fact == "amount"]
    assert 93_960_000 in amounts  # 93.96 万元


def test_all_twelve_files_of_a_real_register_fit_by_their_headers(
    real_data: Path, shipped: list[Mapping], read: Read
) -> None:
    folder = real_data / "kosovo-prishtina"
    assert Counter(open_source(folder, shipped, until=UNTIL).mappings.values()) == {
        "kosovo-2010": 7, "kosovo-2017": 2, "kosovo-2018": 1, "kosovo-lipjan": 2,
    }  # fmt: skip
    counted: Counter[str] = Counter()
    signed = 0
    for path in folder.rglob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
        name = path.relative_to(folder).as_posix()
        counted[name] = sum(any(map(str.strip, row)) for row in table[1:])
        column = next(
            n for n, title in enumerate(table[0]) if title.startswith("Data e n") and "Aneks" not in title
        )
        signed += sum(bool(row[column].strip()) for row in table[1:])
    rows, findings = read(folder, *shipped)
    assert Counter(row.place.file for row in rows) == counted
    assert sum(counted.values()) == len(rows) == 2561
    assert sum(bool(row.refused) for row in rows) == 0
    seen = sum(step.action == "sign_contract" for row in rows for step in row.steps)
    unread = sum(f.column.startswith("Data e n") and "Aneks" not in f.column for f in findings)
    assert seen + unread == signed
    assert Counter(f.kind for f in findings) == {
        "several_dates": 11,
        "unreadable_date": 9,
        "not_only_a_date": 1,
    }
    assert {row.currency for row in rows} == {"EUR"}


def test_a_real_list_of_award_notices_is_accounted_for_row_by_row(
    real_data: Path, shipped: list[Mapping], read: Read
) -> None:
    path = real_data / "cn-yichang-ggzy" / "award_results.jsonl"
    rows, findings = read(path, *shipped)
    with path.open(encoding="utf-8") as file:
        assert len(rows) == sum(bool(line.strip()) for line in file) == 1679
    assert [f for f in findings if f.kind != "unreadable_amount"] == []
    assert Counter(step.action for row in rows for step in row.steps) == {
        "publish_result": 1679, "issue_award_letter": 1679,
    }  # fmt: skip
    assert ("package_number", "XSA070002-202402-01(2)") in rows[0].aliases
    assert sum(fact == "award_amount" for row in rows for _, _, fact, _ in row.facts) == 1372
