"""What can be known of a plan before it runs: types that do not fit, steps that nothing reaches, budgets too small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from axonflow.errors import PlanError
from axonflow.plan.model.fitting import type_faults
from axonflow.plan.model.options import MAX_AMOUNT, Takes
from axonflow.plan.model.references import GIVEN, Reference
from axonflow.plan.model.step import Graph, Step
from axonflow.plan.model.words import shown

__all__ = ["find_faults", "least_taken", "topological"]

MAX_CONDITIONS: Final = 200
"""Of one plan; each plan within has as many of its own."""

_Choices = dict[str, frozenset[str]]
"""Of what runs only for some results of conditions: these results, by condition."""
_ANY: Final[_Choices] = {}


def find_faults(graph: Graph) -> list[PlanError]:
    """All faults of `graph`, of which the needs are known and free of cycles, in the order of its steps."""
    steps = graph.steps.values()
    faults: list[PlanError] = []
    typed = chooses = undoes = False
    for step in steps:  # once: most plans have none of it
        typed = typed or step.gives is not None or step.accepts is not None or step.body is not None
        chooses = chooses or step.branches is not None
        undoes = undoes or step.compensate is not None
    if typed or graph.inputs:
        faults += type_faults(graph)
    if chooses:
        faults += _choice_faults(graph)
    if undoes:
        faults += _compensation_faults(graph)
    faults += _budget_faults(graph)
    return faults


def topological(graph: Graph) -> list[str]:
    """The names of the steps, each after those that it needs."""
    waiting = {name: len(needs) for name, needs in graph.needs.items()}
    order = [name for name, count in waiting.items() if not count]
    for name in order:  # it grows while it is walked
        for other in graph.dependents[name]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def _at(graph: Graph, step: Step) -> str:
    return f"plan {graph.plan!r}, step {step.name!r}"


# -- choices ----------------------------------------------------------------------------------------------------------


def _choice_faults(graph: Graph) -> Iterator[PlanError]:
    """A step that needs what only different results of one condition let run never runs."""
    count = sum(step.branches is not None for step in graph.steps.values())
    if count > MAX_CONDITIONS:  # of each step is known which of them it hangs on: more would take gigabytes
        yield PlanError(
            "too many conditions", expected=f"at most {MAX_CONDITIONS} in a plan", found=str(count),
            at=f"plan {graph.plan!r}", hint="Put some of them into plans within.",
        )  # fmt: skip
        return
    chosen: dict[str, dict[str, set[str]]] = {}
    for step in graph.steps.values():
        for result, names in (step.branches or {}).items():
            for name in names:
                chosen.setdefault(name, {}).setdefault(step.name, set()).add(result)
    runs_for: dict[str, _Choices] = {}
    for name in topological(graph):
        step = graph.steps[name]
        inherited = [runs_for[need] for need in step.waits_for]
        if step.kind == "join":
            inherited = [_joined(inherited)]
        for condition, results in chosen.get(name, {}).items():
            inherited += [runs_for[condition], {condition: frozenset(results)}]
        runs_for[name] = _all_of([choices for choices in inherited if choices])
        closed = next((condition for condition, results in runs_for[name].items() if not results), None)
        if closed is not None:
            yield PlanError(
                "nothing reaches the step", expected="needs that run together",
                found=f"needs in different branches of {closed!r}", at=_at(graph, step),
                hint="Let a step of kind join take what there is of them.",
            )  # fmt: skip
            runs_for[name] = _ANY


def _all_of(parts: Sequence[_Choices]) -> _Choices:
    """What is left when all of `parts` have to hold; one of them where the others add nothing."""
    first, *others = sorted(parts, key=len, reverse=True) or [_ANY]
    both = first
    for part in others:
        for condition, results in part.items():
            left = both[condition] & results if condition in both else results
            if left != both.get(condition):
                both = dict(both) if both is first else both
                both[condition] = left
    return both


def _joined(parts: Sequence[_Choices]) -> _Choices:
    """What is left when one of `parts`, of which there are some, suffices."""
    shared = set.intersection(*(set(part) for part in parts))
    return {condition: frozenset().union(*(part[condition] for part in parts)) for condition in shared}


# -- compensations and budgets ----------------------------------------------------------------------------------------


def _compensation_faults(graph: Graph) -> Iterator[PlanError]:
    """What undoes a step knows that step, and what ended before it: anything else may not have run."""
    places = {name: place for place, name in enumerate(graph.steps)}
    before: dict[str, int] = {}  # by step, a bit for each that ended before it: 10,000 steps take 12 MB
    for name in topological(graph):
        bits = 1 << places[name]
        for need in graph.needs[name]:
            bits |= before[need]
        before[name] = bits
    for step in graph.steps.values():
        for hole in step.compensate.holes if step.compensate is not None else ():
            if not isinstance(hole, Reference) or hole.source == GIVEN:
                continue
            at = f"{_at(graph, step)}, compensate"
            if hole.source not in places:
                yield PlanError("unknown step", expected="the name of a step", found=shown(hole.source), at=at)
            elif not before[step.name] >> places[hole.source] & 1:
                yield PlanError(
                    "a compensation on what may not have run", expected="the step itself, or one before it",
                    found=f"{hole.source!r}, which it does not wait for", at=at,
                )  # fmt: skip


def least_taken(graph: Graph) -> Takes:
    """What a run of `graph` takes at least when nothing fails: optional steps, and what a condition may leave out,
    are not counted, nor are bodies of maps. Of slots, the most that one step has."""
    chosen = {name for step in graph.steps.values() for names in (step.branches or {}).values() for name in names}
    tokens = usd_micros = 0
    slots: dict[str, int] = {}
    left_out: set[str] = set()
    for name in topological(graph):
        step = graph.steps[name]
        if name in chosen or step.optional or not left_out.isdisjoint(graph.needs[name]):
            left_out.add(name)
            continue
        takes = least_taken(step.body) if step.body is not None and step.kind == "plan" else step.takes
        if takes is not None:
            tokens, usd_micros = tokens + takes.tokens, usd_micros + takes.usd_micros
            slots |= {key: max(count, slots.get(key, 0)) for key, count in takes.slots.items()}
    return Takes(tokens=min(tokens, MAX_AMOUNT), usd_micros=min(usd_micros, MAX_AMOUNT), slots=slots)


def _budget_faults(graph: Graph) -> Iterator[PlanError]:
    if graph.budget is None:
        return
    least, budget = least_taken(graph), graph.budget
    pairs = [("tokens", least.tokens, budget.tokens), ("usd_micros", least.usd_micros, budget.usd_micros)]
    pairs += [(f"slots of {name!r}", least.slots.get(name, 0), most) for name, most in budget.slots.items()]
    for what, taken, most in pairs:
        if taken > most:
            yield PlanError(
                "the budget cannot be met", expected=f"at least {taken} {what}", found=str(most),
                at=f"plan {graph.plan!r}, budget", hint="Raise it, or mark steps as optional.",
            )  # fmt: skip
