"""Many plans of several tenants beside each other, under limits and a virtual clock: the machine with the dispatch."""

import random
from collections import Counter, deque
from heapq import heappop, heappush

from axonflow.plan import RunRules, StepState
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Ended,
    Finish,
    LetGo,
    Start,
    Stop,
    TimePassed,
    WakeAt,
    Withdraw,
)
from axonflow.plan.running.machine import Machine
from axonflow.plan.sharing.dispatch import Ask, Dispatch, Limits
from axonflow.plan.sharing.pools import PoolLimit
from tests.simulations.plan_worlds import random_plan

MAX_EVENTS = 50_000
MINUTE_US = 60_000_000


class Crowd:
    """`run` until every plan has ended. What the limits say is counted beside the dispatch, and asserted."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.agents = [f"agent:{name}" for name in "xyz"]
        self.pools = {
            "agent:x": PoolLimit(slots=rng.randint(1, 3)),
            "agent:y": PoolLimit(replicas={"y1": 1, "y2": rng.randint(1, 2)}),
            "model:m": PoolLimit(slots=rng.choice([None, 2]), tokens_per_minute=rng.choice([1_000, 100_000])),
            "slots:gpu": PoolLimit(slots=3),
            "all": PoolLimit(slots=rng.choice([None, 4, 10])),
        }
        limits = Limits(
            pools=self.pools, each_tenant=rng.choice([None, PoolLimit(slots=2)]), weights={"t0": rng.choice([1, 3])}
        )
        self.limits = limits
        self.dispatch = Dispatch(limits)
        self.now_us = 0
        self.agenda = []
        self.used = Counter()
        self.tokens = {}
        self.running = {}  # (plan, step, attempt) -> ask
        self.asks = {}
        self.stopped = set()
        self.machines = []
        self.left = 0
        for number in range(rng.randint(1, 6)):
            rules = RunRules(
                deadline_ms=rng.choice([None, None, 400]), grace_ms=20, max_parallel=rng.choice([None, None, 2])
            )
            self.machines.append(Machine(random_plan(rng).check(), rules, draw=rng.random))
            self.later("open", rng.choice([0, 0, 50_000]), number)
        self.left = len(self.machines)

    def run(self):
        events = 0
        while self.left:
            assert self.agenda, "nothing is to come, and some plans have not ended"
            events += 1
            assert events < MAX_EVENTS, "the plans do not end"
            self.now_us, _, what, arguments = heappop(self.agenda)
            getattr(self, what)(*arguments)
        assert not self.running
        assert not +self.used, "slots were not given back"
        assert not self.dispatch._open_count
        assert not self.dispatch._tenants
        for pool in self.dispatch._pools.values():
            assert pool.claimed_by is None
            assert not any(lane.ticket == ticket for _, ticket, lane in pool.parked), "parked, and nothing waits"

    def later(self, what, after_us, *arguments):
        heappush(self.agenda, (self.now_us + after_us, self.rng.random(), what, arguments))

    # -- what happens ----------------------------------------------------------------------------------------------

    def open(self, plan):
        if self.rng.random() < 0.2:
            self.later("cancel", self.rng.randint(0, 200_000), plan)
        self.tell(plan, Begin(self.now_us))

    def cancel(self, plan):
        self.tell(plan, Cancelled(self.now_us))

    def wake(self, plan):
        self.tell(plan, TimePassed(self.now_us))

    def end(self, plan, step, attempt):
        ask = self.running.pop((plan, step, attempt), None)
        if ask is None:
            return
        self.give_back(ask)
        end = StepState.SUCCEEDED if self.rng.random() < 0.95 else StepState.FAILED
        self.tell(plan, Ended(step, attempt, end, self.now_us))

    def turn(self):
        self.go_on(())

    # -- what is commanded -----------------------------------------------------------------------------------------

    def tell(self, plan, event):
        asks = []
        for command in self.machines[plan].take(event):
            key = (plan, getattr(command, "step", 0), getattr(command, "attempt", 0))
            if isinstance(command, Start):
                asks.append(self.asked(key))
            elif isinstance(command, Withdraw):
                self.dispatch.leave(self.asks.pop(key), self.now_us)
            elif isinstance(command, Stop):
                self.stopped.add(key)
                if self.rng.random() < 0.8:
                    self.later("end", self.rng.choice([0, 1_000]), *key)
            elif isinstance(command, LetGo) and command.attempt:
                self.give_back(self.running.pop(key))
            elif isinstance(command, WakeAt):
                self.later("wake", max(0, command.time_us - self.now_us), plan)
            elif isinstance(command, Finish):
                self.left -= 1
            elif not isinstance(command, LetGo):
                self.later("undone", 1_000, plan, command.step)
        self.go_on(asks)

    def undone(self, plan, step):
        from axonflow.plan.running.events import Undone

        if self.machines[plan].states[step] is StepState.COMPENSATING:
            self.tell(plan, Undone(step, succeeded=True, time_us=self.now_us))

    def asked(self, key):
        rng = self.rng
        pools = [(rng.choice([*self.agents, "model:m"]), 1)]
        if rng.random() < 0.2:
            pools.append(("slots:gpu", rng.randint(1, 3)))
        urgency = self.machines[key[0]].urgency(key[1])
        ask = Ask(
            f"t{key[0] % 3}", tuple(pools), lambda: self.begin(key), tokens=rng.choice([0, 10, 400]), urgency=urgency,
            cost_us=rng.choice([1, 20_000]),
        )  # fmt: skip
        self.asks[key] = ask
        return ask

    def go_on(self, asks):
        for ask in self.dispatch.turn(asks, self.now_us):
            assert ask.running
            ask.begin()
        wake = self.dispatch.wake(self.now_us)
        if wake is not None:
            assert wake[0] > self.now_us
            self.later("turn", wake[0] - self.now_us)

    def begin(self, key):
        ask = self.asks.pop(key)
        self.running[key] = ask
        self.take(ask)
        self.later("end", self.rng.choice([0, 1_000, 20_000, 90_000, MINUTE_US]), *key)
        commands = self.machines[key[0]].take(Begun(key[1], key[2], self.now_us))
        for command in commands:
            self.later("wake", max(0, command.time_us - self.now_us), key[0])

    # -- what must hold --------------------------------------------------------------------------------------------

    def take(self, ask):
        for name, slots in (*ask.pools, ("all", 1), (f"tenant:{ask.tenant}", 1)):
            self.used[name] += slots
            limit = self.limits.each_tenant if name.startswith("tenant:") else self.pools.get(name)
            if limit is not None:
                most = sum(limit.replicas.values()) or limit.slots
                assert most is None or self.used[name] <= most, f"{name}: more than {most}"
                self.count_tokens(name, limit, ask.tokens)
        if ask.replica is not None:
            self.used[ask.replica] += 1
            assert self.used[ask.replica] <= self.pools["agent:y"].replicas[ask.replica]

    def count_tokens(self, name, limit, tokens):
        """Within any minute no more than twice the rate: a full bucket, and what came in meanwhile."""
        if limit.tokens_per_minute is None:
            return
        seen = self.tokens.setdefault(name, deque())
        seen.append((self.now_us, tokens))
        while seen[0][0] < self.now_us - MINUTE_US:
            seen.popleft()
        assert sum(amount for _, amount in seen) <= 2 * limit.tokens_per_minute

    def give_back(self, ask):
        for name, slots in (*ask.pools, ("all", 1), (f"tenant:{ask.tenant}", 1)):
            self.used[name] -= slots
        if ask.replica is not None:
            self.used[ask.replica] -= 1
        self.dispatch.leave(ask, self.now_us)
