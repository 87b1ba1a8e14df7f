"""A plan as a document, plain JSON values: read with every fault at its place, and written back.

::

    apiVersion: axonflow.dev/v1
    kind: Plan
    metadata: {name: trip}
    steps:
      - {name: flights, kind: tool, target: search, inputs: {to: AMS}}
      - {name: offer, kind: agent, target: writer, inputs: {price: {$ref: flights.0.price}}}

The members of a step are the fields of `Step`, those of the plan the arguments of `Plan`; a `body` is a plan without
the first three lines. What is read is bound to nothing yet, see `Plan.bind`. Texts and files are the adapters' work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, partial
from typing import Any, Final

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from axonflow.errors import PlanError
from axonflow.plan.model.graph import MAX_PLAN_DEPTH, MAX_STEPS
from axonflow.plan.model.options import Compensation, Hedge, Retry, Takes
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.step import Graph, Step
from axonflow.plan.model.words import shown

__all__ = [
    "API_VERSION",
    "KIND",
    "PLAN_FIELDS",
    "STEP_FIELDS",
    "FaultsOf",
    "json_path",
    "no_faults",
    "plan_of_document",
    "plan_to_document",
]

API_VERSION: Final = "axonflow.dev/v1"
KIND: Final = "Plan"
MAX_PROBLEMS: Final = 100
"""Of one document; whoever has more begins with these."""

Path = tuple[str | int, ...]
Locate = Callable[[Path], str]
"""How a message names the place at a path of the document: ``plan.yaml:3:5``, or ``$.steps[2]``."""

FaultsOf = Callable[[Graph], Sequence[PlanError]]

_COMPUTED: Final = frozenset({"run", "holes", "waits_for"})
_OPTIONS: Final[dict[str, type[Struct]]] = {
    "retry": Retry, "hedge": Hedge, "takes": Takes, "compensate": Compensation,
}  # fmt: skip
PLAN_FIELDS: Final = ("inputs", "deadline_ms", "budget", "mode", "on_failure", "steps")


@cache
def _names_of(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in _COMPUTED)


@cache
def _required_of(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.required)


STEP_FIELDS: Final = _names_of(Step)


def json_path(path: Path) -> str:
    """`path` in the manner of JSONPath (RFC 9535, section 2.7): ``$.steps[2].inputs``."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part[:64]}" for part in path)


def no_faults(_graph: Graph) -> Sequence[PlanError]:
    """What finds nothing further."""
    return ()


def plan_of_document(document: object, locate: Locate = json_path, faults_of: FaultsOf = no_faults) -> Plan:
    """The plan that `document` describes; `faults_of` tells what else is wrong with it, or with a plan within it.

    Raises PlanError whose `problems` are all faults, each at its place.
    """
    reading = _Reading(locate, faults_of)
    plan = reading.document(document)
    if plan is None or reading.problems:
        raise PlanError.joined(reading.problems)
    return plan


