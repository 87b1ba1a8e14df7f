"""Random plans in a world with a virtual clock, where steps fail, hang, are late and ignore what they are told.

A world is made from a seed alone, so a seed that fails does so again: ``python -m tests.simulations.run_plans --seed N
--count 1``. What must hold is asserted while it runs and when it has ended. Some plans grow while they run; a run that
is held goes on in a world of its own, where what was held is begun again and nothing else is.
"""

import random
from collections import Counter
from heapq import heappop, heappush

from axonflow.plan import FINAL, Compensation, Hedge, Plan, Retry, RunRules, Step, StepState
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Closed,
    Ended,
    Grown,
    TimePassed,
    Undone,
    Withdraw,
)
from axonflow.plan.running.machine import Machine
from axonflow.plan.running.state import ENDED_BEFORE

MAX_EVENTS = 20_000
BAD_ENDS = [StepState.FAILED] * 4 + [StepState.DENIED, StepState.HELD]
POLICIES = ["cancel", "continue", "partial", None, None]


def nothing(**_arguments):
    """Nobody calls it: the world is a simulation."""


def random_needs(rng, count):
    """By step, numbers of earlier ones: a chain, a fan, layers, or any."""
    shape = rng.choice(["deep", "wide", "layers", "random"])
    if shape == "deep":
        return [[number - 1] if number else [] for number in range(count)]
    if shape == "wide":
        return [[0] if number else [] for number in range(count)]
    if shape == "layers":
        width = rng.randint(1, 6)
        return [
            [other for other in range((number // width - 1) * width, number // width * width) if rng.random() < 0.6]
            if number >= width
            else []
            for number in range(count)
        ]
    return [sorted(rng.sample(range(number), min(number, rng.choice([0, 1, 1, 2, 3])))) for number in range(count)]


def random_step(rng, number, needs):
    options = {"needs": [f"s{need}" for need in needs], "on_failure": rng.choice(POLICIES)}
    if needs and rng.random() < 0.15:
        wait_for = rng.choice(["all", "any", rng.randint(1, len(needs))])
        return Step(name=f"s{number}", kind="join", wait_for=wait_for, **options)
    if rng.random() < 0.3:
        on = rng.choice([(), ("TimeoutError",), ("LookupError",)])
        options["retry"] = Retry(attempts=rng.randint(1, 4), first_ms=rng.randint(0, 50), jitter=rng.random(), on=on)
    if rng.random() < 0.3:
        options["timeout_ms"] = rng.randint(1, 100)
    if rng.random() < 0.3:
        options["idempotent"] = True
        if rng.random() < 0.7:
            options["hedge"] = Hedge(after_ms=rng.randint(1, 60))
    if rng.random() < 0.4:
        options["compensate"] = Compensation(run=nothing)
    return Step(name=f"s{number}", run=nothing, priority=rng.choice([0, 0, 0, 5]), **options)


def random_plan(rng):
    needs = random_needs(rng, rng.randint(1, 40))
    return Plan("p", steps=[random_step(rng, number, those) for number, those in enumerate(needs)])


def random_rules(rng):
    return RunRules(
        on_failure=rng.choice(["cancel", "continue", "continue", "partial"]),
        deadline_ms=rng.choice([None, None, rng.randint(1, 500)]),
        grace_ms=rng.randint(0, 30),
        undo_ms=rng.randint(1, 50),
        max_parallel=rng.choice([None, 1, 2, 3, 8]),
        hedge_share=rng.choice([0.0, 0.05, 0.5]),
    )


class World:
    """One run of a random plan. `run` drives it to its end."""

    def __init__(self, seed, earlier=None):
        self.rng = rng = random.Random(seed)
        self.plan = random_plan(rng) if earlier is None else earlier.plan
        self.rules = random_rules(rng)
        self.known = len(self.plan.steps)
        if earlier is None and rng.random() < 0.3:
            self.known = rng.randint(1, self.known)
        self.grows = self.known < len(self.plan.steps) or (earlier is None and rng.random() < 0.1)
        self.incomplete = False
        self.before = () if earlier is None else earlier.ended_before()
        self.machine = Machine(self.grown_to(self.known), self.rules, draw=rng.random)
        self.steps = self.plan.steps
        self.ends = [StepState.SUCCEEDED] * rng.choice([6, 100, 1000]) + BAD_ENDS
        self.commands = []
        self.now_us = rng.choice([0, 1_000_000])
        self.agenda = []  # (time, tie, what, step, attempt)
        self.ties = 0
        self.waiting = set()  # attempts that are to be started
        self.running = set()  # attempts that were
        self.stopped = set()  # attempts that were told to stop
        self.tries = Counter()
        self.completed = [step for step, state in self.before if state is StepState.SUCCEEDED]
        self.undone = []
        self.events = 0
        self.finished = False

    def run(self):
        if self.rng.random() < 0.2:
            self.later("cancel", self.rng.randint(0, 300_000))
        pruned = tuple(number for number in range(self.known) if not self.before and self.rng.random() < 0.01)
        if self.grows:
            self.later("grow", self.rng.choice([0, 1_000, 60_000]))
        spent_us = self.rng.randint(0, 100_000) if self.before else 0
        self.obey(self.machine.take(Begin(self.now_us, pruned, self.before, spent_us, self.grows)))
        while not self.finished:
            assert self.agenda, "nothing is to come, and the plan has not ended"
            self.events += 1
            assert self.events < MAX_EVENTS, "the plan does not end"
            self.now_us, _, what, step, attempt = heappop(self.agenda)
            getattr(self, what)(step, attempt)
        self.check_end(pruned)
        if self.machine.status == "held":
            World(self.rng.random(), self).run()

    def grown_to(self, count):
        return Plan("p", steps=self.plan.steps[:count]).check()

    def ended_before(self):
        """How the steps of this run ended that did, the successful ones in the order in which they did."""
        ended = dict.fromkeys(self.completed, StepState.SUCCEEDED)
        ended |= {step: state for step, state in enumerate(self.machine.states) if state in ENDED_BEFORE}
        return tuple(ended.items())

    def later(self, what, after_us, step=0, attempt=0):
        self.ties += 1
        heappush(self.agenda, (self.now_us + after_us, self.rng.random(), what, step, attempt))

    # -- what happens ----------------------------------------------------------------------------------------------

    def cancel(self, _step, _attempt):
        self.obey(self.machine.take(Cancelled(self.now_us)))

    def grow(self, _step, _attempt):
        """More of the plan is written, or it ends there: as it should, or half-way."""
        if self.machine.stopped is not None:
            return
        if self.known == len(self.steps) or self.rng.random() < 0.05:
            self.incomplete = self.known < len(self.steps)
            self.steps = self.steps[: self.known]
            self.obey(self.machine.take(Closed(self.now_us, not self.incomplete)))
            return
        self.known = self.rng.randint(self.known + 1, len(self.steps))
        self.later("grow", self.rng.choice([0, 1_000, 60_000]))
        self.obey(self.machine.take(Grown(self.grown_to(self.known), self.now_us)))

    def wake(self, _step, _attempt):
        self.obey(self.machine.take(TimePassed(self.now_us)))

    def begin(self, step, attempt):
        if (step, attempt) not in self.waiting:
            return  # withdrawn
        self.waiting.remove((step, attempt))
        self.running.add((step, attempt))
        self.later("end", self.rng.choice([0, 1_000, 20_000, 20_000, 80_000, 10_000_000]), step, attempt)
        self.obey(self.machine.take(Begun(step, attempt, self.now_us)))

    def end(self, step, attempt):
        if (step, attempt) not in self.running:
            return  # it was told to stop, and did; or was let go of
        self.running.remove((step, attempt))
        end = self.rng.choice(self.ends)
        errors = self.rng.choice([("LookupError", "Exception"), ("ValueError",)]) if end is StepState.FAILED else ()
        if end is StepState.SUCCEEDED and self.machine.states[step] in {StepState.RUNNING, StepState.STOPPING}:
            self.completed.append(step)
        self.obey(self.machine.take(Ended(step, attempt, end, self.now_us, errors)))

    def undo(self, step, _attempt):
        if self.machine.states[step] is StepState.COMPENSATING:
            self.obey(self.machine.take(Undone(step, self.rng.random() < 0.8, self.now_us)))

    # -- what is commanded -----------------------------------------------------------------------------------------

    def obey(self, commands):
        self.commands = commands
        for command in commands:
            assert not self.finished, "a command after the end"
            getattr(self, f"obey_{type(command).__name__.lower()}")(command)
        most = self.rules.max_parallel
        assert most is None or len(self.waiting) + len(self.running) <= most

    def obey_start(self, command):
        states, step = self.machine.states, command.step
        assert step not in dict(self.before), "begun again"
        withdrawn = Withdraw(step, command.attempt) in self.commands  # it all happened between two looks at the clock
        assert self.machine.stopped is None or withdrawn, "started after the plan was stopped"
        needs = [int(need[1:]) for need in self.steps[step].needs]
        there = sum(states[need] is StepState.SUCCEEDED for need in needs)
        wait_for = self.steps[step].wait_for
        enough = {None: len(needs), "all": len(needs), "any": min(1, len(needs))}.get(wait_for, wait_for)
        assert there >= enough, "started before its needs"
        self.waiting.add((step, command.attempt))
        if states[step] is StepState.WAITING:
            self.tries[step] += 1
        self.later("begin", self.rng.choice([0, 0, 0, 5_000, 50_000]), step, command.attempt)

    def obey_withdraw(self, command):
        self.waiting.remove((command.step, command.attempt))

    def obey_stop(self, command):
        attempt = (command.step, command.attempt)
        assert attempt in self.running
        assert attempt not in self.stopped, "told twice"
        self.stopped.add(attempt)
        if self.rng.random() < 0.8:  # else it ignores that
            self.later("end", self.rng.choice([0, 0, 1_000, 40_000]), *attempt)

    def obey_letgo(self, command):
        if command.attempt:
            assert (command.step, command.attempt) in self.stopped
            self.running.remove((command.step, command.attempt))

    def obey_compensate(self, command):
        assert not self.running, "undone while something runs"
        self.undone.append(command.step)
        self.later("undo", self.rng.choice([0, 5_000, 10_000_000]), command.step)

    def obey_wakeat(self, command):
        self.later("wake", max(0, command.time_us - self.now_us) + self.rng.choice([0, 0, 700]))

    def obey_finish(self, _command):
        self.finished = True

    # -- what must hold at the end ---------------------------------------------------------------------------------

    def check_end(self, pruned):
        machine, states = self.machine, self.machine.states
        assert not self.running, "the plan ended before its steps"
        assert not self.waiting
        held = StepState.HELD in states
        assert set(states) <= (FINAL | {StepState.HELD, StepState.PENDING} if held else FINAL)
        assert (machine.status == "held") == held
        undoable = [step for step in self.completed if self.steps[step].compensate is not None]
        assert self.undone == (undoable[::-1] if machine.stopped is not None else [])
        for step, tries in self.tries.items():
            assert tries <= (self.steps[step].retry.attempts if self.steps[step].retry else 1)
        done = {StepState.SUCCEEDED, StepState.COMPENSATED, StepState.UNCOMPENSATED}
        assert {step for step, state in enumerate(states) if state in done} == set(self.completed)
        for step, state in self.before:
            assert states[step] is state or states[step] in done, "what was, is not as it was"
        if machine.stopped is not None:
            assert machine.status == "failed"
        else:
            assert StepState.CANCELLED not in states
            self.check_skipped(set(pruned))

    def check_skipped(self, pruned):
        states = self.machine.states
        for number, step in enumerate(self.steps):
            ends = [states[int(need[1:])] for need in step.needs]
            lost = sum(end not in {StepState.SUCCEEDED, StepState.HELD, StepState.PENDING} for end in ends)
            wait_for = len(step.needs) if step.wait_for in {None, "all"} else step.wait_for
            enough = min(1, len(step.needs)) if wait_for == "any" else wait_for
            skipped = number in pruned or len(step.needs) - lost < enough or (number, StepState.SKIPPED) in self.before
            assert (states[number] is StepState.SKIPPED) == skipped
            if states[number] is StepState.PENDING:
                assert sum(end is StepState.SUCCEEDED for end in ends) < enough, "it could have begun"
