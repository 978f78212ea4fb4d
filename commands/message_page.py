"""How messages look: a list, one message with its whole life, and what a sending did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands.posted_page import counts, remarks
from commands.printing import local, pick
from commands.project_page import shown_of
from commands.words import CHANNELS, DOUBTS, MESSAGE_STATES, OUTCOMES, WAITS, aside, fold, here, role, word
from engine.deliver import Delivered
from engine.directory import ADDRESSES, WANTING
from storage import postings, views

CONTACTS = {"suspect": ("可疑", "suspect"), "invalid": ("无效", "invalid")}


def sent_page(done: Delivered, folder: Path | None, lang: str) -> str:
    """What a sending did."""
    if not (done.outcomes or done.ended or done.waiting):
        return pick(lang, "没有到时的消息", "Nothing to send yet")
    said = counts(done, lang)
    if folder is not None:
        said = pick(lang, f"写入 {folder}：{said}", f"Into {folder}: {said}")
    lines = [said, *remarks(done, lang)]
    wanting = [c for c, what in WANTING.items() if any(f"没有登记{what}" in said for said in done.settings)]
    if wanting:
        options = " ".join(f"--{ADDRESSES[channel]} {WANTING[channel]}" for channel in wanting)
        lines.append(f"  yiriban person add 账号 --name 姓名 {options}")
    return fold("\n".join(lines))


def list_data(posted: views.Posted, held: Mapping[str, int]) -> dict[str, Any]:
    """One message of a list for JSON."""
    return {
        "key": posted.key,
        "matter": posted.matter or None,
        "person": posted.person,
        "role": posted.role,
        "channel": posted.channel,
        "rung": posted.rung,
        "subject": posted.subject,
        "text": posted.text,
        "send_from": here(posted.send_from),
        "created_at": here(posted.created_at),
        "state": posted.state,
        "digest": posted.digest,
        "digested": held.get(posted.key, 0),
        "waits_for": posted.waits_for or None,
        "doubt": posted.doubt or None,
        "fallback": posted.fallback,
    }


def list_page(found: list[views.Posted], held: Mapping[str, int], total: int, lang: str) -> str:
    """A list of messages."""
    if not found:
        return pick(lang, "没有消息", "No messages")
    lines: list[str] = []
    for posted in found:
        lines.append(
            f"{local(posted.send_from)}  {word(MESSAGE_STATES, posted.state, lang)}"
            f"  {word(CHANNELS, posted.channel, lang)}  {posted.person}"
            + (aside(role(posted.role, lang), lang) if posted.role else "")
            + f"  {_about(posted, held, lang)}"
        )
        lines += [f"    {note}" for note in _notes(posted, lang)]
        text = posted.text.strip()
        body = f"{posted.subject}\n{text}" if posted.subject else text
        lines += [f"    {line.strip()}" for line in body.split("\n")]
    if total > len(found):
        lines.append(shown_of(len(found), total, lang))
    return fold("\n".join(lines))


def _notes(posted: views.Posted, lang: str) -> Iterator[str]:
    if posted.state == "queued" and posted.waits_for:
        yield word(WAITS, posted.waits_for, lang)
    if posted.doubt:
        yield word(DOUBTS, posted.doubt, lang)
    if posted.fallback:
        yield pick(lang, f"改由 {posted.fallback}", f"carried on by {posted.fallback}")
    if posted.state in postings.REPLAYABLE:
        yield f"yiriban message show {posted.key}"


def _about(posted: views.Posted, held: Mapping[str, int], lang: str) -> str:
    """Return the matter that a message is about; of a digest its key and how many it holds."""
    if posted.key in held:
        return posted.key + aside(pick(lang, f"{held[posted.key]} 条", f"{held[posted.key]}"), lang)
    return f"{posted.matter} -> {posted.digest}" if posted.digest else posted.matter


def life_data(found: postings.Life) -> dict[str, Any]:
    """One message with its whole life for JSON."""
    return {
        "key": found.key,
        "reference": found.reference or None,
        "fire": found.fire or None,
        "matter": found.matter or None,
        "person": found.person,
        "role": found.role,
        "channel": found.channel,
        "to": found.to,
        "contact": found.contact,
        "subject": found.subject,
        "text": found.text,
        "created_at": here(found.created_at),
        "send_from": here(found.send_from),
        "expires_at": here(found.expires_at),
        "state": found.state,
        "waits_for": found.waits_for or None,
        "doubt": found.doubt or None,
        "tries": found.tries,
        "provider": found.provider or None,
        "provider_id": found.provider_id or None,
        "digest": found.digest,
        "members": list(found.members),
        "fallback": found.fallback,
        "instead_of": list(found.instead_of),
        "attempts": [
            {
                "no": a.no, "at": here(a.at), "outcome": a.outcome, "asked": a.asked, "provider": a.provider or None,
                "code": a.code or None, "detail": a.detail, "provider_id": a.provider_id or None,
            }
            for a in found.attempts
        ],
        "receipts": [
            {
                "at": here(r.at), "received_at": here(r.received_at), "state": r.state, "provider": r.provider,
                "code": r.code or None, "detail": r.detail,
            }
            for r in found.receipts
        ],
    }  # fmt: skip


def life_page(found: postings.Life, lang: str) -> str:
    """One message with its whole life."""
    return fold("\n".join([*_head(found, lang), *_life(found, lang)]))


def _head(found: postings.Life, lang: str) -> Iterator[str]:
    contact = CONTACTS.get(found.contact)
    yield found.key
    yield (
        f"  {word(MESSAGE_STATES, found.state, lang)}  {word(CHANNELS, found.channel, lang)}  {found.person}"
        + (aside(role(found.role, lang), lang) if found.role else "")
        + f"  {found.to}"
        + (aside(pick(lang, *contact), lang) if contact else "")
    )
    if found.state == "queued" and found.waits_for:
        yield f"  {word(WAITS, found.waits_for, lang)}"
    if found.doubt:
        yield f"  {word(DOUBTS, found.doubt, lang)}"
    if found.reference:
        number = f"{found.provider} {found.provider_id}".strip()
        yield (
            pick(lang, "  编号 ", "  reference ") + found.reference + (aside(number, lang) if number else "")
        )
    if found.expires_at is not None:
        yield pick(lang, "  过时不发：", "  worth nothing after ") + local(found.expires_at)
    yield from (f"    {line.strip()}" for line in f"{found.subject}\n{found.text}".strip().split("\n"))


def _life(found: postings.Life, lang: str) -> Iterator[str]:
    yield f"  {local(found.created_at)}  {pick(lang, '写入待发', 'queued')}"
    lines = [(a.at, 0, _attempt(a, lang)) for a in found.attempts]
    lines += [(r.received_at, 1, _receipt(r, lang)) for r in found.receipts]
    for at, _, text in sorted(lines, key=lambda line: line[:2]):
        yield f"  {local(at)}  {text}"
    for key in found.instead_of:
        yield pick(lang, f"  代替 {key}", f"  instead of {key}")
    if found.fallback:
        yield pick(lang, f"  改由 {found.fallback}", f"  carried on by {found.fallback}")
    if found.digest:
        yield pick(lang, f"  并入 {found.digest}", f"  in the digest {found.digest}")
    if found.members:
        yield pick(lang, f"  汇总了 {len(found.members)} 条：", f"  holds {len(found.members)}:")
        yield from (f"    {key}" for key in found.members)


def _attempt(attempt: postings.Attempt, lang: str) -> str:
    what = word(OUTCOMES, attempt.outcome, lang)
    if attempt.asked:
        what = pick(lang, "查询：", "asked: ") + what
    told = "  ".join(part for part in (attempt.provider, attempt.code, attempt.detail) if part)
    return f"{what}  {told}".rstrip()


def _receipt(came: postings.Came, lang: str) -> str:
    what = pick(lang, "回执：", "receipt: ") + word(MESSAGE_STATES, came.state, lang)
    told = "  ".join(part for part in (came.provider, came.code, came.detail) if part)
    return f"{what}  {told}".rstrip()
