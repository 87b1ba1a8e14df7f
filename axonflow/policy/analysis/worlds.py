"""Requests made of values for some of their variables, and what the engine's own code says of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import msgspec

from axonflow.detect import Scanner
from axonflow.errors import RequestError
from axonflow.policy.analysis.formulas import ERROR, NO, YES, Atom, Every, Formula, Literal
from axonflow.policy.analysis.places import unpacked
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["ABSENT", "NOW_US", "World", "is_same", "value_in"]

ABSENT: Final = object()
"""The value of a variable that a request leaves out."""
NOW_US: Final = 1_767_607_200_000_000
"""When a request is judged whose time does not matter: Monday, 5 January 2026, 10:00 UTC."""
MAX_QUESTIONS: Final = 400
_MAX_KEPT: Final = 50_000


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are one: to Python True is 1 and 1 is 1.0, to a policy not always."""
    return one.__class__ is other.__class__ and bool(one == other)


def value_in(request: Request, variable: str) -> Any:
    """The value that `variable` has in `request`."""
    root, name, declared = unpacked(variable)
    held = getattr(request, root)
    if not name:
        found = held
    elif declared:
        found = getattr(held, name)
    else:
        found = (held if root == "context" else held.attributes).get(name)
    if isinstance(found, Principal):
        return msgspec.to_builtins(found)
    return ABSENT if found is None else found


class World:
    """What requests there can be. `scanner` finds in contents what the engine would find."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner: Final = scanner
        self._requests: dict[tuple[str, str], Request | None] = {}
        self._seen: dict[str, Evaluation] = {}
        self.kept: Final[dict[Hashable, Any]] = {}
        """What others have worked out of this world."""
        self.questions_left = MAX_QUESTIONS
        """For a solver that takes milliseconds for each."""

    def request(self, values: Mapping[str, Any]) -> Request | None:
        """The request in which variables have these `values`, all else being plain; None when there is none such."""
        principal: dict[str, Any] = {"id": "someone"}
        resource: dict[str, Any] = {"type": "tool", "id": "something"}
        context: dict[str, Any] = {}
        rest: dict[str, Any] = {"action": "tool.call"}
        for variable, value in values.items():
            if value is ABSENT:
                continue
            root, name, declared = unpacked(variable)
            if root == "context":
                context[name] = value
            elif not name:
                rest[root] = value
            else:
                record = principal if root == "principal" else resource
                (record if declared else record.setdefault("attributes", {}))[name] = value
        try:
            return Request(Principal.of(principal), rest.pop("action"), Resource.of(resource), context, **rest)
        except RequestError:
            return None

    def with_value(self, variable: str, value: Any) -> Request | None:
        """The request in which only `variable` has a value; asked again, the same object."""
        key = (variable, "absent" if value is ABSENT else repr(value))
        try:
            return self._requests[key]
        except KeyError:
            if len(self._requests) > _MAX_KEPT:
                self._requests.clear()
            made = self._requests[key] = self.request({variable: value})
            return made

    def evaluation(self, request: Request) -> Evaluation:
        """What a decision on `request` would know, with all its loop steps left."""
        return Evaluation(request, NOW_US if request.time is None else request.time, self.scanner)

    def answer(self, atom: Atom, request: Request) -> int:
        """YES, NO or ERROR: what the engine's code for `atom` gives on `request`."""
        evaluation = self._kept(request) if _is_finding(atom) else self.evaluation(request)
        try:
            result = atom.test(request, evaluation)
        except Exception:  # noqa: BLE001  an expression may fail in any way; that is one of its three answers
            return ERROR
        return YES if result is True else NO if result is False else ERROR

    def _kept(self, request: Request) -> Evaluation:
        """One evaluation for each content, which so is looked through once."""
        key = repr(request.content)
        kept = self._seen.get(key)
        if kept is None:
            kept = self._seen[key] = self.evaluation(request)
        return kept

    def holds(self, formula: Formula, request: Request) -> bool:
        """Whether `formula` holds for `request`."""
        if isinstance(formula, Literal):
            return bool(self.answer(formula.atom, request) & formula.accepts)
        held = (self.holds(part, request) for part in formula.parts)
        return all(held) if isinstance(formula, Every) else any(held)


def _is_finding(atom: Atom) -> bool:
    return len(atom.hints) == 1 and atom.hints[0].kind == "detected"
