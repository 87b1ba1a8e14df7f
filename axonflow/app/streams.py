"""Redacting streams with the engine that is installed; what that takes is compiled once for all streams."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Final

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import Scanner
from axonflow.detect.streaming import StreamRedaction
from axonflow.flows.guard_stream import StreamGuard

__all__ = ["StreamRedactions", "guarded"]

_MAX_KEPT: Final = 64


class StreamRedactions:
    """Made when they are first asked for. Safe to share between threads: at worst one is made twice."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, tuple[str, ...]], StreamRedaction] = {}

    def of(self, scanner: Scanner, ids: tuple[str, ...]) -> StreamRedaction:
        """Raises DetectionError for an id that is not known."""
        key = (id(scanner), ids)  # which stays its own: the redaction keeps the scanner
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _MAX_KEPT:
                self._made.clear()
            made = self._made[key] = StreamRedaction(scanner, ids, compile_pattern)
        return made


async def guarded(guard: StreamGuard, chunks: AsyncIterable[str] | Iterable[str]) -> AsyncIterator[str]:
    """What `guard` lets go on of `chunks`, without empty pieces. Raises what the guard and the chunks raise."""
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            if piece := guard.feed(chunk):
                yield piece
    else:
        for chunk in chunks:
            if piece := guard.feed(chunk):
                yield piece
    if rest := await guard.finish():
        yield rest
