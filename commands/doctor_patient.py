"""What an inspection has in hand, what it says, and how it goes from one check to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from commands.printing import pick
from commands.room import refuse_missing
from commands.troubles import explain
from engine.errors import BrokenWorkflows
from engine.workflow import Bundle, LadderDef, TextDef
from engine.yamlfile import Fault
from runtime import assembly
from runtime.settings import Settings, read_settings
from storage.store import SqlStore

Level = Literal["finding", "hint", "good", "skipped"]
LEVELS: tuple[Level, ...] = ("finding", "hint", "good", "skipped")
"""From the most pressing: to be put right, to be thought about, in order, not looked at."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a check says: what is so, why, and what to do next."""

    level: Level
    what: str
    why: str = ""
    then: str = ""


class Unusable(Exception):
    """Ends a check: what it said is all, and nothing that rests on it can be looked at."""


@dataclass(slots=True)
class Patient:
    """An installation under inspection at ``now``; everything is read once, when it is first wanted."""

    flags: Mapping[str, str | None]
    environ: Mapping[str, str]
    folder: Path
    lang: str
    now: datetime
    _settings: Settings | None = None
    _store: SqlStore | None = None
    _bundle: Bundle | None = None
    _texts: dict[str, TextDef] | None = None
    _faults: tuple[Fault, ...] | None = None

    def pick(self, zh: str, en: str) -> str:
        """Choose the wording for the language of this run."""
        return pick(self.lang, zh, en)

    @property
    def settings(self) -> Settings:
        """The settings; raise what is wrong with them."""
        if self._settings is None:
            self._settings = read_settings(self.flags, self.environ, self.folder)
        return self._settings

    @property
    def store(self) -> SqlStore:
        """The database, its schema checked; raise why it cannot be used."""
        if self._store is None:
            refuse_missing(self.settings)
            self._store = assembly.open_store(self.settings)
        return self._store

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with the workflow files."""
        if self._faults is None:
            try:
                read = assembly.law_in_force(self.settings)
                self._bundle, self._texts, self._faults = read.bundle, read.texts, ()
            except BrokenWorkflows as broken:
                self._faults = broken.faults
        return self._faults

    @property
    def bundle(self) -> Bundle:
        """The workflows in force; raise ``Unusable`` where their files are faulty."""
        if self.faults or self._bundle is None:
            raise Unusable
        return self._bundle

    @property
    def texts(self) -> dict[str, TextDef]:
        """The message texts in force; raise ``Unusable`` where the files are faulty."""
        if self.faults or self._texts is None:
            raise Unusable
        return self._texts

    def ladders(self, workflows: Collection[str] | None = None) -> list[LadderDef]:
        """Return the ladders that a clock of ``workflows`` (or of any) hangs on, or of the cases that those open."""
        known, named = self.bundle.ladders, set[str]()
        ahead, seen = list(self.bundle.workflows if workflows is None else workflows), set[str]()
        while ahead:
            name = ahead.pop()
            if name in seen or name not in self.bundle.workflows:
                continue
            seen.add(name)
            hung = {c.ladder for c in self.bundle.workflows[name].clocks.values()} & set(known)
            named |= hung
            ahead += [rung.opens for ladder in hung for rung in known[ladder].rungs if rung.opens]
        return [ladder for name, ladder in known.items() if name in named]

    def close(self) -> None:
        """Let go of the database; one that cannot be closed is none of the findings."""
        if self._store is not None:
            with suppress(Exception):
                self._store.close()


Look = Callable[[Patient], Iterator[Said]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to an installation; ``needs`` names the checks whose subject it rests on."""

    name: str
    title: tuple[str, str]
    look: Look
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """A check and what it said."""

    check: Check
    said: tuple[Said, ...]

    @property
    def level(self) -> Level:
        """The most pressing level of what was said."""
        return next(level for level in LEVELS if any(s.level == level for s in self.said))


@dataclass(slots=True)
class _Round:
    """The checks made so far; ``failed`` are those whose subject cannot be used."""

    patient: Patient
    failed: dict[str, Check] = field(default_factory=dict)

    def make(self, check: Check) -> Looked:
        """Make one check; whatever goes wrong in it is a finding, never the end of the round."""
        missing = [self.failed[name] for name in check.needs if name in self.failed]
        if missing:
            self.failed[check.name] = check
            return Looked(check, (self._skipped(missing),))
        said: list[Said] = []
        try:
            for one in check.look(self.patient):  # one by one: what was said before a fault still counts
                said.append(one)
        except Unusable:
            self.failed[check.name] = check
        except Exception as error:  # what is wrong with a broken installation is nobody's to foresee
            self.failed[check.name] = check
            trouble = explain(error, self.patient.lang)
            said.append(Said("finding", trouble.what, trouble.why, trouble.then))
        return Looked(check, tuple(said) or (self._skipped([]),))

    def _skipped(self, missing: Sequence[Check]) -> Said:
        pick_ = self.patient.pick
        named = pick_("、", ", ").join(pick_(*check.title) for check in missing)
        if not named:
            return Said("skipped", pick_("没有检查", "not looked at"))
        return Said(
            "skipped", pick_(f"没有检查，先解决：{named}", f"not looked at; first put right: {named}")
        )


def examine(patient: Patient, checks: Iterable[Check]) -> list[Looked]:
    """Make the checks in their order."""
    round_ = _Round(patient)
    return [round_.make(check) for check in checks]


def some(names: Sequence[str], lang: str, most: int = 5) -> str:
    """Return the first few names as one phrase, and how many there are beyond."""
    said = pick(lang, "、", ", ").join(names[:most])
    if len(names) > most:
        said += pick(lang, f" 等 {len(names)} 个", f" and {len(names) - most} more")
    return said
