"""What a round of delivery did, in words: for `yiriban run` and `yiriban message send`."""

from __future__ import annotations

import json
import sys
from typing import Any

from commands.printing import SHANGHAI, pick
from commands.words import CHANNELS, MESSAGE_STATES, OUTCOMES, WAITS, here, word
from engine.deliver import Delivered
from engine.deliver_receipts import Collected
from runtime.postman import Posted


def posted_json(posted: Posted) -> str:
    """One object on one line; a console in another encoding gets \\uXXXX."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    at = here(posted.at)
    data = {
        "schema": "yiriban.delivery/1",
        "at": at.isoformat() if at is not None else None,
        **delivered_data(posted.delivered),
        **collected_data(posted.collected),
    }
    return json.dumps(data, ensure_ascii=not utf8)


def posted_line(posted: Posted, lang: str) -> str:
    """One line for a log; what must be put right follows in lines of its own."""
    at = posted.at.astimezone(SHANGHAI)
    parts = [counts(posted.delivered, lang), receipts(posted.collected, lang)]
    said = pick(lang, "；", "; ").join(part for part in parts if part)
    lines = [f"{at:%Y-%m-%d %H:%M:%S}  {pick(lang, '发送', 'Delivery')}  {said}"]
    return "\n".join([*lines, *remarks(posted.delivered, lang)])


def counts(done: Delivered, lang: str) -> str:
    """The outcomes as one phrase; empty where there were none."""
    said = [f"{word(OUTCOMES, kind, lang)} {n}" for kind, n in sorted(done.outcomes.items())]
    said += [f"{word(MESSAGE_STATES, state, lang)} {n}" for state, n in sorted(done.ended.items())]
    said += [f"{word(WAITS, why, lang)} {n}" for why, n in sorted(done.waiting.items())]
    if done.digests:
        said.append(
            pick(
                lang,
                f"其中汇总 {done.digests} 条，含 {done.digested} 条",
                f"digests {done.digests}, holding {done.digested}",
            )
        )
    return pick(lang, "，", ", ").join(said)


def receipts(back: Collected, lang: str) -> str:
    """What came back as one phrase; empty where nothing did."""
    said = [f"{word(MESSAGE_STATES, state, lang)} {n}" for state, n in sorted(back.states.items())]
    if back.unconfirmed:
        said.append(f"{word(MESSAGE_STATES, 'unconfirmed', lang)} {back.unconfirmed}")
    said += sorted(back.troubles)
    if not said:
        return ""
    return pick(lang, "回执：", "receipts: ") + pick(lang, "，", ", ").join(said)


def remarks(done: Delivered, lang: str) -> list[str]:
    """What somebody must put right, line by line."""
    lines = [
        pick(
            lang,
            f"  渠道停用：{word(CHANNELS, b.channel, lang)} {b.provider}，{b.detail}。改正后 yiriban channel test {b.channel} --to 账号",
            f"  out of use: {b.channel} {b.provider}, {b.detail}. Mend it, then: yiriban channel test {b.channel} --to PERSON",
        )
        for b in done.stopped
    ]
    lines += [
        pick(lang, f"  没有汇总：{what}", f"  not put together: {what}") for what in sorted(done.troubles)
    ]
    lines += [
        pick(
            lang,
            f"  {what}，{n} 条在等：补登后自动再发",
            f"  {what}: {n} waiting, sent by themselves once it is mended",
        )
        for what, n in sorted(done.settings.items())
    ]
    return lines


def delivered_data(done: Delivered) -> dict[str, Any]:
    """The numbers for JSON."""
    return {
        "outcomes": dict(sorted(done.outcomes.items())),
        "settings": dict(sorted(done.settings.items())),
        "waiting": dict(sorted(done.waiting.items())),
        "ended": dict(sorted(done.ended.items())),
        "digests": done.digests,
        "digested": done.digested,
        "troubles": dict(sorted(done.troubles.items())),
        "stopped": [{"channel": b.channel, "provider": b.provider, "detail": b.detail} for b in done.stopped],
    }


def collected_data(back: Collected) -> dict[str, Any]:
    """The receipts for JSON."""
    return {
        "receipts": dict(sorted(back.states.items())),
        "unconfirmed": back.unconfirmed,
        "receipt_troubles": dict(sorted(back.troubles.items())),
    }
