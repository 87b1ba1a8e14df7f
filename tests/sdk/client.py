"""What a user of the published client of the wire contract does, against our agent. Run by run_all.py, in an
interpreter whose ``axonflow`` is that client, which has nothing of ours.

    PYTHONPATH=<the client> python client.py URL CLIENT_ID SECRET
"""

import asyncio
import json
import sys

from workflow_calls import workflow_said

from axonflow import (
    AuditQueryOptions,
    AuditSearchRequest,
    AxonFlow,
    CreateDynamicPolicyRequest,
    CreatePolicyOverrideRequest,
    CreateStaticPolicyRequest,
    DecideRequest,
    ExecutionMode,
    ListStaticPoliciesOptions,
    TokenUsage,
    UpdateDynamicPolicyRequest,
    UpdateStaticPolicyRequest,
)
from axonflow.decisions import ListDecisionsOptions
from axonflow.exceptions import VersionConflictError
from axonflow.execution import UnifiedListExecutionsRequest
from axonflow.types import ExecutionExportOptions, ListExecutionsOptions, UpdatePlanRequest


async def policies_said(client, verdict):
    """Policies made, changed, overridden, tried and deleted; what is decided after each is what they say."""
    said = {}
    model = {"type": "llm", "model": "gpt-5-mini"}
    made = await client.create_static_policy(
        CreateStaticPolicyRequest(name="No hello", category="security-dangerous", pattern="hello", action="block")
    )
    said["static"] = [made.tier.value, made.version, await verdict("llm", model)]
    listed = await client.list_static_policies(ListStaticPoliciesOptions(search="hello", limit=5))
    changed = await client.update_static_policy(made.id, UpdateStaticPolicyRequest(action="require_approval"))
    said["static_changed"] = [len(listed), changed.version, await verdict("llm", model)]
    override = await client.create_policy_override(
        made.id, CreatePolicyOverrideRequest(action_override="log", override_reason="An exercise.")
    )
    overrides = await client.list_policy_overrides()
    said["overridden"] = [override.active, len(overrides), await verdict("llm", model)]
    await client.delete_policy_override(made.id)
    effective = await client.get_effective_static_policies()
    off = await client.toggle_static_policy(made.id, False)
    said["toggled"] = [len(effective), off.enabled, await verdict("llm", model)]
    said["versions"] = [one.change_type for one in await client.get_static_policy_versions(made.id)]
    tried = await client.test_pattern("a(b+)", ["xabb", "none"])
    said["tried"] = [tried.valid, *(one.matched for one in tried.matches)]
    await client.delete_static_policy(made.id)
    try:
        await client.get_static_policy(made.id)
    except Exception as error:  # noqa: BLE001  its name is what is asked for
        said["deleted"] = type(error).__name__
    return said | await dynamic_said(client, verdict)


async def dynamic_said(client, verdict):
    said = {}
    model = {"type": "llm", "model": "gpt-5-mini"}
    condition = {"field": "risk_score", "operator": "greater_than", "value": 0.8}
    made = await client.create_dynamic_policy(
        CreateDynamicPolicyRequest(
            name="Risky", type="risk", category="dynamic-risk", conditions=[condition], actions=[{"type": "block"}]
        )
    )
    said["dynamic"] = [await verdict("llm", model, risk_score=score) for score in (0.9, 0.1)]
    simulated = await client.simulate_policies("hello", context={"risk_score": 0.9})
    said["simulated"] = [simulated.allowed, simulated.dry_run, len(simulated.applied_policies)]
    report = await client.get_policy_impact_report(made.id, [{"query": "x", "context": {"risk_score": 1}}])
    said["impact"] = [report.matched, report.blocked]
    await client.create_dynamic_policy(
        CreateDynamicPolicyRequest(
            name="Watched", type="risk", category="dynamic-risk", conditions=[condition], actions=[{"type": "alert"}]
        )
    )
    said["conflicts"] = (await client.detect_policy_conflicts()).conflict_count
    said["dynamic_listed"] = len(await client.list_dynamic_policies())
    said["dynamic_effective"] = len(await client.get_effective_dynamic_policies())
    await client.update_dynamic_policy(made.id, UpdateDynamicPolicyRequest(name="Riskier"))
    said["dynamic_toggled"] = (await client.toggle_dynamic_policy(made.id, False)).enabled
    for policy in await client.list_dynamic_policies():
        await client.delete_dynamic_policy(policy.id)
    return said | await typed_said(client, verdict)


