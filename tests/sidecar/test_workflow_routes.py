"""The workflow control plane through agent and orchestrator: gates, approvals, completions, checkpoints, ends."""

import pytest

from axonflow.flows import move_workflow
from axonflow.ids import now_us
from axonflow.plan.workflows.gating import HOLD_LIFE_US
from tests.sidecar.doors import Doors
from tests.strategies import policy_set
from tests.workflow_loop import MAIL, PLACE, POLICIES, REFUND, SEARCH, Loop


def test_workflow_that_is_made_is_in_progress_and_told():
    loop = Loop(metadata={"a": 1}, trace_id="t", total_steps=3)
    told = loop.get().json()
    assert (told["workflow_name"], told["source"], told["status"], told["total_steps"], told["metadata"]) == (
        "Refunds", "langgraph", "in_progress", 3, {"a": 1}
    )  # fmt: skip
    assert (told["steps"], told["current_step_index"], told["trace_id"]) == ([], 0, "t")


def test_gate_lets_in_what_policies_allow_and_says_so_again():
    loop = Loop()
    first, again = loop.gate(), loop.gate()
    assert (first["decision"], first["cached"], first["decision_source"]) == ("allow", False, "fresh")
    assert (again["decision"], again["cached"], again["decision_source"]) == ("allow", True, "cached")
    assert again["decision_id"] == first["decision_id"]
    assert [one["retry_context"]["gate_count"] for one in (first, again)] == [1, 2]
    told = [one["retry_context"]["prior_completion_status"] for one in (first, again)]
    assert told == ["none", "gated_not_completed"]
    decided = [(event.action, event.resource) for event in loop.doors.recorded() if event.kind == "decision"]
    assert decided == [("plan.step", "tool:search"), ("tool.call", "tool:search")]


def test_gate_blocks_by_tool_by_argument_and_by_metadata_with_the_rule_and_its_reason():
    loop = Loop()
    shell = loop.gate("a", SEARCH | {"tool_context": {"tool_name": "shell", "tool_input": {"usd": 1}}})
    assert (shell["decision"], shell["reason"], shell["policy_ids"]) == ("block", "No.", ["no-shell"])
    match = {"policy_id": "no-shell", "policy_name": "no-shell", "action": "deny", "reason": "No."}
    assert shell["policies_matched"] == [match]
    much = loop.gate("b", SEARCH | {"tool_context": {"tool_name": "search", "tool_input": {"usd": 101}}})
    assert (much["decision"], much["policy_ids"]) == ("block", ["large"])
    prod = Loop(loop.doors, metadata={"env": "prod"}).gate()
    assert (prod["decision"], prod["policy_ids"]) == ("block", ["prod"])
    assert loop.post("steps/a/complete").status_code == 409


def test_gate_allows_no_other_arguments_than_those_that_it_judged():
    loop = Loop()
    assert loop.gate()["decision"] == "allow"
    other = loop.gate(body=SEARCH | {"tool_context": {"tool_name": "search", "tool_input": {"usd": 500}}})
    assert (other["decision"], other["cached"]) == ("block", False)


def test_gate_judges_again_where_that_is_asked_for():
    loop = Loop()
    assert loop.gate()["decision"] == "allow"
    rule = {"id": "closed", "effect": "deny", "match": {"action": "tool.call"}, "reason": "Closed."}
    loop.doors.flow.reload(policy_set([rule], default="allow"))
    assert loop.gate()["decision"] == "allow"
    assert (loop.gate(retry_policy="reevaluate")["decision"], loop.gate()["decision"]) == ("block", "block")


def test_gate_of_content_to_be_redacted_lets_in_only_who_redacts():
    loop = Loop()
    assert loop.gate("a", MAIL)["decision"] == "block"
    redacted = loop.gate("a", MAIL, redacts=True)
    assert (redacted["decision"], redacted["redacted_input"]) == (
        "allow", {"prompt": "write to [REDACTED:pii.email]"}
    )  # fmt: skip
    assert loop.gate("a", MAIL, redacts=True)["redacted_input"] == redacted["redacted_input"]
    told = {"tool_name": "mail", "tool_input": {"to": "ann@example.com"}}
    plain = {"step_type": "tool_call", "tool_context": told, "step_input": {"why": "news"}, "redacts": True}
    rules = [{"id": "m", "effect": "redact", "match": {"action": "tool.call"}, "obligations": [{"detectors": ["pii"]}]}]
    loop.doors.flow.reload(policy_set(rules, default="allow"))
    assert loop.gate("b", plain)["redacted_input"] == {
        "why": "news", "tool_input": {"to": "[REDACTED:pii.email]"}
    }  # fmt: skip


