"""Verb: wait. Run a coroutine to its end from code that is not async.

Frameworks call guards from plain functions, often inside a running event loop, where ``asyncio.run`` is not allowed.
One loop in a thread of its own serves all of them, so that whatever an adapter binds to a loop is bound to a living
one. The hop costs two thread switches, some tens of microseconds.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["wait"]

T = TypeVar("T")


class _LoopThread:
    """An event loop that runs in a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="axonflow-loop", daemon=True)
                self._thread.start()
            return self._loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loop = self._running()
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("wait() was called from the loop that it would wait for: await instead")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C while waiting: the coroutine must not go on unseen
            raise


_thread = _LoopThread()


def _renew() -> None:
    global _thread  # noqa: PLW0603  a lock held at the moment of a fork would stay locked in the child for good
    _thread = _LoopThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def wait(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of `coroutine`, or what it raises. Blocks the calling thread, also one that runs an event loop."""
    return _thread.run(coroutine)
