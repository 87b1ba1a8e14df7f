"""How a step is to be carried out, as values: tried again, done twice at once, undone, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NoReturn

from msgspec import Struct
from msgspec.structs import force_setattr

from axonflow.errors import PlanError
from axonflow.plan.model.references import Hole, filled, find_holes
from axonflow.plan.model.values import json_object
from axonflow.plan.model.words import check_count, check_words, shown

__all__ = [
    "MAX_AMOUNT",
    "MAX_MS",
    "MAX_TARGET_CHARS",
    "Compensation",
    "Hedge",
    "OnFailure",
    "PlanMode",
    "Retry",
    "Takes",
    "unbound",
]

MAX_MS: Final = 30 * 24 * 3600 * 1000
"""30 days: of a time-out, a pause or a deadline."""
MAX_ATTEMPTS: Final = 100
MAX_FACTOR: Final = 100.0
MAX_AMOUNT: Final = 10**15
"""Of tokens, or of millionths of a dollar."""
MAX_SLOTS: Final = 10_000
MAX_TARGET_CHARS: Final = 512
MAX_WORDS: Final = 64
"""Names of errors, or of slots, of one step."""

OnFailure = Literal["cancel", "continue", "partial"]
"""What becomes of the others when a step fails. `cancel`: all that runs is stopped and nothing starts any more;
`continue`: what does not need it goes on, and the plan fails; `partial`: as `continue`, and the plan counts as done
with what it has."""

PlanMode = Literal["parallel", "sequential", "balanced"]
"""How many steps run beside each other: all that can, one, or as many as leave the others' plans their share."""


def unbound(**_arguments: object) -> NoReturn:
    """What a step is bound to before anything is: raises PlanError."""
    raise PlanError("nothing is bound to the step", expected="a callable for its target", hint="Use Plan.bind.")


class Retry(Struct, frozen=True, kw_only=True):
    """Try a failed step again, at most until `attempts` attempts were made.

    The pause before the second is `first_ms`, before each later one `factor` times the one before, at most `max_ms`;
    of each, the part `jitter` (0 to 1) is drawn at random, so that what failed together does not come back together.
    `on` names the exceptions (by class name, ``TimeoutError``) after which it is tried again; empty: after any. What
    policy denies is never tried again. Raises PlanError.
    """

    attempts: int = 3
    first_ms: int = 100
    factor: float = 2.0
    max_ms: int = 30_000
    jitter: float = 0.5
    on: Sequence[str] = ()

    def __post_init__(self) -> None:
        at = "retry"
        check_count(self.attempts, "number of attempts", at, 1, MAX_ATTEMPTS)
        check_count(self.first_ms, "first pause", at, 0, MAX_MS)
        check_count(self.max_ms, "longest pause", at, self.first_ms, MAX_MS)
        _check_number(self.factor, "factor", at, 1.0, MAX_FACTOR)
        _check_number(self.jitter, "jitter", at, 0.0, 1.0)
        if isinstance(self.on, str) or not isinstance(self.on, (list, tuple)) or len(self.on) > MAX_WORDS:
            expected = f"on: a list of at most {MAX_WORDS} class names"
            raise PlanError("wrong type", expected=expected, found=shown(self.on), at=at)
        for name in self.on:
            if not isinstance(name, str) or not name.isidentifier():
                raise PlanError("not an error", expected="a class name: TimeoutError", found=shown(name), at=at)
        force_setattr(self, "on", tuple(self.on))

    def pause_ms(self, attempt: int) -> float:
        """The longest pause after the failure of the attempt `attempt`, counted from 1."""
        try:
            return min(self.first_ms * float(self.factor) ** (attempt - 1), float(self.max_ms))
        except OverflowError:  # 100 to the power of 200
            return float(self.max_ms)


class Hedge(Struct, frozen=True, kw_only=True):
    """Call a step a second time when it has taken `after_ms`, and take whichever answers first. Only for idempotent
    steps. Raises PlanError."""

    after_ms: int

    def __post_init__(self) -> None:
        check_count(self.after_ms, "time until the second call", "hedge", 1, MAX_MS)


class Takes(Struct, frozen=True, kw_only=True):
    """What a step, or a whole plan, takes at most: `tokens`, `usd_micros` (millionths of a US dollar), and `slots` by
    name while it runs. Raises PlanError."""

    tokens: int = 0
    usd_micros: int = 0
    slots: Mapping[str, int] = {}

    def __post_init__(self) -> None:
        at = "takes"
        check_count(self.tokens, "number of tokens", at, 0, MAX_AMOUNT)
        check_count(self.usd_micros, "number of usd_micros", at, 0, MAX_AMOUNT)
        if not isinstance(self.slots, Mapping) or len(self.slots) > MAX_WORDS:
            expected = f"slots: at most {MAX_WORDS} numbers by name"
            raise PlanError("wrong type", expected=expected, found=type(self.slots).__name__, at=at)
        for name, count in self.slots.items():
            check_words(name, "name of slots", at, MAX_TARGET_CHARS)
            check_count(count, "number of slots", f"{at}, {name!r}", 1, MAX_SLOTS)
        force_setattr(self, "slots", dict(self.slots))


class Compensation(Struct, frozen=True, kw_only=True):
    """What undoes a step that succeeded, when the plan is rolled back.

    It is judged and called as a step of this `kind` and `target` would be, with `inputs`, in which references to the
    undone step's output, and to that of whatever ended before it, stand for parts of them. `holes` is computed.
    Raises PlanError.
    """

    kind: Literal["function", "tool", "connector", "agent"] = "function"
    target: str | None = None
    run: Callable[..., Any] = unbound
    inputs: Mapping[str, Any] = {}
    holes: tuple[Hole, ...] = ()

    def __post_init__(self) -> None:
        at = "compensate"
        if self.kind not in ("function", "tool", "connector", "agent"):  # a tuple: it may not be hashable
            expected = "function, tool, connector or agent"
            raise PlanError("unknown kind", expected=expected, found=shown(self.kind), at=at)
        if self.kind != "function":
            check_words(self.target, "target", at, MAX_TARGET_CHARS)
        elif self.target is not None:
            raise PlanError("a function has no target", expected="no target", found=shown(self.target), at=at)
        if not callable(self.run):
            raise PlanError(
                "nothing to call", expected="a plain or async callable", found=type(self.run).__name__, at=at
            )
        force_setattr(self, "inputs", json_object(self.inputs, f"{at}, inputs"))
        force_setattr(self, "holes", find_holes(self.inputs, f"{at}, inputs"))

    def arguments(self, outputs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """What it is called with. Raises PlanError where a reference leads nowhere."""
        return filled(self.inputs, self.holes, lambda hole: hole.value_in(outputs, given))


def _check_number(value: object, what: str, at: str, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        found = str(value) if isinstance(value, (int, float)) else shown(value)
        raise PlanError(f"not a {what}", expected=f"a number from {least:g} to {most:g}", found=found, at=at)
