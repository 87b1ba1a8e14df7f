"""What the tests of `run_plan` share: a policy that is a plain function, steps to call, and a run with a bound, by a
clock of its own: no test depends on how busy the machine is."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

from axonflow.flows.run_plan import run_plan
from axonflow.plan import Plan, PlanResult
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request
from tests.virtual_time import run_at_once

ANN = Principal("ann", tenant="acme")
HANGS_AFTER_S = 60
"""Only what would otherwise hang for ever gets there."""


def decision(effect: Effect = Effect.ALLOW, *, reasons: tuple[str, ...] = (), redacted: Any = None) -> Decision:
    return Decision(
        effect=effect,
        allowed=effect in {Effect.ALLOW, Effect.REDACT, Effect.LIMIT},
        reasons=reasons,
        obligations=(),
        policies=(),
        decision_id=f"d-{effect}",
        policy_digest="none",
        redacted=redacted,
    )


class Policy:
    """An enforce that keeps what it was asked and answers by a plain function; allows by default."""

    def __init__(self, answer: Callable[[Request], Decision | None] = lambda _request: None) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Decision:
        self.requests.append(request)
        return self.answer(request) or decision()

    def asked(self) -> list[str]:
        return [f"{request.action} {request.resource.type}:{request.resource.id}" for request in self.requests]


def on_step(name: str, answer: Callable[[], Decision]) -> Policy:
    return Policy(lambda request: answer() if request.context.get("step") == name else None)


def in_time(work: Coroutine[Any, Any, PlanResult]) -> PlanResult:
    async def bounded() -> PlanResult:
        return await asyncio.wait_for(work, HANGS_AFTER_S)

    return run_at_once(bounded())


def started(
    plan: Plan, policy: Callable[[Request], Awaitable[Decision]], **parts: Any
) -> Coroutine[Any, Any, PlanResult]:
    return run_plan(plan, principal=ANN, enforce=policy, clock_us=count(1_000_000, 10).__next__, **parts)


def ran(plan: Plan, policy: Callable[[Request], Awaitable[Decision]] | None = None, **parts: Any) -> PlanResult:
    return in_time(started(plan, policy or Policy(), **parts))


def states(result: PlanResult) -> dict[str, str]:
    return {name: str(record.state) for name, record in result.steps.items()}


async def echo(**arguments: Any) -> dict[str, Any]:
    return arguments


async def broken(**_arguments: Any) -> None:
    raise LookupError("no such city")


async def turns(number: int) -> None:
    """Give the event loop `number` turns."""
    loop = asyncio.get_running_loop()
    for _ in range(number):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn
