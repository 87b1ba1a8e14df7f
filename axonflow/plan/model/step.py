"""One step of a plan, and the graph that checked steps are.

A step says what is to be done (its `kind`, `target` and `inputs`); `run`, the callable that does it, is bound beside
it and may come later. Everything that one step shows to be wrong is raised where it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import fields, force_setattr

from axonflow.errors import PlanError
from axonflow.plan.model.keys import check_key
from axonflow.plan.model.options import (
    MAX_MS,
    MAX_TARGET_CHARS,
    Compensation,
    Hedge,
    OnFailure,
    PlanMode,
    Retry,
    Takes,
    unbound,
)
from axonflow.plan.model.references import GIVEN, Hole, Reference, filled, find_holes, parse_reference
from axonflow.plan.model.schemas import checked_schema
from axonflow.plan.model.values import json_object
from axonflow.plan.model.words import (
    check_count,
    check_labels,
    check_list_of_names,
    check_step_name,
    check_words,
    shown,
)

__all__ = ["CALLS", "Graph", "Step", "StepKind"]

StepKind = Literal[
    "function", "tool", "connector", "agent", "model", "plan", "map", "condition", "approval", "join"
]  # fmt: skip

_KINDS: Final = get_args(StepKind)
CALLS: Final = frozenset({"function", "tool", "connector", "agent", "model"})
"""Kinds that call what is bound to them, and cannot run without."""
_TARGETED: Final = frozenset({"tool", "connector", "agent", "model", "approval"})
_KINDS_OF: Final[dict[str, frozenset[str]]] = {
    "body": frozenset({"plan", "map"}),
    "over": frozenset({"map"}),
    "max_parallel": frozenset({"map"}),
    "when": frozenset({"condition"}),
    "branches": frozenset({"condition"}),
    "wait_for": frozenset({"join"}),
    "hedge": CALLS,
    "cache_key": CALLS,
    "cache_ttl_ms": CALLS,
    "idempotency_key": CALLS,
    "takes": CALLS,
    "compensate": CALLS | {"plan", "map"},
    "labels": CALLS,
    "declassifies": CALLS,
}
"""Options that only steps of some kinds have."""
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "plan": ("body",), "map": ("body", "over"), "condition": ("when", "branches"),
}  # fmt: skip

MAX_PRIORITY: Final = 1_000
MAX_EXPRESSION_CHARS: Final = 4_096
MAX_KEY_CHARS: Final = 512
MAX_BRANCHES: Final = 100
MAX_AT_ONCE: Final = 10_000


class Step(Struct, frozen=True, kw_only=True):
    """One step. `run` is a plain or async callable; it is called with keyword arguments: the `inputs`, in which each
    ``{"$ref": "step.path"}`` stands for a part of that step's output, and for each step in `needs` one argument of that
    step's name, holding its result as JSON.

    `kind` says what the step acts on, and so what policy is asked: the function itself, or the tool, connector, agent
    or model `target`. `approval` waits for the approver `target`. `plan` runs `body` once, `map` once for each element
    of the list that the reference `over` names, `max_parallel` at a time; within `body`, ``$.name`` is the step's
    input of that name, in a map also ``$.item`` and ``$.index``. `condition` judges the CEL expression `when` over its
    arguments: of `branches` (the result as text, to names of steps) only the steps of that result run. `join` ends
    when all, any, or the first n of the steps that it waits for have succeeded (`wait_for`); `run`, if there is one,
    makes one result of theirs.

    `after` names steps to wait for whose results are not passed. `context` is merged into the context of the step's
    policy requests, e.g. ``{"env": "prod"}``. `timeout_ms` bounds each attempt. `hedge` takes an `idempotent` step.
    `cache_key` and `idempotency_key` are texts, in which ``{name}`` stands for an argument, or references; a result is
    kept under the former for `cache_ttl_ms`. Of two steps that could start, that of the higher
    `priority` (-1000 to 1000) does; an `optional` one is left out where the plan would not fit its budget.
    `on_failure` is the plan's unless it is given. `gives` and `accepts` are JSON Schemas of the result and of the
    arguments, see `plan.schemas`. `labels` are what the result carries beside what came in, such as ``pii:email``;
    `declassifies` what it carries no more, where policy allows that: labels, or all of a kind (``pii:*``).

    Sequences are kept as tuples, mappings as copies. `holes` and `waits_for` are computed: where
    `inputs` hold references, and the names of all steps that must have ended before.

    Raises PlanError when a part is malformed or over its limit.
    """

    name: str
    run: Callable[..., Any] = unbound
    kind: StepKind = "function"
    target: str | None = None
    needs: Sequence[str] = ()
    after: Sequence[str] = ()
    inputs: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}
    retry: Retry | None = None
    timeout_ms: int | None = None
    idempotent: bool = False
    hedge: Hedge | None = None
    cache_key: str | Mapping[str, str] | None = None
    cache_ttl_ms: int | None = None
    idempotency_key: str | Mapping[str, str] | None = None
    compensate: Compensation | None = None
    takes: Takes | None = None
    priority: int = 0
    optional: bool = False
    on_failure: OnFailure | None = None
    gives: Mapping[str, Any] | None = None
    accepts: Mapping[str, Any] | None = None
    labels: Sequence[str] = ()
    declassifies: Sequence[str] = ()
    body: Graph | None = None
    over: str | None = None
    max_parallel: int | None = None
    when: str | None = None
    branches: Mapping[str, Sequence[str]] | None = None
    wait_for: Literal["all", "any"] | int | None = None
    holes: tuple[Hole, ...] = ()
    waits_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_step_name(self.name)
        at = f"step {self.name!r}"
        self._check_kind(at)
        self._check_run(at)
        force_setattr(self, "inputs", json_object(self.inputs, f"{at}, inputs"))
        force_setattr(self, "context", json_object(self.context, f"{at}, context"))
        self._check_needs(at)
        if self.kind not in CALLS or _options_of(self) != _NO_OPTIONS:  # a step in 10,000 may have none of them
            self._check_numbers(at)
            self._check_options(at)
            self._check_texts(at)
            if self.kind not in CALLS:
                self._check_own(at)
        force_setattr(self, "holes", find_holes(self.inputs, f"{at}, inputs") if self.inputs else ())
        force_setattr(self, "waits_for", tuple(dict.fromkeys(self._awaited(at))) if self._refers else self.needs)
        if self.name in self.waits_for:
            raise _refused("the step needs itself", "names of other steps", repr(self.name), at)

    @property
    def bound(self) -> bool:
        """Whether everything that the step calls is there to be called, also within its body and to undo it."""
        if (self.run is unbound and self.kind in CALLS) or (self.body is not None and self.body.unbound):
            return False
        return self.compensate is None or self.compensate.run is not unbound

    @property
    def _refers(self) -> bool:
        """Whether it may wait for more than its needs."""
        return bool(self.holes or self.after or self.over or self.cache_key or self.idempotency_key)

    @property
    def references(self) -> tuple[Reference, ...]:
        """All references of the step, but for those of its compensation: in inputs, keys and `over`."""
        if not self._refers:
            return ()
        found = [hole for hole in self.holes if isinstance(hole, Reference)]
        if self.over is not None:
            found.append(parse_reference(self.over, None, ("over",)))
        keys = (self.cache_key, self.idempotency_key)
        found += [parse_reference(key["$ref"], None, ("key",)) for key in keys if isinstance(key, Mapping)]
        return tuple(found)

    def arguments(self, outputs: Mapping[str, Any], given: Mapping[str, Any] = {}) -> dict[str, Any]:
        """What `run` is called with: `outputs` are by step name, `given` is what the plan itself was given.

        Raises PlanError where a reference leads nowhere.
        """
        if self.holes:
            values = filled(self.inputs, self.holes, lambda hole: hole.value_in(outputs, given))
        else:
            values = dict(self.inputs)
        for need in self.needs:
            values[need] = outputs[need]
        return values

    def _check_kind(self, at: str) -> None:
        if self.kind not in _KINDS:
            raise _refused("unknown kind", _listed(_KINDS), shown(self.kind), at)
        if self.kind in _TARGETED:
            check_words(self.target, "target", at, MAX_TARGET_CHARS)
        elif self.target is not None:
            raise PlanError(
                f"a {self.kind} has no target",
                expected="no target",
                found=shown(self.target),
                at=at,
                hint='Give kind="tool" or kind="agent" with it.' if self.kind == "function" else None,
            )

    def _check_run(self, at: str) -> None:
        if not callable(self.run):
            raise PlanError(
                "nothing to call",
                expected="a plain or async callable",
                found=type(self.run).__name__,
                at=at,
                hint="Pass the function itself, without calling it.",
            )
        if self.run is not unbound and self.kind not in CALLS and self.kind != "join":
            raise _refused(f"kind {self.kind} calls nothing", "no callable", shown(self.run), at)

    def _check_needs(self, at: str) -> None:
        check_list_of_names(self.needs, "needs", at)
        check_list_of_names(self.after, "after", at)
        for need in self.needs:
            if need == self.name:
                raise _refused("the step needs itself", "names of other steps", repr(need), at)
            if need in self.inputs:
                raise PlanError(
                    "two values for one argument",
                    expected="each name in needs or in inputs",
                    found=f"{shown(need)} in both",
                    at=at,
                    hint="Rename the input; the result of a need is passed under the needed step's name.",
                )
        force_setattr(self, "needs", tuple(self.needs))
        force_setattr(self, "after", tuple(self.after))

    def _check_numbers(self, at: str) -> None:
        if self.timeout_ms is not None:
            check_count(self.timeout_ms, "time-out in ms", at, 1, MAX_MS)
        if self.cache_ttl_ms is not None:
            check_count(self.cache_ttl_ms, "time to keep a result, in ms", at, 1, MAX_MS)
        if self.priority != 0:
            check_count(self.priority, "priority", at, -MAX_PRIORITY, MAX_PRIORITY)
        if self.on_failure is not None and self.on_failure not in get_args(OnFailure):
            raise _refused("unknown failure policy", _listed(get_args(OnFailure)), shown(self.on_failure), at)
        for name in ("idempotent", "optional"):
            if not isinstance(getattr(self, name), bool):
                raise _refused("wrong type", f"{name}: true or false", shown(getattr(self, name)), at)

    def _check_options(self, at: str) -> None:
        for name, kind in _STRUCTS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise _refused("wrong type", f"{name}: a {kind.__name__}", shown(value), at)
        if self.hedge is not None and not self.idempotent:
            raise PlanError(
                "hedging calls a step twice", expected="idempotent: true beside it", found="hedge alone", at=at,
                hint="Say so only where a second call does no harm.",
            )  # fmt: skip
        for name in ("cache_key", "idempotency_key"):
            check_key(getattr(self, name), (*self.inputs, *self.needs), f"{at}, {name}")
        if self.cache_key is not None and self.compensate is not None:
            raise _refused("what was not done cannot be undone", "cache_key or compensate", "both", at)
        for name, kinds in _KINDS_OF.items():
            if self.kind not in kinds and getattr(self, name) not in (None, ()):
                raise _refused(f"kind {self.kind} has no {name}", f"{name} only for {_listed(sorted(kinds))}", name, at)

    def _check_texts(self, at: str) -> None:
        for name in ("gives", "accepts"):
            if getattr(self, name) is not None:
                force_setattr(self, name, checked_schema(getattr(self, name), f"{at}, {name}"))
        for name in ("cache_key", "idempotency_key"):
            key = getattr(self, name)
            if isinstance(key, Mapping) and set(key) == {"$ref"}:
                force_setattr(self, name, dict(key))
            elif key is not None:
                check_words(key, "key", f"{at}, {name}", MAX_KEY_CHARS)
        for name in ("labels", "declassifies"):
            if getattr(self, name) != ():
                check_labels(getattr(self, name), name, at)
                force_setattr(self, name, tuple(getattr(self, name)))

    def _check_own(self, at: str) -> None:
        """What only this kind of step has."""
        for name in _NEEDED.get(self.kind, ()):
            if getattr(self, name) is None:
                raise _refused(f"kind {self.kind} without its {name}", name, "none", at)
        if self.body is not None and not isinstance(self.body, Graph):
            raise _refused("not a body", "the graph of a plan: plan.check()", type(self.body).__name__, at)
        if self.max_parallel is not None:
            check_count(self.max_parallel, "number of elements at a time", at, 1, MAX_AT_ONCE)
        if self.kind == "condition":
            self._check_condition(at)
        elif self.kind == "join":
            self._check_join(at)

    def _check_condition(self, at: str) -> None:
        if not isinstance(self.when, str) or not 0 < len(self.when) <= MAX_EXPRESSION_CHARS:
            expected = f"a CEL expression of at most {MAX_EXPRESSION_CHARS} characters"
            raise _refused("not a condition", expected, shown(self.when), at)
        branches = self.branches
        if not isinstance(branches, Mapping) or not 0 < len(branches) <= MAX_BRANCHES:
            expected = f"1 to {MAX_BRANCHES} lists of step names, by result"
            raise _refused("not branches", expected, type(branches).__name__, at)
        for result, names in branches.items():
            check_words(result, "result", f"{at}, branches", MAX_TARGET_CHARS)
            check_list_of_names(names, "branches", f"{at}, branches.{result}")
        force_setattr(self, "branches", {result: tuple(names) for result, names in branches.items()})

    def _check_join(self, at: str) -> None:
        if self.wait_for is None:
            force_setattr(self, "wait_for", "all")
        awaited = len({*self.needs, *self.after})
        if not awaited:
            raise _refused("a join of nothing", "steps in needs or after", "none", at)
        if self.wait_for not in ("all", "any"):  # a tuple: what was read may not be hashable
            check_count(self.wait_for, "number of steps to wait for", at, 1, awaited)

    def _awaited(self, at: str) -> Iterator[str]:
        yield from self.needs
        yield from self.after
        for name in ("over", "cache_key", "idempotency_key"):
            value = getattr(self, name)
            path = value.get("$ref") if isinstance(value, Mapping) else value if name == "over" else None
            if path is not None:
                yield from _source(parse_reference(path, f"{at}, {name}"))
        for hole in self.holes:
            if isinstance(hole, Reference):
                yield from _source(hole)


class Graph(Struct, frozen=True):
    """A checked plan: every need exists and there is no cycle. Made by `Plan.check` only.

    `needs` are by step the names of all that it waits for: those that it names or refers to, and the condition that
    chooses it. `dependents` turns them round, `numbered` is the same by the places of steps, so that runs need not look
    them up, and `sinks` are the steps that no other step needs; all in the plan's order. `inputs` are what ``$.name``
    stands for. `depth` counts the plans within each other, `steps_count` the steps of all of them. `unbound` names the
    steps that have nothing to call, `missing` the inputs that are referred to and
    not there: whoever runs the plan gives them.
    """

    plan: str
    steps: dict[str, Step]
    needs: dict[str, tuple[str, ...]] = {}
    dependents: dict[str, tuple[str, ...]] = {}
    numbered: tuple[tuple[int, ...], ...] = ()
    sinks: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = {}
    deadline_ms: int | None = None
    budget: Takes | None = None
    mode: PlanMode = "parallel"
    on_failure: OnFailure = "continue"
    depth: int = 1
    steps_count: int = 0
    unbound: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def check_runnable(self) -> None:
        """Raise PlanError unless every step has what it calls, and the plan the inputs that they refer to."""
        if self.missing:
            name = self.missing[0]
            expected = f"an input {name!r}, to which {GIVEN}.{name} refers"
            raise PlanError("a missing input", expected=expected, found="none", at=f"plan {self.plan!r}")
        if self.unbound:
            step = self.steps[self.unbound[0]]
            raise PlanError(
                "nothing is bound to the step", expected=f"a callable for {step.target or step.name!r}", found="none",
                at=f"plan {self.plan!r}, step {step.name!r}", hint="Bind the plan: plan.bind({...}).",
            )  # fmt: skip


_OPTIONAL: Final = tuple(
    field for field in fields(Step)
    if field.name not in {"name", "run", "kind", "target", "needs", "after", "inputs", "context", "holes", "waits_for"}
)  # fmt: skip
_options_of: Final = attrgetter(*[field.name for field in _OPTIONAL])
_NO_OPTIONS: Final = tuple(field.default for field in _OPTIONAL)
_STRUCTS: Final[dict[str, type]] = {"retry": Retry, "hedge": Hedge, "compensate": Compensation, "takes": Takes}


def _source(reference: Reference) -> tuple[str, ...]:
    return () if reference.source == GIVEN else (reference.source,)


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _refused(message: str, expected: str, found: str, at: str) -> PlanError:
    return PlanError(message, expected=expected, found=found, at=at)
