"""Text files with an encoding to find out, and CSV records with the physical line they start on."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import BadInput, DamagedFile
from exchange.cells import Cell

Lines = Iterator[tuple[int, Sequence[Cell]]]
"""Records as (physical line on which the record starts, cells)."""

DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20
_END = "\ue000end-of-file\ue000"
_ENOUGH_UTF8 = 4
_LONGEST_CELL = 1 << 20


def detect_encoding(path: Path, name: str) -> str:
    """Find out whether a file is ``utf-8-sig``, ``utf-8`` or ``gb18030``.

    A file whose text is UTF-8 up to a broken place is a damaged UTF-8 file, not a GB 18030 one: read
    as the latter it would become nonsense in silence. Raises ``DamagedFile`` with the line.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DamagedFile(
            f"{name} 是 UTF-16 编码，不能直接读取",
            why="文件开头是 UTF-16 的标记",
            then="用 Excel 或记事本另存为 UTF-8 编码，再试",
        )
    if head[:4] == b"PK\x03\x04":
        raise DamagedFile(
            f"{name} 不是文本文件", why="内容是 Excel 工作簿或压缩包", then="把扩展名改为 .xlsx，再试"
        )
    if head[:3] == codecs.BOM_UTF8:
        return "utf-8-sig"
    before = _valid_utf8(path)
    if before is None:
        return "utf-8"
    if before >= _ENOUGH_UTF8:
        raise undecodable(path, name, "utf-8")
    return "gb18030"


def open_lines(path: Path, name: str, encoding: str) -> Iterator[str]:
    """Yield the physical lines of a text file with their line ends.

    ``encoding`` empty means: detect. Raises ``DamagedFile`` for undecodable bytes and NUL characters,
    ``BadInput`` for an encoding that does not exist.
    """
    used = encoding or detect_encoding(path, name)
    try:
        codecs.lookup(used)
    except LookupError as error:
        raise BadInput(
            f"没有这种编码：{used}", why=f"{name} 的对照文件这样声明", then="写 utf-8 或 gb18030"
        ) from error
    with path.open(encoding=used, newline="") as file:
        try:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise DamagedFile(
                        f"{name} 第 {number} 行含有空字节（NUL），文件已损坏",
                        why="文本文件里不会有空字节，多半是传输中断或存成了别的格式",
                        then="从原系统重新导出该文件",
                    )
                yield line
        except UnicodeDecodeError as error:
            raise undecodable(path, name, used) from error


def read_csv(path: Path, name: str, encoding: str, delimiter: str) -> Lines:
    """Yield the records of a CSV file; a quoted cell may run over several lines.

    ``delimiter`` empty means: the one of ``, ; tab |`` that stands most often in the first line.
    Raises ``DamagedFile`` for a quote that never ends, and what ``open_lines`` raises.
    """
    lines = open_lines(path, name, encoding)
    first = next(lines, None)
    if first is None:
        return
    csv.field_size_limit(_LONGEST_CELL)
    used = delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(_with_end(first, lines), delimiter=used)
    start = 1
    try:
        for cells in reader:
            if cells and _END in cells[-1]:
                if len(cells) == 1 and cells[0] == _END:
                    return
                break
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise _unended(name, start, str(error)) from error
    raise _unended(name, start, "直到文件结尾也没有出现配对的引号")


def _with_end(first: str, lines: Iterator[str]) -> Iterator[str]:
    """Add a last line of our own: if it is swallowed by a record, a quote was never closed."""
    yield first
    yield from lines
    yield _END


def _unended(name: str, line: int, why: str) -> DamagedFile:
    return DamagedFile(
        f"{name} 从第 {line} 行开始的一条记录没有结束，文件被截断或引号不成对",
        why=why,
        then="检查该行的双引号是否成对，或从原系统重新导出该文件",
    )


def undecodable(path: Path, name: str, encoding: str) -> DamagedFile:
    """Make the error for a file with bytes that are not ``encoding``, naming the first bad line."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 0
    with path.open("rb") as file:
        for data in file:
            line += 1
            try:
                decoder.decode(data)
            except UnicodeDecodeError:
                break
    return DamagedFile(
        f"{name} 第 {line} 行有无法按 {encoding} 解码的字节",
        why="文件在该处损坏，或编码与所声明（或所判断）的不同",
        then="从原系统重新导出；编码不同时在对照文件里写明，例如 encoding: gb18030",
    )


def _valid_utf8(path: Path) -> int | None:
    """Return ``None`` for valid UTF-8, else how many non-ASCII characters stood before the bad byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = 0
    with path.open("rb") as file:
        while True:
            data = file.read(_CHUNK)
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                valid = bytes(error.object)[: error.start].decode("utf-8")
                return seen + sum(character > "\x7f" for character in valid)
            if not data:
                return None
            if not text.isascii():
                seen += sum(character > "\x7f" for character in text)
