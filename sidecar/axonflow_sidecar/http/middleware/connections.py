"""Cut connections that hold a place and ask nothing.

The server times out an HTTP/1.1 header that was begun, but not a client that connects and stays silent, stops within
its first bytes, or answers HTTP/2 pings and never ends its header block. So we look from outside:
every connection of our listeners has to bring a call to the application now and then, or it is shut down.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from time import monotonic
from typing import Final

from axonflow import AxonFlowError
from axonflow_sidecar.http.asgi import STOPPING, Application, Receive, Scope, Send
from axonflow_sidecar.http.middleware.tracing import traced
from axonflow_sidecar.http.problems import PROBLEM, problem

__all__ = ["Connections"]

TICK_S: Final = 1.0
_DESCRIPTORS: Final = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
Peer = tuple[str, int, int]
"""Host, port, and the port of ours that it is connected to."""


class _Seen:
    __slots__ = ("calls", "last_s", "served")

    def __init__(self, now_s: float) -> None:
        self.calls = 0  # under way
        self.served = False
        self.last_s = now_s


class Connections:
    """Counts the calls of each peer, and cuts those without one.

    A connection without a call for `header_timeout_s` after it was opened, or for `idle_timeout_s` after the last one
    ended, is shut down. One with a call under way never is.
    """

    def __init__(
        self,
        app: Application,
        ports: set[int],
        *,
        header_timeout_s: float,
        idle_timeout_s: float,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._app = app
        self._ports = ports
        self._header_timeout_s = header_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._clock_s = clock_s
        self._peers: dict[Peer, _Seen] = {}
        self._calls = 0
        self._known: dict[int, tuple[int, Peer | None]] = {}  # descriptor: inode, and the peer if it is one of ours
        self._none_left = asyncio.Event()
        self._stopping = asyncio.Event()

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, with its calls counted; while it drains, new ones are refused."""
        if self._stopping.is_set():
            await _refuse(scope, receive, send)
            return
        (host, port), (_, own_port) = scope["client"] or ("", 0), scope["server"] or ("", 0)
        scope[STOPPING] = self._stopping
        peer = (host, int(port), int(own_port or 0))
        seen = self._peers.get(peer)
        if seen is None:
            seen = self._peers[peer] = _Seen(self._clock_s())
        seen.calls += 1
        seen.served = True
        self._calls += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._calls -= 1
            seen.calls -= 1
            seen.last_s = self._clock_s()
            if not self._calls:
                self._none_left.set()

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new calls, tell those without an end to end, and wait until none is under way; False when `timeout_s`
        passed first."""
        self._stopping.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self._calls:
                    self._none_left.clear()
                    await self._none_left.wait()
        except TimeoutError:
            return False
        return True

    async def cut_idle(self) -> None:
        """Look once a second, for as long as the task lives."""
        while True:
            await asyncio.sleep(TICK_S)
            self.look()

    def look(self) -> int:
        """Cut what is due now; how many that were."""
        now_s = self._clock_s()
        open_now = self._open_peers()
        for peer in self._peers.keys() - open_now.keys():
            if not self._peers[peer].calls:
                del self._peers[peer]
        cut = 0
        for peer, descriptor in open_now.items():
            seen = self._peers.get(peer)
            if seen is None:
                self._peers[peer] = _Seen(now_s)
                continue
            allowed_s = self._idle_timeout_s if seen.served else self._header_timeout_s
            if not seen.calls and now_s - seen.last_s > allowed_s:
                cut += _shut_down(descriptor, peer)
        return cut

    def cut_all(self) -> None:
        """Shut every connection down, whatever is under way on it."""
        for peer, descriptor in self._open_peers().items():
            _shut_down(descriptor, peer)

    def _open_peers(self) -> dict[Peer, int]:
        """Peer to descriptor of every connection that came in through one of our ports."""
        peers: dict[Peer, int] = {}
        known: dict[int, tuple[int, Peer | None]] = {}
        for name in os.listdir(_DESCRIPTORS):
            descriptor = int(name)
            try:
                status = os.fstat(descriptor)
            except OSError:  # closed since it was listed
                continue
            if not stat.S_ISSOCK(status.st_mode):
                continue
            entry = self._known.get(descriptor)
            if entry is None or entry[0] != status.st_ino:
                entry = (status.st_ino, _peer_of(descriptor, self._ports))
            known[descriptor] = entry
            if entry[1] is not None:
                peers[entry[1]] = descriptor
        self._known = known
        return peers


@traced
async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    body = problem(503, AxonFlowError("this process is stopping", hint="Try again: another one takes over."))
    headers = [(b"content-type", PROBLEM), (b"content-length", str(len(body)).encode()), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _peer_of(descriptor: int, ports: set[int]) -> Peer | None:
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return None
    with socket.socket(fileno=duplicate) as connection:
        try:
            if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.getsockname()[1] not in ports:
                return None
            return _ends(connection)
        except OSError:  # it listens, or has ended
            return None


def _ends(connection: socket.socket) -> Peer:
    host, port = connection.getpeername()[:2]
    return str(host), int(port), int(connection.getsockname()[1])


def _shut_down(descriptor: int, peer: Peer) -> bool:
    """End the connection, if the descriptor still is the one that was looked at. The server closes it then."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return False
    with socket.socket(fileno=duplicate) as connection:
        try:
            if _ends(connection) != peer:
                return False
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
    return True
