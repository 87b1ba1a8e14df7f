"""Before a plan starts: would a label that its steps declare come to a step that policy denies for it?

Labels are followed through the whole plan, and each step's requests are judged without their arguments, which nobody
knows yet. What is denied then whatever they will be, and would not be without its labels, refuses the plan. All else is
left to the run: what takes the arguments or the time to know, and labels that a redaction may remove on the way. A step
that only a condition would choose counts: nobody knows beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time
from typing import Any, Final, get_args

from axonflow.flows.judge_result import RESULTS
from axonflow.flows.judge_step import actions_of, resource_of
from axonflow.flows.plan_labels import DECLASSIFY, Refusal, culprits, way_of
from axonflow.plan import Graph, Step, StepKind
from axonflow.plan.labels.flowing import Flow, spread
from axonflow.plan.labels.paths import path_to
from axonflow.plan.labels.table import LabelTable, labels_in
from axonflow.policy import PolicyEngine, Principal, Request, Resource
from axonflow.policy.deciding.labels_read import label_of_detector
from axonflow.policy.deciding.unseen_content import Foreseen

__all__ = ["Foreseeing", "foresee_labels"]

MAX_REASONS: Final = 10
MAX_REASON_CHARS: Final = 4_000


_Asked = tuple[str, Resource, dict[str, Any]]
"""What is asked of policy but for the labels: action, resource and context."""


def foresee_labels(
    graph: Graph, engine: PolicyEngine, principal: Principal, context: Mapping[str, Any], own: Mapping[str, Any]
) -> Foreseeing | None:
    """What comes of the labels in `graph`, run for `principal`; None where no policy reads any. `context` is the
    caller's, `own` that of the plan. Raises PlanError for what are no labels."""
    if not engine.reads_labels:
        return None
    table = LabelTable()
    flow = Flow(graph, principal.tenant, table, table.of(labels_in(context)))
    foreseeing = Foreseeing(flow, engine, principal, context, own)
    spread(flow, foreseeing.through)
    foreseeing.undo()
    return foreseeing


class Foreseeing:
    """A plan's labels as far as they are known before it runs, and why it is refused for them."""

    def __init__(
        self, flow: Flow, engine: PolicyEngine, principal: Principal, context: Mapping[str, Any], own: Mapping[str, Any]
    ) -> None:
        self.flow = flow
        self._engine = engine
        self._principal = principal
        self._given = context
        self._of_plan = own
        self._now_s = time()
        self._reasons: list[str] = []
        self._policies: dict[str, None] = {}
        self._kept: dict[str, str] = {}
        self._undoable: list[tuple[Flow, Step]] = []
        self._is_judged: dict[StepKind, bool] = {
            kind: not all(map(engine.lets_pass, (*actions_of(kind), RESULTS.get(kind, actions_of(kind)[0]))))
            for kind in get_args(StepKind)
        }

    @property
    def labels(self) -> list[str]:
        """What the caller says that all of the plan carries."""
        return self.flow.table.names(self.flow.everywhere)

    @property
    def refusal(self) -> Refusal | None:
        """Why the plan is refused, if it is."""
        return Refusal(tuple(self._reasons), tuple(self._policies)) if self._reasons else None

    def through(self, flow: Flow, step: Step, into: int) -> int:
        """What of `into` the result of `step` carries, or its body is given, as far as that is certain."""
        if step.compensate is not None:
            self._undoable.append((flow, step))
        if not (self._is_judged[step.kind] or step.declassifies):  # as most are where few rules are about labels
            return into if step.body is not None else into | flow.own(step)
        resource = resource_of(step.kind, step.target or step.name, self._principal.tenant)
        context = self._context(flow, step)
        carried = into
        for action in actions_of(step.kind):
            carried = self._judged(flow, step, carried, (action, resource, context))
        if step.body is not None:
            return carried
        carried = self._declassified(flow, step, carried, (DECLASSIFY, resource, context)) | flow.own(step)
        if step.kind in RESULTS:
            carried &= ~self._redacted(carried, (RESULTS[step.kind], resource, context))
        return carried

    def undo(self) -> None:
        """Judge what would undo steps as well: whatever it is given has been there by then."""
        for flow, step in self._undoable:
            assert step.compensate
            kind, target = step.compensate.kind, step.compensate.target or step.name
            resource = resource_of(kind, target, self._principal.tenant)
            carried = flow.into_undoing(step)
            for action in actions_of(kind):
                asked = (action, resource, self._context(flow, step))
                carried = self._judged(flow, step, carried, asked, undoing=True)

    def _context(self, flow: Flow, step: Step) -> dict[str, Any]:
        return {**self._given, **step.context, **self._of_plan, "step": flow.prefix + step.name}

    def _judged(self, flow: Flow, step: Step, carried: int, asked: _Asked, *, undoing: bool = False) -> int:
        """What is left of `carried` for certain when the request is allowed; why it will not be goes to the reasons."""
        action = asked[0]
        if not carried or self._engine.lets_pass(action):
            return carried
        foreseen = self._foreseen(asked, carried)
        if foreseen.denied and self._engine.reads_labels_of(action) and len(self._reasons) < MAX_REASONS:
            self._refuse(flow, step, asked, flow.table.names(carried), undoing=undoing)
        return carried & ~flow.table.known(map(label_of_detector, foreseen.redacts))

    def _foreseen(self, asked: _Asked, carried: int) -> Foreseen:
        action, resource, context = asked
        told = {**context, "labels": self.flow.table.names(carried)}
        return self._engine.foresee(Request(self._principal, action, resource, told), self._now_s)

    def _redacted(self, carried: int, asked: _Asked) -> int:
        if not carried or self._engine.lets_pass(asked[0]):
            return 0
        return self.flow.table.known(map(label_of_detector, self._foreseen(asked, carried).redacts))

    def _refuse(self, flow: Flow, step: Step, asked: _Asked, labels: Sequence[str], *, undoing: bool) -> None:
        table = flow.table

        def denied(names: list[str]) -> bool:
            return self._foreseen(asked, table.known(names)).denied

        names = culprits(labels, denied)
        foreseen = self._foreseen(asked, table.known(names))
        for label in names:
            way = way_of(flow, step, label, undoing=undoing)
            kept = "".join(
                f"; {name} may not remove it: {self._kept[name]}"
                for name in path_to(flow, step, table.known([label]), undoing=undoing)
                if name in self._kept
            )
            self._reasons.append(f"{way}, which is denied: {' '.join(foreseen.reasons)}{kept}"[:MAX_REASON_CHARS])
            self._policies |= dict.fromkeys(foreseen.policies)

    def _declassified(self, flow: Flow, step: Step, carried: int, asked: _Asked) -> int:
        """`carried` without what the step may remove."""
        removed = flow.table.removed_by(step.declassifies, carried) if step.declassifies else 0
        if not removed:
            return carried
        foreseen = self._foreseen(asked, removed)
        if foreseen.denied:
            self._kept[flow.prefix + step.name] = " ".join(foreseen.reasons)
            return carried
        return carried & ~removed