def test_step_that_is_completed_is_recorded_and_its_output_is_there_for_a_retry():
    loop = Loop()
    loop.gate()
    body = {"output": {"rows": 3}, "tokens_in": 5, "tokens_out": 7, "cost_usd": 0.25}
    assert [loop.post("steps/s/complete", body).json()["completion_count"] for _ in range(2)] == [1, 1]
    assert loop.post("steps/s/complete", {"output": {"rows": 4}}).status_code == 409
    (event,) = [event for event in loop.doors.recorded() if event.kind == "tool_call"]
    assert (event.usage.input_tokens, event.usage.cost_usd_micros, event.details["step_id"]) == (5, 250_000, "s")
    context = loop.gate(query="?include_prior_output=true")["retry_context"]
    assert (context["prior_completion_status"], context["prior_output"]) == ("completed", {"rows": 3})
    again = loop.gate()["retry_context"]
    assert (again["prior_output_available"], "prior_output" in again) == (True, False)
    step = loop.get().json()["steps"][0]
    assert (step["decision"], step["completed_at"] is not None) == ("allow", True)


@pytest.mark.parametrize("kind", ["llm_call", "connector_call", "human_task"])
def test_step_of_each_kind_is_judged_as_what_it_is_and_recorded(kind):
    actions = {"llm_call": "llm.request", "connector_call": "connector.query", "human_task": "plan.step"}
    loop = Loop()
    loop.gate(body={"step_type": kind, "step_name": "Ask", "step_input": {"q": 1}})
    loop.post("steps/s/complete", {"tokens_in": 1})
    events = [event for event in loop.doors.recorded() if event.kind != "admin"]
    assert events[-2].action == actions[kind]
    assert events[-1].kind == {"llm_call": "model_call", "connector_call": "tool_call"}.get(kind, "plan_step")


def test_step_that_is_held_waits_for_somebody_else_with_the_role_and_the_permission():
    loop = Loop()
    held = loop.gate(body=REFUND)
    assert (held["decision"], held["reason"]) == ("require_approval", "Money.")
    assert held["approval_url"] == f"{loop.path}/steps/s/approve"
    (pending,) = loop.doors.call("GET", f"{PLACE}/approvals/pending").json()["pending_approvals"]
    assert (pending["step_id"], pending["step_input"], pending["approvers"]) == (
        "s", {"tool_input": {"usd": 10}}, [["finance-lead", "owner"]]
    )  # fmt: skip
    assert loop.post("steps/s/complete").status_code == 409
    assert loop.post("resume").status_code == 409
    own = loop.post("steps/s/approve")
    assert (own.status_code, own.json()["message"]) == (403, "nobody approves what they asked for themselves")
    assert loop.post("steps/s/approve", headers=loop.key_of("bot", "agent")).status_code == 403
    other = loop.post("steps/s/approve", headers=loop.key_of("clerk", "approver"))
    assert (other.status_code, other.json()["message"]) == (403, "policies want somebody else to decide")
    boss = loop.key_of("boss", "owner")
    approved = loop.post("steps/s/approve", {"comment": "Fine."}, boss).json()
    assert (approved["status"], approved["approved_by"], approved["decision"]) == ("approved", "service:boss", "allow")
    assert loop.post("steps/s/approve", {}, boss).status_code == 409
    assert loop.gate(body=REFUND)["decision"] == "allow"
    assert loop.gate(body=REFUND, retry_policy="reevaluate")["decision"] == "allow"
    step = loop.get().json()["steps"][0]
    assert (step["approval_status"], step["approved_by"]) == ("approved", "service:boss")
    assert loop.post("steps/s/complete").status_code == 200
    assert loop.gate(body=REFUND, retry_policy="reevaluate")["decision"] == "require_approval"
    told = [(event.action, event.details["outcome"]) for event in loop.doors.recorded() if "approve" in event.action]
    assert told[-4:] == [("workflow.step.approve", one) for one in ("begun", "done", "begun", "failed")]


