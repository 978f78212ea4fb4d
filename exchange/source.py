"""A file or a folder as one stream of rows. 来源

Only .csv, .xlsx, .jsonl and .json are looked at, in order of their paths; anything else in a folder is
passed over in silence. Which mapping reads which table follows from the headers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.errors import BadInput, NotFound
from exchange.cells import quoted
from exchange.ledger import Header, Options, kind_of, read_headers, read_records
from exchange.mapping import Fit, Mapping, choose, lay_over, missing
from exchange.observation import Finding, Place, Row
from exchange.ocds import OcdsReader, is_ocds
from exchange.rows import RowMaker

SUFFIXES = frozenset({".csv", ".xlsx", ".jsonl", ".json"})
_SHOWN_HEADERS = 12


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One readable file: ``fit`` is how its table is read, ``None`` for OCDS."""

    path: Path
    name: str
    size: int
    fit: Fit | None


class Source:
    """The rows of a file or folder, in file and line order; iterating again reads again.

    ``findings`` holds what belongs to no row (files nobody can read, unknown columns, releases met
    twice); it is complete when the iteration has ended. ``bytes_done`` of ``bytes_total`` are read.
    """

    def __init__(self, path: Path, files: list[SourceFile], findings: list[Finding], until: date) -> None:
        """Made by ``open_source``."""
        self.path = path
        self.files = files
        self.bytes_total = sum(file.size for file in files)
        self.bytes_done = 0
        self._opening = tuple(findings)
        self._until = until
        self.findings: list[Finding] = list(findings)

    def __iter__(self) -> Iterator[Row]:
        """Read; raises ``DamagedFile`` as soon as damage is reached."""
        self.findings = list(self._opening)
        self.bytes_done = 0
        ocds = OcdsReader(self._until)
        for file in self.files:
            if file.fit is None:
                known = len(ocds.findings)
                yield from ocds.rows(file.path, file.name)
                self.findings.extend(ocds.findings[known:])
            else:
                maker = RowMaker(file.fit, file.name, self._until)
                options = file.fit.mapping.options
                for record in read_records(file.path, file.name, options, file.fit.header):
                    yield maker.make(record)
            self.bytes_done += file.size

    @property
    def mappings(self) -> dict[str, str]:
        """Which mapping reads which file; ``ocds`` is the one built in."""
        return {file.name: file.fit.mapping.name if file.fit else "ocds" for file in self.files}


def open_source(
    path: Path, mappings: Sequence[Mapping], *, until: date, mapping: Mapping | None = None
) -> Source:
    """Open a file or a folder; with ``mapping`` every table is read by that one.

    ``until`` is the last day of the replay: its year + 1 is the last year believed. Raises ``NotFound``,
    ``BadInput`` where nothing can be read or several mappings fit equally well, and ``DamagedFile``.
    """
    single = path.is_file()
    if not single and not path.is_dir():
        raise NotFound(f"没有这个文件或文件夹：{path}", then="检查路径")
    names = [path.name] if single else list(_names(path))
    files: list[SourceFile] = []
    findings: list[Finding] = []
    for name in names:
        file = path if single else path / name
        size = file.stat().st_size
        if _reads_as_ocds(file, name):
            files.append(SourceFile(file, name, size, None))
            continue
        fit = _fit(file, name, mappings, mapping, findings)
        if fit is not None:
            files.append(SourceFile(file, name, size, fit))
            place = Place(name, fit.header.line or 1)
            for header in fit.unknown:
                message = f"对照 {fit.mapping.name} 没有说明这一列：{quoted(header)}"
                findings.append(Finding("unknown_column", place, message, header))
    if not files:
        raise _nothing(path, single, names, findings)
    return Source(path, files, findings, until)


def _names(folder: Path) -> Iterator[str]:
    """The files of a folder and its folders, by path; those of other programs at work are left out."""
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(
            (Path(parent) / name).relative_to(folder).as_posix()
            for name in files
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith((".", "~$"))
        )
    yield from sorted(found)


def _reads_as_ocds(file: Path, name: str) -> bool:
    return file.suffix.lower() in (".json", ".jsonl") and is_ocds(file, name)


def _fit(
    file: Path, name: str, mappings: Sequence[Mapping], only: Mapping | None, findings: list[Finding]
) -> Fit | None:
    """Find the mapping of a table; a finding with the headers says that there is none."""
    if not kind_of(file):
        findings.append(Finding("no_mapping", Place(name, 1), "不是 OCDS 数据，也不是台账，不读"))
        return None
    read: dict[Options, list[Header]] = {}
    fits: list[Fit] = []
    for mapping in (only,) if only is not None else mappings:
        headers = read.get(mapping.options)
        if headers is None:
            headers = read[mapping.options] = _headers(file, name, mapping.options, strict=only is not None)
        fit = lay_over(mapping, headers)
        if fit is not None:
            fits.append(fit)
    chosen = choose(fits, name)
    if chosen is None:
        first = next(iter(read.values()), None) or read_headers(file, name, Options())
        findings.append(Finding("no_mapping", Place(name, 1), _no_mapping(first, only)))
    return chosen


def _headers(file: Path, name: str, options: Options, *, strict: bool) -> list[Header]:
    """Read headers as a mapping declares; a mapping for another encoding or sheet just does not fit."""
    try:
        return read_headers(file, name, options)
    except (BadInput, UnicodeError):
        if strict:
            raise
        return []


def _no_mapping(headers: list[Header], only: Mapping | None) -> str:
    if not headers:
        return "文件里没有表头，也没有一行数据"
    if only is not None:
        return f"不符合对照 {only.name}，缺少表头：{'、'.join(missing(only, headers))}"
    names = max(headers, key=lambda header: len(header.names)).names
    more = f" 等 {len(names)} 列" if len(names) > _SHOWN_HEADERS else ""
    return f"没有一个对照符合这些表头：{'、'.join(names[:_SHOWN_HEADERS])}{more}"


def _nothing(path: Path, single: bool, names: list[str], findings: list[Finding]) -> BadInput:
    if not names:
        return BadInput(
            f"{path} 里没有可读的文件",
            why=f"只读这些扩展名：{'、'.join(sorted(SUFFIXES))}",
            then="检查路径，或把文件另存为其中一种",
        )
    if single and path.suffix.lower() not in SUFFIXES:
        return BadInput(
            f"不认识的文件类型：{path.name}",
            why=f"只读这些扩展名：{'、'.join(sorted(SUFFIXES))}",
            then="另存为其中一种，再试",
        )
    why = findings[0].message if findings else ""
    what = f"{path} 不知道怎么读" if single else f"{path} 里 {len(names)} 个文件都不知道怎么读"
    tables = [name for name in names if kind_of(Path(name))]
    if not tables:
        return BadInput(what, why=why, then="检查是否拿对了文件，或从原系统导出台账（.csv、.xlsx、.jsonl）")
    example = path if single else path / tables[0]
    return BadInput(
        what,
        why=why,
        then=f"运行 yiriban mapping suggest {example} > 对照.yaml，核对后用 --mapping 对照.yaml 再试",
    )
