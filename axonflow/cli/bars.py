"""How far a long command on the database is: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
import time

from axonflow.cli.progress import Progress
from axonflow.cli.settings import read_settings

__all__ = ["Bar"]


class Bar:
    """Called with what is done and of how much; 0 is not known."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._done = 0
        self._started_ns = time.monotonic_ns()
        self._progress: Progress | None = None

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it: what is counted for it alone need not be counted elsewhere."""
        return read_settings().motion and sys.stderr.isatty()

    def __call__(self, done: int, whole: int = 0) -> None:
        self._done = done
        if self._progress is None:
            self._progress = Progress(
                sys.stderr, read_settings(), whole=whole, position=lambda: self._done, clock_ns=time.monotonic_ns,
                unit=self._unit, started_ns=self._started_ns,
            )  # fmt: skip
        self._progress.update(done)

    def clear(self) -> None:
        """Wipe the line."""
        if self._progress is not None:
            self._progress.clear()
