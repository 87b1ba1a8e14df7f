"""Serve ASGI applications with Granian, in this process and its event loop: HTTP/1.1 and HTTP/2, TLS 1.3.

Embedded rather than as worker processes, because the listeners of one service (plain on loopback, TLS) share one
engine, one spool and one chain of audit records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server
from msgspec import Struct

from axonflow.errors import ConfigurationError
from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.middleware.connections import Connections

__all__ = ["Listener", "serve"]

HEADER_TIMEOUT_S: Final = 10
IDLE_TIMEOUT_S: Final = 120
MAX_HEADER_BLOCK_BYTES: Final = 2 * 1024 * 1024
"""The server's own bound, above the application's: so that too large a header is answered with a reason."""
MAX_STREAMS: Final = 200
BACKLOG: Final = 1024
FLUSH_S: Final = 0.05
"""For the server to write out the last answers that the application gave it."""
GOODBYE_S: Final = 0.5
"""For clients to close their idle connections once they were told to."""


class Listener(Struct, frozen=True):
    """Where to listen; with TLS when there is a certificate (PEM) and its key (PEM, PKCS #8)."""

    host: str
    port: int
    certificate: str | None = None
    private_key: str | None = None

    @property
    def url(self) -> str:
        """As a client would write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


def _server(app: Application, listener: Listener, header_timeout_ms: int) -> Server:
    return Server(
        app,
        address=listener.host,
        port=listener.port,
        interface=Interfaces.ASGINL,  # no lifespan: what the application needs is opened before and closed after
        http=HTTPModes.auto,
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,  # what it would say is said by us, as JSON
        http1_settings=HTTP1Settings(header_read_timeout=header_timeout_ms, max_buffer_size=MAX_HEADER_BLOCK_BYTES),
        http2_settings=HTTP2Settings(
            keep_alive_interval=header_timeout_ms,
            keep_alive_timeout=HEADER_TIMEOUT_S,
            max_concurrent_streams=MAX_STREAMS,
            max_headers_size=MAX_HEADER_BLOCK_BYTES,
        ),
        ssl_cert=Path(listener.certificate) if listener.certificate else None,
        ssl_key=Path(listener.private_key) if listener.private_key else None,
    )


async def serve(
    app: Application,
    listeners: Sequence[Listener],
    stop: asyncio.Event,
    *,
    drain_timeout_s: float,
    header_timeout_s: float = HEADER_TIMEOUT_S,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app` at all `listeners` until `stop` is set; calls under way then have `drain_timeout_s` to end.

    `ready` is called once all of them take connections.

    Raises ConfigurationError when a listener cannot be opened.
    """
    connections = Connections(
        app,
        {listener.port for listener in listeners},
        header_timeout_s=header_timeout_s,
        idle_timeout_s=idle_timeout_s,
    )
    servers = [_opened(connections.application, listener, header_timeout_s) for listener in listeners]
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    cutting = asyncio.create_task(connections.cut_idle())
    stopping = asyncio.create_task(stop.wait())
    try:
        opening = asyncio.gather(*(_taking_connections(listener) for listener in listeners))
        await asyncio.wait([*tasks, stopping, opening], return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            ready()
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()  # a listener that ended by itself: its error ends the service
    finally:
        cutting.cancel()
        # Calls first, then connections: some HTTP/2 clients (python-h2) give up what is under way when told to go away.
        if await connections.drain(drain_timeout_s):
            await asyncio.sleep(FLUSH_S)
        for server in servers:
            server.stop()  # type: ignore[no-untyped-call]
        _, late = await asyncio.wait(tasks, timeout=GOODBYE_S)
        if late:  # clients that keep connections open, or calls that hang
            connections.cut_all()
            _, late = await asyncio.wait(tasks, timeout=GOODBYE_S)
        for task in late:
            task.cancel()
        stopping.cancel()


async def _taking_connections(listener: Listener) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(listener.host, listener.port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


def _opened(app: Application, listener: Listener, header_timeout_s: float) -> Server:
    try:
        return _server(app, listener, int(header_timeout_s * 1000))
    except (OSError, ValueError) as error:
        raise ConfigurationError("cannot listen", found=str(error), at=listener.url) from None
