"""What the workflow files said is kept for the next command; nothing that lies on the shelf can do any harm."""

from __future__ import annotations

import os
import pickle
from datetime import date
from pathlib import Path

import pytest

from engine import reader
from engine.errors import BrokenWorkflows
from engine.reader import Read, read_both, read_bundle_from
from engine.term import Length
from runtime.settings import SHIPPED_WORKFLOWS
from runtime.shelf import MOST, DiskShelf

KEY = "0" * 64


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskShelf:
    """A shelf of a process that has read nothing yet."""
    monkeypatch.setattr(reader, "_KNOWN", {})
    return DiskShelf(tmp_path / "shelf")


def other_process() -> None:
    """Forget what this process remembers."""
    reader._KNOWN.clear()


def test_the_next_process_takes_what_one_has_read(shelf: DiskShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_both(SHIPPED_WORKFLOWS, None, shelf)
    other_process()
    monkeypatch.setattr(reader, "_bundle", None)  # reading anew would be an error
    assert read_both(SHIPPED_WORKFLOWS, None, shelf) == first


def test_an_old_bundle_of_the_database_is_kept_too(shelf: DiskShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read_both(SHIPPED_WORKFLOWS).bundle.files
    first = read_bundle_from(files, shelf)
    other_process()
    monkeypatch.setattr(reader, "_bundle", None)
    assert read_bundle_from(files, shelf) == first


def test_a_changed_file_is_read_anew_and_a_faulty_one_never_kept(shelf: DiskShelf, tmp_path: Path) -> None:
    overlay = tmp_path / "本地"
    (overlay / "law").mkdir(parents=True)
    term = (SHIPPED_WORKFLOWS / "law" / "contract_signing.yaml").read_text("utf-8")
    (overlay / "law" / "contract_signing.yaml").write_text(term.replace("30 days", "29 days", 1), "utf-8")
    read_both(SHIPPED_WORKFLOWS, None, shelf)
    changed = read_both(SHIPPED_WORKFLOWS, overlay, shelf).bundle.terms["contract_signing"]
    assert Length(29, "days") in [value.value for value in changed.statutory.values]
    kept = set((tmp_path / "shelf").iterdir())
    (overlay / "law" / "contract_signing.yaml").write_text("term: [", "utf-8")
    for _ in range(2):
        with pytest.raises(BrokenWorkflows):
            read_both(SHIPPED_WORKFLOWS, overlay, shelf)
    assert set((tmp_path / "shelf").iterdir()) == kept


class Harm:
    """What somebody might put there."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo harm > harm.txt",)


@pytest.mark.parametrize(
    "put",
    [
        b"",
        b"nonsense",
        pickle.dumps(Harm()),
        pickle.dumps({"no": "bundle"}),
        pickle.dumps(date(2026, 11, 22)),
    ],
)
def test_what_was_not_put_there_by_us_is_as_good_as_nothing(
    put: bytes, shelf: DiskShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.put(KEY, Read(read_both(SHIPPED_WORKFLOWS).bundle, {}))
    assert shelf.take(KEY) is not None
    [file] = (tmp_path / "shelf").iterdir()
    file.write_bytes(put)
    assert shelf.take(KEY) is None
    assert not (tmp_path / "harm.txt").exists()


def test_half_a_file_is_none(shelf: DiskShelf, tmp_path: Path) -> None:
    read = read_both(SHIPPED_WORKFLOWS, None, shelf)
    [file] = (tmp_path / "shelf").iterdir()
    data, key = file.read_bytes(), file.stem.rpartition("-")[2]
    assert shelf.take(key) == read
    for length in range(0, len(data), len(data) // 40):
        file.write_bytes(data[:length])
        assert shelf.take(key) is None
    other_process()
    assert read_both(SHIPPED_WORKFLOWS, None, shelf) == read


def test_a_place_where_nobody_may_write_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_KNOWN", {})
    (tmp_path / "file").write_text("", "utf-8")
    assert read_both(SHIPPED_WORKFLOWS, None, DiskShelf(tmp_path / "file" / "shelf")).bundle.workflows


def test_only_the_newest_are_kept_and_by_nobody_else(shelf: DiskShelf, tmp_path: Path) -> None:
    read = Read(read_both(SHIPPED_WORKFLOWS).bundle, {})
    for number in range(MOST + 3):
        shelf.put(f"{number:064}", read)
    assert len(list((tmp_path / "shelf").iterdir())) == MOST
    assert (tmp_path / "shelf").stat().st_mode & 0o077 == 0
