"""What becomes of a step: answers that are given again or not, holds, approvals, completions, keys and limits."""

import pytest
from msgspec.structs import replace

from axonflow.errors import RequestError
from axonflow.plan.workflows import (
    Asked,
    Completion,
    GateEvent,
    GateState,
    IdempotencyMismatch,
    Judged,
    Workflow,
    WorkflowConflict,
    WorkflowForbidden,
    WorkflowState,
)
from axonflow.plan.workflows.gating import (
    HOLD_LIFE_US,
    Gated,
    Reviewer,
    answered_again,
    check_same_as_held,
    completed,
    judged,
    reviewed,
)
from axonflow.plan.workflows.workflow import MAX_STEPS, check_comment, check_id, too_many_steps

ASKED = Asked(client_id="crm", user_id="ann", step_type="tool_call", tool_name="refund", tool_input={"usd": 1})
WORKFLOW = Workflow(tenant_id="acme", workflow_id="w", name="Refunds", principal="service:crm", created_us=1)
ALLOW = Judged(event=GateEvent.ALLOW, decision_id="d1")
HOLD = Judged(event=GateEvent.HOLD, decision_id="d2", reasons=("a", "b"), approvers=(("lead",), ()))
BLOCK = Judged(event=GateEvent.BLOCK, decision_id="d3")
ANNE = Reviewer("anne", frozenset({"lead"}))


def gated(now_us=10, asked=ASKED, key="", **parts):
    return Gated(replace(WORKFLOW, **parts), "s", asked, key, now_us)


def step_of(judgement, **parts):
    return judged(None, gated(**parts), judgement, "approval")


def test_step_judged_for_the_first_time_is_as_policies_say():
    held = step_of(HOLD, key="k")
    assert (held.state, held.answer, held.reason, held.version, held.gate_count) == (
        GateState.HELD, "require_approval", "a; b", 1, 1
    )  # fmt: skip
    assert (held.approval_id, held.expires_us, held.idempotency_key) == ("approval", 10 + HOLD_LIFE_US, "k")
    allowed = step_of(ALLOW)
    assert (allowed.state, allowed.approval_id, allowed.expires_us) == (GateState.ALLOWED, "", None)


def test_step_asked_the_same_again_is_answered_the_same():
    for judgement in (ALLOW, BLOCK, HOLD):
        before = step_of(judgement)
        after = answered_again(before, gated(11, key="k"), "idempotent")
        assert (after.answer, after.decision_id) == (before.answer, before.decision_id)
        assert (after.gate_count, after.version, after.last_gated_us, after.idempotency_key) == (2, 2, 11, "k")


@pytest.mark.parametrize(
    "parts",
    [
        {"client_id": "other"}, {"user_id": "bob"}, {"tool_input": {"usd": 2}}, {"tool_input": {"usd": True}},
        {"tool_name": "wire"}, {"step_type": "connector_call"}, {"step_input": {"a": 1}}, {"redacts": True},
        {"tokens": 1}, {"provider": "p"},
    ],
)  # fmt: skip
def test_step_asked_something_else_is_judged_whoever_allowed_the_first(parts):
    other = gated(11, replace(ASKED, **parts))
    approved = reviewed(step_of(HOLD), GateEvent.APPROVE, ANNE, "", 10)
    assert answered_again(step_of(ALLOW), other, "idempotent") is answered_again(approved, other, "idempotent") is None
    after = judged(approved, other, HOLD, "another")
    assert (after.state, after.approval_id, after.reviewed_by) == (GateState.HELD, "another", "")


def test_step_that_waits_for_approval_is_asked_nothing_else_meanwhile():
    other = gated(11, replace(ASKED, tool_input={"usd": 2}))
    with pytest.raises(WorkflowConflict, match="something else"):
        check_same_as_held(step_of(HOLD), other)
    check_same_as_held(step_of(HOLD), gated(11))
    check_same_as_held(step_of(HOLD), other._replace(now_us=10 + HOLD_LIFE_US))
    check_same_as_held(step_of(ALLOW), other)


def test_step_asked_to_be_judged_again_is_not_answered_from_memory():
    assert answered_again(step_of(ALLOW), gated(11), "reevaluate") is None
    after = judged(step_of(ALLOW, key="k"), gated(11), BLOCK, "")
    assert (after.state, after.gate_count, after.version, after.idempotency_key) == (GateState.BLOCKED, 2, 2, "k")


