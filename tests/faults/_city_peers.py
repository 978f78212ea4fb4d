"""The city's providers: a mail server and Aliyun SMS in processes of their own, and who takes the events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.reader import read_texts
from engine.workflow import TextDef
from runtime.settings import SHIPPED_WORKFLOWS
from tests.fakes.serve import Entry, Peer, serving
from tests.fakes.webhook import Receiver

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
SIGN = "一日办"
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Peers:
    """Who is on the other side of the city's channels; none of them is ever killed."""

    mail: Peer
    sms: Peer
    events: Receiver

    def tell(self, now: datetime) -> None:
        """Put the providers' clocks right."""
        self.sms.knobs(now=now)
        self.events.fixed = now

    def ledgers(self) -> dict[str, Sequence[Entry]]:
        """Return what each channel's provider accepted."""
        return {"email": self.mail.accepted(), "sms": self.sms.accepted()}


@contextmanager
def peers(folder: Path, now: datetime, *, delay: float) -> Iterator[Peers]:
    """Run the providers, and write the settings that lead to them into ``folder``; each answers after ``delay``."""
    templates = approved(folder / "flow")
    with (
        serving("smtp", delay=delay / 3) as mail,
        serving("aliyun", secret=SECRET, templates=templates, longest=500, delay=delay, now=now) as sms,
        Receiver(secret=SECRET, now=now) as events,
    ):
        (folder / "secret").write_text(SECRET, "utf-8")
        secret = f"secret=file:{folder / 'secret'}"
        settings = {
            "email": f"smtp://127.0.0.1:{mail.port}/?from=yiriban@example.org&timeout=15",
            "sms": f"aliyun-sms://AK@dysmsapi.aliyuncs.com/?sign={SIGN}&timeout=10&base_url={sms.url}&{secret}",
            "webhook": f"webhook+http://127.0.0.1:{events.port}/events?{secret}",
        }
        channels = "\n".join(
            f"{name} = {json.dumps(url, ensure_ascii=False)}" for name, url in settings.items()
        )
        told = f'database = "yiriban.db"\nworkflows = "flow"\n[channels]\n{channels}\n'
        (folder / "yiriban.toml").write_text(told, "utf-8")
        yield Peers(mail, sms, events)


def approved(folder: Path) -> dict[str, str]:
    """Lay the shipped texts into ``folder``, each with an approved template; return the templates by their code."""
    (folder / "messages").mkdir(parents=True)
    codes: dict[str, str] = {}
    for number, (name, text) in enumerate(sorted(read_texts(SHIPPED_WORKFLOWS, None).items()), 1):
        shipped = (SHIPPED_WORKFLOWS / "messages" / f"{name}.yaml").read_text("utf-8")
        if not text.sms:
            continue
        names = list(dict.fromkeys(_PLACE.findall(text.sms)))
        code = f"SMS_{number}"
        kept = f"{{code: {code}, approved: 2020-01-01, longest: 500, params: [{', '.join(names)}]}}"
        (folder / "messages" / f"{name}.yaml").write_text(
            f"{shipped}\nproviders:\n  aliyun: {kept}\n", "utf-8"
        )
        codes[code] = _template(text)
    return codes


def _template(text: TextDef) -> str:
    return _PLACE.sub(r"${\1}", text.sms)
