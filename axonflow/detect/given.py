"""Detectors as Python objects, of whoever opens the control plane: held to what built-in ones are held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from axonflow.detect.custom import Fault, unproved
from axonflow.detect.detector import Detector
from axonflow.detect.faults import MAX_MATCH_CHARS, faults_of_pattern
from axonflow.detect.patterns import CompilePattern
from axonflow.detect.scanner import Scanner
from axonflow.errors import ConfigurationError

__all__ = ["with_given"]


def with_given(scanner: Scanner, detectors: Sequence[Detector], compile_pattern: CompilePattern) -> Scanner:
    """`scanner` and `detectors`. Raises ConfigurationError for one that cannot be used or misses its own examples."""
    if not detectors:
        return scanner
    taken = {known.id for known in scanner.detectors}
    for position, detector in enumerate(detectors):
        if not isinstance(detector, Detector):
            raise ConfigurationError(
                "not a detector", expected="axonflow.detect.Detector", found=type(detector).__name__,
                at=f"detectors[{position}]",
            )  # fmt: skip
        _refuse(position, _faults(detector, compile_pattern))
        if detector.id in taken:
            raise ConfigurationError(
                "two detectors of one id", expected="an id for each", found=detector.id, hint="Rename one of them."
            )
    extended = scanner.extended(detectors)
    for position, detector in enumerate(detectors):
        _refuse(position, unproved(detector, extended))
    return extended


def _faults(detector: Detector, compile_pattern: CompilePattern) -> Iterator[Fault]:
    if not detector.examples:
        yield Fault(("examples",), f"{detector.id} has no examples", "at least one text in which it finds", "none")
    for position, shape in enumerate(detector.shapes):
        path = ("shapes", position, "pattern")
        if not shape.pattern.isascii():
            yield Fault(path, "a pattern that content never matches", "ASCII, to which content is folded", "more")
        for fault in faults_of_pattern(shape.pattern, compile_pattern, MAX_MATCH_CHARS):
            yield fault._replace(path=path)


def _refuse(position: int, faults: Iterator[Fault]) -> None:
    for fault in faults:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.path)
        raise ConfigurationError(
            fault.message, expected=fault.expected, found=fault.found, at=f"detectors[{position}]{place}",
            hint=fault.hint,
        )  # fmt: skip
