"""From a folder of YAML files to a bundle: the only way in. 流程版本

A bundle is made of the workflows (top level) and of `parts/`, `law/`, `rules/`, `checklists/`, `thresholds/`, `words/`,
`ladders/`, `profiles/` and `recurring/`; its hash is over their relative paths and texts. Message texts (`messages/`) are not part of it. An overlay
folder replaces files of the same relative path and adds others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from engine.composing import compose_profiles
from engine.errors import NotFound
from engine.findings import look_at_bundle, look_at_texts
from engine.findings_source import Sources
from engine.including import include_fragments
from engine.reading_law import read_ladder, read_profile, read_term, read_text
from engine.reading_recurrence import read_duty
from engine.reading_rule import read_rule
from engine.reading_tables import read_checklist, read_table, read_words
from engine.reading_workflow import read_fragment, read_workflow
from engine.workflow import Bundle, TextDef
from engine.yamlfile import MAX_BYTES, Fault, Faults, Map, broken, decode, read_yaml

FOLDERS = (
    "", "parts", "law", "rules", "checklists", "thresholds", "words", "ladders", "profiles", "recurring",
)  # fmt: skip
MESSAGES = "messages"

T = TypeVar("T")
KEPT = 4
"""So many files' worth one process remembers: the patrol, the postman and the auditor of one `run` read the same."""
_KNOWN: dict[str, Read] = {}


@dataclass(frozen=True, slots=True)
class Read:
    """What files without a fault said; ``texts`` is empty where they were a bundle's alone."""

    bundle: Bundle
    texts: dict[str, TextDef]


class Shelf(Protocol):
    """Where what was read and found without a fault is kept for the next process, by the hash of its files."""

    def take(self, key: str) -> Read | None:
        """Return what was put under ``key``, if it is there, whole, and put by this very program."""

    def put(self, key: str, read: Read) -> None:
        """Keep it; where that cannot be, nothing is said: it is only faster."""


@dataclass(slots=True)
class _Reading:
    """What has been read so far; ``trees`` keeps the lines for the findings."""

    faults: Faults = field(default_factory=Faults)
    trees: dict[str, Map] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    kept: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {folder: {} for folder in (*FOLDERS, MESSAGES)}
    )

    def file(self, name: str, text: str) -> None:
        """Read one file into the table of its folder; a name that is taken is a fault."""
        folder = name.rpartition("/")[0]
        make, key = _KINDS[folder]
        tree = read_yaml(text, name, self.faults)
        if tree is None:
            self.unread.append(name)
            return
        self.trees[name] = tree
        value = make(tree, name, self.faults)
        title = str(getattr(value, "code" if key == "rule" else "name"))
        if not title:
            return
        other = self.kept[folder].get(title)
        if other is not None:
            self.faults.add(name, tree.line_of(key), f"{key} {title} 已在 {other.file} 中", "换一个名称")
            return
        if name != f"{folder}/{title}.yaml".lstrip("/"):
            self.faults.add(name, tree.line_of(key), f"{key} {title} 与文件名不同", f"文件名 {title}.yaml")
        self.kept[folder][title] = value

    def sources(self) -> Sources:
        """Return what the findings need to know about the files."""
        return Sources(self.trees, self.faults, self.unread)


_KINDS: Mapping[str, tuple[Callable[[Map, str, Faults], Any], str]] = {
    "": (read_workflow, "workflow"),
    "parts": (read_fragment, "part"),
    "law": (read_term, "term"),
    "rules": (read_rule, "rule"),
    "checklists": (read_checklist, "checklist"),
    "thresholds": (read_table, "table"),
    "words": (read_words, "words"),
    "ladders": (read_ladder, "ladder"),
    "profiles": (read_profile, "profile"),
    "recurring": (read_duty, "duty"),
    MESSAGES: (read_text, "message"),
}


def read_bundle(folder: Path, overlay: Path | None = None, shelf: Shelf | None = None) -> Bundle:
    """Read the workflow files of ``folder``, with those of ``overlay`` over them.

    Raises ``BrokenWorkflows`` with all faults (attribute ``faults``), ``NotFound`` for a missing folder.
    """
    return read_both(folder, overlay, shelf).bundle


def read_both(folder: Path, overlay: Path | None = None, shelf: Shelf | None = None) -> Read:
    """Read the workflow files and the message texts; raises as `read_bundle` does."""
    bundle, texts, faults = _read(folder, overlay, shelf)
    if faults:
        raise broken(faults)
    return Read(bundle, texts)


def read_bundle_from(files: Mapping[str, str], shelf: Shelf | None = None) -> Bundle:
    """Read a bundle from relative paths and texts, as the database keeps them in ``Bundle.files``.

    Which messages exist is not checked: texts are not part of a bundle. Raises ``BrokenWorkflows``.
    """
    wanted = {name: text for name, text in files.items() if _in_bundle(name)}
    key = bundle_hash(wanted)
    known = _remembered(key, shelf)
    if known is not None:
        return known.bundle
    reading = _Reading()
    bundle = _bundle(reading, wanted)
    if reading.faults:
        raise broken(reading.faults)
    _remember(key, Read(bundle, {}), shelf)
    return bundle


