"""Mail goes out by SMTP, what bounced comes back by IMAP: real processes, one setting each in `yiriban.toml`."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.channels.test_bounces import report
from tests.city import PERSONS, City
from tests.fakes.imap import MailboxServer
from tests.fakes.smtp import MailServer

PASSWORD = "geheim-9f3k"


def settings(mail: MailServer, box: MailboxServer) -> str:
    return f"""database = "city.db"
[channels]
email = "smtp://127.0.0.1:{mail.port}/?from=tongzhi@example.cn&bounces=tuixin@example.cn"
bounces = "imap://tuixin@127.0.0.1:{box.port}/INBOX?password=env:BOUNCE_PASSWORD&insecure=1"
"""


def once(folder: Path, root: Path) -> list[dict[str, Any]]:
    """One beat, one delivery, one poll of the mailbox; what was told."""
    ran = subprocess.run(
        [sys.executable, str(root / "cli.py"), "run", "--once", "--json"], cwd=folder, capture_output=True,
        env={**os.environ, "BOUNCE_PASSWORD": PASSWORD}, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def rows(folder: Path, sql: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(folder / "city.db", timeout=10)) as db:
        return db.execute(sql, values).fetchall()


def test_a_bounce_ends_its_message_marks_the_address_and_is_read_once(tmp_path: Path, root: Path) -> None:
    city = City(f"sqlite:///{tmp_path / 'city.db'}")
    city.open("2026-11-02 09:00")
    city.walk("deliver_report", "2026-11-02 10:00")
    with city.store.transaction():
        for number, person in enumerate(PERSONS.values()):
            city.store.run("update person set email = ? where id = ?", (f"p{number}@example.org", person))
    city.store.close()
    with MailServer() as mail, MailboxServer(user="tuixin", password=PASSWORD) as box:
        (tmp_path / "yiriban.toml").write_text(settings(mail, box), "utf-8")
        once(tmp_path, root)
        sent = mail.accepted[0]
        returned = re.fullmatch(r"tuixin\+([0-9a-f]{32})@example\.cn", sent.sender)
        assert returned is not None, sent.sender
        assert returned[1] == sent.reference
        box.put(report(to=sent.sender, message_id=f"<{sent.reference}@example.cn>"))
        other = box.put(b"From: a@example.org\r\nSubject: hello\r\n\r\nnot a bounce\r\n")
        told = once(tmp_path, root)
        [(key, state, person)] = rows(
            tmp_path, "select key, state, person from message where reference = ?", sent.reference
        )
        assert state == "undelivered"
        assert {"undelivered": 1} in [line.get("receipts") for line in told]
        assert rows(tmp_path, "select code from receipt where message = ?", key) == [("5.1.1",)]
        assert rows(tmp_path, "select person, channel from contact") == [(person, "email")]
        assert other not in box.seen(), "what is no bounce stays unread, for people"
        assert len(box.seen()) == 1
        once(tmp_path, root)
        assert rows(tmp_path, "select count(*) from receipt") == [(1,)], "read once, kept once"
