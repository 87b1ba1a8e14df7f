"""How far a long run is, on one line of a terminal that is redrawn; nothing at all anywhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TextIO

from axonflow.cli.settings import Settings

__all__ = ["Progress"]

_REDRAW_NS: Final = 100_000_000
_BAR_CHARS: Final = 30
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """A bar when `whole`, of which `position` is done, is not 0; else a count of `unit`. `clock_ns` is monotonic, and
    what it said when the run began is `started_ns`, if that was before now."""

    def __init__(
        self,
        stream: TextIO,
        settings: Settings,
        *,
        whole: int,
        position: Callable[[], int],
        clock_ns: Callable[[], int],
        unit: str = "requests",
        started_ns: int | None = None,
    ) -> None:
        self._stream = stream
        self._shown = settings.motion and stream.isatty()
        self._whole = whole
        self._position = position
        self._clock_ns = clock_ns
        self._unit = unit
        self._started_ns = clock_ns() if started_ns is None else started_ns
        self._next_ns = self._started_ns

    def update(self, count: int) -> None:
        """`count` of them are done. Redraws at most ten times a second, so it may be called often."""
        if not self._shown:
            return
        now_ns = self._clock_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _REDRAW_NS
        seconds = (now_ns - self._started_ns) / 1e9
        rate = f", {count / seconds:,.0f}/s" if seconds > 0 else ""
        text = f"{self._bar()}{count:,} {self._unit}{rate}"
        self._stream.write(_CLEAR + text[: self._columns() - 1])
        self._stream.flush()

    def _bar(self) -> str:
        if self._whole <= 0:
            return ""
        part = min(self._position() / self._whole, 1.0)
        return f"[{'#' * round(part * _BAR_CHARS):-<{_BAR_CHARS}}] {part:4.0%}  "

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def clear(self) -> None:
        """Wipe the line, so that something else may be printed."""
        if self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
