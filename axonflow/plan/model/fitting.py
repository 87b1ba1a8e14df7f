"""Whether what goes along the references of a plan fits, as far as types are known before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from axonflow.errors import PlanError
from axonflow.plan.model.references import GIVEN, Hole, Reference, filled, parse_reference
from axonflow.plan.model.schemas import Described, part_of, violation
from axonflow.plan.model.step import Graph, Step
from axonflow.plan.model.words import shown

__all__ = ["type_faults"]

Schema = Mapping[str, Any]
_NOTHING: Final[Mapping[str, Any]] = {}
_A_LIST: Final[Schema] = {"type": "array"}
_AN_INDEX: Final = Described({"type": "integer"})


def type_faults(graph: Graph, given: Mapping[str, Any] = _NOTHING) -> Iterator[PlanError]:
    """Missing inputs, references to what there is not, and what does not fit, in the order of the steps; in plans
    within, what does not fit of what they are `given`. A need that is unknown is no fault here."""
    for step in graph.steps.values():
        yield from _faults_of(step, graph, given)


def _faults_of(step: Step, graph: Graph, given: Mapping[str, Any]) -> Iterator[PlanError]:
    at = f"plan {graph.plan!r}, step {step.name!r}"
    for reference in step.references:
        try:
            _known(reference, graph, given)
        except PlanError as fault:
            yield PlanError(
                fault.message, expected=fault.expected, found=fault.found, at=f"{at}, reference {reference}"
            )
            return
    if step.accepts is None and step.body is None:
        return
    inputs = filled(step.inputs, step.holes, lambda hole: _described(hole, graph, given))
    inputs |= {need: _known(Reference((), need), graph, given) for need in step.needs}
    if step.accepts is not None:
        yield from _misfits(step, inputs, step.accepts, at)
    if step.body is not None:
        yield from _within(step, step.body, inputs, graph, given, at)


def _misfits(step: Step, inputs: Mapping[str, Any], accepts: Schema, at: str) -> Iterator[PlanError]:
    given = {*step.inputs, *step.needs}
    for missing in (name for name in accepts.get("required", ()) if name not in given):
        yield PlanError(
            "a missing input", expected=f"an input {missing!r}, or a need of that name", found="none", at=at
        )
    found = violation(inputs, {"properties": accepts.get("properties", {})})
    if found is not None:
        where = ".".join(map(str, found.at))
        yield PlanError("an input does not fit", expected=found.expected, found=found.found, at=f"{at}, inputs.{where}")


def _within(
    step: Step, body: Graph, inputs: Mapping[str, Any], graph: Graph, given: Mapping[str, Any], at: str
) -> Iterator[PlanError]:
    """What is wrong with what the plan within `step` is given; all else of it was checked when it was made."""
    if step.over is not None:
        elements = _known(parse_reference(step.over, None), graph, given)
        found = violation(elements, _A_LIST)
        if found is not None:
            yield PlanError("an input does not fit", expected="a list", found=found.found, at=f"{at}, over")
            return
        inputs = {**inputs, "item": _item_of(elements), "index": _AN_INDEX}
    for fault in type_faults(body, inputs):
        yield PlanError(
            fault.message, expected=fault.expected, found=fault.found, at=f"{at}, {fault.at}", hint=fault.hint
        )


def _item_of(elements: Any) -> Any:
    """Any one of `elements`: of values, what they are one by one is left to the run."""
    schema = elements.schema if isinstance(elements, Described) else None
    return Described(None if schema is None else schema.get("items"))


def _described(hole: Hole, graph: Graph, given: Mapping[str, Any]) -> Any:
    return _known(hole, graph, given) if isinstance(hole, Reference) else hole.value


def _known(reference: Reference, graph: Graph, given: Mapping[str, Any]) -> Any:
    """What stands for `reference`, as far as it is known. Raises PlanError where it leads nowhere."""
    if reference.source == GIVEN:
        name, *path = reference.path
        if name in given:
            return _part(given[name], path)
        return reference.value_in({}, graph.inputs) if name in graph.inputs else Described(None)
    step = graph.steps.get(reference.source)
    return _part(Described(None if step is None else _result_schema(step)), reference.path)


def _part(value: Any, path: Sequence[str]) -> Any:
    for depth, name in enumerate(path):
        if isinstance(value, Described):
            return Described(None if value.schema is None else part_of(value.schema, path[depth:]))
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise PlanError("the reference leads nowhere", expected=f"a part {name[:64]!a}", found=_parts_of(value))
    return value


def _parts_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(value)[:200] or "an object without members"
    return f"a list of {len(value)}" if isinstance(value, list) else shown(value)


def _result_schema(step: Step) -> Schema | None:
    if step.gives is not None or step.body is None:
        return step.gives
    sinks = {name: _result_schema(step.body.steps[name]) or {} for name in step.body.sinks}
    one = {"type": "object", "properties": sinks}
    return {"type": "array", "items": one} if step.kind == "map" else one
