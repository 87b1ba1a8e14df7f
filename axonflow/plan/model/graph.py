"""Steps to a graph: what each waits for, and that nothing waits for itself. Linear in steps and needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan.model.checking import find_faults
from axonflow.plan.model.fitting import type_faults
from axonflow.plan.model.options import Compensation, unbound
from axonflow.plan.model.references import GIVEN, Reference
from axonflow.plan.model.step import CALLS, Graph, Step
from axonflow.plan.model.words import shown

__all__ = ["MAX_PLAN_DEPTH", "MAX_STEPS", "bound_graph", "checked_graph", "unbound_calls"]

MAX_STEPS: Final = 10_000
"""Of a plan, those of the plans within it included."""
MAX_PLAN_DEPTH: Final = 8
"""Plans within each other."""
_MAX_SHOWN_IN_CYCLE: Final = 100
MAX_CYCLES: Final = 10
MAX_FAULTS: Final = 100
"""Of a kind, that are told of at once: to look for what may be meant takes a while each time."""
_OF_ELEMENTS: Final = frozenset({"item", "index"})
"""What the body of a map is given beside the arguments of its step."""


def checked_graph(draft: Graph) -> Graph:
    """`draft`, of which the steps and the plan's own options count, with all that follows from them.

    Raises PlanError for an empty plan, or too many plans or steps within each other; with all unknown needs, cycles,
    inputs that bodies miss and what does not fit; and with all that `find_faults` finds.
    """
    at = f"plan {draft.plan!r}"
    steps = draft.steps
    if not steps:
        raise PlanError("the plan is empty", expected="at least one step", found="none", at=at, hint="Add a step.")
    depth, steps_count = _extent(steps, at)
    faults: list[PlanError] = []
    needs = _needs(steps, at, faults)
    dependents: dict[str, list[str]] = {name: [] for name in steps}
    for name, others in needs.items():
        for need in others:
            dependents[need].append(name)
    faults += _cycles(needs, dependents, at)
    faults += _missed(steps, at)
    if faults:  # what else would be wrong with choices, compensations and budgets hangs on what these become
        raise PlanError.joined([*faults[:MAX_FAULTS], *islice(type_faults(draft), MAX_FAULTS)])
    numbers = {name: number for number, name in enumerate(steps)}
    graph = replace(
        draft,
        needs=needs,
        dependents={name: tuple(others) for name, others in dependents.items()},
        numbered=tuple([tuple([numbers[other] for other in others]) for others in dependents.values()]),
        sinks=tuple(name for name, others in dependents.items() if not others),
        depth=depth,
        steps_count=steps_count,
        unbound=tuple(step.name for step in steps.values() if not step.bound),
        missing=_missing(draft),
    )
    faults = find_faults(graph)
    if faults:
        raise PlanError.joined(faults)
    return graph


def _needs(steps: Mapping[str, Step], at: str, faults: list[PlanError]) -> dict[str, tuple[str, ...]]:
    """What each step waits for, of what there is; what there is not goes to the `faults`."""
    needs: dict[str, tuple[str, ...]] = {}
    chosen: dict[str, list[str]] = {}
    for name, step in steps.items():
        needs[name] = step.waits_for
        for need in step.waits_for:
            if need not in steps:
                needs[name] = tuple(_known(step.waits_for, steps, f"{at}, step {name!r}", faults))
                break
        for names in (step.branches or {}).values():
            for other in _known(names, steps, f"{at}, step {name!r}, branches", faults):
                chosen.setdefault(other, []).append(name)
    for name, conditions in chosen.items():
        needs[name] = tuple(dict.fromkeys((*needs[name], *conditions)))
    return needs


def _known(names: Sequence[str], steps: Mapping[str, Step], at: str, faults: list[PlanError]) -> list[str]:
    """Those of `names` that there are; of each other one a fault, the first of which say what may be meant."""
    for name in names:
        if name not in steps and len(faults) < MAX_FAULTS:
            faults.append(_unknown_need(name, steps, at))
    return [name for name in names if name in steps]


def _unknown_need(need: str, steps: Mapping[str, Step], at: str) -> PlanError:
    close = get_close_matches(need, steps, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else "Add a step of this name, or remove the need."
    return PlanError("unknown need", expected="the name of a step of this plan", found=shown(need), at=at, hint=hint)


def _cycles(
    needs: Mapping[str, Sequence[str]], dependents: Mapping[str, Sequence[str]], at: str
) -> Iterator[PlanError]:
    """A fault for each of the first cycles, of which no two have a step in common."""
    waiting = {name: len(others) for name, others in needs.items()}
    free = [name for name, count in waiting.items() if not count]
    for _ in range(MAX_CYCLES):
        while free:  # Kahn's algorithm: what is never freed is on a cycle or behind one
            name = free.pop()
            if waiting.pop(name, None) is None:
                continue
            for other in dependents[name]:
                if other in waiting:
                    waiting[other] -= 1
                    if not waiting[other]:
                        free.append(other)
        if not waiting:
            return
        cycle = _find_cycle(needs, waiting)
        yield PlanError(
            "the steps wait for each other", expected="a plan without cycles", found=_drawn(cycle),
            at=f"{at}, step {cycle[0]!r}", hint="Each of these needs the next: remove one of the needs.",
        )  # fmt: skip
        free = cycle  # as if it were mended


def _find_cycle(needs: Mapping[str, Sequence[str]], waiting: Mapping[str, int]) -> list[str]:
    """The names on one cycle, each needing the next, from the one added first."""
    path: dict[str, None] = {}
    name = next(iter(waiting))
    while name not in path:  # a step that was never freed has a need that was not either: follow those round
        path[name] = None
        name = next(need for need in needs[name] if need in waiting)
    names = list(path)
    cycle = names[names.index(name) :]
    places = {name: place for place, name in enumerate(needs)}
    first = cycle.index(min(cycle, key=places.__getitem__))
    return cycle[first:] + cycle[:first]


def _drawn(cycle: list[str]) -> str:
    shown_part = cycle[:_MAX_SHOWN_IN_CYCLE]
    if len(shown_part) < len(cycle):
        shown_part = [*shown_part, f"({len(cycle) - len(shown_part)} more)"]
    return " -> ".join([*shown_part, cycle[0]])


def _extent(steps: Mapping[str, Step], at: str) -> tuple[int, int]:
    """How many plans are within each other, and how many steps they have together."""
    depth, count = 1, len(steps)
    for step in steps.values():
        if step.body is None:
            continue
        where = f"{at}, step {step.name!r}"
        depth, count = max(depth, step.body.depth + 1), count + step.body.steps_count
        if depth > MAX_PLAN_DEPTH:
            raise PlanError("nested too deep", expected=f"at most {MAX_PLAN_DEPTH} plans", found="more", at=where)
        if count > MAX_STEPS:
            expected = f"at most {MAX_STEPS}, those of plans within included"
            raise PlanError("too many steps", expected=expected, found=str(count), at=where)
    return depth, count


def _missed(steps: Mapping[str, Step], at: str) -> Iterator[PlanError]:
    """Inputs that a plan within refers to, and its step does not give it."""
    for step in steps.values():
        if step.body is None:
            continue
        given = {*step.inputs, *step.needs, *(_OF_ELEMENTS if step.kind == "map" else ())}
        for name in (name for name in step.body.missing if name not in given):
            yield PlanError(
                "a missing input", expected=f"an input {name!r}, to which {GIVEN}.{name} refers", found="none",
                at=f"{at}, step {step.name!r}",
            )  # fmt: skip


def _missing(draft: Graph) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for step in draft.steps.values():
        undoing = step.compensate.holes if step.compensate is not None else ()
        for hole in (*step.references, *undoing):
            if isinstance(hole, Reference) and hole.source == GIVEN and hole.path[0] not in draft.inputs:
                found[hole.path[0]] = None
    return tuple(found)


def bound_graph(graph: Graph, calls: Mapping[str, Callable[..., Any]], used: set[str]) -> Graph:
    """`graph` with its steps bound to `calls`, by kind and target, else name; puts what was used into `used`."""
    steps = {name: _bound(step, calls, used) for name, step in graph.steps.items()}
    return replace(graph, steps=steps, unbound=tuple(name for name, step in steps.items() if not step.bound))


def unbound_calls(graph: Graph) -> tuple[str, ...]:
    """What has to be bound before `graph` runs, as `Plan.bind` takes it; sorted, each once."""
    return tuple(sorted(set(_unbound(graph))))


def _unbound(graph: Graph) -> Iterator[str]:
    for step in graph.steps.values():
        if step.run is unbound and step.kind in CALLS:
            yield _call_of(step)
        if step.compensate is not None and step.compensate.run is unbound:
            yield _undo_of(step.name, step.compensate)
        if step.body is not None:
            yield from _unbound(step.body)


def _call_of(step: Step) -> str:
    return f"{step.kind}:{step.target or step.name}"


def _undo_of(name: str, undoing: Compensation) -> str:
    return f"{undoing.kind}:{undoing.target}" if undoing.target is not None else f"compensate:{name}"


def _bound(step: Step, calls: Mapping[str, Callable[..., Any]], used: set[str]) -> Step:
    changes: dict[str, Any] = {}
    key = _call_of(step)
    if key in calls and (step.kind in CALLS or step.kind == "join"):
        used.add(key)
        changes["run"] = calls[key]
    if step.compensate is not None:
        key = _undo_of(step.name, step.compensate)
        if key in calls:
            used.add(key)
            changes["compensate"] = replace(step.compensate, run=calls[key])
    if step.body is not None:
        changes["body"] = bound_graph(step.body, calls, used)
    return replace(step, **changes) if changes else step
