"""Composing a mail: our bytes against prebuilt ones, and against the standard library's ``EmailMessage``.

Run ``python bench/compose.py``. The limit is what no composer can do without: the date, the reference, and the text in
base64, put between ready headers; it checks nothing and folds nothing. All three are measured in the same run,
round by round in turns. Exit code 1 if a goal is missed, or if ours and ``EmailMessage`` do not mean the same mail;
``--plant-fault`` composes another text, which must then show.
"""

from __future__ import annotations

import argparse
import sys
from base64 import encodebytes
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.delivery import Waiting
from notifiers.mail import Letterhead

GOAL_US = 150.0
GOAL_RATIO = 2.0
GOAL_LIBRARY = 20.0
ROUNDS = 9
NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai
SENDER, NAME, TO = "tongzhi@caizheng.example.cn", "市财政局采购办", "zhang.wei@example.org"
COMPARED = (
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
)  # fmt: skip
TEXT = "编号〔2026〕平财购{0}号课桌椅采购项目（第一包）：签订合同今日到期，请抓紧办理；逾期将发出预警并抄送监督部门。\n"

Composer = Callable[[Waiting], bytes]


def messages(count: int) -> list[Waiting]:
    """Make ``count`` reminders and digests, one to eight lines of Chinese each, every fifth subject long."""
    return [
        Waiting(
            f"P{n}/sign_contract/1/0/soon/1/zhang/email", "email", "zhang", TO,
            "到期提醒：课桌椅采购项目" * (3 if n % 5 == 0 else 1), TEXT.format(n) * (1 + n % 8), NOW,
        )
        for n in range(count)
    ]  # fmt: skip


def ours() -> Composer:
    """Return the composer of the channel."""
    letterhead = Letterhead(SENDER, name=NAME)
    return lambda message: letterhead.compose(message, message.address, NOW)


def library(message: Waiting) -> bytes:
    """Compose with ``EmailMessage``, the same headers."""
    mail = EmailMessage(SMTP)
    mail["From"] = f'"{NAME}" <{SENDER}>'
    mail["To"] = message.address
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(NOW)
    mail["Message-ID"] = f"<{message.reference}@caizheng.example.cn>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text, cte="base64")
    return mail.as_bytes()


def limit() -> Composer:
    """Return what no composer can do without, between ready headers."""
    head = ours()(messages(2)[1]).partition(b"Date: ")[0]

    def compose(message: Waiting) -> bytes:
        stamp = (
            f"Date: {format_datetime(NOW)}\r\nMessage-ID: <{message.reference}@caizheng.example.cn>\r\n\r\n"
        )
        return head + stamp.encode() + encodebytes(message.text.encode()).replace(b"\n", b"\r\n")

    return compose


def differences(given: Sequence[Waiting], planted: bool = False) -> int:
    """Count headers and texts that ours and the library's mail do not have in common."""
    mine = ours()
    found = 0
    for message in given:
        left = message_from_bytes(mine(message), policy=default)
        right = message_from_bytes(library(message), policy=default)
        found += sum(left[name] != right[name] for name in COMPARED)
        text = left.get_content().replace("\r\n", "\n")
        found += text.removesuffix("\n") != message.text + ("x" if planted else "")
        found += right.get_content().replace("\r\n", "\n").removesuffix("\n") != message.text.removesuffix(
            "\n"
        )
    return found


def main() -> int:
    """Measure, compare, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plant-fault", action="store_true", help="compare with another text")
    parser.add_argument("--small", action="store_true", help="judge only what the mails mean")
    wanted = parser.parse_args()
    wrong = differences(messages(40), wanted.plant_fault)
    print(f"{'headers and texts that differ in 40 mails':<44}{wrong:>10}     0")
    if wanted.small:
        return int(wrong > 0)
    given = messages(400)
    bare, mine, theirs = _in_turns(given, limit(), ours(), library)
    print(f"{'date, reference, base64 (the limit)':<44}{bare:>10.1f} us")
    print(f"{'Letterhead.compose':<44}{mine:>10.1f} us  <= {GOAL_US:g} us")
    print(f"{'  to the limit':<44}{mine / bare:>10.2f} x   <= {GOAL_RATIO:g} x")
    print(f"{'EmailMessage':<44}{theirs:>10.1f} us")
    print(f"{'  to ours':<44}{theirs / mine:>10.1f} x   >= {GOAL_LIBRARY:g} x")
    missed = mine > GOAL_US or mine / bare > GOAL_RATIO or theirs / mine < GOAL_LIBRARY
    return int(wrong > 0 or missed)


def _in_turns(given: Sequence[Waiting], *ways: Composer) -> tuple[float, ...]:
    """Return the median microseconds per mail of each way, one round of each after the other."""
    rounds = [[_once(way, given) for way in ways] for _ in range(ROUNDS)]
    return tuple(median(column) for column in zip(*rounds, strict=True))


def _once(way: Composer, given: Sequence[Waiting]) -> float:
    start = perf_counter()
    for message in given:
        way(message)
    return (perf_counter() - start) / len(given) * 1e6


if __name__ == "__main__":
    sys.exit(main())
