"""Labels along edges: what following them through large plans costs, and what they add to each step. Processor time.

Run it as ``python -m tests.benchmarks.bench_labels``. Rounds alternate between the contestants; read the ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from axonflow import AxonFlow
from axonflow.flows.foresee_labels import foresee_labels
from axonflow.flows.plan_labels import Governing
from axonflow.flows.plan_means import Means
from axonflow.flows.run_plan import run_plan
from axonflow.ids import now_us
from axonflow.plan import Plan
from axonflow.plan.labels.flowing import Flow, spread
from axonflow.plan.labels.table import LabelTable
from axonflow.policy.decision import Decision
from axonflow.policy.request import Principal, Request
from tests.benchmarks.bench_plans import needs_of, no_op
from tests.benchmarks.measure import percentile

ANN = Principal("ann")
ALLOW = {"id": "all", "effect": "allow", "match": {}}
SHELL = {"id": "shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}}
MAIL = {
    "id": "mail", "effect": "deny",
    "match": {"action": "tool.call", "resource.id": "mail", "context.labels": "pii:email"},
}  # fmt: skip
MAIL_OF_CRM = {**MAIL, "match": {**MAIL["match"], "context.labels": "source:crm"}}
SECRETS = {"id": "secrets", "effect": "deny", "match": {"action": "agent.message"}, "when": 'detected("secret")'}


def opened(*rules: dict[str, Any]) -> AxonFlow:
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "bench"}, "default": "deny"}
    return AxonFlow.open({**head, "rules": [ALLOW, SHELL, *rules]})


async def refuse(_request: Request, _refusal: object) -> Decision:
    raise AssertionError("nothing is refused here")


def governing(flow: AxonFlow) -> Governing:
    return Governing(lambda: flow.policies, refuse)


def spent_ms(work: Callable[[], object], rounds: int = 7) -> float:
    spent = []
    for _ in range(rounds):
        started_s = time.thread_time()
        work()
        spent.append((time.thread_time() - started_s) * 1000)
    return statistics.median(spent)


def large(shape: str, targets: int) -> Plan:
    plan = Plan("large")
    for number, those in enumerate(needs_of(shape, 10_000)):
        labels = ["pii:email", "trust:untrusted"] if number % 10 == 0 else []
        plan.agent(f"s{number}", f"a{number % targets}", no_op, needs=[f"s{need}" for need in those], labels=labels)
    plan.check()
    return plan


def large_plans() -> None:
    flow = opened(MAIL)
    for shape in ("wide", "deep", "random"):
        for targets in (10, 500):
            graph = large(shape, targets).check()

            def followed() -> None:
                spread(Flow(graph, "acme", LabelTable()), lambda flow, step, into: into | flow.own(step))  # noqa: B023  called at once, within the round

            def foreseen() -> None:
                found = foresee_labels(graph, flow.policies, ANN, {}, {"plan": "large"})  # noqa: B023  called at once, within the round
                assert found is not None
                assert found.refusal is None

            print(f"10,000 steps, {shape:<7}{targets:>4} targets: followed {spent_ms(followed):6.1f} ms, foreseen "
                  f"{spent_ms(foreseen, 3):6.1f} ms")  # fmt: skip


async def ten_agents() -> None:
    plan = Plan("ten")
    for number in range(10):
        plan.agent(f"a{number}", "writer", no_op, needs=[f"a{need}" for need in ([], [0], [0], [0], [1, 2])[number % 5]
                   if need < number])  # fmt: skip
    flows = {
        "no rule about labels": opened(), "sources read of tools": opened(MAIL_OF_CRM),
        "addresses looked for": opened(MAIL), "secrets denied": opened(SECRETS),
    }  # fmt: skip
    contestants: dict[str, tuple[AxonFlow, Governing | None]]
    contestants = {"without it": (flows["no rule about labels"], None)}
    contestants |= {name: (flow, governing(flow)) for name, flow in flows.items()}
    times_us: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-30, 300):
        for name, (flow, governed) in contestants.items():

            async def decided(request: Request, flow: AxonFlow = flow) -> Decision:
                return flow.decide(request)

            started_s = time.thread_time()
            means = Means(governing=governed)
            result = await run_plan(plan, principal=ANN, enforce=decided, clock_us=now_us, means=means)
            if turn >= 0:
                times_us[name].append((time.thread_time() - started_s) * 1e6)
            assert result.status == "completed", result.errors
    for name, values in times_us.items():
        p50_us, p95_us = (percentile(sorted(values), share) for share in (0.5, 0.95))
        print(f"ten agents, {name:<22} p50 {p50_us / 1000:.3f} ms, p95 {p95_us / 1000:.3f} ms of processor time")


if __name__ == "__main__":
    asyncio.run(ten_agents())
    large_plans()
