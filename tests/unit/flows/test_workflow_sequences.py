"""Calls about a workflow in any order, against a model of what the contract and its decision record say: every answer,
every refusal, and what is kept in the end."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.app.workflows import Asking, GateCaller, Workflows, memory_workflow_stores
from axonflow.plan.workflows import (
    Asked,
    Completion,
    GateEvent,
    IdempotencyMismatch,
    WorkflowConflict,
    WorkflowEvent,
    WorkflowForbidden,
    WorkflowMissing,
)
from tests.strategies import policy_set

POLICIES = policy_set(
    [
        {"id": "no", "effect": "deny", "match": {"action": "tool.call", "resource.id": "block"}},
        {"id": "ask", "effect": "require_approval", "match": {"action": "tool.call", "resource.id": "hold"}},
    ],
    default="allow",
)
AGENT, BOSS = (GateCaller(tenant_id="acme", client_id=name) for name in ("crm", "boss"))
REFUSALS = (IdempotencyMismatch, WorkflowConflict, WorkflowForbidden, WorkflowMissing)


class Step:
    def __init__(self, index):
        self.index, self.key, self.gates, self.completions, self.output = index, "", 0, 0, None

    def judge(self, question):
        """The verdict of policies is the name of the tool."""
        self.question, self.verdict, self.counts = question, question[0], True
        self.review, self.done = None, False

    @property
    def answer(self):
        if self.verdict == "hold" and not self.done:
            return {None: "require_approval", "approve": "allow", "reject": "block"}[self.review]
        return "block" if self.verdict == "block" else "allow"


class Model:
    def __init__(self):
        self.state, self.steps = "in_progress", {}

    def gate(self, name, question, policy, key):
        if self.state != "in_progress":
            return WorkflowConflict
        known = self.steps.get(name)
        if known and key and known.key and key != known.key:
            return IdempotencyMismatch
        if known and known.answer == "require_approval" and known.question != question:
            return WorkflowConflict
        step = self.steps.setdefault(name, Step(len(self.steps)))
        is_same = known is not None and known.question == question and known.counts
        recorded = is_same and policy == "idempotent"
        stands = is_same and step.verdict == question[0] == "hold" and not step.done
        if recorded and step.done:
            step.verdict, step.done = "allow", False
        elif not recorded and not stands:
            step.judge(question)
        step.key = step.key or key
        step.gates += 1
        return (step.answer, recorded, step.gates)

    def complete(self, name, output):
        if self.state != "in_progress":
            return WorkflowConflict
        step = self.steps.get(name)
        if step is None:
            return WorkflowMissing
        if step.done:
            return step.completions if output == step.output else WorkflowConflict
        if step.answer != "allow":
            return WorkflowConflict
        step.done, step.output, step.completions = True, output, step.completions + 1
        return step.completions

    def review(self, name, event, who):
        if self.state != "in_progress":
            return WorkflowConflict
        step = self.steps.get(name)
        if step is None:
            return WorkflowMissing
        if step.answer != "require_approval":
            return WorkflowConflict
        if who == "crm" and event == "approve":
            return WorkflowForbidden
        step.review = event
        return step.answer

    def move(self, event):
        after = {"complete": "completed", "fail": "failed", "abort": "aborted", "resume": "in_progress"}[event]
        may = {"in_progress": {*"complete fail abort resume".split()}, "failed": {"fail", "abort", "resume"}}
        if event not in may.get(self.state, ()) and after != self.state:
            return WorkflowConflict
        is_held = any(step.answer == "require_approval" for step in self.steps.values())
        if event in ("resume", "complete") and self.state == "in_progress" and is_held:
            return WorkflowConflict
        self.state = after
        return after

    def go_back(self, index):
        if self.state not in ("in_progress", "failed"):
            return WorkflowConflict
        named = {step.index: name for name, step in self.steps.items()}
        chosen = len(named) - 1 if index is None else index
        if chosen not in named:
            return WorkflowMissing
        self.state = "in_progress"
        for step in self.steps.values():
            step.counts &= step.index < chosen
        step = self.steps[named[chosen]]
        return self.gate(named[chosen], step.question, "reevaluate", "")[0]


async def done(workflows, workflow_id, call):
    what, *rest = call
    try:
        if what == "gate":
            name, (tool, value), policy, key = rest
            asked = Asked(client_id="crm", user_id="", step_type="tool_call", tool_name=tool, tool_input={"v": value})
            answer = await workflows.gate(AGENT, workflow_id, name, Asking(asked, key, policy))
            return (answer.step.answer, answer.recorded, answer.step.gate_count)
        if what == "complete":
            name, output = rest
            completion = Completion(output={"v": output})
            return (await workflows.complete_step(AGENT, workflow_id, name, completion)).completion_count
        if what == "review":
            name, event, who = rest
            caller = AGENT if who == "crm" else BOSS
            return (await workflows.review(caller, workflow_id, name, GateEvent(event))).answer
        if what == "move":
            return (await workflows.move(AGENT, workflow_id, WorkflowEvent(*rest))).state
        return (await workflows.go_back(AGENT, workflow_id, *rest)).step.answer
    except REFUSALS as refusal:
        return type(refusal)


NAMES = st.sampled_from(["a", "a", "b", "b", "c"])
QUESTIONS = st.tuples(st.sampled_from(["allow", "block", "hold", "hold"]), st.sampled_from([1, 1, 1, 2]))
GATES = st.tuples(
    st.just("gate"), NAMES, QUESTIONS, st.sampled_from(["idempotent", "reevaluate"]),
    st.sampled_from(["", "", "", "", "", "", "k", "x"]),
)  # fmt: skip
REVIEWS = st.tuples(
    st.just("review"), NAMES, st.sampled_from(["approve", "reject"]), st.sampled_from(["boss", "boss", "boss", "crm"])
)  # fmt: skip
ENDINGS = st.tuples(st.just("move"), st.sampled_from(["fail", "resume", "resume", "resume", "complete", "abort"]))
KINDS = {
    "gate": GATES,
    "complete": st.tuples(st.just("complete"), NAMES, st.sampled_from([1, 2])),
    "review": REVIEWS,
    "move": ENDINGS,
    "back": st.tuples(st.just("go_back"), st.sampled_from([None, 0, 0, 1, 2])),
}
# By name, for one_of() counts a strategy that is there twice once.
CALLS = st.sampled_from(["gate"] * 8 + ["review"] * 4 + ["complete"] * 2 + ["move", "back"]).flatmap(KINDS.__getitem__)


@settings(max_examples=60)
@given(st.lists(CALLS, min_size=15, max_size=30))
def test_workflow_in_any_order_of_calls_answers_as_its_model_does(calls):
    async def run():
        workflows = Workflows(AxonFlow.open(POLICIES), memory_workflow_stores())
        workflow = await workflows.open(AGENT, "Any")
        model = Model()
        for call in calls:
            expected = getattr(model, call[0])(*call[1:])
            assert await done(workflows, workflow.workflow_id, call) == expected, call
        kept, steps = await workflows.get("acme", workflow.workflow_id)
        assert (kept.state, kept.steps) == (model.state, len(model.steps))
        assert {step.step_id: (step.index, step.answer, step.gate_count, step.completion_count) for step in steps} == {
            name: (step.index, step.answer, step.gates, step.completions) for name, step in model.steps.items()
        }
        waiting = {one.step.step_id for one in await workflows.held("acme", 10)}
        held = {name for name, step in model.steps.items() if step.answer == "require_approval"}
        assert waiting == (held if model.state == "in_progress" else set())

    asyncio.run(run())
