"""OCDS files, versions 1.0 and 1.1: release packages, record packages, bare releases and records.

One row per release, named by ocid and release id. A record counts as its compiled release, else as its
releases; a release that is only linked has no content and is refused. What the fields mean for the
workflows stands in `ocds_release` and docs/decisions/0005-ocds-mapping.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from exchange.cells import Trouble
from exchange.dates import ISO, DateReader
from exchange.jsonfile import JsonFile
from exchange.jsonlines import read_values
from exchange.ledger import UNREADABLE
from exchange.observation import Finding, Place, Row
from exchange.ocds_release import identifier, row_of_release

_SIGNS = frozenset({"ocid", "compiledRelease", "versionedRelease", "releases", "records"})
LINKED = "linked_release"
"""Why a row is refused of which the source has nothing but its address."""


class OcdsReader:
    """Reads OCDS files one after the other and counts every release once.

    ``findings`` collects what belongs to no row: releases met again, in whichever file.
    """

    def __init__(self, until: date) -> None:
        """``until`` decides which years are believed."""
        self._dates = DateReader((ISO,), until)
        self._met: set[bytes] = set()
        self.findings: list[Finding] = []

    def rows(self, path: Path, name: str) -> Iterator[Row]:
        """Yield the rows of one file in its order; ``DamagedFile`` as soon as damage is reached."""
        for line, release in _releases(path, name):
            row = self._row(release, name, line)
            if row is not None:
                yield row

    def _row(self, release: Any, name: str, line: int) -> Row | None:
        if isinstance(release, Trouble):
            return _unreadable(Place(name, line), release)
        if not isinstance(release, dict):
            trouble = Trouble("not_an_object", "这一项不是 JSON 对象，不采用")
            return _unreadable(Place(name, line), trouble)
        ocid, item = identifier(release.get("ocid")), identifier(release.get("id"))
        link = identifier(release.get("url"))
        place = Place(name, line, item or link)
        if ocid and (item or link) and not self._first(ocid, item or link):
            message = f"发布 {item or link}（{ocid}）已读过一次，这里不再计入"
            self.findings.append(Finding("duplicate_release", place, message))
            return None
        if not item and link and not _has_content(release):
            return Row(place, ocid or str(place), refused=LINKED)
        if not ocid:
            return Row(place, str(place), refused="no_ocid")
        row = row_of_release(release, place, ocid, self._dates)
        if not item:
            row.findings.insert(0, Finding("no_release_id", place, "发布没有 id，以文件和行号识别"))
        return row

    def _first(self, ocid: str, item: str) -> bool:
        # 16 bytes instead of two long texts: archives hold millions of releases.
        name = blake2b(f"{ocid}\n{item}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if name in self._met:
            return False
        self._met.add(name)
        return True


def is_ocds(path: Path, name: str) -> bool:
    """Whether a ``.json`` or ``.jsonl`` file looks like OCDS: its first object has one of OCDS's keys.

    Raises ``DamagedFile`` where it is no JSON up to there.
    """
    if path.suffix.lower() == ".jsonl":
        first = next((item for _, item, _ in islice(read_values(path, name, ""), 20) if item), None)
        return first is not None and not _SIGNS.isdisjoint(first)
    file = JsonFile(path, name)
    if file.peek() == "[":
        first = next((file.value() for _ in file.items()), None)
        return isinstance(first, dict) and not _SIGNS.isdisjoint(first)
    if file.peek() != "{":
        file.value()
        return False
    for key in file.members():
        if key in _SIGNS:
            return True
        file.value()
    return False


def _releases(path: Path, name: str) -> Iterator[tuple[int, Any]]:
    """Yield (line, release) for every release of a file, whatever it is wrapped in."""
    if path.suffix.lower() == ".jsonl":
        for line, item, trouble in read_values(path, name, ""):
            yield from ((line, release) for release in _unwrapped(trouble if item is None else item))
        return
    file = JsonFile(path, name)
    # Several values one after the other are JSON lines under another name.
    while file.peek():
        line = file.line()
        if file.peek() == "[":
            yield from _listed(file)
        elif file.peek() == "{":
            yield from _object(file, line)
        else:
            yield line, file.value()


def _listed(file: JsonFile) -> Iterator[tuple[int, Any]]:
    for line in file.items():
        for release in _unwrapped(file.value()):
            yield line, release


def _object(file: JsonFile, line: int) -> Iterator[tuple[int, Any]]:
    """Read a package item by item; anything else is read whole and unwrapped."""
    whole: dict[str, Any] = {}
    # The releases of a bare record step back behind its compiled release, which may stand further down.
    in_record = file.mentions("compiledRelease", "versionedRelease")
    streamed = False
    for key in file.members():
        if file.peek() == "[" and (key == "records" or (key == "releases" and not in_record)):
            streamed = True
            yield from _listed(file)
        else:
            whole[key] = file.value()
    if not streamed:
        yield from ((line, release) for release in _unwrapped(whole))


def _unwrapped(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        yield value
        return
    compiled, releases, records = (value.get(key) for key in ("compiledRelease", "releases", "records"))
    if isinstance(records, list):
        for record in records:
            yield from _unwrapped(record)
    elif isinstance(compiled, dict):
        yield _with_ocid(compiled, value)
    elif isinstance(releases, list):
        for release in releases:
            yield _with_ocid(release, value)
    elif "versionedRelease" in value and "date" not in value:
        yield {"ocid": value.get("ocid"), "url": "versionedRelease"}
    else:
        yield value


def _with_ocid(release: Any, record: dict[str, Any]) -> Any:
    """A linked release names no ocid of its own; its record does."""
    if isinstance(release, dict) and "ocid" not in release and "ocid" in record:
        return {**release, "ocid": record["ocid"]}
    return release


def _has_content(release: dict[str, Any]) -> bool:
    return any(key in release for key in ("tender", "awards", "contracts", "planning", "buyer"))


def _unreadable(place: Place, trouble: Trouble) -> Row:
    return Row(
        place, str(place), findings=[Finding(trouble.kind, place, trouble.message)], refused=UNREADABLE
    )
