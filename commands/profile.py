"""`yiriban profile`: list, show and compare the local promises in force."""

from __future__ import annotations

import click

from commands.printing import common_options, emit, pass_settings, pick, table
from commands.profile_page import difference, difference_as_data, page, page_as_data
from commands.words import MOMENT_WORDS
from engine.comparing import compare
from engine.errors import NotFound
from engine.reading_form import nearest
from engine.workflow import Bundle, ProfileDef
from runtime import assembly
from runtime.settings import Settings


@click.group()
def profile() -> None:
    """地方时限方案：列出、查看、比较 / list, show and compare local promises."""


@profile.command("list")
@common_options
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """列出地方时限方案，各在哪个之上改了几处 / list the profiles, and how much each changes."""
    bundle = assembly.law_in_force(settings).bundle
    payload = {
        "bundle": bundle.hash,
        "profiles": [
            {
                "name": p.name,
                "title": {"zh": p.title.zh, "en": p.title.en},
                "file": p.file,
                "extends": p.extends or None,
                "changes": _changes(bundle, p),
                "promises": len(p.promises),
                "refers_on": p.refers_on,
            }
            for p in bundle.profiles.values()
        ],
    }
    emit(as_json, "profile.list", payload, lambda: _listing(bundle, settings.lang))


@profile.command()
@click.argument("name")
@common_options
@pass_settings
def show(settings: Settings, name: str, as_json: bool) -> None:
    """查看一个方案：全部承诺及其文件，旁列法定期限 / every promise with its document, the law beside it."""
    bundle = assembly.law_in_force(settings).bundle
    found = _find(bundle, name)
    emit(as_json, "profile.show", page_as_data(found, bundle), lambda: page(found, bundle, settings.lang))


@profile.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@common_options
@pass_settings
def diff(settings: Settings, before: str, after: str, as_json: bool) -> None:
    """比较两个方案：B 相对 A 改了什么，各依据什么文件，法定期限是多少 / what B changes against A.

    没有不同也是答案，退出码同样是 0。
    """
    bundle = assembly.law_in_force(settings).bundle
    found = compare(bundle, _find(bundle, before), _find(bundle, after))
    data = {"bundle": bundle.hash, **difference_as_data(found)}
    emit(as_json, "profile.diff", data, lambda: difference(found, settings.lang))


def _find(bundle: Bundle, name: str) -> ProfileDef:
    found = bundle.profiles.get(name)
    if found is None:
        close = nearest(name, bundle.profiles)
        raise NotFound(f"没有名为 {name} 的地方时限方案", then=f"可用的方案：{close}")
    return found


def _changes(bundle: Bundle, found: ProfileDef) -> int | None:
    """Count what a profile changes against the one that it builds upon; ``None`` where it builds upon none."""
    return compare(bundle, bundle.profiles[found.extends], found).count if found.extends else None


def _listing(bundle: Bundle, lang: str) -> str:
    heads = pick(
        lang, "方案 名称 建于 改动 承诺 督办以", "profile title upon changes promises refers-on"
    ).split()
    rows = [
        (
            p.name,
            p.title.in_(lang),
            p.extends or None,
            _changes(bundle, p),
            len(p.promises),
            pick(lang, *MOMENT_WORDS[p.refers_on]),
        )
        for p in bundle.profiles.values()
    ]
    return table(rows, heads, right=(3, 4))
