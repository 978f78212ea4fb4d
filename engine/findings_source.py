"""Where a finding stands: paths into the trees that the files were read from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Protocol

from engine.reading_form import nearest
from engine.yamlfile import Faults, Map, Node, Scalar, Seq

Step = str | int


class Add(Protocol):
    """Notes a finding below one thing: key, what is wrong, what to write, item of a list."""

    def __call__(self, key: str, what: str, write: str, item: str = "") -> None:
        """Note the finding."""


class Sources:
    """The trees of all files, to find the line of a thing; notes findings with it."""

    def __init__(self, trees: Mapping[str, Map], faults: Faults, unread: Collection[str] = ()) -> None:
        """Look up lines in ``trees`` and note findings in ``faults``.

        ``unread`` names the files that could not be read at all: what they would have defined is not
        reported as unknown.
        """
        self._trees = trees
        self._faults = faults
        self.unread = frozenset(PurePosixPath(file).stem for file in unread)
        self._borrowed: dict[tuple[str, Step, Step], str] = {}

    def borrow(self, file: str, section: str, name: str, owner: str) -> None:
        """Remember that an entry of ``file`` is written in ``owner``: findings about it stand there."""
        self._borrowed[file, section, name] = owner

    def line(self, file: str, path: Iterable[Step]) -> int:
        """Return the line of ``path`` in ``file``, or of the last part of it that is written.

        A step is a key of a map, a place in a list, or the text of an item of a list.
        """
        node: Node | None = self._trees.get(file)
        line = 1
        for step in path:
            if isinstance(node, Map):
                line = node.key_lines.get(str(step), line)
                node = node.get(str(step))
            elif isinstance(node, Seq):
                node = _item(node, step)
                line = node.line if node is not None else line
            else:
                break
        return line

    def add(self, file: str, path: Iterable[Step], what: str, write: str = "") -> None:
        """Note a finding at ``path`` in ``file``, or in the fragment where that is written."""
        path = tuple(path)
        owner = self._borrowed.get((file, *path[:2]), file) if len(path) > 1 else file  # type: ignore[arg-type]
        self._faults.add(owner, self.line(owner, path), what, write)

    def unknown(
        self, file: str, path: Iterable[Step], who: str, word: str, name: str, options: Collection[str]
    ) -> bool:
        """Note ``name`` if it is none of ``options``, and say so; ``word`` is what it should be."""
        if not name or name in options or name in self.unread:
            return False
        what = f"没有名为 {name} 的{word}"
        self.add(file, path, f"{who}：{what}" if who else what, nearest(name, options))
        return True


def _item(node: Seq, step: Step) -> Node | None:
    if isinstance(step, int):
        return node.items[step] if step < len(node.items) else None
    return next((item for item in node if isinstance(item, Scalar) and item.text == step), None)
