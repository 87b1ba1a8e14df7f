"""What the tests of the machine share: steps, and a machine that is told what happens to them."""

from axonflow.plan import Compensation, Plan, RunRules, Step, StepState
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Ended,
    Start,
)  # fmt: skip
from axonflow.plan.running.machine import Machine

GOOD, BAD = StepState.SUCCEEDED, StepState.FAILED


def run(**_arguments):
    """Nothing here calls it."""


def step(name, needs="", **options):
    return Step(name=name, run=options.pop("run", run), needs=list(needs), **options)


def machine(*steps, **parts):
    rules = RunRules(**{name: parts.pop(name) for name in list(parts) if name in RunRules.__struct_fields__})
    return Machine(Plan("p", steps=steps).check(), rules, **parts)


def begin(plan, **parts):
    """The steps that start first."""
    return started(plan, plan.take(Begin(0, **parts)))


def started(plan, commands, time_us=0):
    """Begin what `commands` start; their steps."""
    attempts = [(one.step, one.attempt) for one in commands if isinstance(one, Start)]
    for number, attempt in attempts:
        plan.take(Begun(number, attempt, time_us))
    return [number for number, _ in attempts]


def ended(plan, number, end=GOOD, attempt=1, time_us=0, **parts):
    return plan.take(Ended(number, attempt, end, time_us, **parts))


def states(plan):
    return "".join(state[0] for state in plan.states)


def undoable(name, needs="", **options):
    return step(name, needs, compensate=Compensation(run=run), **options)
