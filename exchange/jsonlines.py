"""JSON lines: one object per line. A broken line is that line's trouble; a broken file is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import DamagedFile
from exchange.cells import Cell, Trouble
from exchange.textfile import open_lines

_LONE = re.compile("[\ud800-\udfff]")


def read_objects(
    path: Path, name: str, encoding: str
) -> Iterator[tuple[int, dict[str, Cell] | None, Trouble | None]]:
    """Yield (line, object with flat cells, None) or (line, None, trouble); blank lines are skipped.

    Raises ``DamagedFile`` where the last line is cut off or where no line at all is an object.
    """
    for line, item, trouble in read_values(path, name, encoding):
        yield line, None if item is None else {key: _cell(item[key]) for key in item}, trouble


def read_values(
    path: Path, name: str, encoding: str
) -> Iterator[tuple[int, dict[str, Any] | None, Trouble | None]]:
    """As ``read_objects``, with the objects as they are written. Fractions are ``Decimal``."""
    good = 0
    broken: list[int] = []
    for number, line in enumerate(open_lines(path, name, encoding), 1):
        text = line.strip().removeprefix("\ufeff")
        if not text:
            continue
        item, why = _parse(text)
        if item is not None:
            good += 1
            yield number, item, None
        elif not line.endswith("\n") and why != "not_an_object":
            raise DamagedFile(
                f"{name} 在第 {number} 行中断，最后一行不完整",
                why="文件被截断：最后一行不是完整的 JSON，也没有换行",
                then="从原系统重新导出该文件",
            )
        else:
            broken.append(number)
            what = "不是 JSON 对象" if why == "not_an_object" else f"不是完整的 JSON（{why}）"
            kind = "not_an_object" if why == "not_an_object" else "broken_line"
            yield number, None, Trouble(kind, f"本行{what}，整行不采用")
    if broken and not good:
        raise DamagedFile(
            f"{name} 从第 {broken[0]} 行起没有一行是 JSON 对象",
            why="扩展名是 .jsonl，内容却不是每行一个 JSON 对象",
            then="检查文件是否拿错、损坏，或从原系统重新导出",
        )


def writes_surrogates(text: str) -> bool:
    """Whether a JSON text holds an escape such as ``\\ud83d``: a half of one may be no character."""
    return "\\ud" in text or "\\uD" in text


def whole_characters(value: Any) -> Any:
    """Replace halves of characters by U+FFFD, as any decoder would: no database can keep a half."""
    if isinstance(value, str):
        return value if value.isascii() else _LONE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return [whole_characters(item) for item in value] if isinstance(value, list) else value


def _parse(text: str) -> tuple[dict[str, Any] | None, str]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        return None, str(error).split(":")[0]
    if writes_surrogates(text):
        value = whole_characters(value)
    return (value, "") if isinstance(value, dict) else (None, "not_an_object")


def _cell(value: Any) -> Cell:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value  # type: ignore[no-any-return]
