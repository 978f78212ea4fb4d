"""The baselines of `bench/deliver.py`: prebuilt bytes over one connection, and the rows that delivery leaves."""

from __future__ import annotations

import http.client
import socket
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import bare

AT_ONCE = 100
"""The baselines commit so many rows at a time."""
TEXT = "编号P2026-0001.1的课桌椅采购项目，确定采购结果的承诺时限为11月4日，系统未见办结登记。已办结请补录，未办结请抓紧办理。"
ENVELOPE = b"MAIL FROM:<a@example.cn>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"


class Book:
    """What our run left in its database, to be written again by a baseline: for each message an attempt and a mark."""

    COLUMNS = ("state", "send_from", "tries", "lease_until", "owner", "provider", "provider_id", "reference", "handed_at",
               "look_at", "waits_for", "unknowns", "doubt")  # fmt: skip

    def __init__(self, ours: Path) -> None:
        """Read the rows, in the order in which they were written."""
        with bare(ours) as db:
            attempt = [row[1] for row in db.execute("pragma table_info(attempt)") if row[1] != "id"]
            marks = ", ".join(f"m.{name}" for name in self.COLUMNS)
            rows = db.execute(
                f"select {', '.join(f'a.{name}' for name in attempt)}, {marks}, m.key"
                " from attempt a join message m on m.key = a.message order by a.id"
            ).fetchall()
        self._insert = f"insert into attempt ({', '.join(attempt)}) values ({', '.join('?' * len(attempt))})"
        self._update = f"update message set {', '.join(f'{name} = ?' for name in self.COLUMNS)} where key = ?"
        self.attempts = [row[: len(attempt)] for row in rows]
        self.marks = [row[len(attempt) :] for row in rows]

    def write(self, db: sqlite3.Connection, start: int, end: int) -> None:
        """Write the rows of some messages in one transaction."""
        db.execute("begin immediate")
        db.executemany(self._insert, self.attempts[start:end])
        db.executemany(self._update, self.marks[start:end])
        db.execute("commit")

    def holds(self, theirs: Path, count: int) -> bool:
        """Say whether another database has the same rows for the first ``count`` messages."""
        other = Book(theirs)
        return (other.attempts, other.marks) == (self.attempts[:count], self.marks[:count])


def pipelined(port: int, count: int, done: Callable[[int], None]) -> None:
    """Hand ``count`` prebuilt mails to one connection, the next envelope together with the mail before it."""
    with _greeted(port) as (connection, replies):
        connection.sendall(ENVELOPE)
        for number, mail in enumerate(_built(count), 1):
            for _ in range(3):
                replies.readline()
            connection.sendall(mail + (ENVELOPE if number < count else b"QUIT\r\n"))
            replies.readline()
            done(number)


def mail_by_mail(port: int, count: int, done: Callable[[int], None]) -> None:
    """Hand ``count`` prebuilt mails to one connection, one command after the other."""
    with _greeted(port) as (connection, replies):
        for number, mail in enumerate(_built(count), 1):
            for said in (*ENVELOPE.splitlines(keepends=True), mail):
                connection.sendall(said)
                replies.readline()
            done(number)
        connection.sendall(b"QUIT\r\n")


def one_by_one(port: int, count: int, done: Callable[[int], None]) -> None:
    """Send ``count`` requests over one connection, each after the answer to the one before."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(count):
        connection.request("POST", "/", f"OutId={number:032x}&PhoneNumbers=13800000000")
        connection.getresponse().read()
        done(number + 1)
    connection.close()


@contextmanager
def _greeted(port: int) -> Iterator[tuple[socket.socket, Any]]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = connection.makefile("rb")
        replies.readline()
        connection.sendall(b"EHLO bench\r\n")
        for _ in range(3):
            replies.readline()
        yield connection, replies


def _built(count: int) -> Iterable[bytes]:
    body = TEXT.encode().hex().encode()
    return (
        b"Message-ID: <%032d@x>\r\nSubject: bench\r\n\r\n%s\r\n.\r\n" % (number, body)
        for number in range(count)
    )