def test_hold_that_expired_is_judged_again_and_can_be_approved_by_nobody():
    late_us = 10 + HOLD_LIFE_US
    held = step_of(HOLD)
    assert held.standing(late_us - 1) is GateState.HELD
    assert answered_again(held, gated(late_us), "idempotent") is None
    with pytest.raises(WorkflowConflict, match="expired"):
        reviewed(held, GateEvent.APPROVE, ANNE, "", late_us)
    again = judged(held, gated(late_us), HOLD, "second")
    assert (again.state, again.approval_id, again.expires_us) == (GateState.HELD, "second", late_us + HOLD_LIFE_US)


@pytest.mark.parametrize("event", [None, GateEvent.APPROVE, GateEvent.REJECT])
def test_step_that_is_to_be_held_once_more_keeps_what_somebody_said(event):
    before = step_of(HOLD) if event is None else reviewed(step_of(HOLD), event, ANNE, "Fine.", 11)
    after = judged(before, gated(12), HOLD, "second")
    assert (after.state, after.answer, after.approval_id, after.expires_us) == (
        before.state, before.answer, "approval", before.expires_us
    )  # fmt: skip
    assert judged(before, gated(12), BLOCK, "").state is GateState.BLOCKED


def test_approval_is_for_one_completion_where_policies_judge_again():
    approved = reviewed(step_of(HOLD), GateEvent.APPROVE, ANNE, "Fine.", 11)
    done = completed(approved, Completion(output={"ok": True}), "", 12)
    assert answered_again(done, gated(13), "idempotent").answer == "allow"
    assert judged(done, gated(13), HOLD, "second").state is GateState.HELD


def test_workflow_that_went_back_forgets_the_answers_from_there_on():
    first, third = step_of(ALLOW), replace(step_of(ALLOW), index=2)
    back = gated(11, resumes=1, went_back=((1, 1),))
    assert answered_again(first, back, "idempotent") is not None
    assert answered_again(third, back, "idempotent") is None
    held = replace(step_of(HOLD), index=2)
    assert judged(held, back, HOLD, "second").approval_id == "second"
    assert answered_again(judged(third, back, ALLOW, ""), back, "idempotent") is not None


def test_workflow_that_went_back_twice_forgets_what_either_time_forgot():
    approved = replace(reviewed(step_of(HOLD), GateEvent.APPROVE, ANNE, "", 10), index=3)
    workflow = WORKFLOW.gone_back_to(2).gone_back_to(5)
    assert workflow.went_back == ((1, 2), (2, 5))
    again = gated(11)._replace(workflow=workflow)
    assert answered_again(approved, again, "idempotent") is None  # approved before the first time, never asked since
    assert judged(approved, again, HOLD, "second").state is GateState.HELD
    assert answered_again(replace(approved, resumes=1), again, "idempotent").answer == "allow"
    assert workflow.gone_back_to(2).went_back == ((3, 2),)


def test_completion_counts_once_for_each_time_that_the_step_was_let_in():
    done = completed(step_of(ALLOW), Completion(output={"a": 1}), "", 11)
    assert (done.state, done.completion_count, done.completed_us, done.version) == (GateState.COMPLETED, 1, 11, 2)
    assert completed(done, Completion(output={"a": 1}), "", 12) is done
    with pytest.raises(WorkflowConflict, match="completed"):
        completed(done, Completion(output={"a": 2}), "", 12)
    again = answered_again(done, gated(13), "idempotent")
    assert (again.state, again.completion.output) == (GateState.ALLOWED, {"a": 1})
    assert completed(again, Completion(output={"a": 2}), "", 14).completion_count == 2


@pytest.mark.parametrize("judgement", [BLOCK, HOLD])
def test_completion_of_a_step_that_was_not_let_in_is_refused(judgement):
    with pytest.raises(WorkflowConflict, match="cannot be: complete"):
        completed(step_of(judgement), Completion(), "", 11)


def test_completion_under_another_key_is_refused_and_names_both():
    step = step_of(ALLOW, key="k")
    with pytest.raises(IdempotencyMismatch) as caught:
        completed(step, Completion(), "x", 11)
    assert (caught.value.expected_key, caught.value.received_key) == ("k", "x")
    for key in ("", "k"):
        assert completed(step, Completion(), key, 11).completion_count == 1
    assert completed(step_of(ALLOW), Completion(), "x", 11).completion_count == 1


