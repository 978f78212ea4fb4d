"""Replaying and importing a register: what is judged, what fires, what is found, and twice the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from freezegun import freeze_time

from tests.conftest import Ran

Run = Callable[..., Ran]

# 2026-03-02 is a Monday; 2026-02-15 … 02-23 is Spring Festival, 2026-02-14 and 02-28 are worked Saturdays


@pytest.fixture
def register(tmp_path: Path) -> Callable[..., Path]:
    """Write a register from the shipped sample's header; unnamed columns stay empty."""
    sample = (Path(__file__).resolve().parents[2] / "examples" / "register.csv").read_text("utf-8-sig")
    header = sample.splitlines()[0].split(",")

    def write(*rows: dict[str, str], name: str = "register.csv") -> Path:
        lines = [",".join(header)]
        for number, row in enumerate(rows, 1):
            cells = {
                "项目编号": f"CG-{number:03d}",
                "项目名称": f"第{number}号采购",
                "采购单位": "市一中",
                **row,
            }
            lines.append(",".join(cells.get(h, "") for h in header))
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


def replayed(run: Run, source: Path, *more: str) -> dict:  # type: ignore[type-arg]
    ran = run("replay", str(source), "--until", "2026-06-01", "--json", *more)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_a_contract_signed_on_the_next_working_day_keeps_the_promise_and_a_day_later_does_not(
    run: Run, register: Callable[..., Path]
) -> None:
    before = {"通知书发出": "2026-02-13", "合同签订": "2026-02-13"}  # Friday, the same day
    at = {"通知书发出": "2026-02-14", "合同签订": "2026-02-24"}  # worked Saturday → Tuesday after the holiday
    after = {"通知书发出": "2026-02-14", "合同签订": "2026-02-25"}  # one day later, a Wednesday
    report = replayed(run, register(before, at, after))
    clock = report["clocks"]["sign_contract"]
    assert (clock["judged"], clock["in_promise"], clock["in_law"], clock["late"]) == (3, 2, 3, 0)
    assert report["messages"]["overdue"]["sms"] > 0
    assert report["cases"] == {}


def test_lateness_counts_calendar_days_beyond_the_latest_moment_over_the_late_ones_only(
    run: Run, register: Callable[..., Path]
) -> None:
    # the letter of Monday 2026-03-02: 30 days end on Wednesday 2026-04-01
    rows = [
        {"通知书发出": "2026-03-02", "合同签订": day} for day in ("2026-04-01", "2026-04-02", "2026-04-09")
    ]
    clock = replayed(run, register(*rows))["clocks"]["sign_contract"]
    assert (clock["in_law"], clock["late"]) == (1, 2)
    assert (clock["median_late_days"], clock["p90_late_days"]) == (1, 8)


def test_nothing_late_gives_no_median(run: Run, register: Callable[..., Path]) -> None:
    clock = replayed(run, register({"通知书发出": "2026-03-02", "合同签订": "2026-03-03"}))["clocks"][
        "sign_contract"
    ]
    assert (clock["late"], clock["median_late_days"], clock["p90_late_days"]) == (0, None, None)


def test_an_open_contract_warns_and_opens_a_case_two_working_days_after_the_promise(
    run: Run, register: Callable[..., Path]
) -> None:
    report = replayed(run, register({"通知书发出": "2026-03-02"}))
    assert report["clocks"]["sign_contract"]["open"] == 1
    assert report["clocks"]["sign_contract"]["judged"] == 0
    assert report["cases"] == {"tracker": 1}
    assert report["messages"]["overdue"]["sms"] == 3  # officer, head, tracker


def test_the_replay_stops_at_until_and_says_what_lies_beyond(run: Run, register: Callable[..., Path]) -> None:
    source = register({"通知书发出": "2026-05-29", "合同签订": "2026-06-01"})  # Friday, Monday
    report = replayed(run, source)
    assert report["clocks"]["sign_contract"] == {
        "judged": 0, "in_promise": 0, "in_agreed": None, "in_law": 0, "late": 0, "open": 1,
        "median_late_days": None, "p90_late_days": None,
    }  # fmt: skip
    assert report["findings"] == {"after_until": 1}


def test_the_same_source_and_until_give_the_same_bytes(run: Run, register: Callable[..., Path]) -> None:
    source = register({"通知书发出": "2026-03-02"}, {"通知书发出": "2026-03-05", "合同签订": "2026-03-04"})
    first = run("replay", str(source), "--until", "2026-06-01", "--json")
    second = run("replay", str(source), "--until", "2026-06-01", "--json")
    assert first.out == second.out


def test_dates_in_the_wrong_order_are_a_finding_with_file_and_line(
    run: Run, register: Callable[..., Path]
) -> None:
    report = replayed(run, register({}, {"通知书发出": "2026-03-05", "合同签订": "2026-03-04"}))
    found = {(f["kind"], f["file"], f["line"]) for f in report["finding_list"]}
    assert ("wrong_order", "register.csv", 3) in found
    assert ("end_before_start", "register.csv", 3) in found
    assert ("no_readable_date", "register.csv", 2) in found
    assert report["rows"] == {"read": 2, "replayed": 1, "refused": 1, "without_steps": 0}


