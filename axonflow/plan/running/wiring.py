"""A checked plan as numbers: steps by their place, which the machine counts down and walks along."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from axonflow.errors import AxonFlowError
from axonflow.plan.model.step import Graph, Step

__all__ = ["Wiring", "enough_of", "path_lengths"]


class Wiring(Struct, frozen=True):
    """Steps by number, in the plan's order: how many needs each has, how many of them are enough, and who needs it."""

    names: list[str]
    steps: list[Step]
    numbers: dict[str, int]
    needs: list[int]
    enough: list[int]
    dependents: list[tuple[int, ...]]

    def grow(self, graph: Graph) -> None:
        """Take in the steps of `graph` behind those that are here. Linear in steps and new needs. Raises AxonFlowError
        when those that are here would change: that is a fault of the caller, never of the plan."""
        first = len(self.names)
        names, added = list(graph.steps), list(graph.steps.values())[first:]
        choices = [those for step in added if step.branches is not None for those in step.branches.values()]
        if names[:first] != self.names or any(name in self.numbers for those in choices for name in those):
            raise AxonFlowError(
                "the steps of a running plan do not change", expected="further steps behind the same", found="others",
                at=f"plan {graph.plan!r}",
            )  # fmt: skip
        self.names.extend(names[first:])
        self.steps.extend(added)
        self.numbers.update({name: number for number, name in enumerate(names[first:], first)})
        needs = list(graph.needs.values())[first:]
        self.needs.extend([len(those) for those in needs])
        waiting = zip(added, needs, strict=True)
        self.enough.extend([enough_of(one, those) if one.kind == "join" else len(those) for one, those in waiting])
        self.dependents.extend(graph.numbered[first:])
        if first:
            self._tell_earlier(needs, first)

    def _tell_earlier(self, needs: Sequence[Sequence[str]], first: int) -> None:
        """Let the steps before `first` know of those from there on that need them."""
        numbers = self.numbers
        later: dict[int, list[int]] = {}
        for number, those in enumerate(needs, first):
            for need in [numbers[name] for name in those if numbers[name] < first]:
                later.setdefault(need, []).append(number)
        for need, more in later.items():
            self.dependents[need] += tuple(more)


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
