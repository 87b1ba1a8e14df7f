"""What a plan takes at worst, by unit, and which of its optional steps it does without where that is too much."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

from axonflow.errors import PlanError
from axonflow.plan.model.step import Graph, Step
from axonflow.plan.running.held import SoFar
from axonflow.plan.running.wiring import enough_of

__all__ = ["UNITS", "Unit", "attempts_at_most", "done_within", "left_out", "taken_by_attempt", "worst_case"]

Unit = Literal["tokens", "usd_micros"]
UNITS: Final[tuple[Unit, ...]] = ("tokens", "usd_micros")


def attempts_at_most(step: Step) -> int:
    """How often a step is carried out when nothing goes well: all its tries, and a second copy of each."""
    tries = 1 if step.retry is None else step.retry.attempts
    return tries if step.hedge is None else 2 * tries


def taken_by_attempt(step: Step, unit: Unit) -> int:
    """What one attempt takes at most: what it says, or what all steps of the plan within do.

    A map counts as nothing: of how many elements it will be, nobody knows beforehand. What its body takes is to be
    reserved when each element is begun.
    """
    if step.takes is not None:
        return int(getattr(step.takes, unit))
    if step.body is None or step.kind == "map":
        return 0
    return sum(attempts_at_most(one) * taken_by_attempt(one, unit) for one in step.body.steps.values())


def worst_case(step: Step, unit: Unit) -> int:
    """What all attempts of the step take at most, together."""
    return attempts_at_most(step) * taken_by_attempt(step, unit)


def done_within(step: Step, unit: Unit, so_far: SoFar | None) -> int:
    """What the attempt that goes on with the body of the step from where it is takes less than one from its start: what
    those of its steps take at most that have ended."""
    if so_far is None or step.body is None or step.kind == "map":
        return 0
    ended = {number for number, _ in so_far.ended_in(step.body)}
    return sum(
        worst_case(one, unit) if number in ended else done_within(one, unit, so_far.within.get(name))
        for number, (name, one) in enumerate(step.body.steps.items())
    )


def left_out(
    graph: Graph, most: Mapping[Unit, int], known: Collection[int] = (), within: Mapping[str, SoFar] = {}
) -> tuple[int, ...]:
    """The numbers of the steps that the plan does without, so that it takes no more than `most` at worst. Those that
    are `known`, to have ended or to be paid for, take nothing of that, and stay; of those that go on `within` from
    where their bodies are, what is done does not count.

    Optional steps are left out, with what cannot do without them (a join of the first can): those of the lowest
    priority first, of these the last in the plan. Raises PlanError when it does not fit without all of them.
    """
    numbers = {name: number for number, name in enumerate(graph.steps)}
    due = {name: step for name, step in graph.steps.items() if numbers[name] not in known}
    worst = {
        unit: {name: worst_case(step, unit) - done_within(step, unit, within.get(name)) for name, step in due.items()}
        for unit in most
    }
    total = {unit: sum(worst[unit].values()) for unit in most}
    spared = sorted(
        (step for step in due.values() if step.optional),
        key=lambda step: (-step.priority, numbers[step.name]),
    )
    spare = {name: len(needs) - enough_of(graph.steps[name], needs) for name, needs in graph.needs.items()}
    out: dict[str, None] = {}
    while any(total[unit] > most[unit] for unit in most):
        if not spared:
            unit = next(unit for unit in most if total[unit] > most[unit])
            raise PlanError(
                "the plan does not fit its budget", expected=f"at most {most[unit]} {unit}",
                found=f"{total[unit]} at worst", at=f"plan {graph.plan!r}",
                hint="Give it more, let its steps take less, or mark some as optional.",
            )  # fmt: skip
        behind = [spared.pop().name]
        spare[behind[0]] = 0
        while behind:
            name = behind.pop()
            spare[name] -= 1
            if name in due and name not in out and spare[name] < 0:
                out[name] = None
                behind += graph.dependents[name]
                for unit in most:
                    total[unit] -= worst[unit][name]
    return tuple(sorted(numbers[name] for name in out))