def test_every_shown_rule_is_judged_or_said_to_lack_a_fact(run: Run, register: Callable[..., Path]) -> None:
    report = replayed(
        run, register({"通知书发出": "2026-03-02", "合同签订": "2026-03-03", "资金支付": "2026-03-20"})
    )
    assert any(key.startswith("R68") for key in report["rules_not_judged"])
    assert not any(kind.startswith("rule_") for kind in report["findings"])


def test_a_replay_never_touches_a_database_in_use(
    run: Run, register: Callable[..., Path], tmp_path: Path
) -> None:
    source = register({"通知书发出": "2026-03-02"})
    kept = str(tmp_path / "kept.db")
    assert run("replay", str(source), "--db", kept).code == 0
    again = run("replay", str(source), "--db", kept)
    assert again.code == 7
    assert "已经有事项" in again.err


def test_a_day_before_the_calendar_begins_is_a_finding_and_others_go_on(
    run: Run, register: Callable[..., Path]
) -> None:
    rows = [
        {"通知书发出": "1995-05-12", "合同签订": "1995-05-15"},
        {"通知书发出": "2026-03-02", "合同签订": "2026-03-03"},
    ]
    report = replayed(run, register(*rows), "--calendar", "XK")  # Kosovo's begins in 2009
    assert report["clocks"]["sign_contract"]["judged"] == 1
    assert [f["kind"] for f in report["finding_list"]] == ["outside_calendar", "outside_calendar"]


@pytest.fixture
def city(run: Run) -> Run:
    """A city that went live on Monday 2026-03-09 at 09:00."""
    with freeze_time("2026-03-09 01:00:00"):
        assert run("--as", "张三", "init", "--unit", "市一中").code == 0
    return run


def test_an_import_fires_nothing_for_the_past_and_again_changes_nothing(
    city: Run, register: Callable[..., Path]
) -> None:
    source = register(
        {"通知书发出": "2026-01-05"}, {"通知书发出": "2026-03-06"}
    )  # Monday long ago, last Friday
    with freeze_time("2026-03-09 02:00:00"):
        preview = json.loads(city("import", str(source), "--dry-run", "--json").out)
        first = json.loads(city("import", str(source), "--json").out)
        second = json.loads(city("import", str(source), "--json").out)
        beat = city("patrol", "--json")
    assert (preview["opened"], first["opened"]) == (2, 2)
    assert (first["fires"], first["messages"]) == (0, 0)
    assert (second["opened"], second["unchanged"], second["actions"]) == (0, 2, 0)
    assert beat.code == 0
    told = json.loads(beat.out)
    # the installation's own duty of the running year is no register's
    assert [duty["matter"] for duty in told["opened"]] == ["D53-市一中-2026"]
    assert {fire["matter"] for fire in told["fires"]} == {"D53-市一中-2026"}


def test_after_going_live_an_imported_clock_warns_like_any_other(
    city: Run, register: Callable[..., Path]
) -> None:
    source = register({"通知书发出": "2026-03-09"})  # the Monday itself: promised for Tuesday
    with freeze_time("2026-03-09 02:00:00"):
        assert city("import", str(source)).code == 0
    with freeze_time("2026-03-10 16:00:00"):  # 24:00 of Tuesday in Shanghai
        fires = json.loads(city("patrol", "--json").out)["fires"]
    assert [f["rung"] for f in fires if f["does"] == "warn"] == ["overdue"]


def test_a_newer_export_updates_the_project_it_names(city: Run, register: Callable[..., Path]) -> None:
    with freeze_time("2026-03-09 02:00:00"):
        assert city("import", str(register({"通知书发出": "2026-03-09"}))).code == 0
    newer = register({"通知书发出": "2026-03-09", "合同签订": "2026-03-10"})
    with freeze_time("2026-03-11 02:00:00"):
        report = json.loads(city("import", str(newer), "--json").out)
    assert (report["opened"], report["updated"], report["actions"], report["known"]) == (0, 1, 1, 1)


def test_a_unit_that_is_not_registered_is_a_finding_and_others_go_on(
    city: Run, register: Callable[..., Path]
) -> None:
    source = register({"通知书发出": "2026-03-06", "采购单位": "市二中"}, {"通知书发出": "2026-03-06"})
    with freeze_time("2026-03-09 02:00:00"):
        report = json.loads(city("import", str(source), "--json").out)
    assert report["opened"] == 1
    assert [f["kind"] for f in report["finding_list"]] == ["not_imported"]
    assert "--add-units" in report["finding_list"][0]["message"]


def test_what_lies_in_the_future_is_not_recorded(city: Run, register: Callable[..., Path]) -> None:
    source = register({"通知书发出": "2026-03-06", "合同签订": "2026-03-20"})
    with freeze_time("2026-03-09 02:00:00"):
        report = json.loads(city("import", str(source), "--json").out)
    assert report["findings"] == {"future_date": 1}
