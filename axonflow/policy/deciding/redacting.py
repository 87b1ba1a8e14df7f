"""Redact obligations of a decision: in which style each detector's findings go, and that it was done, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from axonflow.detect import Replacing, Style
from axonflow.detect.styles import STYLES, strictest
from axonflow.policy.decision import Obligation, Redact, Replaced

__all__ = ["fulfilled", "replaced_by", "styles_of", "unfulfilled"]


def styles_of(obligations: Iterable[Obligation]) -> dict[str, Style]:
    """Detector ids, sorted, to the strictest style that any obligation asks for: no rule loosens another."""
    asked: dict[str, list[Style]] = {}
    for obligation in obligations:
        if isinstance(obligation, Redact):
            for detector_id in obligation.detectors:
                asked.setdefault(detector_id, []).append(obligation.style)
    return {detector_id: strictest(asked[detector_id]) for detector_id in sorted(asked)}


def fulfilled(
    obligations: Iterable[Obligation], by: Literal["axonflow", "caller"], done: Iterable[Replaced]
) -> tuple[Obligation, ...]:
    """`obligations`, each redaction with who does it and what was done to the findings of its detectors."""
    replaced = tuple(done)
    return tuple([
        replace(
            obligation, fulfilled_by=by, done=tuple([one for one in replaced if one.detector in obligation.detectors])
        )
        if isinstance(obligation, Redact)
        else obligation
        for obligation in obligations
    ])  # fmt: skip


def unfulfilled(obligations: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """`obligations` of a decision by which nothing goes on: nobody has to redact anything."""
    return tuple([
        replace(obligation, fulfilled_by=None, done=()) if isinstance(obligation, Redact) else obligation
        for obligation in obligations
    ])  # fmt: skip


def replaced_by(replacing: Replacing) -> tuple[Replaced, ...]:
    """What was done to a content, by detector, then by style, strictest first."""
    return tuple([
        Replaced(detector_id, style, counts[style])
        for detector_id, counts in sorted(replacing.done.items())
        for style in STYLES
        if style in counts
    ])  # fmt: skip
