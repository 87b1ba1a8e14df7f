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
    records = asyncio.run(flow.audit.records("default"))
    assert verify_chain(records) == len(records)
    return [(record.event.action, record.event.resource, record.event.effect) for record in records]
