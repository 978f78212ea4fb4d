"""Telephone numbers and addresses stand in one table; what is rehearsed leaves nothing behind."""

from __future__ import annotations

import pytest

from engine.directory import Person, mask_email, mask_phone, masked
from tests.people.conftest import Desk
from tests.people.test_rosters import table

NOW = "2026-11-03 10:00"  # Tuesday
PHONE, EMAIL = "13987654321", "canary.bird@example.org"
WRONG_PHONE, WRONG_EMAIL = "1398765432l", "canary.bird-example.org"


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    """王五 with a canary for telephone number and address, a second unit and a finance bureau."""
    for words in (
        ("person", "add", "王五", "--name", "王五", "--phone", PHONE, "--email", EMAIL),
        ("unit", "add", "市财政局"),
        ("person", "appoint", "王五", "专办员", "市一中"),
        ("person", "delegate", "张三", "王五"),
    ):
        desk.done(NOW, *words)
    return desk


def leaks(text: str) -> list[str]:
    """The canaries in a text, also with the gaps taken out and by their middles."""
    close = text.replace(" ", "").replace("-", "")
    return [bird for bird in (PHONE, PHONE[3:7], "canary", "9876543") if bird in text or bird in close]


def test_no_page_and_no_refusal_ever_shows_a_number_or_an_address(staffed: Desk) -> None:
    rows = [
        ("孙七", "", "专办员", "市一中", "", PHONE, EMAIL, "", ""),
        ("赵六", "", "专办员", "市一中", "", WRONG_PHONE, WRONG_EMAIL, "", ""),
        # columns shifted: the canaries stand where something else is expected
        (PHONE, EMAIL, PHONE, PHONE, EMAIL, "", "", PHONE, EMAIL),
        ("周九", "", f"专办员{PHONE}", EMAIL, PHONE, "", "", "", f"2026-11-20 {PHONE}"),
    ]
    file = table(staffed.folder, rows)
    (staffed.folder / "没有表头.csv").write_text(f"王五,{PHONE},{EMAIL}\n", encoding="utf-8")
    (staffed.folder / "多列.csv").write_text(f"姓名,{PHONE}\n王五,1\n", encoding="utf-8")
    commands = [
        ("person", "add", "王五", "--name", "王五", "--phone", PHONE, "--email", EMAIL),
        ("person", "add", "孙七", "--name", "孙七", "--phone", PHONE, "--email", EMAIL),
        ("person", "add", "孙七", "--name", "孙七", "--phone", WRONG_PHONE),
        ("person", "add", "孙七", "--name", "孙七", "--email", WRONG_EMAIL),
        ("person", "add", PHONE, "--name", "孙七"),
        ("person", "add", "孙七", "--name", EMAIL),
        ("person", "show", "王五"),
        ("person", "show", PHONE),
        ("person", "list"),
        ("person", "list", "--unit", "市一中"),
        ("person", "appoint", "王五", PHONE, "市一中"),
        ("person", "appoint", "王五", "财政部门", "市财政局"),
        ("person", "dismiss", "王五", "专办员", "市一中", "--dry-run"),
        ("person", "delegate", "张三", "王五", "--kind", "leave"),
        ("person", "import", file),
        ("person", "import", file, "--partial", "--dry-run"),
        ("person", "import", "没有表头.csv"),
        ("person", "import", "多列.csv"),
        ("unit", "show", "市一中"),
        ("unit", "list"),
        ("unit", "add", PHONE),
        ("project", "new", "图书", "--stage", "package.evaluating"),
        ("project", "show", "P2026-0001"),
        ("message", "list"),
        ("history", "show", "P2026-0001"),
    ]
    for words in commands:
        for more in ((), ("--json",)):
            ran = staffed.at(NOW, *words, *more)
            assert leaks(ran.out + ran.err) == [], words
    assert "139****4321" in staffed.done(NOW, "person", "show", "王五")
    assert "c***@example.org" in staffed.done(NOW, "person", "show", "王五")
    kept = [line for line in staffed.dump() if leaks(line)]
    assert kept
    assert all(line.startswith('INSERT INTO "person"') for line in kept)


def test_a_person_printed_by_mistake_shows_nothing() -> None:
    assert leaks(repr(Person("王五", "王五", "410400", EMAIL, PHONE))) == []


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("", ""),
        ("123456", "****"),
        ("1234567", "****67"),
        ("1234567890", "****90"),
        ("13987654321", "139****4321"),
        ("+8613987654321", "+86****4321"),
    ],
)
def test_the_shorter_a_number_the_less_of_it_is_shown(number: str, shown: str) -> None:
    assert mask_phone(number) == shown


def test_addresses_and_texts_are_masked_and_dates_and_staff_numbers_stay() -> None:
    assert [mask_email(a) for a in ("", "z@example.org", "zhang@example.org", "zhang")] == [
        "", "***@example.org", "z***@example.org", "***",
    ]  # fmt: skip
    assert (
        masked("工号20230001，2026-11-20 09:00，第13812345678行")
        == "工号20230001，2026-11-20 09:00，第138****5678行"
    )
    assert masked("致 zhang@example.org 或 0375-2991234") == "致 z***@example.org 或 037****1234"


@pytest.mark.parametrize(
    "words",
    [
        ("unit", "add", "市二中", "--under", "市一中"),
        ("unit", "jurisdiction", "add", "410000", "河南省", "--level", "province"),
        ("unit", "jurisdiction", "add", "410400", "平顶山市", "--level", "city"),
        ("person", "add", "孙七", "--name", "孙七"),
        ("person", "add", "王五", "--name", "王小五"),
        ("person", "appoint", "王五", "采购人代表", "市一中"),
        ("person", "appoint", "王五", "专办员", "市一中", "--until", "2026-12-31"),
        ("person", "dismiss", "王五", "专办员", "市一中"),
        ("person", "delegate", "李四", "王五", "--kind", "leave", "--until", "2026-12-31"),
        ("person", "import", "名册.csv"),
    ],
)
def test_a_rehearsal_says_what_the_deed_says_and_writes_nothing(
    staffed: Desk, words: tuple[str, ...]
) -> None:
    table(staffed.folder, [("孙七", "", "专办员", "市二中", "市一中", PHONE, EMAIL, "", "")])
    before = staffed.dump()
    rehearsed = staffed.data(NOW, *words, "--dry-run")
    assert staffed.dump() == before
    done = staffed.data(NOW, *words)
    assert staffed.dump() != before
    assert rehearsed.pop("dry_run") is True
    assert done.pop("dry_run") is False
    rehearsed.pop("written", None)
    done.pop("written", None)
    assert rehearsed == done
