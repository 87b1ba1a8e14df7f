"""A checked plan as numbers: steps by their place, which the machine counts down and walks along."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from axonflow.plan.step import Graph, Step

__all__ = ["Wiring", "enough_of", "path_lengths", "wired"]


class Wiring(Struct, frozen=True):
    """Steps by number, in the plan's order: how many needs each has, how many of them are enough, and who needs it."""

    names: list[str]
    steps: list[Step]
    numbers: dict[str, int]
    needs: list[int]
    enough: list[int]
    dependents: list[list[int]]


def wired(graph: Graph) -> Wiring:
    """The wiring of `graph`. Linear in steps and needs."""
    names = list(graph.steps)
    numbers = {name: number for number, name in enumerate(names)}
    steps = list(graph.steps.values())
    return Wiring(
        names=names,
        steps=steps,
        numbers=numbers,
        needs=[len(needs) for needs in graph.needs.values()],
        enough=[enough_of(step, needs) for step, needs in zip(steps, graph.needs.values(), strict=True)],
        dependents=[[numbers[other] for other in graph.dependents[name]] for name in names],
    )


def enough_of(step: Step, needs: Sequence[str]) -> int:
    """How many of its `needs` have to succeed. A join that a condition chooses waits for all: by number alone, its
    needs cannot be told from that choice."""
    if step.kind != "join" or step.wait_for == "all" or len(needs) > len(step.waits_for):
        return len(needs)
    return step.wait_for if isinstance(step.wait_for, int) else 1


def path_lengths(wiring: Wiring, durations_us: Sequence[int]) -> list[int]:
    """By step, how long it takes from its start to the end of the plan at least, whatever room there is: the length of
    the longest path that begins with it. ("Upward rank": Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002.)"""
    waiting = list(wiring.needs)
    order = [step for step, count in enumerate(waiting) if not count]
    for step in order:  # grows while it is walked: Kahn's algorithm
        for other in wiring.dependents[step]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    lengths = list(durations_us)
    for step in reversed(order):
        if wiring.dependents[step]:
            lengths[step] += max([lengths[other] for other in wiring.dependents[step]])
    return lengths