def test_step_that_is_held_takes_no_other_arguments_that_its_approver_has_not_seen():
    loop = Loop()
    loop.gate(body=REFUND)
    more = REFUND | {"tool_context": {"tool_name": "refund", "tool_input": {"usd": 90}}}
    for body in (more, SEARCH):
        refused = loop.post("steps/s/gate", body)
        assert (refused.status_code, refused.json()["message"]) == (
            409, "the step waits for the approval of something else"
        )  # fmt: skip
    loop.post("steps/s/approve", {}, loop.key_of("boss", "owner"))
    assert loop.gate(body=more)["decision"] == "require_approval"


def test_step_that_is_rejected_is_blocked_with_the_word_of_who_did():
    loop = Loop()
    loop.gate(body=REFUND)
    rejected = loop.post("steps/s/reject", {"reason": "Too late."}, loop.key_of("boss", "owner")).json()
    assert (rejected["status"], rejected["rejected_by"], rejected["decision"]) == ("rejected", "service:boss", "block")
    blocked = loop.gate(body=REFUND)
    assert (blocked["decision"], blocked["reason"]) == ("block", "Rejected by service:boss: Too late.")
    assert loop.get().json()["steps"][0]["approval_status"] == "rejected"
    assert loop.doors.call("GET", f"{PLACE}/approvals/pending").json() == {
        "pending_approvals": [], "count": 0, "has_more": False,
    }  # fmt: skip


def test_step_under_another_idempotency_key_is_refused_in_the_words_of_the_contract():
    loop = Loop()
    assert loop.gate(idempotency_key="k")["retry_context"]["idempotency_key"] == "k"
    for path in ("gate", "complete"):
        response = loop.post(f"steps/s/{path}", (SEARCH if path == "gate" else {}) | {"idempotency_key": "x"})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (409, "IDEMPOTENCY_KEY_MISMATCH")
        assert error["details"] == {
            "workflow_id": loop.id, "step_id": "s", "expected_idempotency_key": "k", "received_idempotency_key": "x"
        }  # fmt: skip
    assert loop.gate(idempotency_key="k")["cached"] is True


@pytest.mark.parametrize(("end", "status"), [("complete", "completed"), ("abort", "aborted"), ("fail", "failed")])
def test_workflow_that_ended_takes_no_step_and_says_why(end, status):
    loop = Loop()
    loop.gate()
    ended = loop.post(end, {"reason": "Enough."})
    assert (ended.status_code, ended.json()["status"], ended.json()["reason"]) == (200, status, "Enough.")
    assert loop.post(end).json()["reason"] == "Enough."
    refused = loop.post("steps/s/gate", SEARCH)
    assert (refused.status_code, refused.json()["message"]) == (409, f"the workflow is {status}")
    resumed = loop.post("resume")
    assert resumed.status_code == (200 if end == "fail" else 409)
    assert [event.details["outcome"] for event in loop.doors.recorded() if event.action == f"workflow.{end}"] == [
        "begun", "done", "begun", "done"
    ]  # fmt: skip


def test_workflow_goes_on_from_a_checkpoint_whose_step_is_judged_afresh():
    loop = Loop()
    for step in ("a", "b"):
        loop.gate(step)
        loop.post(f"steps/{step}/complete", {"output": {"of": step}})
    loop.gate("c", REFUND)
    loop.post("fail")
    checkpoints = loop.get("/checkpoints").json()["checkpoints"]
    assert [(one["id"], one["step_id"], one["checkpoint_type"], one["is_resumable"]) for one in checkpoints] == [
        (1, "a", "step_completed", True), (2, "b", "step_completed", True), (3, "c", "step_gate", True)
    ]  # fmt: skip
    back = loop.post("checkpoints/2/resume").json()
    assert (back["resumed_from_checkpoint"], back["resumed_from_index"], back["new_decision"]) == ("2", 1, "allow")
    assert (back["resume_count"], loop.get().json()["status"]) == (1, "in_progress")
    assert [loop.gate(step)["cached"] for step in ("a", "b")] == [True, True]
    last = loop.post("checkpoints/resume").json()
    assert (last["resumed_from_index"], last["new_decision"]) == (2, "require_approval")
    rule = {"id": "closed", "effect": "deny", "match": {"action": "tool.call"}, "reason": "Closed."}
    loop.doors.flow.reload(policy_set([rule], default="allow"))
    assert loop.post("checkpoints/1/resume").json()["new_decision"] == "block"
    assert loop.gate("b")["decision"] == "block"
    for name in ("9", "x", "0"):
        assert loop.post(f"checkpoints/{name}/resume").status_code == 404
    assert loop.post("complete").json()["found"] == "c"
    loop.post("steps/c/reject", headers=loop.key_of("boss", "owner"))
    assert loop.post("complete").status_code == 200
    assert (loop.post("checkpoints/1/resume").status_code, Loop(loop.doors).post("checkpoints/resume").status_code) == (
        409, 404
    )  # fmt: skip
    assert not any(one["is_resumable"] for one in loop.get("/checkpoints").json()["checkpoints"])


