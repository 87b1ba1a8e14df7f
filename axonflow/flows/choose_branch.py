"""Choose which branches of a condition run: its CEL expression, over the arguments of its step.

The names of the expression are those of the step's inputs and of the steps in its needs. Nothing of a request is in
it, nor are detectors: what policy has to say of a plan is said elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from axonflow.errors import ExpressionError, PlanError
from axonflow.plan.model.step import Graph, Step
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.scope import Root, Scope
from axonflow.policy.cel.types import DYN
from axonflow.policy.cel.values import ExhaustedError

__all__ = ["Chooser", "chooser", "condition_faults"]

MAX_LOOP_STEPS: Final = 200_000
"""Elements that all loops of one expression may visit together, as in a policy."""

Chooser = Callable[[Mapping[str, Any]], str]
"""The arguments of a condition to its result, as text: ``true``, ``false``, a number or a string. Raises PlanError."""

CompilePattern = Callable[[str], Any]
"""A pattern to something with ``search(text) -> bool``, in linear time."""


def chooser(step: Step, compile_pattern: CompilePattern) -> Chooser:
    """What chooses among the branches of `step`, a condition. Raises PlanError when its expression is none."""
    at = f"step {step.name!r}, when"
    try:
        value = _compiled(str(step.when), (*step.inputs, *step.needs), compile_pattern)
    except ExpressionError as error:
        raise PlanError(
            error.message, expected=error.expected, found=error.found, hint=error.hint,
            at=f"{at} (character {error.offset + 1})",
        ) from None  # fmt: skip

    def chosen(arguments: Mapping[str, Any]) -> str:
        try:
            result = value(arguments, _Work())
        except Exception as error:  # noqa: BLE001  whatever the expression meets in its arguments fails this step
            raise PlanError("the condition fails", found=f"{type(error).__name__}: {error}"[:500], at=at) from None
        if isinstance(result, bool):
            return "true" if result else "false"
        if not isinstance(result, (str, int)):
            raise PlanError(
                "the condition has no branch", expected="true, false, a whole number or a string",
                found=type(result).__name__, at=at,
            )  # fmt: skip
        return str(result)

    return chosen


@lru_cache(maxsize=1_024)
def _compiled(
    expression: str, names: tuple[str, ...], compile_pattern: CompilePattern
) -> Callable[[Mapping[str, Any], Any], Any]:
    """What computes the expression over arguments of these names. Kept: in a map, a condition is due for each element,
    and compiling takes a hundred times as long as computing. Raises ExpressionError."""
    roots = {name: Root(f"request[{name!r}]", DYN) for name in names if name.isidentifier()}
    return Compiler(_Alone(compile_pattern), scope=Scope(roots)).value(expression)


def condition_faults(graph: Graph, compile_pattern: CompilePattern) -> list[PlanError]:
    """The faults of all expressions in `graph`, in its order; those of the plans within it are not looked at."""
    faults: list[PlanError] = []
    for step in graph.steps.values():
        if step.kind == "condition":
            try:
                chooser(step, compile_pattern)
            except PlanError as error:
                at = f"plan {graph.plan!r}, {error.at}"
                faults.append(
                    PlanError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint)
                )
    return faults


class _Alone:
    """The host of an expression that has no detectors around it."""

    def __init__(self, compile_pattern: CompilePattern) -> None:
        self.pattern = compile_pattern

    def detectors(self, selector: str) -> tuple[str, ...]:
        raise ValueError(f"there are no detectors in a plan: {selector[:64]!a}")


class _Work:
    """How much of its work an expression has left."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps = MAX_LOOP_STEPS

    def spend(self, steps: int) -> None:
        """Take `steps` from what is left."""
        self._steps -= steps
        if self._steps < 0:
            raise ExhaustedError(f"more than {MAX_LOOP_STEPS} loop steps in one condition")