def read_texts(folder: Path, overlay: Path | None = None) -> dict[str, TextDef]:
    """Read the message texts alone; raises ``BrokenWorkflows`` with all their faults."""
    reading = _Reading()
    for name, text in sorted(_files(folder, overlay, (MESSAGES,), reading).items()):
        reading.file(name, text)
    texts: dict[str, TextDef] = reading.kept[MESSAGES]
    look_at_texts(texts, reading.sources())
    if reading.faults:
        raise broken(reading.faults)
    return texts


def check(folder: Path, overlay: Path | None = None) -> list[Fault]:
    """Return every fault of the files in ``folder`` and ``overlay``, by file and line."""
    return list(_read(folder, overlay, None)[2])


def bundle_hash(files: Mapping[str, str]) -> str:
    """Return the SHA-256 (hex) over the sorted relative paths and texts."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name, text):
            data = part.encode()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()


def _read(
    folder: Path, overlay: Path | None, shelf: Shelf | None
) -> tuple[Bundle, dict[str, TextDef], Faults]:
    reading = _Reading()
    files = _files(folder, overlay, (*FOLDERS, MESSAGES), reading)
    key = bundle_hash(files)
    known = None if reading.faults else _remembered(key, shelf)
    if known is not None:
        return known.bundle, known.texts, reading.faults
    for name, text in sorted(files.items()):
        if not _in_bundle(name):
            reading.file(name, text)
    texts: dict[str, TextDef] = reading.kept[MESSAGES]
    bundle = _bundle(reading, {name: text for name, text in files.items() if _in_bundle(name)}, texts)
    look_at_texts(texts, reading.sources())
    if not reading.faults:
        _remember(key, Read(bundle, texts), shelf)
    return bundle, texts, reading.faults


def _remembered(key: str, shelf: Shelf | None) -> Read | None:
    if key in _KNOWN or shelf is None:
        return _KNOWN.get(key)
    found = shelf.take(key)
    if found is not None:
        _remember(key, found, None)
    return found


def _remember(key: str, read: Read, shelf: Shelf | None) -> None:
    while len(_KNOWN) >= KEPT:
        _KNOWN.pop(next(iter(_KNOWN)))
    _KNOWN[key] = read
    if shelf is not None:
        shelf.put(key, read)


def _bundle(reading: _Reading, files: dict[str, str], texts: dict[str, TextDef] | None = None) -> Bundle:
    for name, text in sorted(files.items()):
        reading.file(name, text)
    sources = reading.sources()
    # a workflow without one of its fragments would be found wrong everywhere
    whole = not any(name.startswith("parts/") for name in reading.unread)
    if whole:
        include_fragments(reading.kept[""], reading.kept["parts"], sources)
    bundle = Bundle(
        hash=bundle_hash(files),
        workflows=reading.kept[""],
        terms=reading.kept["law"],
        rules=reading.kept["rules"],
        ladders=reading.kept["ladders"],
        profiles=reading.kept["profiles"],
        files=files,
        thresholds=reading.kept["thresholds"],
        words=reading.kept["words"],
        checklists=reading.kept["checklists"],
        duties=reading.kept["recurring"],
    )
    if whole:
        compose_profiles(bundle, sources)
        look_at_bundle(bundle, texts, sources)
    return bundle


def _in_bundle(name: str) -> bool:
    return name.rpartition("/")[0] in FOLDERS


def _files(folder: Path, overlay: Path | None, folders: tuple[str, ...], reading: _Reading) -> dict[str, str]:
    found: dict[str, Path] = {}
    for root in (folder, overlay):
        if root is not None:
            found.update(_listed(root, folders, reading.faults))
    if "" in folders and not any(_in_bundle(name) for name in found):
        raise NotFound(f"{folder} 里没有流程文件", then="流程文件的扩展名是 .yaml，见 workflows/README.md")
    texts = {name: _text(path, name, reading.faults) for name, path in found.items()}
    reading.unread += [name for name, text in texts.items() if text is None]
    return {name: text for name, text in texts.items() if text is not None}


def _listed(root: Path, folders: tuple[str, ...], faults: Faults) -> dict[str, Path]:
    if not root.is_dir():
        raise NotFound(
            f"没有流程文件夹 {root}", then="检查 --workflows、YIRIBAN_WORKFLOWS 或 yiriban.toml 中的路径"
        )
    found: dict[str, Path] = {}
    for folder in folders:
        for path in (root / folder).glob("*.y*ml"):
            relative = f"{folder}/{path.name}".lstrip("/")
            if path.suffix == ".yaml":
                found[relative] = path
            elif path.suffix == ".yml":
                faults.add(relative, 1, "扩展名 .yml 的文件不会被读取", f"改名为 {path.stem}.yaml")
    return found


def _text(path: Path, name: str, faults: Faults) -> str | None:
    try:
        # one byte more than allowed is enough for `read_yaml` to refuse a huge file
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        faults.add(name, 1, f"读不到文件：{error.strerror}", "检查文件和读取权限")
        return None
    if len(data) > MAX_BYTES:
        faults.add(name, 1, f"文件超过 {MAX_BYTES // 1024} kB", "拆成几个文件")
        return None
    # git may check files out with other line ends; the hash must not depend on it
    text = decode(data, name, faults)
    return None if text is None else text.replace("\r\n", "\n")
