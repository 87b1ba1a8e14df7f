"""Plans one after the other and beside each other, with all that may go wrong in one, and what is left of them.

``nox -s plans`` runs ten thousand; a few hundred run with the tests. Time is virtual, so nothing waits.
"""

import argparse
import asyncio
import gc
import random
import resource
import sys
import tracemalloc

from axonflow import AxonFlow
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.flows.plan_means import Means
from axonflow.flows.run_plan import run_plan
from axonflow.flows.share_room import PlanRoom
from axonflow.ids import now_us
from axonflow.plan import Compensation, Estimates, Hedge, Limits, Plan, PoolLimit, Retry
from axonflow.policy.request import Principal
from tests.virtual_time import pass_time, run_at_once

POLICIES = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "leaks"},
    "default": "allow",
    "rules": [
        {"id": "no", "effect": "deny", "match": {"resource.id": "forbidden"}},
        {"id": "ask", "effect": "require_approval", "match": {"resource.id": "dangerous"}},
    ],
}
AT_ONCE = 20
MAX_OBJECTS = 300
MAX_BLOCKS = 1_000
"""Of what Python allocates, more after many plans than after few: caches that are bounded have filled by then."""


async def works(**_arguments):
    await pass_time(0.01)
    return {"text": "x" * 1_000, "items": [1, 2, 3]}


async def is_instant(**_arguments):
    return 1


async def fails(**_arguments):
    raise LookupError("x" * 1_000)


async def hangs(**_arguments):
    await asyncio.Event().wait()


async def ignores(**_arguments):
    try:
        await pass_time(3_600)
    except asyncio.CancelledError:
        await pass_time(10)


STEPS = [works, works, works, is_instant, is_instant, fails, hangs, ignores]
WITHIN = Plan("within").step("one", works).step("two", is_instant, needs=["one"])


def random_plan(rng):
    deadline_ms, mode = rng.choice([None, None, 200]), rng.choice(["parallel", "sequential", "balanced"])
    plan = Plan("p", on_failure=rng.choice(["cancel", "continue", "partial"]), deadline_ms=deadline_ms, mode=mode)
    for number in range(rng.randint(2, 10)):
        name, needs = f"s{number}", [f"s{need}" for need in range(number) if rng.random() < 0.3]
        kind = rng.random()
        if kind < 0.1:
            plan.plan(name, WITHIN, after=needs)
        elif kind < 0.2:
            plan.tool(name, rng.choice(["forbidden", "dangerous", "harmless"]), is_instant, needs=needs)
        else:
            plan.step(
                name, rng.choice(STEPS), needs=needs, timeout_ms=rng.choice([30, 100]), idempotent=True,
                hedge=rng.choice([None, Hedge(after_ms=5)]), compensate=rng.choice([None, Compensation(run=works)]),
                retry=rng.choice([None, Retry(attempts=2, first_ms=1)]),
            )  # fmt: skip
    return plan


class Leaks:
    """Runs plans of one seed, `AT_ONCE` beside each other, of ten tenants; one in eight is cancelled on its way."""

    def __init__(self, seed):
        self._rng = random.Random(seed)
        flow = AxonFlow.open(POLICIES)

        async def enforce(request):
            return flow.decide(request)

        self._enforce = enforce
        room = PlanRoom(Limits(pools={"all": PoolLimit(slots=30)}, each_tenant=PoolLimit(slots=10)))
        self._means = Means(room=room, estimates=Estimates(), compile_pattern=compile_pattern, grace_ms=20, undo_ms=20)
        self.ended = {}

    async def _one(self):
        rng = self._rng
        principal = Principal("ann", tenant=f"t{rng.randrange(10)}")
        run = asyncio.create_task(
            run_plan(random_plan(rng), principal=principal, enforce=self._enforce, clock_us=now_us, means=self._means)
        )
        if rng.random() < 1 / 8:
            asyncio.get_running_loop().call_later(rng.random() / 10, run.cancel)
        try:
            ended = (await run).status
        except asyncio.CancelledError as error:
            ended = type(error).__name__
        self.ended[ended] = self.ended.get(ended, 0) + 1

    async def _many(self, count):
        for _ in range(0, count, AT_ONCE):
            await asyncio.gather(*[self._one() for _ in range(AT_ONCE)])
        await pass_time(3_600)  # until those that ignored what they were told have ended

    def run(self, count):
        """What Python holds when `count` more plans have ended: objects that its collector knows, and blocks."""
        run_at_once(self._many(count))
        gc.collect()
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    leaks = Leaks(options.seed)
    leaks.run(1_000)
    first = leaks.run(1_000)
    tracemalloc.start()
    rss_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    traced = 0
    for tenth in range(10):
        left = leaks.run(options.plans // 10)
        traced = traced or tracemalloc.get_traced_memory()[0]
        print(f"{(tenth + 1) * options.plans // 10:>7,} plans: {left[0]:,} objects, {left[1]:,} blocks")
    grown_kb = (tracemalloc.get_traced_memory()[0] - traced) / 1024
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss_kb
    print(
        f"{leaks.ended}; traced memory grew by {grown_kb:.0f} kB, the most resident by {peak_kb} kB (tracing included)"
    )
    assert left[0] - first[0] < MAX_OBJECTS, "objects are left"
    assert left[1] - first[1] < MAX_BLOCKS, "memory is left"


if __name__ == "__main__":
    main()
