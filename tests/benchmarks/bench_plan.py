"""What coordinating a plan costs: ten no-op steps, wide and as a chain, against bare asyncio in the same run.

Run it as ``python -m tests.benchmarks.bench_plan`` or ``python tests/benchmarks/bench_plan.py``. Rounds alternate
between the contestants, so that a slow minute of the machine slows them alike; read the ratios first.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from axonflow.flows.run_plan import run_plan
from axonflow.ids import now_us
from axonflow.plan.model.plan import Plan
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request

STEPS = 10
ROUNDS = 300
LARGE_STEPS = 1_000
LARGE_ROUNDS = 15
_PRINCIPAL = Principal("ann")
_ALLOW = Decision(
    effect=Effect.ALLOW,
    allowed=True,
    reasons=(),
    obligations=(),
    policies=("p",),
    decision_id="0",
    policy_digest="0",
)

Contestant = Callable[[], Awaitable[Any]]


async def _allow(_request: Request) -> Decision:
    return _ALLOW


async def _no_op(**_arguments: object) -> int:
    return 1


def _blocking_no_op(**_arguments: object) -> int:
    return 1


def _wide(steps: int, run: Callable[..., Any] = _no_op) -> Plan:
    plan = Plan("wide")
    for number in range(steps):
        plan.step(f"s{number}", run)
    return plan


def _chain(steps: int, run: Callable[..., Any] = _no_op) -> Plan:
    plan = Plan("chain").step("s0", run)
    for number in range(1, steps):
        plan.step(f"s{number}", run, needs=[f"s{number - 1}"])
    return plan


def _running(plan: Plan) -> Contestant:
    plan.check()

    async def contestant() -> None:
        result = await run_plan(plan, principal=_PRINCIPAL, enforce=_allow, clock_us=now_us)
        assert result.status == "completed", result.errors  # a benchmark of failures would look fast

    return contestant


def _bare_wide(steps: int) -> Contestant:
    async def contestant() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(steps):
                group.create_task(_no_op())

    return contestant


def _bare_chain(steps: int) -> Contestant:
    async def contestant() -> None:
        value = 0
        for _ in range(steps):
            value = await _no_op(value=value)

    return contestant


async def _medians_us(contestants: dict[str, Contestant], rounds: int) -> dict[str, float]:
    times_us: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-rounds // 10, rounds):  # the negative turns warm up
        for name, contestant in contestants.items():
            started_ns = time.perf_counter_ns()
            await contestant()
            elapsed_us = (time.perf_counter_ns() - started_ns) / 1000
            if turn >= 0:
                times_us[name].append(elapsed_us)
    return {name: statistics.median(values) for name, values in times_us.items()}


def _print(steps: int, medians_us: dict[str, float]) -> None:
    print(f"{steps} steps, policy on each  plan us/step  bare us/step  overhead us/step  ratio")
    for shape in ("wide", "chain"):
        plan_us, bare_us = medians_us[shape] / steps, medians_us[f"bare {shape}"] / steps
        print(f"{shape:<26}{plan_us:13.1f}{bare_us:14.2f}{plan_us - bare_us:18.1f}{plan_us / bare_us:7.1f}")
    if "threads" in medians_us:
        print(f"{'chain, plain callables':<26}{medians_us['threads'] / steps:13.1f}")


def main() -> None:
    """Print the median microseconds a step of plans and of bare asyncio, and their ratios."""
    for steps, rounds in ((STEPS, ROUNDS), (LARGE_STEPS, LARGE_ROUNDS)):
        contestants = {
            "wide": _running(_wide(steps)),
            "bare wide": _bare_wide(steps),
            "chain": _running(_chain(steps)),
            "bare chain": _bare_chain(steps),
        }
        if steps == STEPS:
            contestants["threads"] = _running(_chain(steps, _blocking_no_op))
        _print(steps, asyncio.run(_medians_us(contestants, rounds)))


if __name__ == "__main__":
    main()
