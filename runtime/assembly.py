"""Put the parts together; the only module that knows every adapter."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.deliver_limits import FILE as LIMITS_FILE
from engine.deliver_limits import Limits, read_limits
from engine.delivery import Closing, Notifier, Provider
from engine.errors import BadInput, NotFound
from engine.office import Office
from engine.reader import Read, read_both, read_bundle_from
from engine.workdays import compile_calendar
from engine.workflow import Bundle, TextDef
from notifiers.address import Address, read_address
from notifiers.drop import Drop
from runtime.settings import SHIPPED_WORKFLOWS, Settings, resolve
from runtime.shelf import shelf
from storage.store import SqlStore

NOTIFIERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "smtp": ("smtp", ("email",)),
    "smtps": ("smtp", ("email",)),
    "smtp+starttls": ("smtp", ("email",)),
    "aliyun-sms": ("aliyun_sms", ("sms",)),
    "tencent-sms": ("tencent_sms", ("sms",)),
    "yunmas": ("yunmas", ("sms",)),
    "gateway": ("gateway", ("sms",)),
    "wecom": ("wecom", ("wecom",)),
    "dingtalk": ("dingtalk", ("dingtalk",)),
    "webhook+https": ("webhook", ("webhook",)),
    "webhook+http": ("webhook", ("webhook",)),
}
"""By the scheme of an address: the module of `notifiers` that reads it, and the channels that it can serve."""
MAILBOXES = ("imap", "imap+starttls", "imaps")


def system_now() -> datetime:
    """Return the wall clock's time, in UTC; the one place outside tests that asks it."""
    return datetime.now(UTC)


def long_work() -> None:
    """Prepare the process for work on many rows: what start-up made is never garbage (8-10 % of a replay)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def open_store(settings: Settings) -> SqlStore:
    """Open the database that the settings name; refuse one that was not initialised."""
    store = SqlStore(settings.database)
    store.check_schema()
    return store


def office_for(settings: Settings, store: SqlStore | None = None, *, country: str = "CN") -> Office:
    """Read the workflows in force and compile the calendar.

    Raises ``BrokenWorkflows`` for faulty files. Matters with an older bundle find it in ``store``.
    """
    read = law_in_force(settings)

    def fetch(wanted: str) -> Bundle | None:
        return stored_bundle(store, wanted) if store is not None else None

    return Office(read.bundle, compile_calendar(country, calendars_folder(settings)), read.texts, fetch)


def law_in_force(settings: Settings) -> Read:
    """Read the workflows and texts in force; raises ``BrokenWorkflows`` for faulty files."""
    return read_both(SHIPPED_WORKFLOWS, overlay(settings), shelf())


def stored_bundle(store: SqlStore, wanted: str) -> Bundle | None:
    """Return the bundle that the database keeps under this hash."""
    files = store.read_bundle(wanted)
    return None if files is None else read_bundle_from(files, shelf())


def drop_channels(folder: Path) -> dict[str, Notifier]:
    """Return the channels that write every message into ``folder``."""
    return {name: Drop(folder, name) for name in ("email", "sms")}


def channels_for(
    settings: Settings, texts: Mapping[str, TextDef], environ: Mapping[str, str] | None = None
) -> dict[str, Sequence[Provider]]:
    """Return the channels that the settings name, each with its providers; only their modules are imported.

    Raises ``BadInput`` for an address that cannot be used, ``NotFound`` for a secret that is not there.
    """
    known = os.environ if environ is None else environ
    found: dict[str, Sequence[Provider]] = {}
    for channel, addresses in settings.channels.items():
        if channel not in ("bounces", "drop"):
            found[channel] = _providers(channel, addresses, texts, known)
    mailbox = settings.channels.get("bounces", ())
    if mailbox and "email" in found:
        found["email"] = _with_bounces(found["email"], mailbox[0], known)
    for folder in settings.channels.get("drop", ()):
        for channel, notifier in drop_channels(Path(folder)).items():
            found.setdefault(channel, (Provider("file", notifier),))
    return found


def _providers(
    channel: str, addresses: Sequence[str], texts: Mapping[str, TextDef], environ: Mapping[str, str]
) -> tuple[Provider, ...]:
    """Set up the providers of a channel; the second of a kind is called ``kind#2``."""
    made: list[Provider] = []
    for url in addresses:
        address = read_address(url)
        kind = "smtp" if address.scheme.startswith("smtp") else address.scheme
        earlier = sum(1 for p in made if p.name.partition("#")[0] == kind)
        name = f"{kind}#{earlier + 1}" if earlier else kind
        made.append(Provider(name, _notifier(channel, address, texts, environ)))
    return tuple(made)


def _notifier(
    channel: str, address: Address, texts: Mapping[str, TextDef], environ: Mapping[str, str]
) -> Notifier:
    if address.scheme == "file" and channel in ("email", "sms"):
        return Drop(Path(address.path), channel)
    module, serves = NOTIFIERS.get(address.scheme, ("", ()))
    if channel not in serves:
        able = sorted(scheme for scheme, (_, names) in NOTIFIERS.items() if channel in names)
        raise BadInput(
            f"渠道 {channel} 不能用 {address.scheme}:// 发送",
            why=f"可用：{'、'.join(able)}",
            then="改正 [channels] 中的地址",
        )
    made: Notifier = _module(module).from_address(address, lambda name: resolve(name, environ), texts)
    return made


def webhook_for(url: str, environ: Mapping[str, str]) -> Any:
    """Return the `notifiers.webhook.Webhook` of an address; raise what `channels_for` raises."""
    return _notifier("webhook", read_address(url), {}, environ)


def web_for(url: str) -> Any:
    """Open the door to a web address, for reading (``web_lines``); raise ``BadInput`` where it is none."""
    return _module("http").Http(url)


def web_lines(web: Any, query: Mapping[str, str]) -> list[str]:
    """Read a page of text, line by line; raise ``NotFound`` where there is none."""
    http = _module("http")
    try:
        answer = web.call("GET", "", query=query)
    except (http.NotSent, http.NoAnswer) as error:
        raise NotFound("读不到网址上的内容", why=error.detail, then="检查网址和网络") from None
    if answer.status != 200:
        raise NotFound("读不到网址上的内容", why=f"HTTP {answer.status}", then="检查网址和权限")
    lines: list[str] = answer.body.decode("utf-8", "replace").splitlines()
    return lines


def _with_bounces(listed: Sequence[Provider], url: str, environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """Let the first provider of e-mail look into the mailbox of bounces, whoever sent what came back."""
    address = read_address(url)
    if address.scheme not in MAILBOXES:
        raise BadInput(
            f"退信邮箱不能用 {address.scheme}://", why=f"可用：{'、'.join(MAILBOXES)}", then="改正 bounces"
        )
    module = _module("bounces")
    mailbox = module.from_address(address, lambda name: resolve(name, environ))
    first = listed[0]
    return (Provider(first.name, module.Bouncing(first.notifier, mailbox)), *listed[1:])


def _module(name: str) -> Any:
    """Import a module of `notifiers`; what is not used costs nothing at the start."""
    return importlib.import_module(f"notifiers.{name}")


def close_channels(channels: Mapping[str, Sequence[Provider]]) -> None:
    """Let go of every connection."""
    for listed in channels.values():
        for provider in listed:
            if isinstance(provider.notifier, Closing):
                provider.notifier.close()


def limits_for(settings: Settings) -> Limits:
    """Read how many messages a number may get: one's own file, else the shipped one."""
    own = settings.workflows / LIMITS_FILE
    file = own if own.is_file() else SHIPPED_WORKFLOWS / LIMITS_FILE
    return read_limits(file.read_text(encoding="utf-8-sig"))


def overlay(settings: Settings) -> Path | None:
    """Return the folder laid over the shipped workflows, if there is one."""
    return None if settings.workflows == SHIPPED_WORKFLOWS else settings.workflows


def calendars_folder(settings: Settings) -> Path:
    """Return the folder of calendar files in force: one's own, else the shipped one."""
    own = settings.workflows / "calendars"
    return own if own.is_dir() else SHIPPED_WORKFLOWS / "calendars"