@pytest.mark.parametrize("way", ["gated", "gone back", "failed and resumed", "failed and gone back"])
def test_workflow_with_a_step_that_is_held_is_not_completed_however_that_came(way):
    loop = Loop()
    boss = loop.key_of("boss", "owner")
    loop.gate("a")
    loop.gate("pay", REFUND)
    if way == "gone back":
        assert loop.post("steps/pay/approve", headers=boss).status_code == 200
        assert loop.post("checkpoints/2/resume").json()["new_decision"] == "require_approval"
    elif way.startswith("failed"):
        loop.post("fail")
        path = "resume" if way == "failed and resumed" else "checkpoints/1/resume"
        assert loop.post(path).status_code == 200
    refused = loop.post("complete")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    told = refused.json()
    assert (told["code"], told["message"], told["found"]) == ("workflow_conflict", "steps wait for approval", "pay")
    assert loop.get().json()["status"] == "in_progress"
    assert [event.details["outcome"] for event in loop.doors.recorded() if event.action == "workflow.complete"] == [
        "begun", "failed"
    ]  # fmt: skip
    assert loop.post("steps/pay/reject", headers=boss).status_code == 200
    assert loop.post("complete").json()["status"] == "completed"
    assert loop.post("complete").json()["status"] == "completed"


def test_workflow_whose_hold_nobody_decided_on_in_time_is_completed(monkeypatch):
    loop = Loop()
    loop.gate("pay", REFUND)
    monkeypatch.setattr(move_workflow, "now_us", lambda: now_us() + HOLD_LIFE_US)
    assert loop.post("complete").json()["status"] == "completed"


def test_workflow_that_failed_with_a_step_that_is_held_goes_on_and_the_step_can_be_decided_on():
    loop = Loop()
    loop.gate("pay", REFUND)
    loop.post("fail")
    boss = loop.key_of("boss", "owner")
    refused = loop.post("steps/pay/approve", headers=boss)
    assert (refused.status_code, refused.json()["hint"]) == (409, "Resume it first.")
    assert loop.post("resume").json()["status"] == "in_progress"
    assert loop.post("resume").status_code == 409
    assert loop.post("steps/pay/approve", headers=boss).status_code == 200
    assert loop.post("resume").status_code == 200


def test_workflow_that_goes_back_far_and_then_less_far_revives_no_approval():
    loop = Loop()
    approver = loop.key_of("boss", "owner")
    loop.gate("a")
    loop.gate("b", REFUND)
    assert loop.post("steps/b/approve", headers=approver).status_code == 200
    loop.gate("c")
    for checkpoint in (1, 3):
        assert loop.post(f"checkpoints/{checkpoint}/resume").json()["new_decision"] == "allow"
    assert loop.gate("b", REFUND)["decision"] == "require_approval"


@pytest.mark.parametrize("name", ["%2E%2E", "%2E"])
def test_step_whose_id_is_a_dot_segment_is_not_the_workflow_above_it(name):
    loop = Loop()
    answer = loop.post(f"steps/{name}/complete")
    assert (answer.status_code, loop.get().json()["status"]) == (404, "in_progress")


def test_workflows_are_listed_newest_first_by_what_is_asked_for():
    doors = Doors(POLICIES)
    first, second = Loop(doors, trace_id="t"), Loop(doors, source="crewai")
    second.post("abort")

    def listed(query=""):
        page = doors.call("GET", f"{PLACE}{query}").json()
        return [one["workflow_id"] for one in page["workflows"]], page["total"]

    assert listed() == ([second.id, first.id], 2)
    assert listed("?limit=1&offset=1") == ([first.id], 2)
    assert listed("?status=aborted&source=crewai") == listed("?source=crewai") == ([second.id], 1)
    assert listed("?trace_id=t") == ([first.id], 1)
    for query in ("?status=asleep", "?source=x", "?limit=0", "?more=1", "?limit=1&limit=2"):
        assert doors.call("GET", f"{PLACE}{query}").status_code == 400
