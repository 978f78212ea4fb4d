"""OCDS packages, records and bare releases, in both versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput, DamagedFile
from exchange.observation import Finding, Row

Read = Callable[..., tuple[list[Row], list[Finding]]]


def _release(number: str = "1", ocid: str = "ocds-x-1", **more: Any) -> dict[str, Any]:
    return {
        "ocid": ocid,
        "id": number,
        "date": "2025-01-01T00:00:00Z",
        "tag": ["contract"],
        "contracts": [{"id": "c1", "dateSigned": "2025-03-05T23:00:00-05:00"}],
        **more,
    }


def _write(path: Path, value: Any, *, indent: int | None = None) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent), encoding="utf-8")
    return path


FULL = _release(
    buyer={"name": "市图书馆"},
    tender={"id": 7, "title": "办公桌椅", "awardPeriod": {"endDate": "2025-02-20T00:00:00Z"}},
    awards=[
        {
            "id": "a1",
            "status": "active",
            "date": "2025-03-03T01:00:00+08:00",
            "suppliers": {"name": "甲公司"},
            "value": {"amount": 100.005, "currency": "EUR"},
            "documents": [
                {"documentType": "Award Notice", "datePublished": "2025-03-05"},
                {"documentType": "awardNotice", "datePublished": "2025-03-04"},
                {"documentType": "evaluationReports", "datePublished": "2025-02-21"},
            ],
        },
        {"id": "a2", "status": "unsuccessful", "date": "2025-03-03"},
    ],
    contracts=[
        {
            "id": "c1",
            "awardID": "a1",
            "status": "active",
            "dateSigned": "2025-03-06",
            "value": {"amount": 100, "currency": "EUR"},
            "documents": [{"documentType": "contractSigned", "datePublished": "2025-03-07"}],
            "implementation": {
                "transactions": [
                    {"id": "t1", "date": "2025-04-01", "value": {"amount": 60, "currency": "EUR"}},
                    {"id": "t2", "date": "2107-04-01", "amount": {"amount": 40, "currency": "EUR"}},
                ],
                "milestones": [{"id": "m", "type": "delivery", "dateMet": "2025-03-20"}],
            },
        },
        {"id": "c2", "awardID": "a1", "extendsContractID": "c1", "dateSigned": "2025-09-01"},
        {"id": "c3", "status": "cancelled", "dateSigned": "2025-03-06"},
    ],
)


def test_a_release_says_when_things_happened_and_nothing_of_the_evaluation(
    tmp_path: Path, read: Read
) -> None:
    (row,), findings = read(_write(tmp_path / "a.json", FULL))
    assert [(s.workflow, s.action, s.day.isoformat(), s.parts) for s in row.steps] == [
        ("package", "decide_award", "2025-03-03", ("a1",)),  # Monday
        ("package", "issue_award_letter", "2025-03-04", ("a1",)),  # Tuesday, the first notice
        ("package", "publish_result", "2025-03-04", ("a1",)),  # Tuesday
        ("contract", "sign_contract", "2025-03-06", ("a1", "c1")),  # Thursday
        ("contract", "publish_contract", "2025-03-07", ("a1", "c1")),  # Friday
        ("instalment", "pay", "2025-04-01", ("a1", "c1", "t1")),  # Tuesday
    ]
    assert row.facts == [
        ("package", ("a1",), "supplier", "甲公司"),
        ("package", ("a1",), "award_amount", 10_001),
        ("contract", ("a1", "c1"), "amount", 10_000),
        ("instalment", ("a1", "c1", "t1"), "paid_amount", 6_000),
    ]
    assert (row.project, row.title, row.unit, row.currency) == ("ocds-x-1", "办公桌椅", "市图书馆", "EUR")
    assert row.aliases == [("ocid", "ocds-x-1"), ("tender", "7")]
    assert sorted(f.kind for f in findings) == [
        "amount_rounded", "award_not_active", "contract_amendment", "contract_not_active",
        "year_out_of_range",
    ]  # fmt: skip


WRAPPINGS: list[tuple[str, Any]] = [
    ("a bare release", _release()),
    ("a list of releases", [_release()]),
    ("a release package", {"uri": "x", "publishedDate": "2025-01-01", "releases": [_release()]}),
    ("a release package of version 1.1", {"version": "1.1", "publisher": {}, "releases": [_release()]}),
    ("a record package", {"uri": "x", "records": [{"ocid": "ocds-x-1", "compiledRelease": _release()}]}),
    ("a record with releases only", {"records": [{"ocid": "ocds-x-1", "releases": [_release()]}]}),
    (
        "a bare record with its releases first",
        {"uri": "x", "releases": [_release("9")], "versionedRelease": {}, "compiledRelease": _release()},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRAPPINGS, ids=[name for name, _ in WRAPPINGS])
def test_a_release_is_one_row_whatever_it_is_wrapped_in(
    tmp_path: Path, read: Read, name: str, value: Any
) -> None:
    (row,), findings = read(_write(tmp_path / "a.json", value))
    assert (row.place.item, row.refused, findings) == ("1", "", [])
    assert [s.day.isoformat() for s in row.steps] == ["2025-03-05"]  # Wednesday as written, Thursday in UTC


def test_json_lines_of_releases_are_ocds_under_either_ending(tmp_path: Path, read: Read) -> None:
    text = "\n".join(json.dumps(_release(str(n), f"ocds-x-{n}")) for n in range(3)) + "\n"
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        rows, findings = read(tmp_path / name)
        assert [(row.place.line, row.project) for row in rows] == [
            (1, "ocds-x-0"),
            (2, "ocds-x-1"),
            (3, "ocds-x-2"),
        ]
        assert findings == []


def test_the_same_release_in_several_files_counts_once_with_a_finding(tmp_path: Path, read: Read) -> None:
    _write(tmp_path / "1.json", {"uri": "x", "releases": [_release("1"), _release("2")]}, indent=1)
    _write(tmp_path / "2.json", {"uri": "x", "releases": [_release("2"), _release("2", "ocds-x-2")]})
    rows, findings = read(tmp_path)
    assert [(row.project, row.place.item) for row in rows] == [
        ("ocds-x-1", "1"),
        ("ocds-x-1", "2"),
        ("ocds-x-2", "2"),
    ]
    assert [(f.kind, str(f.place)) for f in findings] == [("duplicate_release", "2.json:1#2")]
    lines = (tmp_path / "1.json").read_text(encoding="utf-8").splitlines()
    assert [lines[row.place.line - 1].strip() for row in rows[:2]] == ["{", "{"]
    assert rows[1].place.line > rows[0].place.line > 1


def test_releases_without_content_ocid_or_date_are_refused_with_the_reason(
    tmp_path: Path, read: Read
) -> None:
    linked = {"date": "2025-01-01T00:00:00Z", "tag": ["tender"], "url": "https://example.org/1.json"}
    package = {
        "uri": "x",
        "records": [{"ocid": "ocds-x-1", "releases": [linked]}],
        "releases": [
            {"id": "2", "contracts": []},
            _release("3", contracts=[]),
            _release("4", awards=None),
            5,
        ],
    }
    rows, _ = read(_write(tmp_path / "a.json", package))
    assert [row.refused for row in rows] == [
        "linked_release",
        "no_ocid",
        "no_readable_date",
        "",
        "unreadable_row",
    ]


def test_half_a_character_becomes_a_lost_one_and_a_whole_one_stays(tmp_path: Path, read: Read) -> None:
    text = json.dumps(_release(tender={"title": "A\ud800B\U0001f600"}))
    for name in ("a.json", "a.jsonl"):
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
        assert read(tmp_path / name)[0][0].title == "A\ufffdB\U0001f600"


def test_a_contract_of_no_award_stands_in_a_package_of_its_own(tmp_path: Path, read: Read) -> None:
    contracts = [
        {"id": "c1", "dateSigned": "2025-03-05"},
        {"id": "c2", "awardID": "a9", "dateSigned": "2025-03-05"},
    ]
    one = _write(tmp_path / "a.json", _release(contracts=contracts))
    assert [s.parts for s in read(one)[0][0].steps] == [("contract:c1", "c1"), ("a9", "c2")]
    two = _write(tmp_path / "b.json", _release(contracts=contracts, awards=[{"id": "a1"}]))
    assert [s.parts for s in read(two)[0][0].steps] == [("a1", "c1"), ("a9", "c2")]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (
            json.dumps({"uri": "x", "releases": [_release(str(n)) for n in range(50)]}, indent=1)[
                :5000
            ].encode(),
            "中断",
        ),
        (b'{"uri": "x",\n "releases": [{"ocid": "a" "id": 1}]}', "第 2 行"),
        (b'{"uri": "x",\n "releases": [{"ocid": "\xff"}]}', "第 2 行"),
        (b'{"uri": "x",\n "releases": [{"ocid": "a",\n "id": "\x00"}]}', "第 3 行"),
        (b'{"ocid": ' + b"[" * 100_000, "第 1 行"),
    ],
)
def test_damaged_json_is_named_with_its_line(tmp_path: Path, read: Read, data: bytes, where: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(DamagedFile) as refused:
        read(path)
    assert "a.json" in refused.value.what
    assert where in refused.value.what


def test_json_that_is_no_ocds_is_refused_or_passed_over_with_a_finding(tmp_path: Path, read: Read) -> None:
    other = _write(tmp_path / "a.json", {"year": 2025, "days": []})
    with pytest.raises(BadInput):
        read(other)
    _write(tmp_path / "b.json", _release())
    rows, findings = read(tmp_path)
    assert (len(rows), [(f.kind, f.place.file) for f in findings]) == (1, [("no_mapping", "a.json")])


def _count(value: Any, pairs: set[tuple[str, str]]) -> None:
    """Name every release of a file by ocid and id, as plainly as can be."""
    for record in value.get("records", []):
        _count({"ocid": record["ocid"], **record}, pairs)
    if "compiledRelease" in value:
        pairs.add((value["compiledRelease"]["ocid"], value["compiledRelease"]["id"]))
    elif "releases" in value:
        for release in value["releases"]:
            pairs.add((release.get("ocid") or value["ocid"], release.get("id") or release["url"]))
    elif "records" not in value:
        pairs.add((value["ocid"], value["id"]))


PUBLISHERS = {"armenia": 100, "colombia": 21, "mexico": 302, "paraguay": 65, "ukraine": 11}


@pytest.mark.parametrize("publisher", PUBLISHERS)
def test_every_release_of_a_real_publisher_is_counted_once(
    real_data: Path, read: Read, publisher: str
) -> None:
    folder = real_data / "ocds" / publisher
    pairs: set[tuple[str, str]] = set()
    for path in folder.rglob("*.json"):
        _count(json.loads(path.read_text(encoding="utf-8")), pairs)
    rows, findings = read(folder)
    assert len(rows) == len(pairs) == PUBLISHERS[publisher]
    assert {(row.project, row.place.item) for row in rows} == pairs
    assert all(finding.place.file and finding.place.line for finding in findings)
    assert all(row.refused or row.project for row in rows)
