"""What a user of the published client of the wire contract does, against our agent. Run by run_all.py, in an
interpreter whose ``axonflow`` is that client, which has nothing of ours.

    PYTHONPATH=<the client> python client.py URL CLIENT_ID SECRET
"""

import asyncio
import json
import sys

from axonflow import AuditSearchRequest, AxonFlow, DecideRequest, TokenUsage


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

    found = await client.search_audit_logs(AuditSearchRequest(limit=50, client_id=client_id))
    said["searched"] = sorted({entry.request_type for entry in found.entries})
    other = AxonFlow(endpoint=url, client_id=client_id, client_secret="wrong" * 8)
    try:
        await other.get_policy_approved_context(user_token="", query="x")
    except Exception as error:  # noqa: BLE001  its name is what is asked for
        said["wrong_key"] = type(error).__name__
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:]))
