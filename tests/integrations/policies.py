"""The policies that both integrations are tested with."""

import asyncio

from axonflow import AxonFlow
from axonflow.audit import verify_chain
from tests.strategies import policy_set

TOOLS = {"action": ["tool.call", "tool.result"], "resource.id": ["search", "mail", "pay"]}
SECRET = 'texts(content).exists(t, t.contains("TOP SECRET"))'
RULES = [
    {"id": "models", "effect": "allow", "match": {"action": ["llm.request", "llm.response"]}},
    {"id": "tools", "effect": "allow", "match": TOOLS},
    {"id": "no-injection", "effect": "deny", "match": {"action": "llm.request"}, "when": 'detected("injection")'},
    {"id": "mask", "effect": "redact", "when": 'detected("pii.email")', "obligations": [{"detectors": ["pii.email"]}]},
    {"id": "mask-cards", "effect": "redact", "match": {"action": "tool.call"}, "when": 'detected("pii.credit_card")'},
    {"id": "no-secret-replies", "effect": "deny", "match": {"action": "llm.response"}, "when": SECRET},
    {"id": "hold", "effect": "require_approval", "match": {"action": "tool.call", "resource.id": "pay"}},
]


def open_flow():
    return AxonFlow.open(policy_set(RULES))


def recorded(flow):
    """(action, resource, effect) of all that was enforced, after checking the chain."""
    events = (event for event in trail(flow) if event.kind == "decision")
    return [(event.action, event.resource, event.effect) for event in events]


def model_calls(flow):
    """The events of model calls that were made, each of which names the decision that allowed it."""
    events = trail(flow)
    asked = {event.decision_id for event in events if event.kind == "decision" and event.action == "llm.request"}
    calls = [event for event in events if event.kind == "model_call"]
    assert {call.decision_id for call in calls} <= asked
    assert all(call.duration_us >= 0 and call.content_chars == 0 for call in calls)
    return calls


def trail(flow):
    records = asyncio.run(flow.audit.records("default"))
    assert verify_chain(records) == len(records)
    return [record.event for record in records]
