"""Results of plans that were run, from the files that they were printed into."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from axonflow.cli.reading import read_bytes
from axonflow.errors import PlanError

__all__ = ["RecordedRun", "RecordedStep", "read_run"]

MAX_RUN_BYTES: Final = 256 * 1024 * 1024
MAX_STEPS: Final = 10_000


_TimeUs = Annotated[int, Meta(ge=0, le=2**62)]


class RecordedStep(Struct, frozen=True):
    """What is read of a step of a run: see `plan.StepRecord`."""

    name: str
    state: str
    started_us: _TimeUs | None = None
    finished_us: _TimeUs | None = None


class RecordedRun(Struct, frozen=True):
    """What is read of the result of a run."""

    plan: str
    status: str
    steps: dict[str, RecordedStep]
    needs: dict[str, tuple[str, ...]] = {}


def read_run(place: str) -> RecordedRun:
    """What `axonflow plan run --json` printed, from a file or standard input. Raises PlanError."""
    try:
        recorded = msgspec.json.decode(read_bytes(place, MAX_RUN_BYTES), type=RecordedRun)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PlanError(
            "not the result of a run", expected="what `axonflow plan run --json` prints", found=str(error)[:200],
            at=place,
        ) from None  # fmt: skip
    if len(recorded.steps) > MAX_STEPS:
        raise PlanError("too many steps", expected=f"at most {MAX_STEPS}", found=str(len(recorded.steps)), at=place)
    return recorded
