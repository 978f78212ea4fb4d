"""What connections that are kept have in common. 长连接"""

from __future__ import annotations

import math
import select
import socket
import ssl
from time import monotonic


class Patience:
    """How long a connection waits; asked for again and again, it is told to the system only where it has changed.

    Every such call hands the interpreter to the other threads, and to have it back takes its time.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Bind to a connection."""
        self._connection = connection
        self._set = -1.0

    def until(self, moment: float, least: float = 0.0, most: float = math.inf) -> None:
        """Wait until about ``moment`` (monotonic seconds), no longer and at most a tenth shorter."""
        left = min(max(moment - monotonic(), least), most)
        if not 0.9 * left <= self._set <= left:
            self._connection.settimeout(left)
            self._set = left


def silent(connection: socket.socket) -> bool:
    """Say whether a connection that waits is still open and has nothing to read.

    Whatever came unasked would pass for the answer to what is said next; an end means that the peer has left.
    """
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return False
    try:
        if not hasattr(select, "poll"):
            return not select.select([connection], [], [], 0)[0]
        watch = select.poll()
        watch.register(connection, select.POLLIN)
        return not watch.poll(0)
    except (OSError, ValueError):  # ours is closed already
        return False
