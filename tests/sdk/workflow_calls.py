"""What a user of the published client does with workflows of their own: gates, completions, approvals, checkpoints."""

import json
import urllib.request

from axonflow import AxonFlow, CreateStaticPolicyRequest
from axonflow.workflow import (
    CreateWorkflowRequest,
    ListWorkflowsOptions,
    MarkStepCompletedRequest,
    RetryPolicy,
    StepGateRequest,
    ToolContext,
)

REFUND = StepGateRequest(
    step_type="tool_call", tool_context=ToolContext(tool_name="search", tool_input={"text": "a large refund"})
)


def another_client(client, url):
    """A client with a key of its own, which may approve. The published client has no call for that."""
    body = json.dumps({"client_id": "lead", "roles": ["approver"]}).encode()
    headers = dict(client._http_client.headers) | {"x-tenant-id": "default", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/keys", body, headers)
    with urllib.request.urlopen(request) as response:
        return AxonFlow(endpoint=url, client_id="lead", client_secret=json.load(response)["key"])


async def failure_of(awaitable):
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001  its name is what is asked for
        return type(error).__name__
    return "nothing"


async def gate_unlike(client, before, workflow, step, ask):
    """The answer at the gate of `step` once it is another than `before`: what was done to policies through the agent,
    here or by the calls before these, the orchestrator hears of within a second."""
    again = ask.model_copy(update={"retry_policy": RetryPolicy.REEVALUATE})
    for _ in range(2_000):
        gate = await client.step_gate(workflow, step, again)
        if gate.decision.value != before:
            break
    return gate


async def workflow_said(client, url):
    said = {}
    made = await client.create_workflow(
        CreateWorkflowRequest(workflow_name="Refunds", source="langgraph", metadata={"env": "dev"}, trace_id="t-1")
    )
    workflow = made.workflow_id
    ask = StepGateRequest(step_type="tool_call", tool_context=ToolContext(tool_name="search"), idempotency_key="run-1")
    gate = await gate_unlike(client, "block", workflow, "look up", ask)
    await client.mark_step_completed(
        workflow, "look up", MarkStepCompletedRequest(output={"rows": 3}, tokens_in=1, cost_usd=0.5)
    )
    again = await client.step_gate(workflow, "look up", ask, include_prior_output=True)
    context = again.retry_context
    said["gated"] = [gate.decision.value, again.cached, context.prior_completion_status.value, context.prior_output]
    other_key = StepGateRequest(step_type="tool_call", idempotency_key="run-2")
    said["gate_key"] = await failure_of(client.step_gate(workflow, "look up", other_key))

    rule = await client.create_static_policy(
        CreateStaticPolicyRequest(
            name="Refunds", category="security-dangerous", pattern="large refund", action="require_approval"
        )
    )
    lead = another_client(client, url)
    held = await gate_unlike(client, "allow", workflow, "pay", REFUND)
    pending = (await lead.get_pending_approvals()).pending_approvals
    own = await failure_of(client.approve_step(workflow, "pay"))
    said["gate_held"] = [held.decision.value, len(pending), bool(held.approval_url), own]
    approved = await lead.approve_step(workflow, "pay", comment="Fine.")
    after = await client.step_gate(workflow, "pay", REFUND)
    said["gate_approved"] = [approved.status, after.decision.value]
    await client.step_gate(workflow, "pay more", REFUND)
    rejected = await lead.reject_step(workflow, "pay more", "No.")
    said["gate_rejected"] = [rejected.status, (await client.step_gate(workflow, "pay more", REFUND)).decision.value]
    said |= await ends_said(client, lead, workflow)
    await client.delete_static_policy(rule.id)
    return said


async def ends_said(client, lead, workflow):
    checkpoints = (await client.get_checkpoints(workflow)).checkpoints
    back = await client.resume_from_last_checkpoint(workflow)
    await lead.reject_step(workflow, "pay more")
    first = await client.resume_from_checkpoint(workflow, checkpoints[0].id)
    said = {"checkpoints": [len(checkpoints), back.new_decision, first.resumed_from_index, first.new_decision]}
    await client.fail_workflow(workflow, "The ledger is closed.")
    failed = await client.get_workflow(workflow)
    await client.resume_workflow(workflow)
    resumed = await client.get_workflow(workflow)
    await client.complete_workflow(workflow)
    ended = await client.get_workflow(workflow)
    said["workflow_moved"] = [one.status.value for one in (failed, resumed, ended)]
    said["workflow_steps"] = [[step.step_id, step.decision.value, step.approved_by] for step in ended.steps]
    other = await client.create_workflow(CreateWorkflowRequest(workflow_name="Given up"))
    await client.abort_workflow(other.workflow_id, "Not needed.")
    aborted = await client.list_workflows(ListWorkflowsOptions(status="aborted", limit=5))
    of_trace = await client.list_workflows(ListWorkflowsOptions(trace_id="t-1"))
    said["workflows_listed"] = [aborted.total, aborted.workflows[0].status.value, of_trace.total]
    return said