class _Reading:
    """One document being read: its faults so far."""

    __slots__ = ("_faults_of", "_locate", "problems")

    def __init__(self, locate: Locate, faults_of: FaultsOf) -> None:
        self._locate = locate
        self._faults_of = faults_of
        self.problems: list[PlanError] = []

    def document(self, value: object) -> Plan | None:
        if not self._is_object(value, ("apiVersion", "kind", "metadata", *PLAN_FIELDS), ()):
            return None
        assert isinstance(value, Mapping)  # it was looked at
        for name, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
            if value.get(name) != wanted:
                found = shown(value[name]) if name in value else "none"
                self._add(f"not a {KIND}", f"{name}: {wanted}", found, (name,) if name in value else ())
        metadata = value.get("metadata", {})
        if not self._is_object(metadata, ("name", "description"), ("metadata",)):
            return None
        if "name" not in metadata:
            self._add("a plan without a name", "metadata.name", "none", ("metadata",))
        return self._plan(value, metadata.get("name"), (), 1)

    def _plan(self, value: Mapping[str, Any], name: object, path: Path, depth: int) -> Plan | None:
        before = len(self.problems)
        if depth > MAX_PLAN_DEPTH:
            self._add("nested too deep", f"at most {MAX_PLAN_DEPTH} plans within each other", "more", path)
            return None
        options = {key: item for key, item in value.items() if key in PLAN_FIELDS and key != "steps"}
        if "budget" in options:
            options["budget"] = self._struct(Takes, options["budget"], (*path, "budget"))
        plan: Plan | None = self._made(lambda: Plan(name, **options), path)  # type: ignore[arg-type]  # Plan says if it is no name
        places: dict[str, Path] = {}
        for number, each in enumerate(self._steps(value.get("steps"), path)):
            where = (*path, "steps", number)
            step = self._step(each, where, depth)
            if step is not None and plan is not None and self._made(partial(plan.add, step), where):
                places[step.name] = where
            if len(self.problems) > MAX_PROBLEMS:
                break
        if plan is None or len(self.problems) > before:
            return None
        try:
            faults = self._faults_of(plan.check())
        except PlanError as error:
            faults = error.problems
        for fault in faults:
            self._add_all(fault, places, path)
        return None if faults else plan

    def _steps(self, steps: object, path: Path) -> Sequence[Any]:
        if not isinstance(steps, list) or not 0 < len(steps) <= MAX_STEPS:
            found = "none" if steps is None else str(len(steps)) if isinstance(steps, list) else shown(steps)
            place = path if steps is None else (*path, "steps")
            self._add("not steps", f"steps: a list of 1 to {MAX_STEPS}", found, place)
            return ()
        return steps

    def _step(self, value: object, path: Path, depth: int) -> Step | None:
        before = len(self.problems)
        if not self._is_object(value, STEP_FIELDS, path):
            return None
        assert isinstance(value, Mapping)  # it was looked at
        parts: dict[str, Any] = {**value}
        if "name" not in parts:
            self._add("a step without a name", "name", "none", path)
            return None
        for name, kind in _OPTIONS.items():
            if name in parts:
                parts[name] = self._struct(kind, parts[name], (*path, name))
        body = parts.get("body")
        if body is not None and self._is_object(body, ("name", *PLAN_FIELDS), (*path, "body")):
            plan = self._plan(body, body.get("name", parts["name"]), (*path, "body"), depth + 1)
            parts["body"] = plan and plan.check()
        return self._made(lambda: Step(**parts), path) if len(self.problems) == before else None

    def _struct(self, kind: type[Struct], value: object, path: Path) -> Any:
        if not self._is_object(value, _names_of(kind), path):
            return None
        assert isinstance(value, Mapping)  # it was looked at
        required = next((name for name in _required_of(kind) if name not in value), None)
        if required is not None:
            self._add("something is missing", required, "none", path)
            return None
        return self._made(lambda: kind(**value), path)

    def _is_object(self, value: object, names: Sequence[str], path: Path) -> bool:
        if not isinstance(value, Mapping):
            self._add("wrong type", "an object", shown(value), path)
            return False
        unknown = [str(name) for name in value if name not in names]
        for name in unknown[:MAX_PROBLEMS]:
            close = get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else None
            self._add("an unknown member", " or ".join(names), shown(name), (*path, name), hint)
        return not unknown

    def _made(self, make: Callable[[], Any], path: Path) -> Any:
        try:
            return make()
        except PlanError as error:
            self._add_all(error, {}, path)
            return None

    def _add(self, message: str, expected: str, found: str, path: Path, hint: str | None = None) -> None:
        self.problems.append(PlanError(message, expected=expected, found=found, at=self._locate(path), hint=hint))

    def _add_all(self, error: PlanError, places: Mapping[str, Path], path: Path) -> None:
        """The faults of `error` at their places: that of the step which they name, where one of `places` has it."""
        for one in error.problems:
            named = _STEP_NAMED.search(one.at or "")
            place = self._locate(places.get(named[1], path) if named else path)
            self.problems.append(
                PlanError(
                    one.message, expected=one.expected, found=one.found, hint=one.hint,
                    at=f"{place}: {one.at}" if one.at else place,
                )
            )  # fmt: skip


_STEP_NAMED: Final = re.compile(r", step '([A-Za-z0-9_]+)'")


def plan_to_document(plan: Plan) -> dict[str, Any]:
    """`plan` as a document, which `plan_of_document` reads back to the same plan but for its callables."""
    graph = plan.check()
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": graph.plan}, **_plan_parts(graph)}


def _plan_parts(graph: Graph) -> dict[str, Any]:
    parts = _told(graph, PLAN_FIELDS)
    parts["steps"] = [_step_parts(step) for step in graph.steps.values()]
    return parts


def _step_parts(step: Step) -> dict[str, Any]:
    parts = _told(step, STEP_FIELDS)
    if step.body is not None:
        parts["body"] = {"name": step.body.plan, **_plan_parts(step.body)}
    return parts


def _told(value: Struct, names: Sequence[str]) -> dict[str, Any]:
    """The fields `names` of `value` that are not what they are by default, as JSON."""
    told = {}
    for name, by_default in _defaults_of(type(value)):
        one = getattr(value, name)
        if name in names and one != by_default:
            told[name] = _plain(one)
    return told


@cache
def _defaults_of(kind: type[Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (field.name, field.default if field.default_factory is NODEFAULT else field.default_factory())
        for field in fields(kind)
        if field.name not in {"steps", "body"}  # which are plans and steps themselves
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return _told(value, _names_of(type(value)))
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
