"""The path through a finished run that made it last as long as it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["Timed", "critical_path"]


class Timed(Protocol):
    """A step as it went: a `plan.StepRecord`, or what was read from the file of one."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def started_us(self) -> int | None: ...
    @property
    def finished_us(self) -> int | None: ...


def critical_path(steps: Mapping[str, Timed], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names on it, first to last: the step that ended last, before it the one of its needs that ended last, and so
    on. Shorten one of these, and the run may be shorter; shorten any other, and it is not. Empty when nothing ran.

    A need that ended after its dependent had begun (a join of the first takes no more of them) held nobody up.
    """
    ended = {name: step.finished_us for name, step in steps.items() if step.finished_us is not None}
    path: dict[str, None] = {}
    candidates: Sequence[str] = list(ended)
    while candidates:
        last = max(candidates, key=ended.__getitem__)
        path[last] = None
        # A name that is on the path already cannot come again in a plan; in a file that somebody made it may.
        waited = [need for need in needs.get(last, ()) if need in ended and need not in path]
        begun_us = steps[last].started_us
        candidates = [need for need in waited if begun_us is None or ended[need] <= begun_us]
    return list(path)[::-1]
