"""One service as a process, its settings as a line of JSON on standard input.

Standard input stays open: when it ends, whoever started this has gone, and the service drains and ends too. On standard
output it says once, as a line of JSON, that it is ready or why it cannot be. The log goes to standard error.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import uvloop

from axonflow import AxonFlowError
from axonflow_sidecar.hosting.logs import log_to
from axonflow_sidecar.hosting.settings import ServiceSettings
from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.server import serve

__all__ = ["main", "run"]

EXIT_CONFIGURATION = 2
_log = logging.getLogger("axonflow.process")

Opened = Callable[[ServiceSettings], AbstractAsyncContextManager[Application]]


async def run(settings: ServiceSettings, opened: Opened, say: Callable[[bytes], None], ended: Awaitable[None]) -> None:
    """Serve what `opened` gives until SIGTERM, SIGINT or `ended`. Raises AxonFlowError when it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.ensure_future(ended)
    watching.add_done_callback(lambda _: stop.set())
    async with opened(settings) as application:
        _settle()
        await serve(
            application,
            settings.listeners,
            stop,
            drain_timeout_s=settings.drain_timeout_s,
            ready=lambda: say(msgspec.json.encode({"ready": True})),
        )
        _log.info("draining")
    watching.cancel()


def _settle() -> None:
    """What is there when the service opens stays: 84,000 objects, through which each full collection of garbage would
    go while calls wait (40 ms), and policies that are published may bring one about. What takes the place of some of it
    later may leave that in memory, once."""
    gc.collect()
    gc.freeze()
    gc.enable()


async def _input_ends() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


def _only_we_say() -> Callable[[bytes], None]:
    """What writes a line for whoever started us. All else that is printed here, by plans for one, goes to the log: it
    would else fill a pipe that nobody reads."""
    said = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(line: bytes) -> None:
        said.write(line + b"\n")

    return say


def main() -> int:
    """The process. Exit code 0 after an orderly end, 2 when it was told something it cannot work with."""
    from axonflow_sidecar.hosting.composition import opened_agent, opened_orchestrator

    say = _only_we_say()
    try:
        settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServiceSettings)
        log_to(f"axonflow-{settings.role}", settings.log_level)
        opened = opened_agent if settings.role == "agent" else opened_orchestrator
        uvloop.run(run(settings, opened, say, _input_ends()))
    except AxonFlowError as error:
        say(msgspec.json.encode({"error": str(error)}))
        return EXIT_CONFIGURATION
    return 0
