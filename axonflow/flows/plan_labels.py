"""Labels while a plan runs: what goes to each step carries, as policy is told, and what its result carries on.

What a step declares is known before (see `foresee_labels`); what detectors find in a result, what a redaction took out
of it, and which step may remove what, is known when it happens. Where no policy reads labels, nothing of it is done.
When policies come to read them while a plan runs, its results so far are looked through then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import time
from typing import Any, Final, NamedTuple

from msgspec.json import decode, encode

from axonflow.errors import DetectionError
from axonflow.flows.json_copies import as_json
from axonflow.plan import Graph, SoFar, Step
from axonflow.plan.labels.flowing import Flow, spread
from axonflow.plan.labels.paths import drawn, path_to
from axonflow.plan.labels.table import LabelTable, labels_in
from axonflow.plan.model.checking import topological
from axonflow.plan.model.step import CALLS
from axonflow.policy import Decision, PolicyEngine, Request
from axonflow.policy.deciding.labels_read import label_of_detector
from axonflow.policy.decision import Redact

__all__ = ["DECLASSIFY", "Governing", "Refusal", "RunLabels", "StepLabels", "culprits", "way_of"]

DECLASSIFY: Final = "label.declassify"
"""Asked before labels are removed, on what the step acts on. No action that policies know by themselves: as with
``vault.reveal``, only an allow rule that names it (or a set that declares it) permits it."""
MAX_TRIED: Final = 64
"""Labels that are tried one by one to find out which a denial is for."""


class Refusal(NamedTuple):
    """Why a plan is refused beside what policies say of its start, and the `policies` that would refuse its steps."""

    reasons: tuple[str, ...]
    policies: tuple[str, ...]


class Governing(NamedTuple):
    """The policies that a plan runs under: `engine` gives those in force now; `refuse` denies a request for reasons
    beside theirs, and records that."""

    engine: Callable[[], PolicyEngine]
    refuse: Callable[[Request, Refusal], Awaitable[Decision]]


class RunLabels:
    """The labels of one run of a graph, of which `outputs` are the results so far.

    `before` are what those of an earlier run carry, as far as it is known. `within` is where it runs as the body of a
    step: the labels of that run, the step, and the element's place.
    """

    __slots__ = ("_before", "_everywhere", "_flow", "_governing", "_graph", "_outputs", "_tenant", "_within", "taken")

    def __init__(
        self,
        graph: Graph,
        governing: Governing | None,
        tenant: str,
        outputs: Mapping[str, Any],
        before: Mapping[str, Sequence[str]],
        everywhere: Mapping[str, Any],
        within: tuple[RunLabels, Step, str] | None = None,
    ) -> None:
        self._graph = graph
        self._governing = governing
        self._tenant = tenant
        self._outputs = outputs
        self._before = before
        self._everywhere = everywhere
        self._within = within
        self._flow: Flow | None = None
        self.taken: dict[str, int] = {}
        """By step with a body, the labels that a redaction took from what goes into it."""

    def of_step(self, step: Step, *, undoing: bool = False) -> StepLabels | None:
        """The labels of what goes to `step`, or to what undoes it; None where no policy reads any."""
        if self._governing is None:
            return None
        engine = self._governing.engine()
        if not engine.reads_labels:
            return None
        flow = self.caught_up(engine, step, undoing=undoing)
        if undoing:
            return StepLabels(self, engine, flow, step, flow.into_undoing(step), undoing=True)
        self.taken.pop(step.name, None)
        return StepLabels(self, engine, flow, step, flow.into(step), undoing=False)

    def body_ended(self, step: Step, body: RunLabels) -> None:
        """The plan within `step`, or that of one element of it, has succeeded."""
        if self._flow is None or self._governing is None:
            return  # its result is looked through when it is needed
        engine = self._governing.engine()
        if body._flow is None and engine.reads_labels:  # nothing of it was begun in this run: all was there before
            body._begun(engine)
        if body._flow is not None:
            self._flow.keep_body(step, body._flow)

    def element_before(self, step: Step, place: str, so_far: SoFar) -> None:
        """The plan within `step` has succeeded for that element in an earlier run."""
        if self._flow is None or self._governing is None:
            return
        flow, engine = self._flow, self._governing.engine()
        body = flow.within(step, place, self.taken.get(step.name, 0))
        if so_far.labels.keys() >= set(body.graph.sinks):
            for name in body.graph.sinks:
                _restore(body, body.graph.steps[name], so_far.labels[name])
            flow.keep_body(step, body)
        else:
            spread(body, _removing_nothing)
            flow.keep_body(step, body, _found_before(so_far.outputs, engine, flow.table))

    def grown(self, graph: Graph) -> None:
        """The plan has more steps than it had."""
        self._graph = graph
        if self._flow is not None:
            self._flow.graph = graph

    def of_results(self) -> dict[str, list[str]]:
        """What the results so far carry, by step."""
        if self._flow is None:
            return {name: list(labels) for name, labels in self._before.items()}
        return {name: self._flow.table.names(carried.whole) for name, carried in self._flow.out.items()}

    def caught_up(self, engine: PolicyEngine, step: Step, *, undoing: bool = False) -> Flow:
        """The flow, in which all is kept that `step`, or what undoes it, is given."""
        flow = self._flow or self._begun(engine)
        given = self._outputs if undoing else self._graph.needs[step.name]
        for name in given:
            if name not in flow.out and name in self._outputs:
                self._catch_up(engine, flow)
                break
        return flow

    def _catch_up(self, engine: PolicyEngine, flow: Flow) -> None:
        """Take in results that came while nobody read labels, or that were there before this run."""
        for name in topological(self._graph):
            if name not in self._outputs or name in flow.out:
                continue
            if name in self._before:
                _restore(flow, self._graph.steps[name], self._before[name])
            else:
                _look_back(flow, self._graph.steps[name], _found_before(self._outputs[name], engine, flow.table))

    def _begun(self, engine: PolicyEngine) -> Flow:
        if self._within is None:
            table = LabelTable()
            self._flow = Flow(self._graph, self._tenant, table, table.of(labels_in(self._everywhere)))
        else:
            outer, step, place = self._within
            self._flow = outer.caught_up(engine, step).within(step, place, outer.taken.get(step.name, 0))
        self._catch_up(engine, self._flow)  # also what no step needs any more: it is told of, and flows out of a body
        return self._flow


def _restore(flow: Flow, step: Step, labels: Sequence[str]) -> None:
    """Keep that the result of `step` carries `labels`, as an earlier run found."""
    carried = flow.table.of(labels)
    flow.keep(step, carried, carried & ~flow.into(step))


def _look_back(flow: Flow, step: Step, found: int) -> None:
    """Keep what the result of `step` carries, as far as that is known: what steps declare, and what was `found`."""
    if step.body is None:
        flow.keep(step, _removing_nothing(flow, step, flow.into(step)), found)
        return
    body = flow.within(step)
    spread(body, _removing_nothing)
    flow.keep_body(step, body, found)


def _removing_nothing(flow: Flow, step: Step, into: int) -> int:
    return into if step.body is not None else into | flow.own(step)


class StepLabels:
    """What goes to one attempt at a step carries (`carried`), then its result."""

    __slots__ = ("_engine", "_flow", "_run", "_step", "_undoing", "carried")

    def __init__(
        self, run: RunLabels, engine: PolicyEngine, flow: Flow, step: Step, carried: int, *, undoing: bool
    ) -> None:
        self._run = run
        self._engine = engine
        self._flow = flow
        self._step = step
        self._undoing = undoing
        self.carried = carried

    def told(self, context: dict[str, Any]) -> dict[str, Any]:
        """`context` with the labels."""
        return {**context, "labels": self.names}

    @property
    def names(self) -> list[str]:
        """The labels, sorted."""
        return self._flow.table.names(self.carried)

    def redacted(self, decision: Decision) -> None:
        """The content goes on as `decision` redacted it."""
        taken = self._flow.table.known(
            label_of_detector(one.detector)
            for obligation in decision.obligations
            if isinstance(obligation, Redact) and obligation.fulfilled_by == "axonflow"
            for one in obligation.done
        )
        self.carried &= ~taken
        if self._step.body is not None:
            self._run.taken[self._step.name] = taken | self._run.taken.get(self._step.name, 0)

    def ways(self, request: Request) -> tuple[str, ...]:
        """By which ways the labels came for which `request` was denied; nothing where it was not for them."""

        def denied(labels: list[str]) -> bool:
            asked = Request(
                request.principal, request.action, request.resource, {**request.context, "labels": labels},
                request.content,
            )  # fmt: skip
            return not self._engine.decide(asked, "", time()).allowed

        names = culprits(request.context["labels"], denied)
        return tuple(way_of(self._flow, self._step, name, undoing=self._undoing) for name in names)

    def removable(self) -> list[str]:
        """What the step would remove, of what is there."""
        if not self._step.declassifies:
            return []
        return self._flow.table.names(self._flow.table.removed_by(self._step.declassifies, self.carried))

    def remove(self, labels: Sequence[str]) -> None:
        """The step may remove `labels`."""
        self.carried &= ~self._flow.table.known(labels)

    def gave(self) -> None:
        """The step has a result: `carried` is from now on what that carries."""
        self.carried |= self._flow.own(self._step)

    @property
    def looks_within(self) -> bool:
        """Whether detectors look through what the step gives."""
        return self._step.kind in CALLS and bool(self._engine.labelled_by)

    def flows_on(self, result: Any) -> None:
        """`result`, as JSON where it is looked through, is what the steps after it are given."""
        found = _found_in(result, self._engine, self._flow.table) if self.looks_within else 0
        self._flow.keep(self._step, self.carried, found)


def _found_before(result: Any, engine: PolicyEngine, table: LabelTable) -> int:
    """As `_found_in`, of a result as its step gave it: a tuple, a date or a dataclass would hide what is in it."""
    return (
        _found_in(as_json(result, "a result", "looked through for labels"), engine, table) if engine.labelled_by else 0
    )


def _found_in(result: Any, engine: PolicyEngine, table: LabelTable) -> int:
    """The labels of what detectors find in `result`, of those that policies read. Raises AxonFlowError for one that
    cannot be looked through: a step may be given a part of it."""
    if not engine.labelled_by or result is None:
        return 0
    scanner, detectors = engine.scanner, engine.labelled_by
    try:
        findings = scanner.inspect(result).findings(detectors)
    except DetectionError:  # bytes, or a number that is none, which no step can be given; what is beside them, it can
        findings = scanner.inspect(decode(encode(result))).findings(detectors)
    return table.of({label_of_detector(finding.detector) for finding in findings})


def culprits(labels: Sequence[str], denied: Callable[[list[str]], bool]) -> list[str]:
    """Those of `labels` without which it would not be `denied`, as few as possible; none where it would be anyway."""
    if denied([]):
        return []
    for label in labels[:MAX_TRIED]:
        if denied([label]):
            return [label]
    left = list(labels)
    for label in labels[:MAX_TRIED]:
        fewer = [one for one in left if one != label]
        if denied(fewer):
            left = fewer
    return left


def way_of(flow: Flow, step: Step, label: str, *, undoing: bool = False) -> str:
    """By which way `label` comes to `step`, in words."""
    path = path_to(flow, step, flow.table.known([label]), undoing=undoing)
    if not path:
        return f"{label}, which all of the plan carries, comes to {flow.prefix}{step.name}"
    return f"{label} flows {drawn(path)}{', to undo it' if undoing else ''}"
