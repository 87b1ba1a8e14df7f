"""Contents in which detectors find something, and moments that time windows tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any, Final

from axonflow.detect import Scanner
from axonflow.errors import DetectionError
from axonflow.policy.analysis.formulas import Hint
from axonflow.policy.analysis.sampling import samples
from axonflow.policy.analysis.values import lengths, of_kind, text_values
from axonflow.policy.analysis.worlds import NOW_US
from axonflow.policy.cel.zones import time_zone

__all__ = ["contents", "moments"]

_EXAMPLES_A_SELECTOR: Final = 6
_MAX_PATTERNS: Final = 8
_PLAIN: Final = "Hello."
_CLOCK: Final = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)
_MINUTE_US: Final = 60_000_000
_MONDAY: Final = datetime(2026, 1, 5)  # noqa: DTZ001  what a clock shows, in whichever zone
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def contents(hints: Sequence[Hint], scanner: Scanner) -> Iterator[Any]:
    """Contents: a plain one, those that the examples of detectors are in, one by one and together, long ones, none."""
    found = [_examples(selectors, scanner) for selectors in _selections(hints, scanner)]
    yield _PLAIN
    yield from chain.from_iterable(found)
    yield "\n".join(texts[0] for texts in found if texts)
    for one, other in combinations(found, 2):
        yield from (f"{first}\n{second}" for first in one[:2] for second in other[:2])
    for length in lengths(hints):
        yield ("." * length) if length < 2 else "x" + "." * (length - 1)
        yield from (f"{first[0]}\n".ljust(length, ".") for first in found if first and len(first[0]) < length)
    tried = [value for value in of_kind(hints, "other", "pattern") if value.__class__ is str]
    yield from chain.from_iterable([value, *samples(value)] for value in tried[:_MAX_PATTERNS])
    yield from text_values([hint for hint in hints if hint.kind not in {"size", "chars", "detected", "other", "found"}])
    yield from ("", {"text": _PLAIN}, None)


def _selections(hints: Sequence[Hint], scanner: Scanner) -> Iterator[tuple[Any, ...]]:
    """What is asked of detectors: by name, or in a loop over findings, where names stand among the literals."""
    yield from dict.fromkeys(hint.values for hint in hints if hint.kind == "detected")
    yield from ((value,) for value in of_kind(hints, "other", "found") if value.__class__ is str)
    if any(hint.kind == "found" for hint in hints):
        yield from _of_each_severity(scanner)


def _of_each_severity(scanner: Scanner) -> Iterator[tuple[str]]:
    """A detector of each category and severity there is: findings may be asked for either."""
    some = {(one.category, one.severity): one.id for one in reversed(scanner.detectors) if one.examples}
    yield from ((name,) for name in some.values())


def _examples(selectors: Sequence[Any], scanner: Scanner) -> list[str]:
    wanted: set[str] = set()
    for selector in selectors:
        try:
            wanted.update(scanner.resolve(str(selector)))
        except DetectionError:  # another text than the name of a detector
            continue
    known = [detector for detector in scanner.detectors if detector.id in wanted and detector.examples]
    return [detector.examples[0] for detector in known[:_EXAMPLES_A_SELECTOR]]


def moments(hints: Sequence[Hint]) -> Iterator[int]:
    """Microseconds since the epoch at which the answers to questions about the time may change."""
    yield NOW_US
    for hint in hints:
        if hint.kind == "window" and len(hint.values) == 2:
            yield from _bounds(str(hint.values[0]), str(hint.values[1]))
        elif hint.kind == "moment":
            yield from _around(_micros(str(hint.values[0])))
        elif hint.kind == "instant":
            yield from _around(int(hint.values[0]))
        elif hint.kind == "other":
            yield from (NOW_US + hour * 60 * _MINUTE_US for hour in range(24 * 7))


def _around(moment_us: int | None) -> Iterator[int]:
    if moment_us is not None:
        yield from (moment_us, moment_us + 1, moment_us - 1)


def _micros(text: str) -> int | None:
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):  # no moment, or one without an offset: an error when it is evaluated
        return None


def _bounds(windows: str, name: str) -> Iterator[int]:
    """The moments of one week at which `windows` may begin or end by the clock of the zone."""
    try:
        clock = time_zone(name)
    except ValueError:  # refused where the policy is compiled
        return
    times = {(int(hours), int(minutes)) for hours, minutes in _CLOCK.findall(windows)} | {(0, 0)}
    for day in range(7):
        for hours, minutes in sorted(times):
            local = (_MONDAY + timedelta(days=day, hours=hours, minutes=minutes)).replace(tzinfo=clock)
            yield (local - _EPOCH) // timedelta(microseconds=1)
