"""How the keys that a source uses for packages, contracts and instalments become matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.matter import FactValue
from engine.opening import Foreseen
from exchange.observation import Step
from exchange.spool import Head


class Parts:
    """Source keys of a project's parts and the matters they stand for; new ones get the next number.

    ``new`` maps key paths to matter ids that were not known before; ``foreseen`` is what the engine
    may know beforehand.
    """

    def __init__(self, root: str, head: Head, steps: Sequence[Step], known: Mapping[str, str]) -> None:
        """Number the parts in the order of their first appearance, after those ``known`` already."""
        self._root = root
        self._ids: dict[tuple[str, ...], str] = {(): root}
        self.new: dict[str, str] = {}
        counts: dict[str, int] = {}
        for matter in known.values():
            parent, _, number = matter.rpartition(".")
            counts[parent] = max(counts.get(parent, 0), int(number))
        for parts in head.parts:
            for length in range(1, len(parts) + 1):
                key = parts[:length]
                if key in self._ids:
                    continue
                path, parent = "/".join(key), self._ids[key[:-1]]
                if path in known:
                    self._ids[key] = known[path]
                    continue
                counts[parent] = counts.get(parent, 0) + 1
                self._ids[key] = self.new[path] = f"{parent}.{counts[parent]}"
        facts: dict[str, dict[str, FactValue]] = {}
        for _workflow, parts, name, value in head.facts:
            if parts in self._ids:
                facts.setdefault(self._ids[parts], {})[name] = value
        actions = frozenset((self._ids[s.parts], s.action) for s in steps)
        self.foreseen = Foreseen(counts, facts, actions)

    def matter_of(self, parts: tuple[str, ...]) -> str:
        """Return the id of the matter that the keys lead to, ``""`` for none."""
        return self._ids.get(parts, "")

    def numbers(self, parts: tuple[str, ...]) -> tuple[int, ...]:
        """Return the numbers that lead from the project to the matter."""
        tail = self._ids[parts][len(self._root) + 1 :]
        return tuple(int(n) for n in tail.split(".")) if tail else ()
