"""AxonFlow: the rules as one policy document."""

from axonflow import AxonFlow
from tests.benchmarks.engines.workload import LIMIT

PATHS = {
    "tool": "resource.id",
    "tenant": "principal.tenant",
    "user": "principal.id",
    "team": "context.team",
    "role": "principal.roles",
}


def policy_set(rules):
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "bench"}, "default": "deny"}
    return head | {"rules": [_rule(rule) for rule in rules]}


def _rule(rule):
    written = {"id": rule.id, "effect": rule.effect, "match": {"action": "tool.call"}}
    for field, path in PATHS.items():
        if getattr(rule, field) is not None:
            written["match"][path] = getattr(rule, field)
    conditions = []
    if rule.above is not None:
        conditions.append(f"context.risk > {rule.above}")
    if rule.tool_prefix is not None:
        conditions.append(f'resource.id.glob("{rule.tool_prefix}*")')
    if rule.address_prefix is not None:
        conditions.append(f'context.address.inCIDR("{rule.address_prefix}0/24")')
    if conditions:
        written["when"] = " && ".join(conditions)
    if rule.effect == "limit":
        written["obligations"] = [LIMIT]
    return written


def build(rules):
    """Everything a caller reads of a decision, read."""
    decide = AxonFlow.open(policy_set(rules)).decide

    def read(request):
        decision = decide(request)
        return decision.effect, decision.policies, decision.obligations, decision.decision_id

    return read
