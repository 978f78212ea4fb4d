"""Peers for `bench/deliver.py`, each a process of its own: an SMTP server and an SMS gateway that do next to nothing.

``python bench/sinks.py smtp|sms DELAY`` prints its port, serves until its standard input ends, then prints
how many messages it took and how many different ones. ``DELAY`` is how many seconds it thinks over a reply.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_MESSAGE_ID = re.compile(rb"^Message-ID: *\r?\n? *<([^@>]+)", re.IGNORECASE | re.MULTILINE)
_OUT_ID = re.compile(rb'OutId["=: ]+"?([0-9a-f]{32})')
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Ledger:
    """What was taken, by the sender's own reference."""

    taken: list[bytes] = field(default_factory=list)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def smtp(ledger: Ledger, delay: float) -> Serve:
    """Return an SMTP server that offers PIPELINING and takes every mail."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: bytes) -> None:
            if delay:
                await asyncio.sleep(delay)
            writer.write(line + b"\r\n")

        await say(b"220 sink")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                await say(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME")
            elif word == b"DATA":
                await say(b"354 go on")
                mail = await reader.readuntil(b"\r\n.\r\n")
                found = _MESSAGE_ID.search(mail)
                ledger.taken.append(found[1] if found else mail[:40])
                await say(b"250 queued")
            elif word == b"QUIT":
                await say(b"221 bye")
                break
            else:
                await say(b"250 ok")
        writer.close()

    return serve


def sms(ledger: Ledger, delay: float) -> Serve:
    """Return a gateway that answers every request as Aliyun would answer one that it takes."""
    body = b'{"Code":"OK","Message":"OK","BizId":"1","RequestId":"1"}'
    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                rest = await reader.readexactly(int(length[1])) if length else b""
                await asyncio.sleep(delay)
                found = _OUT_ID.search(head + rest)
                ledger.taken.append(found[1] if found else head)
                writer.write(reply)
        except asyncio.IncompleteReadError:
            writer.close()

    return serve


async def _main(kind: str, delay: float) -> None:
    ledger = Ledger()
    serve = {"smtp": smtp, "sms": sms}[kind](ledger, delay)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    loop.set_exception_handler(lambda _loop, _context: None)  # whoever is still connected is cut off
    print(json.dumps({"taken": len(ledger.taken), "different": len(set(ledger.taken))}), flush=True)


@dataclass(slots=True)
class Sink:
    """A peer that runs; what it took is known once it has been left."""

    port: int
    taken: int = 0
    different: int = 0


@contextmanager
def sink(kind: str, delay: float = 0.0) -> Iterator[Sink]:
    """Run a peer in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), kind, str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        peer = Sink(int(process.stdout.readline()))
        try:
            yield peer
        finally:
            process.stdin.close()
            told = json.loads(process.stdout.readline())
            peer.taken, peer.different = told["taken"], told["different"]


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