def test_review_is_by_somebody_else_whom_policies_name():
    held = step_of(HOLD)
    with pytest.raises(WorkflowForbidden, match="themselves"):
        reviewed(held, GateEvent.APPROVE, Reviewer("crm", frozenset({"lead"})), "", 11)
    with pytest.raises(WorkflowForbidden, match="somebody else") as caught:
        reviewed(held, GateEvent.APPROVE, Reviewer("bob"), "", 11)
    assert caught.value.expected == "lead"
    for reviewer in (ANNE, Reviewer("lead")):
        assert reviewed(held, GateEvent.APPROVE, reviewer, "", 11).state is GateState.APPROVED
    by_id = replace(held, approvers=(("service:bob",),))
    assert reviewed(by_id, GateEvent.APPROVE, Reviewer("bob"), "Good.\nGo.", 11).comment == "Good.\nGo."
    withdrawn = reviewed(held, GateEvent.REJECT, Reviewer("crm", frozenset({"lead"})), "", 11)
    assert (withdrawn.state, withdrawn.answer, withdrawn.reviewed_by) == (GateState.REJECTED, "block", "service:crm")


def test_question_is_asked_as_a_step_and_as_what_it_does():
    both = replace(ASKED, step_input={"why": "late"})
    assert both.whole() == ("plan.step", {"why": "late", "tool_input": {"usd": 1}})
    assert both.act({"why": "x", "tool_input": {"usd": 3}}) == ("tool.call", {"usd": 3})
    assert replace(both, tool_type="api").target("s") == ("tool", "refund", {"type": "api"})
    model = Asked(client_id="c", user_id="", step_type="llm_call", step_input={"q": 1}, provider="p")
    assert model.target("s") == ("model", "unspecified", {"provider": "p"})
    assert replace(model, model="m").target("s")[1] == "m"
    assert model.act({"q": 2}) == ("llm.request", {"q": 2})
    human = Asked(client_id="c", user_id="", step_type="human_task")
    assert (human.act({}), human.target("s")[:2], human.action) == (None, ("human", "s"), "")
    assert replace(human, step_name="Ask").target("s")[1] == "Ask"


def test_question_that_cannot_be_judged_is_refused_by_its_place():
    with pytest.raises(RequestError, match="there twice"):
        replace(ASKED, step_input={"tool_input": 1})
    with pytest.raises(RequestError, match=r"\$\.step_input: the input is too large"):
        replace(ASKED, step_input={"a": "x" * 300_000})


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ({"name": " "}, "$.workflow_name"), ({"name": "x" * 257}, "$.workflow_name"),
        ({"name": "a\0"}, "$.workflow_name"),
        ({"trace_id": "\n"}, "$.trace_id"), ({"metadata": {"a": "x" * 17_000}}, "$.metadata"),
        ({"total_steps": -1}, "$.total_steps"), ({"total_steps": MAX_STEPS + 1}, "$.total_steps"),
    ],
)  # fmt: skip
def test_workflow_beyond_a_limit_is_refused_by_its_place(parts, at):
    with pytest.raises(RequestError) as caught:
        replace(WORKFLOW, **parts).check()
    assert caught.value.at == at


def test_workflow_within_its_limits_is_made():
    replace(WORKFLOW, total_steps=MAX_STEPS, metadata={"a": 1}).check()
    assert WORKFLOW.state is WorkflowState.IN_PROGRESS
    assert f"at most {MAX_STEPS}" in str(too_many_steps(step_of(ALLOW)))


@pytest.mark.parametrize("value", ["", " a", "a ", "a/b", "\0", "a\nb", "x" * 129, ".", "..", "\u200b"])
def test_step_id_that_is_none_is_refused_everywhere(value):
    with pytest.raises(RequestError, match="not the id"):
        check_id(value, "step")


@pytest.mark.parametrize("value", ["a", "step 1", "node:tools", "\u00e9t\u00e9", "x" * 128, "a.b"])
def test_step_id_with_a_name_of_people_is_taken(value):
    check_id(value, "step")


def test_names_and_comments_beyond_their_limits_are_refused():
    gated(key="k").check()
    for parts in ({"asked": replace(ASKED, model="m" * 257)}, {"key": "\0"}):
        with pytest.raises(RequestError):
            gated(**parts).check()
    for comment in ("x" * 1_001, "a\0"):
        with pytest.raises(RequestError):
            check_comment(comment, "$.comment")
    for parts in ({"output": {"a": "x" * 300_000}}, {"metadata": {"a": "x" * 17_000}}):
        with pytest.raises(RequestError, match="too large"):
            Completion(**parts)
