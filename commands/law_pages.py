"""`yiriban law pages`: write the law in force as pages to read, one for each workflow, rule and term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from commands.book import law_book
from commands.book_words import MARK
from commands.printing import common_options, emit, pass_settings, pick
from engine.errors import BadInput, BrokenWorkflows, Conflict
from runtime import assembly
from runtime.settings import Settings

_MOST = 3


@dataclass(frozen=True, slots=True)
class Changes:
    """What writing changes in a folder, by path: new pages, pages that said otherwise, pages of what is gone."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    kept: int

    def __bool__(self) -> bool:
        """Whether anything is stale."""
        return bool(self.new or self.changed or self.gone)


@click.command()
@click.option(
    "--to", "folder", required=True, metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="写到哪个文件夹 / the folder to write to",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="只看会改哪些页，不写 / only say which pages would change")
@click.option(
    "--exit-code",
    "by_findings",
    is_flag=True,
    help="有过时的页时以 6 退出 / leave with 6 if any page is stale",
)
@common_options
@pass_settings
@click.pass_context
def pages(
    ctx: click.Context, settings: Settings, folder: Path, dry_run: bool, by_findings: bool, as_json: bool
) -> None:
    """把流程、期限、规则写成网页可读的文件 / write every workflow, rule and term as a page (Markdown, in Chinese).

    连同本地目录；每个流程、期限、规则一页，互相链接。页面是中文的，附英文名。只改动、删除自己以前写的页。
    """
    read = assembly.law_in_force(settings)
    book = law_book(read.bundle, read.texts)
    found = compare(folder, book)
    if not dry_run:
        write(folder, book, found)
    payload = {
        "bundle": read.bundle.hash, "folder": str(folder), "dry_run": dry_run, "pages": len(book),
        "new": found.new, "changed": found.changed, "gone": found.gone,
    }  # fmt: skip
    emit(as_json, "law.pages", payload, lambda: _said(found, len(book), folder, dry_run, settings.lang))
    if by_findings and found:
        ctx.exit(BrokenWorkflows.exit_code)


def compare(folder: Path, book: Mapping[str, str]) -> Changes:
    """Hold the pages in ``folder`` against ``book``; refuse a folder in which somebody else's files lie."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} 不是文件夹", then="用 --to 指定一个文件夹")
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    foreign = sorted(name for name, path in there.items() if not _ours(path))
    if foreign:
        more = f" 等 {len(foreign)} 个" if len(foreign) > _MOST else ""
        raise Conflict(
            f"{folder} 里有别的文件：{'、'.join(foreign[:_MOST])}{more}",
            why="过时的页会被改写、删除，所以只写在自己的文件夹里",
            then="用 --to 指定一个新的文件夹，或者先把这些文件移走",
        )
    same = {
        name for name, text in book.items() if name in there and there[name].read_bytes() == text.encode()
    }
    return Changes(
        new=sorted(book.keys() - there.keys()),
        changed=sorted((book.keys() & there.keys()) - same),
        gone=sorted(there.keys() - book.keys()),
        kept=len(same),
    )


def write(folder: Path, book: Mapping[str, str], changes: Changes) -> None:
    """Write what is new or says otherwise, and remove the pages of what is gone."""
    for name in (*changes.new, *changes.changed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # a page stands there whole or not at all: a half one would not be known as ours the next time
        draft = path.with_name(f".{path.name}")
        draft.write_bytes(book[name].encode())
        draft.replace(path)
    for name in changes.gone:
        path = folder / name
        path.unlink()
        if path.parent != folder and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    """Walk what lies in the folder, but for what systems leave there (`.git`, `.DS_Store`)."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not path.is_dir():
            yield path


def _ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK.encode())) == MARK.encode()


def _said(found: Changes, count: int, folder: Path, dry_run: bool, lang: str) -> str:
    kept = pick(lang, f"{found.kept} 页没有变", f"{found.kept} unchanged")
    head = pick(lang, f"{folder} 共 {count} 页，{kept}", f"{folder}: {count} pages, {kept}")
    if not found:
        return head
    does = pick(lang, "将", "would be ") if dry_run else pick(lang, "已", "")
    kinds = [
        (found.new, pick(lang, "新写", "new")),
        (found.changed, pick(lang, "改写", "rewritten")),
        (found.gone, pick(lang, "删除", "removed")),
    ]
    lines = [head]
    for names, kind in kinds:
        if names:
            shown = (
                names
                if len(names) <= 20
                else [*names[:20], pick(lang, f"…… 共 {len(names)} 页", f"... {len(names)} in all")]
            )
            lines += [f"{does}{kind} {len(names)}", *(f"  {name}" for name in shown)]
    return "\n".join(lines)
