"""A run that waits for somebody: what is done, what waits for whom, and what is said to it. JSON, so that another
process can go on with it: ``data = result.held.to_json()``, and there ``HeldRun.from_json(data)``."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan.model.branches import not_chosen
from axonflow.plan.model.step import Graph
from axonflow.plan.model.values import is_nested_deeper
from axonflow.plan.model.words import shown
from axonflow.plan.running.record import StepRecord
from axonflow.plan.running.state import ENDED_BEFORE, StepState

__all__ = ["Answer", "Answers", "HeldRun", "SoFar", "Waiting"]


class Waiting(Struct, frozen=True):
    """A step that somebody has to approve: its name (``trip.pay`` and ``each.3.pay`` for steps of a plan within), what
    it acts on (``tool:refund``, ``approval:finance``), and why it waits. One of the `approvers` (ids, roles or groups)
    has to; none named: whoever policy lets ``plan.approve``. What waits under no name is the plan itself."""

    step: str
    resource: str
    why: str
    approvers: tuple[str, ...] = ()


class Answer(Struct, frozen=True):
    """What somebody said to one step that waits: whether it is approved, and `by` whom (``user:ann``), whose `standing`
    is what approvers are named by: id, roles, groups."""

    approved: bool
    by: str
    standing: tuple[str, ...] = ()
    comment: str = ""


Answers = Mapping[str, Sequence[Answer]]
"""By step, what was said to it so far; the plan itself has no name. One refusal refuses."""


class SoFar(Struct, frozen=True, omit_defaults=True):
    """How far the steps of one plan have come: a record of each and the outputs of those that succeeded, by name.

    `within` is how far held bodies have come, by the step's name, in a map followed by the place: ``each.3``. Of an
    element that is `done`, the outputs are those of its sinks, and nothing else is kept. `labels` are what outputs
    carry, where policies read labels; `spent_us` is how long a body has run, without the waiting.
    """

    records: dict[str, StepRecord] = {}
    outputs: dict[str, Any] = {}
    within: dict[str, SoFar] = {}
    done: bool = False
    labels: dict[str, list[str]] = {}
    spent_us: int = 0

    @classmethod
    def of(cls, outputs: Mapping[str, Any], graph: Graph, labels: Mapping[str, list[str]] = {}) -> SoFar:
        """Where steps of `graph` have succeeded with these `outputs`, in this order, and nothing else has happened but
        that the conditions among them have chosen. Of which it is known, they carry these `labels`. Raises PlanError
        for what one of them cannot have given."""
        records = {name: StepRecord(name, StepState.SUCCEEDED) for name in outputs}
        for name in [name for name in outputs if name in graph.steps and graph.steps[name].kind == "condition"]:
            why = (f"{name!r} did not choose it",)
            for other in not_chosen(graph.steps[name], outputs[name]):
                records.setdefault(other, StepRecord(other, StepState.SKIPPED, reasons=why))
        return cls(records, dict(outputs), labels={name: labels[name] for name in outputs if name in labels})

    def ended_in(self, graph: Graph) -> tuple[tuple[int, StepState], ...]:
        """The steps of `graph` that have ended, by number, in the order in which they did, and how. What was held is to
        be begun again. Raises PlanError when this is of another plan."""
        if not self.records:
            return ()
        stranger = next((name for name in self.records if name not in graph.steps), None)
        if stranger is not None:
            expected = "the plan as it was when it was begun"
            raise PlanError(
                "a step of another plan", expected=expected, found=shown(stranger), at=f"plan {graph.plan!r}"
            )
        numbers = {name: number for number, name in enumerate(graph.steps)}
        ended = [one for one in self.records.values() if one.state in ENDED_BEFORE]
        return tuple((numbers[one.name], one.state) for one in sorted(ended, key=_finished_us))


def _resource_of(graph: Graph, name: str) -> str:
    """What the step of that full name acts on."""
    within: Graph | None = graph
    found = "none"
    for part in name.split("."):
        if part.isdigit():  # an element of a map
            continue
        step = None if within is None else within.steps.get(part)
        if step is None:
            return "none"
        found, within = f"{step.kind}:{step.target or step.name}", step.body
    return found


def _finished_us(record: StepRecord) -> int:
    return record.finished_us or 0


class HeldRun(Struct, frozen=True, kw_only=True):
    """A run of `plan` that waits for answers. `principal`, as JSON, is in whose name it runs, and `context` the
    caller's; `spent_us` is how long it has run, without the waiting. `answers` are those that were given before: a step
    may wait for more than one. `error` is what was wrong with the rest of a plan that was still being written: what
    came of it is run, and has failed as its failure policy says."""

    plan: str
    plan_id: str
    principal: dict[str, Any]
    context: dict[str, Any]
    waiting: tuple[Waiting, ...]
    so_far: SoFar
    spent_us: int = 0
    answers: dict[str, tuple[Answer, ...]] = {}
    error: str | None = None

    def check_is_of(self, graph: Graph) -> None:
        """Raise PlanError unless this is a run of the plan that `graph` is, and what waits there would still act on
        what was shown to whoever approves it."""
        if self.plan != graph.plan or self.so_far.records.keys() - graph.steps.keys():
            expected, found = f"the plan {shown(self.plan)} as it was when it was begun", f"{shown(graph.plan)}"
            raise PlanError("a held run of another plan", expected=expected, found=found)
        for one in self.waiting:
            found = _resource_of(graph, one.step) if one.step else one.resource
            if found != one.resource:
                at = f"plan {self.plan!r}, step {one.step!r}"
                raise PlanError("a held run of another plan", expected=one.resource, found=found, at=at)

    def asked(self, approved: bool | Mapping[str, bool]) -> dict[str, bool]:  # noqa: FBT001  what is asked for is yes or no
        """What is said to each step: one word for all that wait, or by name for some, of which the others wait on.
        Raises PlanError for a step that does not wait."""
        steps = [one.step for one in self.waiting]
        said = dict.fromkeys(steps, approved) if isinstance(approved, bool) else dict(approved)
        stranger = next((name for name in said if name not in steps), None)
        if stranger is not None or not said:
            found = "none" if stranger is None else shown(stranger)
            expected = ", ".join(step or "'', the plan itself" for step in steps)
            raise PlanError("not a step that waits", expected=expected, found=found, at=f"plan {self.plan!r}")
        return said

    def answered(self, said: Mapping[str, Answer]) -> HeldRun:
        """This with answers beside those that were given before."""
        answers = {name: (*self.answers.get(name, ()), answer) for name, answer in said.items()}
        return replace(self, answers={**self.answers, **answers})

    def to_json(self) -> bytes:
        """This as JSON. Raises PlanError when the result of a step is none.

        Bytes among the results are marked, and bytes again when they are read: as mere base64 they would be a text in
        which no detector finds anything.
        """
        try:
            data = msgspec.json.encode(self)
            _check_depth(self)  # it is a tree, or it could not have been written
            if not _may_be_marked(data) and not _may_have_bytes(self):  # results may be large: no copy for nothing
                return data
            return msgspec.json.encode(_marked(msgspec.to_builtins(self, builtin_types=_BYTES, str_keys=True)))
        except (TypeError, ValueError, OverflowError, BufferError, RecursionError, msgspec.MsgspecError) as error:
            raise PlanError(
                "the run cannot be kept", expected="steps that give JSON", found=str(error)[:200],
                at=f"plan {self.plan!r}", hint="Let its steps return JSON, or resume it in this process.",
            ) from None  # fmt: skip

    @classmethod
    def from_json(cls, data: bytes) -> HeldRun:
        """The held run in `data`. Raises PlanError when it is none."""
        try:
            if not _may_be_marked(data):
                return msgspec.json.decode(data, type=cls)
            return msgspec.convert(_unmarked(msgspec.json.decode(data)), cls)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            raise PlanError("not a held run", expected="what HeldRun.to_json gives", found=str(error)[:200]) from None


MAX_LEVELS: Final = 256
"""Of lists and objects, one within the other, in a run that is kept."""
_BYTES: Final = (bytes, bytearray, memoryview)
_AS_BYTES: Final = "$bytes"
_AS_IT_IS: Final = "$object"
"""Marks an object that would else be taken for a mark."""
_MARKS: Final = frozenset({_AS_BYTES, _AS_IT_IS})
_LEAVES: Final = frozenset({str, int, float, bool, type(None)})


def _check_depth(run: HeldRun) -> None:
    if is_nested_deeper(run, MAX_LEVELS):
        raise ValueError(f"lists and objects within each other to more than {MAX_LEVELS} levels")


def _may_be_marked(data: bytes) -> bool:
    return any(b'"%b"' % mark.encode() in data for mark in _MARKS)


def _may_have_bytes(value: Any) -> bool:
    """Whether there are bytes in it, or something that may have some."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            parts: Iterable[Any] = one.values()
        elif isinstance(one, (list, tuple)):
            parts = one
        elif isinstance(one, Struct):
            parts = [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, Enum):
            continue
        else:
            return True
        left += [part for part in parts if type(part) not in _LEAVES]
    return False


def _marked(value: Any) -> Any:
    """`value`, an object, a list or bytes: msgspec.to_builtins leaves nothing else that is no leaf."""
    if isinstance(value, dict):
        told = {name: one if type(one) in _LEAVES else _marked(one) for name, one in value.items()}
        return {_AS_IT_IS: told} if len(told) == 1 and told.keys() <= _MARKS else told
    if isinstance(value, _BYTES):
        return {_AS_BYTES: b64encode(value).decode()}
    return [one if type(one) in _LEAVES else _marked(one) for one in value]


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [one if type(one) in _LEAVES else _unmarked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and _AS_BYTES in value:
        return b64decode(value[_AS_BYTES], validate=True)
    told = msgspec.convert(value[_AS_IT_IS], dict) if len(value) == 1 and _AS_IT_IS in value else value
    return {name: one if type(one) in _LEAVES else _unmarked(one) for name, one in told.items()}
