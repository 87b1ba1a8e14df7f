"""Plans at the speed of their critical path: what coordinating costs, what runs beside what, who waits for whom.

Run it as ``nox -s plans_bench`` (with its peers beside it) or ``python -m tests.benchmarks.bench_plans``. Rounds
alternate between the contestants, so that a slow minute of the machine slows them alike; read the ratios first.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

from axonflow import AxonFlow
from axonflow.flows.judge_step import Enforce
from axonflow.flows.plan_means import Means
from axonflow.flows.run_plan import run_plan
from axonflow.flows.share_room import PlanRoom
from axonflow.ids import now_us
from axonflow.plan import Estimates, Limits, Plan, PoolLimit
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request
from tests.benchmarks.measure import percentile
from tests.benchmarks.plan_peers import PEERS, Contestant
from tests.simulations.makespans import SHAPES, lower_bound_us, makespan_us

PRINCIPAL = Principal("ann")
ALLOW = Decision(
    effect=Effect.ALLOW, allowed=True, reasons=(), obligations=(), policies=("p",), decision_id="0", policy_digest="0"
)
POLICIES = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "bench"},
    "default": "deny",
    "rules": [
        {"id": "all", "effect": "allow", "match": {}},
        {"id": "shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}},
    ],
}


async def allow(_request: Request) -> Decision:
    return ALLOW


async def no_op(**_arguments: object) -> int:
    return 1


def needs_of(shape: str, count: int) -> list[list[int]]:
    rng = random.Random(count)
    if shape == "wide":
        return [[] for _ in range(count)]
    if shape == "deep":
        return [[number - 1] if number else [] for number in range(count)]
    return [rng.sample(range(number), min(number, rng.choice([1, 2, 3]))) for number in range(count)]


def plan_of(needs: list[list[int]], run: Callable[..., Any] = no_op) -> Plan:
    plan = Plan("bench")
    for number, those in enumerate(needs):
        plan.step(f"s{number}", run, needs=[f"s{need}" for need in those])
    plan.check()
    return plan


def running(
    plan: Plan,
    means: Means = Means(),  # noqa: B008  frozen
    principal: Principal = PRINCIPAL,
    enforce: Enforce = allow,
) -> Contestant:
    async def contestant() -> None:
        result = await run_plan(plan, principal=principal, enforce=enforce, clock_us=now_us, means=means)
        assert result.status == "completed", result.errors  # a benchmark of failures would look fast

    return contestant


def bare(needs: list[list[int]]) -> Contestant:
    """The same graph by a task for each node that awaits those of its needs: no policy, no records, no errors."""

    async def node(before: list[asyncio.Task[int]]) -> int:
        for task in before:
            await task
        return await no_op()

    async def contestant() -> None:
        tasks: list[asyncio.Task[int]] = []
        async with asyncio.TaskGroup() as group:
            for those in needs:
                tasks.append(group.create_task(node([tasks[need] for need in those])))

    return contestant


async def timed(
    contestants: dict[str, Contestant], rounds: int, clock_ns: Callable[[], int] = time.perf_counter_ns
) -> dict[str, list[float]]:
    """Microseconds of each round, sorted."""
    times_us: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-max(1, rounds // 10), rounds):  # the negative turns warm up
        for name, contestant in contestants.items():
            started_ns = clock_ns()
            await contestant()
            if turn >= 0:
                times_us[name].append((clock_ns() - started_ns) / 1000)
    return {name: sorted(values) for name, values in times_us.items()}


async def ten_agents() -> None:
    plan = Plan("ten")
    for number in range(10):
        plan.agent(f"a{number}", "writer", no_op, needs=[f"a{need}" for need in ([], [0], [0], [0], [1, 2])[number % 5]
                   if need < number])  # fmt: skip
    flow = AxonFlow.open(policies=POLICIES)

    async def with_policy() -> None:
        assert (await flow.run(plan, principal="user:ann")).status == "completed"

    async def decided(request: Request) -> Decision:
        return flow.decide(request)

    judged = {"allowed by a constant": running(plan), "policy on every step": running(plan, enforce=decided)}
    audited = {"and all of it audited": with_policy}  # apart: its threads work on when it is done
    for contestants in (judged, audited):
        for clock, clock_ns in (("the clock", time.perf_counter_ns), ("processor time", time.thread_time_ns)):
            for name, values in (await timed(contestants, 300, clock_ns)).items():
                p50_ms, p95_ms = (percentile(values, share) / 1000 for share in (0.5, 0.95))
                target_ms = {"allowed by a constant": "0.5", "policy on every step": "1"}.get(name, "none")
                print(f"ten agents, {name}: by {clock} p50 {p50_ms:.3f} ms, p95 {p95_ms:.3f} (target {target_ms})")


async def nodes() -> None:
    """By processor time, that of threads included: others who use the machine change it little."""
    print("us of processor time a node; in brackets, how many times as much others take")
    least: dict[str, float] = {}
    for count, rounds in ((100, 20), (1_000, 5), (10_000, 3)):
        for shape in ("wide", "deep", "random"):
            needs = needs_of(shape, count)
            contestants = {"plan": running(plan_of(needs)), "bare": bare(needs)}
            for name, (most, make) in PEERS.items():
                peer = await make(needs) if count <= most else None
                if peer is not None and await runs(peer):
                    contestants[name] = peer
            times_us = await timed(contestants, rounds, time.process_time_ns)
            us = {name: statistics.median(of) / count for name, of in times_us.items()}
            ratios = {name: each / us["plan"] for name, each in us.items() if name != "plan"}
            least |= {name: min(ratio, least.get(name, ratio)) for name, ratio in ratios.items()}
            others = ", ".join(f"{name} {us[name]:.1f} ({ratio:.1f})" for name, ratio in ratios.items())
            print(f"{shape:<7}{count:>7,} {us['plan']:>6.1f} (target 25)  {others}")
    print("the least of those ratios: " + ", ".join(f"{name} {ratio:.1f}" for name, ratio in least.items()))


async def runs(peer: Contestant) -> bool:
    """Whether it runs that graph as it is meant."""
    try:
        await peer()
    except AssertionError:
        return False
    return True


def sleeping(seconds: float) -> Callable[..., Awaitable[None]]:
    """A step during which time passes, and nobody works."""

    async def step(**_arguments: object) -> None:
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        loop.call_later(seconds, passed.set_result, None)
        await passed

    return step


async def side_by_side() -> None:
    wide = plan_of(needs_of("wide", 40), sleeping(0.1))
    branches = Plan("branches").step("long", sleeping(0.1))
    for number in range(5):
        branches.step(f"s{number}", sleeping(0.02), needs=[f"s{number - 1}"] if number else [])

    async def bare_chain() -> None:
        for _ in range(5):
            await sleeping(0.02)()

    async def bare_wide() -> None:
        await asyncio.gather(*[sleeping(0.1)() for _ in range(40)])

    async def bare_branches() -> None:
        await asyncio.gather(sleeping(0.1)(), bare_chain())

    times_us = await timed(
        {"wide": running(wide), "bare wide": bare_wide, "branches": running(branches), "bare": bare_branches}, 5
    )
    wide_ms, bare_wide_ms, branches_ms, bare_branches_ms = (
        statistics.median(values) / 1000 for values in times_us.values()
    )
    print(f"40 steps of 100 ms: {wide_ms:.1f} ms, {4_000 / wide_ms:.1f}x (target 39, bare {4_000 / bare_wide_ms:.1f})")
    print(
        f"a step of 100 ms beside five of 20 ms: {branches_ms:.1f} ms (target 105, bare {bare_branches_ms:.1f}: a timer"
        " is late by up to a millisecond)"
    )


async def thousand_plans() -> None:
    plan = plan_of(needs_of("deep", 4), sleeping(0.1))
    took_ms: list[float] = []

    async def one() -> None:
        started_ns = time.perf_counter_ns()
        await running(plan)()
        took_ms.append((time.perf_counter_ns() - started_ns) / 1_000_000)

    await asyncio.gather(*[one() for _ in range(1_000)])
    print(f"1,000 plans of 400 ms at once: p95 {percentile(sorted(took_ms), 0.95):.0f} ms (target 600)")


async def noisy_neighbour() -> None:
    plan = plan_of(needs_of("deep", 5), sleeping(0.01))

    async def others(means: Means) -> list[float]:
        took_ms: list[float] = []

        async def one(tenant: str) -> None:
            for _ in range(10):
                started_ns = time.perf_counter_ns()
                await running(plan, means, Principal("ann", tenant=tenant))()
                took_ms.append((time.perf_counter_ns() - started_ns) / 1_000_000)

        await asyncio.gather(*[one(f"t{number}") for number in range(5)])
        return sorted(took_ms)

    def means() -> Means:
        return Means(room=PlanRoom(Limits(pools={"all": PoolLimit(slots=20)})), estimates=Estimates())

    alone = await others(means())
    shared = means()
    noise = [asyncio.create_task(running(plan, shared, Principal("bob", tenant="loud"))()) for _ in range(500)]
    await sleeping(0.05)()  # until it has everything that there is
    beside = await others(shared)
    await asyncio.gather(*noise)
    ratio = percentile(beside, 0.95) / percentile(alone, 0.95)
    print(
        f"beside a tenant at 100x: p95 of the others {percentile(beside, 0.95):.0f} ms, alone"
        f" {percentile(alone, 0.95):.0f} ms, {ratio:.2f}x (target 1.5)"
    )


def makespans() -> None:
    ours, fifo = [], []
    for shape in SHAPES:
        for seed in range(10):
            flow = shape(seed, (30, 100, 200)[seed % 3])
            bound_us = lower_bound_us(flow, 40)
            ours.append(makespan_us(flow, 40, known=2.0) / bound_us)
            fifo.append(makespan_us(flow, 40, fifo=True) / bound_us)
    print(
        f"makespan over the lower bound, 40 workers, durations known to a factor of 2: {statistics.mean(ours):.3f}"
        f" (target 1.10), first in first out {statistics.mean(fifo):.3f}"
    )


def memory() -> None:
    gc.collect()
    tracemalloc.start()
    plan = plan_of(needs_of("random", 10_000))
    asyncio.run(running(plan)())
    peak_mb = tracemalloc.get_traced_memory()[1] / 1024**2
    tracemalloc.stop()
    small = running(plan_of(needs_of("random", 10)))

    async def many() -> int:
        for _ in range(500):
            await small()
        gc.collect()
        return len(gc.get_objects())

    before, after = asyncio.run(many()), asyncio.run(many())
    print(
        f"a plan of 10,000 steps: {peak_mb:.0f} MB at its peak (target 50); objects left by 500 plans: {after - before}"
    )


def main() -> None:
    """Print it all."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    gc.collect()
    gc.freeze()  # as `axonflow up` does when it has started: no collection walks all that was imported
    asyncio.run(ten_agents())
    asyncio.run(nodes())
    asyncio.run(side_by_side())
    asyncio.run(thousand_plans())
    asyncio.run(noisy_neighbour())
    makespans()
    memory()


if __name__ == "__main__":
    main()
