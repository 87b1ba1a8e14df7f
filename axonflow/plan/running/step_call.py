"""What a step that is called may know of its call, and tell of it: ``current_call()`` in the function that it calls."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan.model.options import MAX_AMOUNT
from axonflow.plan.model.words import check_count

__all__ = ["CURRENT_CALL", "StepCall", "current_call"]


class StepCall(Struct, gc=False):
    """One call, of the step `step` (``trip.pay`` for one of a plan within) of the run `plan_id`: its how many-th
    `attempt`, and the `replica` of the agent that it is for, if that has any.

    `tokens` and `usd_micros` are what it has said to have used, None when it has said nothing. It is `made` once
    something is called, and `cached` when nothing had to be. `key` is the step's own, if it states one. `spent` is what
    the steps of a plan within took in this call, by unit; empty, when nobody will know what it used.
    """

    plan_id: str
    step: str
    attempt: int
    replica: str | None = None
    key: str | None = None
    tokens: int | None = None
    usd_micros: int | None = None
    made: bool = False
    cached: bool = False
    spent: dict[str, int] | None = None

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts of the step, also when its run was held between them; another for every other step
        and run, unless the step names its own. To hand to whoever may be asked twice to do one thing."""
        return f"{self.plan_id}:{self.step}" if self.key is None else self.key

    def use(self, *, tokens: int | None = None, usd_micros: int | None = None) -> None:
        """Say what the call has used, so that this is charged in place of what was reserved for it; adds to what was
        said before. Raises PlanError for what is no amount."""
        at = f"step {self.step!r}"
        if tokens is not None:
            check_count(tokens, "number of tokens", at, 0, MAX_AMOUNT)
            self.tokens = (self.tokens or 0) + tokens
        if usd_micros is not None:
            check_count(usd_micros, "number of usd_micros", at, 0, MAX_AMOUNT)
            self.usd_micros = (self.usd_micros or 0) + usd_micros

    @property
    def used(self) -> dict[str, int]:
        """What it is to be charged for, by unit; a unit that is not here: for all that was reserved."""
        if not self.made:
            return {"tokens": 0, "usd_micros": 0}
        if self.spent is not None:
            return self.spent
        told = {"tokens": self.tokens, "usd_micros": self.usd_micros}
        return {unit: amount for unit, amount in told.items() if amount is not None}


CURRENT_CALL: Final[ContextVar[StepCall]] = ContextVar("axonflow.step_call")


def current_call() -> StepCall:
    """The call that this code runs in, also in a thread or a task that it has started. Raises PlanError when there is
    none: it does not run in a plan."""
    call = CURRENT_CALL.get(None)
    if call is None:
        raise PlanError("no step is being called", expected="a function that a step of a running plan calls")
    return call
