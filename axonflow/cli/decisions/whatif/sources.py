"""Where `axonflow whatif` has decisions from: traffic, an export, the database."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from axonflow.cli.bars import Bar
from axonflow.cli.decisions.replay.replaying import TrafficSource, opened_traffic
from axonflow.cli.decisions.traffic import MAX_LINE_BYTES, decode_line, numbered_lines
from axonflow.cli.decisions.whatif.report import Refusals
from axonflow.cli.progress import Progress
from axonflow.cli.reading import STANDARD_INPUT
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import printable
from axonflow.errors import ConfigurationError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from axonflow.audit import AuditQuery
    from axonflow.policy.whatif import Comparison

__all__ = ["Gone", "compare_recorded", "from_database", "from_export", "from_traffic"]

_PARQUET: Final = b"PAR1"
_LINES_BETWEEN_UPDATES: Final = 64

Compare = Callable[["Comparison", "Refusing"], None]


class Refusing:
    """Tells of what is no decision on standard error, the first few one by one, and counts all."""

    def __init__(self) -> None:
        self.refusals = Refusals()
        self.clear: Callable[[], None] = lambda: None

    def __call__(self, at: str, message: str) -> None:
        if self.refusals.add(at, message):
            self.clear()
            click.echo(f"{printable(at, 80)}: {printable(message, 300)}", err=True)

    def finish(self) -> None:
        """Say how many were not shown."""
        more = self.refusals.count - len(self.refusals.first)
        if more:
            click.echo(f"and {more:,} more, not shown", err=True)


class Gone(NamedTuple):
    """How it went: how long it took, and whether it was ended before its end."""

    refusals: Refusals
    wall_ns: int
    interrupted: bool


def compare_recorded(comparison: Comparison, compare: Compare) -> Gone:
    """Compare all that there is. Ctrl-C ends it early."""
    refusing, interrupted = Refusing(), False
    gc.collect()
    gc.freeze()  # the policies live as long as the process: no collection need walk them
    started_ns = perf_counter_ns()
    try:
        compare(comparison, refusing)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.unfreeze()
    wall_ns = perf_counter_ns() - started_ns
    refusing.clear()
    refusing.finish()
    return Gone(refusing.refusals, wall_ns, interrupted)


def from_traffic(place: str) -> Compare:
    """Whole requests, a line each."""

    def compare(comparison: Comparison, refusing: Refusing) -> None:
        with opened_traffic(place) as source:
            progress = _progress(source, refusing)
            now_s = time.time()
            for number, line in numbered_lines(source.stream):
                try:
                    traffic = decode_line(line)
                except RequestError as error:
                    refusing(f"line {number}", str(error))
                    continue
                expected = None if traffic.expect is None else traffic.expect.effect.value
                comparison.take_request(f"line {number}", traffic.request, expected, now_s)
                if not number % _LINES_BETWEEN_UPDATES:
                    progress.update(number)

    return compare


def from_export(place: str) -> Compare:
    """An export of the trail, as lines (also packed by gzip) or as Parquet."""

    def compare(comparison: Comparison, refusing: Refusing) -> None:
        from axonflow.app.what_if import compare_export, compare_parquet

        if _is_parquet(place):
            bar = Bar("records")
            refusing.clear = bar.clear
            with Path(place).open("rb") as file:
                compare_parquet(file, comparison, refused=refusing, progress=bar)
            return
        with opened_traffic(place) as source:
            progress = _progress(source, refusing)
            lines = _bounded_lines(source, refusing)
            compare_export(lines, comparison, refused=refusing, progress=progress.update)

    return compare


def from_database(url: str, query: AuditQuery, persons_key: bytes | None) -> Compare:
    """The trail of one tenant in the database."""

    def compare(comparison: Comparison, refusing: Refusing) -> None:
        from axonflow.app.what_if import compare_database

        bar = Bar("decisions")
        refusing.clear = bar.clear
        told: dict[str, Any] = {"refused": refusing, "progress": bar}
        asyncio.run(compare_database(url, query, comparison, persons_key=persons_key, **told))

    return compare


def _progress(source: TrafficSource, refusing: Refusing) -> Progress:
    progress = Progress(
        sys.stderr, read_settings(), whole=source.size_bytes, position=source.position_bytes, clock_ns=perf_counter_ns,
        unit="decisions",
    )  # fmt: skip
    refusing.clear = progress.clear
    return progress


def _bounded_lines(source: TrafficSource, refusing: Refusing) -> Iterator[bytes]:
    """The lines, none longer than what is held in memory at a time."""
    last = 0
    for number, line in numbered_lines(source.stream):
        yield from repeat(b"\n", number - last - 1)  # blank ones are left out, and counted
        if line is None:
            refusing(f"line {number}", f"the line is too long (expected at most {MAX_LINE_BYTES} bytes)")
        yield line or b"\n"
        last = number


def _is_parquet(place: str) -> bool:
    if place == STANDARD_INPUT:
        return False
    try:
        with Path(place).open("rb") as file:
            return file.read(len(_PARQUET)) == _PARQUET
    except OSError as error:
        raise ConfigurationError("the export cannot be read", found=error.strerror, at=place) from None
