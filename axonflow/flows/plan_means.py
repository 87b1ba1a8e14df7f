"""With what plans are run, and in whose name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from axonflow.flows.choose_branch import CompilePattern
from axonflow.flows.judge_step import Enforce
from axonflow.flows.plan_labels import Governing
from axonflow.flows.record import Outcome
from axonflow.flows.steer_plan import Room
from axonflow.plan import Answer, Plan, SoFar, StepEvent
from axonflow.plan.running.hedging import Hedging
from axonflow.plan.running.held import Answers
from axonflow.plan.sharing.estimates import Estimates
from axonflow.policy.request import Principal, Request
from axonflow.ports import Ledger, Quota, StepCache

__all__ = ["Acting", "Approving", "Going", "Means", "Recorded"]

Approving = Callable[[Sequence[Answer]], Enforce]
"""Who is asked what policy says when somebody has said this."""

Recorded = Callable[[Request, str, Outcome], Awaitable[object]]
"""Put into the audit trail what came of what was allowed by the decision of that id. May raise AuditError."""


def no_pattern(pattern: str) -> NoReturn:
    """In place of a compiler of patterns. Raises ValueError."""
    raise ValueError(f"no patterns here: {pattern[:64]!a}")


class Means(Struct, frozen=True, kw_only=True):
    """How plans are run, and with what.

    `room` is what all plans share, None for no limits; so is `hedging`, None: each has its own; `estimates` learn how
    long steps take. What plans take is reserved of the `quotas` at the `ledger`, if there is one. `compile_pattern` is
    for the patterns in conditions: without it, a condition that has any fails. Results of steps that have a cache key
    are kept in `cache`, if there is one. `watch` is told where steps have got to; it must not raise. `governing`
    are the policies themselves, by which labels flow and results are judged; None: neither.

    A result may have `max_result_bytes` as JSON. A plan in the mode ``balanced`` runs `balanced_steps` at the same
    time. The others are those of `RunRules`.
    """

    room: Room | None = None
    estimates: Estimates | None = None
    ledger: Ledger | None = None
    quotas: Sequence[Quota] = ()
    compile_pattern: CompilePattern = no_pattern
    cache: StepCache | None = None
    watch: Callable[[StepEvent], None] | None = None
    governing: Governing | None = None
    max_result_bytes: int = 16 * 1024 * 1024
    balanced_steps: int = 8
    grace_ms: int = 5_000
    undo_ms: int = 60_000
    hedging: Hedging | None = None


class Acting(Struct, frozen=True):
    """In whose name a plan runs, and who is asked and told. `context` is the caller's, `own` that of the plan, and
    `shared` both, which all steps have.

    `answers` are what was said to steps that waited; `approving` asks policy with what was given.
    """

    principal: Principal
    enforce: Enforce
    recorded: Recorded | None
    clock_us: Callable[[], int]
    context: dict[str, Any]
    own: dict[str, str]
    shared: dict[str, Any]
    means: Means
    answers: dict[str, Sequence[Answer]] = {}
    approving: Approving | None = None

    @property
    def governing(self) -> Governing | None:
        """The policies that it runs under."""
        return self.means.governing

    def enforce_given(self, answers: Sequence[Answer]) -> Enforce:
        """Who is asked, when these answers were given."""
        return self.enforce if not answers or self.approving is None else self.approving(answers)


class Going(Struct, frozen=True, kw_only=True):
    """From where a run goes on that is not the first of its plan: under the same `plan_id`, after `spent_us`. Of a plan
    that is still being written, `growth` gives what it is later, each time with more steps; `error` is what was wrong
    with the rest of one that was."""

    plan_id: str = ""
    so_far: SoFar = SoFar()
    spent_us: int = 0
    answers: Answers = {}
    approving: Approving | None = None
    growth: AsyncIterator[Plan] | None = None
    error: str | None = None
