"""The loop of a replay: read, decide, count."""

from __future__ import annotations

import gc
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import GzipFile
from io import BufferedReader, FileIO
from stat import S_ISREG
from time import perf_counter_ns
from typing import BinaryIO, Final, NamedTuple, cast

import click

from axonflow.cli.decisions.replay.summary import ReplaySummary, summary_of
from axonflow.cli.decisions.replay.tally import MAX_MALFORMED_SHOWN, Tally
from axonflow.cli.decisions.traffic import decode_line, numbered_lines
from axonflow.cli.progress import Progress
from axonflow.cli.reading import STANDARD_INPUT
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import printable
from axonflow.cli.via import Decider
from axonflow.errors import ConfigurationError, RequestError
from axonflow.policy import Decision, Request

__all__ = ["TrafficSource", "opened_traffic", "run_replay"]

_LINES_BETWEEN_UPDATES: Final = 64
_READ_BYTES: Final = 256 * 1024


class TrafficSource(NamedTuple):
    """Bytes to replay. `size_bytes` is 0 where nobody knows it; `position_bytes` is how many of them are read."""

    name: str
    stream: BinaryIO
    size_bytes: int
    position_bytes: Callable[[], int]


@contextmanager
def opened_traffic(place: str) -> Iterator[TrafficSource]:
    """The traffic in the file `place`, or on standard input. Raises ConfigurationError when it cannot be read."""
    try:
        if place == STANDARD_INPUT:
            yield TrafficSource("standard input", sys.stdin.buffer, 0, int)
            return
        with FileIO(place) as raw, BufferedReader(raw, _READ_BYTES) as file:
            status = os.fstat(raw.fileno())
            size_bytes = status.st_size if S_ISREG(status.st_mode) else 0
            stream = cast(BinaryIO, GzipFile(fileobj=file)) if place.endswith(".gz") else file
            yield TrafficSource(place, stream, size_bytes, raw.tell)
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError("the traffic cannot be read", found=found, at=place) from None


def run_replay(decider: Decider, source: TrafficSource, *, expect: bool) -> ReplaySummary:
    """Decide every line of `source`. Ctrl-C ends it early: the summary says so."""
    tally = Tally()
    progress = Progress(
        sys.stderr,
        read_settings(),
        whole=source.size_bytes,
        position=source.position_bytes,
        clock_ns=perf_counter_ns,
    )
    gc.collect()
    gc.freeze()  # the policies live as long as the process: no collection need walk them, nor slow a decision down
    interrupted = False
    started_ns = perf_counter_ns()
    try:
        _replay(decider.decide, numbered_lines(source.stream), tally, progress, expect=expect)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.unfreeze()
    wall_ns = perf_counter_ns() - started_ns
    progress.clear()
    if tally.malformed > MAX_MALFORMED_SHOWN:
        click.echo(f"and {tally.malformed - MAX_MALFORMED_SHOWN:,} more malformed lines, not shown", err=True)
    return summary_of(
        tally,
        source=source.name,
        protocol=decider.protocol(),
        policy_digest=decider.digest or tally.digest,
        wall_ns=wall_ns,
        interrupted=interrupted,
        expect=expect,
    )


def _replay(
    decide: Callable[[Request], Decision],
    lines: Iterator[tuple[int, bytes | None]],
    tally: Tally,
    progress: Progress,
    *,
    expect: bool,
) -> None:
    for number, line in lines:
        try:
            traffic = decode_line(line)
        except RequestError as error:
            _report(tally, progress, number, error)
            continue
        request = traffic.request
        started_ns = perf_counter_ns()
        try:
            decision = decide(request)
        except RequestError as error:  # an agent has bounds of its own
            _report(tally, progress, number, error)
            continue
        tally.add(number, request, decision, perf_counter_ns() - started_ns)
        if expect and traffic.expect is not None:
            tally.comparison.add(number, traffic.expect, decision)
        if not number % _LINES_BETWEEN_UPDATES:
            progress.update(tally.decided)


def _report(tally: Tally, progress: Progress, number: int, error: RequestError) -> None:
    if tally.reject(number, error):
        progress.clear()
        click.echo(f"line {number}: {printable(str(error), 300)}", err=True)
