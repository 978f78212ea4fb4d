"""The web server beside the patrol: uvicorn in a thread of its own, which no signal and no fault of it can disturb.

This module and `app` are the doors to uvicorn and starlette.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address
from threading import Thread

import uvicorn
from starlette.applications import Starlette

from engine.errors import BadInput, Conflict

GRACE = 2
"""Seconds that answers under way may take when the program stops."""
MOST = 100
"""Connections at once; one more is answered 503."""
_KEEP_ALIVE = 15
_LONGEST_HEAD = 16 << 10

for _name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
    # its access log would show the secrets in the paths; what matters is told by the routes themselves
    _logger = logging.getLogger(_name)
    _logger.addHandler(logging.NullHandler())
    _logger.propagate = False


class Server:
    """Listens from the moment it is made, answers from ``start`` on."""

    def __init__(self, host: str, port: int) -> None:
        """Take the address, before anything else begins; port 0 is any free one.

        Raise ``Conflict`` where somebody else has it, ``BadInput`` where it is not this machine's.
        """
        self._socket = _listen(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Where it is to be found."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def open_to_others(self) -> bool:
        """Whether other machines can reach it."""
        return not ip_address(self.host.partition("%")[0]).is_loopback

    def start(self, app: Starlette, died: Callable[[Exception], None]) -> None:
        """Answer with ``app``; ``died`` hears in the server's thread of an end that nobody asked for."""
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", http="h11", loop="asyncio",
            server_header=False, proxy_headers=False, limit_concurrency=MOST, timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE, h11_max_incomplete_event_size=_LONGEST_HEAD,
        )  # fmt: skip
        server = self._server = uvicorn.Server(config)

        def serve() -> None:
            # outside the main thread uvicorn leaves signals alone
            try:
                server.run(sockets=[self._socket])
            except (Exception, SystemExit) as error:
                died(error if isinstance(error, Exception) else RuntimeError("uvicorn left"))
                return
            if not server.should_exit:
                died(RuntimeError("uvicorn ended"))

        self._thread = Thread(target=serve, name="yiriban-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let go of the address; answers under way get a moment, and nobody waits longer."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(GRACE + 1)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise BadInput(
            f"不能在 {host} 上监听", why=str(error), then="写本机的 IP 地址，如 127.0.0.1:8642"
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(MOST)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise Conflict(
            f"不能在 {host}:{port} 上监听",
            why=error.strerror or str(error),
            then="换一个端口：--http 127.0.0.1:8643，或停掉占用它的程序；也可能不是本机的地址、没有权限",
        ) from error
    return listening
