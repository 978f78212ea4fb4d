"""A large JSON file value by value: the items of a package's lists, each with the line it starts on."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import DamagedFile
from exchange.jsonlines import whole_characters, writes_surrogates
from exchange.textfile import undecodable

_SPACE = re.compile(r"[ \t\r\n]*")


class JsonFile:
    """A JSON text with a place to read at; every error names file and line.

    The text is held, the values are not: a package of many releases yields one release at a time.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Read the text; ``DamagedFile`` where it is not UTF-8 or holds NUL characters."""
        data = path.read_bytes()
        encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
        try:
            self._text = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise undecodable(path, name, "utf-8") from error
        self._name = name
        self._at = 0
        self._counted, self._line = 0, 1
        self._decoder = json.JSONDecoder(parse_float=Decimal)
        self._surrogates = writes_surrogates(self._text)
        nul = self._text.find("\0")
        if nul >= 0:
            self._at = nul
            raise self._damaged("文件里有空字节（NUL）")

    def peek(self) -> str:
        """Return the next character that is no space, ``""`` at the end."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match is not None else self._at
        return self._text[self._at : self._at + 1]

    def take(self, character: str) -> None:
        """Step over ``character``; ``DamagedFile`` where something else stands."""
        if self.peek() != character:
            raise self._damaged(f"这里应是 {character}")
        self._at += 1

    def value(self) -> Any:
        """Read the whole value that begins here. Fractions are ``Decimal``."""
        self.peek()
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise self._damaged(error.msg) from error
        except (RecursionError, ValueError) as error:
            raise self._damaged("嵌套过深或数字过长") from error
        return whole_characters(value) if self._surrogates else value

    def items(self) -> Iterator[int]:
        """Walk the items of the list that begins here: yields each one's line; the caller reads it."""
        self.take("[")
        while self.peek() != "]":
            yield self.line()
            if self.peek() != "]":
                self.take(",")
                if self.peek() == "]":
                    raise self._damaged("多出一个逗号")
        self.take("]")

    def mentions(self, *words: str) -> bool:
        """Whether any of ``words`` stands somewhere in the text as a key or value."""
        return any(f'"{word}"' in self._text for word in words)

    def members(self) -> Iterator[str]:
        """Walk the keys of the object that begins here; the caller reads each value."""
        self.take("{")
        while self.peek() != "}":
            key = self.value()
            if not isinstance(key, str):
                raise self._damaged("键必须是文字")
            self.take(":")
            yield key
            if self.peek() != "}":
                self.take(",")
                if self.peek() == "}":
                    raise self._damaged("多出一个逗号")
        self.take("}")

    def line(self) -> int:
        """The line at which reading stands."""
        self.peek()
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _damaged(self, why: str) -> DamagedFile:
        line = self._text.count("\n", 0, self._at) + 1
        cut = not self._text[self._at :].strip() or why.startswith("Unterminated string")
        what = f"在第 {line} 行中断，文件不完整" if cut else f"第 {line} 行不是正确的 JSON"
        return DamagedFile(
            f"{self._name} {what}",
            why="文件被截断" if cut else f"文件损坏，或不是 JSON（{why}）",
            then="从原系统重新导出或下载该文件",
        )