async def typed_said(client, verdict):
    typed = client.typed_policies
    rule = {"id": "no-mail", "effect": "deny", "match": {"action": "llm.request", "resource.id": "mail"}}
    document = {
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "typed"}, "default": "inherit",
        "rules": [rule],
    }  # fmt: skip
    said = {"typed_edition": (await typed.edition()).signing_key_custody}
    said["typed_nothing_active"] = await typed.active() is None
    said["typed_valid"] = (await typed.validate(document)).success
    published = await typed.publish(document, [])
    activated = await typed.activate(published.digest, reason="No mail.")
    said["typed"] = [published.version, activated.success, await verdict("llm", {"type": "llm", "model": "mail"})]
    said["typed_active"] = "sets" in (await typed.active()).document
    said["typed_system"] = bool((await typed.system()).digest)
    try:
        await typed.publish(document | {"default": "sometimes"}, [])
    except Exception as error:  # noqa: BLE001  its name is what is asked for
        said["typed_refused"] = [type(error).__name__, bool(error.findings)]
    return said


async def plans_said(client):
    """A plan that is held and approved; one that is changed, rolled back and cancelled; and what is told of both."""
    query = "four days in Lisbon"
    held = await client.generate_plan(query=query, domain="travel", execution_mode=ExecutionMode.CONFIRM)
    said = {"held": (await client.execute_plan(held.plan_id)).status}
    waiting = await client.get_pending_plan_approvals(limit=5, plan_id=held.plan_id)
    said["waiting"] = [waiting.count, [one.step_id for one in waiting.pending_approvals]]
    resumed = await client.resume_plan(held.plan_id, approved=True)
    said["resumed"] = [resumed.status, resumed.approved]
    changed = await client.generate_plan(query=query, domain="travel")
    request = UpdatePlanRequest(version=changed.version, execution_mode=ExecutionMode.SEQUENTIAL, metadata={"a": 1})
    said["updated"] = (await client.update_plan(changed.plan_id, request)).version
    try:
        await client.update_plan(changed.plan_id, request)
    except VersionConflictError as error:
        said["stale"] = [error.expected_version, error.current_version]
    rolled = await client.rollback_plan(changed.plan_id, 1)
    said["rolled_back"] = [rolled.version, rolled.previous_version]
    said["plan_versions"] = [one.change_type for one in (await client.get_plan_versions(changed.plan_id)).versions]
    said["cancelled"] = (await client.cancel_plan(changed.plan_id, "enough")).status
    said["requested"] = await requested_said(client)
    return said | await executions_said(client, held.plan_id, changed.plan_id)


async def requested_said(client):
    """What it does not cache: a plan changed and cancelled by requests, each said twice."""
    plan = await client.generate_plan(query="four days in Lisbon", domain="travel")
    said = []
    for request_type, context in (("update-plan", {"version": 1, "metadata": {"a": 1}}), ("cancel-plan", {})):
        context["plan_id"] = plan.plan_id
        answer = await client.proxy_llm_call("", "", request_type, context)
        said += [answer.success, answer.plan_id == plan.plan_id, answer.data["status"]]
        try:
            await client.proxy_llm_call("", "", request_type, context)
        except Exception as error:  # noqa: BLE001  its text is what is asked for
            said.append(str(error)[:8])
    return said


