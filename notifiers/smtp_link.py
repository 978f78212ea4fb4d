"""A connection to a mail server: replies read in order, and as few exchanges as the server allows.

Where the server offers PIPELINING (RFC 2920), ``MAIL``, ``RCPT`` and ``DATA`` go out together, and those of
the next mail together with the last line of the one before: one exchange for a mail. Replies are told apart
by their order alone, so a connection that is lost, or on which anything else is read, is not used again.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Literal, NamedTuple

from engine.delivery import Waiting
from notifiers.wire import Patience, silent

Phase = Literal["open", "RSET", "MAIL", "RCPT", "DATA", "end"]
LOST = 0
_WELL = {"RSET": (250,), "MAIL": (250,), "RCPT": (250, 251), "DATA": (354,)}
_LONGEST_REPLY = 1 << 16
_LEAST = 0.05
"""Seconds that writing may take in any case."""


class Reply(NamedTuple):
    """What the server said last, and to what; code 0: the connection was lost instead.

    ``open``: nothing was said to it on this connection that still counts.
    """

    phase: Phase
    code: int
    text: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether the server is there for the next mail, whatever it said to this one."""
        return self.code // 100 in (2, 4, 5) and self.code != 421


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it goes over the wire; ``deadline`` is when it is given up, in monotonic seconds."""

    message: Waiting
    now: datetime
    sender: str
    recipient: str
    body: bytes
    deadline: float

    def commands(self) -> list[tuple[Phase, bytes]]:
        """Return what is said before the mail itself."""
        return [
            ("MAIL", f"MAIL FROM:<{self.sender}>\r\n".encode("ascii")),
            ("RCPT", f"RCPT TO:<{self.recipient}>\r\n".encode("ascii")),
            ("DATA", b"DATA\r\n"),
        ]


class _Garbled(Exception):
    """The connection has ended, or what came over it is no reply."""


class Link:
    """A connection to a server that knows who we are; used by one thread at a time."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        """Take over from `smtplib`, which has connected, encrypted and logged in."""
        assert smtp.sock is not None
        self._smtp = smtp
        self._socket: socket.socket = smtp.sock
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patience = Patience(self._socket)
        self._pipelining = smtp.has_extn("pipelining")
        self._read = b""
        self._halted = False
        """A mail was refused half-way: ``RSET`` comes before the next one."""
        self.usable = True
        self.carried = 0
        """Mails begun on this connection."""
        self.used_at = monotonic()

    def silent(self) -> bool:
        """Say whether the server has said nothing since the last mail, and has not hung up."""
        return not self._read and silent(self._socket)

    def carry(
        self, mail: Mail, following: Callable[[], Mail | None], begun_by: float
    ) -> Iterator[tuple[Mail, Reply]]:
        """Hand over ``mail`` and what follows; give each with the last reply to it, as soon as it is read.

        ``begun_by`` is until when the server must have answered the first commands. The connection is
        ``usable`` afterwards, or closed; then a mail that was only announced on it is given as ``open``.
        """
        reply = self._announce(mail, begun_by)
        while True:
            ahead: Mail | None = None
            if reply.phase == "DATA" and reply.code == 354:
                if monotonic() > mail.deadline:  # we stood still: somebody else may be sending it by now
                    reply = Reply("DATA", LOST)
                else:
                    ahead = following() if self._pipelining else None
                    reply = self._hand_over(mail, ahead)
            self._halted = reply.phase != "end"
            if not reply.goes_on:
                self.close()
            yield mail, reply
            if not self.usable:
                if ahead is not None:
                    yield ahead, Reply("open", LOST)
                return
            if ahead is not None:
                mail, reply = ahead, self._answers(ahead.commands(), ahead.deadline)
                continue
            after = following()
            if after is None:
                return
            mail, reply = after, self._announce(after, after.deadline)

    def _announce(self, mail: Mail, deadline: float) -> Reply:
        """Say everything up to ``DATA``; return the first reply that is not as it should be, or the last."""
        self.carried += 1
        commands = mail.commands()
        if self._halted:
            commands.insert(0, ("RSET", b"RSET\r\n"))
        if self._pipelining:
            if not self._say(b"".join(said for _, said in commands), deadline):
                return Reply(commands[0][0], LOST)
            return self._answers(commands, deadline)
        reply = Reply("open", LOST)
        for phase, said in commands:
            reply = self._reply(phase, deadline) if self._say(said, deadline) else Reply(phase, LOST)
            if reply.code not in _WELL[phase]:
                break
        return _unless_reset(reply)

    def _answers(self, commands: list[tuple[Phase, bytes]], deadline: float) -> Reply:
        """Read the replies to commands that were said together."""
        first: Reply | None = None
        for phase, _ in commands:
            reply = self._reply(phase, deadline)
            if first is None and reply.code not in _WELL[phase]:
                first = reply
            if not reply.goes_on and reply.code != 354:
                break
        if first is None:
            return reply
        if reply.code == 354 and first.goes_on:
            # it waits for a mail that has no recipient: an empty one ends that (RFC 2920, 3.1)
            ended = self._say(b".\r\n", deadline) and self._reply("end", deadline).goes_on
        else:
            ended = reply.goes_on
        if not ended:
            self.close()
        return _unless_reset(first)

    def _hand_over(self, mail: Mail, ahead: Mail | None) -> Reply:
        """Send the mail itself, and announce ``ahead`` behind it. No line of ours begins with a dot."""
        announced = b""
        if ahead is not None:
            self.carried += 1
            announced = b"".join(said for _, said in ahead.commands())
        if not self._say(mail.body + b".\r\n" + announced, mail.deadline):
            # while its last line has not gone out the server cannot take it; with more behind, who knows
            return Reply("end" if announced else "DATA", LOST)
        return self._reply("end", mail.deadline)

    def _say(self, said: bytes, deadline: float) -> bool:
        try:
            self._patience.until(deadline, _LEAST)
            self._socket.sendall(said)
        except OSError:
            return False
        return True

    def _reply(self, phase: Phase, deadline: float) -> Reply:
        lines: list[bytes] = []
        try:
            while not lines or lines[-1][3:4] == b"-":
                lines.append(self._line(deadline))
                if not lines[-1][:3].isdigit() or len(lines) > 100:
                    raise _Garbled
        except (OSError, _Garbled):
            return Reply(phase, LOST)
        text = b"\n".join(line[4:].strip() for line in lines)
        return Reply(phase, int(lines[-1][:3]), text.decode("utf-8", "replace"))

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._read:
            if len(self._read) > _LONGEST_REPLY:
                raise _Garbled
            # what has come already is read however late we are
            self._patience.until(deadline)
            got = self._socket.recv(_LONGEST_REPLY)
            if not got:
                raise _Garbled
            self._read += got
        line, _, self._read = self._read.partition(b"\n")
        return line

    def quit(self) -> None:
        """Say goodbye without waiting for the answer: the other side may be gone."""
        if self.usable:
            self._say(b"QUIT\r\n", monotonic())
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self.usable = False
        with suppress(OSError):
            self._smtp.close()


def _unless_reset(reply: Reply) -> Reply:
    """A server that cannot forget the mail before has been told nothing of this one."""
    return Reply("RSET", LOST) if reply.phase == "RSET" else reply