async def executions_said(client, done, cancelled):
    listed = await client.list_executions(ListExecutionsOptions(limit=1, status="completed"))
    said = {"executions": [listed.executions[0].request_id == done, listed.total]}
    detail = await client.get_execution(done)
    said["execution"] = [detail.summary.completed_steps, len(detail.steps)]
    said["execution_steps"] = len(await client.get_execution_steps(done))
    timeline = await client.get_execution_timeline(done)
    said["timeline"] = [len(timeline), any(one.has_error for one in timeline)]
    exported = await client.export_execution(done, ExecutionExportOptions(include_input=False))
    said["exported"] = "input" in exported["steps"][0]
    states = [state.status.value async for state in client.stream_execution_status(cancelled)]
    said["streamed"] = states
    status = await client.get_execution_status(done)
    said["unified"] = [status.status.value, status.progress_percent, len(status.steps)]
    page = await client.list_unified_executions(UnifiedListExecutionsRequest(limit=1))
    said["unified_listed"] = [page.total, page.has_more]
    await client.delete_execution(cancelled)
    due = await client.generate_plan(query="q", domain="travel")
    await client.cancel_execution(due.plan_id, "no")
    said["unified_cancelled"] = (await client.get_execution_status(due.plan_id)).status.value
    return said


async def recorded_said(client):
    """What the trail has of all that was done before."""
    denied = await client.list_decisions(ListDecisionsOptions(decision="deny", tool_signature="shell", limit=5))
    said = {"decisions": [[one.decision, one.tool_signature, one.context] for one in denied]}
    told = await client.explain_decision(denied[0].decision_id)
    said["explained"] = [told.decision, bool(told.reason), all(rule.rule_text for rule in told.matched_rules)]
    listing = await client.get_audit_logs_by_tenant("default", AuditQueryOptions(limit=5))
    said["listing"] = [len(listing.entries), listing.total > 5, listing.limit]
    return said


async def main(url, client_id, secret):
    client = AxonFlow(endpoint=url, client_id=client_id, client_secret=secret)
    said = {"healthy": await client.health_check()}

    checked = await client.get_policy_approved_context(
        user_token="", query="write to ann@example.com", context={"model": "gpt-5-mini"}
    )
    said["pre_check"] = [checked.approved, checked.requires_redaction]
    usage = TokenUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    audit = await client.audit_llm_call(
        context_id=checked.context_id, response_summary="done", provider="openai", model="gpt-5-mini",
        token_usage=usage, latency_ms=12,
    )  # fmt: skip
    said["llm_call"] = audit.success

    async def verdict(stage, target, **context):
        request = DecideRequest(stage=stage, query="hello", target=target, context=context)
        return (await client.decide(request)).verdict

    said["decide"] = [
        await verdict("llm", {"type": "llm", "model": "gpt-5-mini", "provider": "openai"}),
        await verdict("tool", {"type": "tool", "tool": "shell"}, env="prod"),
    ]

    plan = await client.generate_plan(query="four days in Lisbon", domain="travel")
    said["plan_steps"] = len(plan.steps)
    said["executed"] = (await client.execute_plan(plan.plan_id)).status
    said["plan_status"] = (await client.get_plan_status(plan.plan_id)).status

    said["plans"] = await plans_said(client)

    said |= await recorded_said(client)
    said |= await policies_said(client, verdict)
    said |= await workflow_said(client, url)

    for _ in range(2_000):  # the orchestrator brings what it recorded by itself, within moments
        found = await client.search_audit_logs(AuditSearchRequest(limit=500, client_id=client_id))
        types = {entry.request_type for entry in found.entries}
        if {"plan.start", "plan.step", "plan.delete"} <= types:
            break
    said["searched"] = sorted(one for one in types if not one.startswith(("policy.", "workflow.")))
    said["policies_searched"] = {"policy.create", "policy.publish", "policy.override"} <= types
    other = AxonFlow(endpoint=url, client_id=client_id, client_secret="wrong" * 8)
    try:
        await other.get_policy_approved_context(user_token="", query="x")
    except Exception as error:  # noqa: BLE001  its name is what is asked for
        said["wrong_key"] = type(error).__name__
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:]))
