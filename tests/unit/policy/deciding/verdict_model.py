"""What sets and a request come to, by the sentences of docs/reference/policies.md and nothing else.

Only whether one rule matches is asked of the engine, one rule at a time; tests/unit/policy/cel has its own referee.
"""

from axonflow import AxonFlow
from axonflow.policy import ACTIONS
from axonflow.policy.deciding.redacting import unfulfilled
from tests.strategies import policy_set

STRONGEST_FIRST = ("deny", "require_approval", "redact", "limit", "allow")


def alone(rule, request):
    """The decision of a set that allows, and has only `rule`."""
    return AxonFlow.open(policy_set([rule], default="allow")).decide(request)


def matches(rule, request):
    return rule["id"] in alone(rule, request).policies


def is_known(request, documents):
    named = set(ACTIONS)
    for document in documents:
        for rule in [rule for rule in document["rules"] if rule["effect"] == "allow"]:
            action = rule["match"].get("action", [])
            named |= {action} if isinstance(action, str) else set(action)
    return request.action in named


def expected(documents, request):
    """Effect, ids and obligations; `documents` are enforced sets without requirements or exceptions."""
    judged = [(rule, alone(rule, request)) for document in documents for rule in document["rules"]]
    matching = [rule for rule, decision in judged if rule["id"] in decision.policies]
    ids = {rule["id"] for rule in matching}
    obligations = {obligation for _, decision in judged for obligation in unfulfilled(decision.obligations)}
    votes = [vote(layer, ids) for layer in layers(documents)]
    if not is_known(request, documents) or "deny" in votes or set(votes) <= {"abstain"}:
        return "deny", ids, obligations
    asked = {rule["effect"] for rule in matching} | {"allow"}
    return next(effect for effect in STRONGEST_FIRST if effect in asked), ids, obligations


def layers(documents):
    """Sets by layer, united: (default, rules)."""
    united = {}
    for document in documents:
        united.setdefault(document["layer"], (document["default"], []))[1].extend(document["rules"])
    return united.values()


def vote(layer, ids):
    """A layer alone: it denies, grants or abstains."""
    default, rules = layer
    effects = {rule["effect"] for rule in rules if rule["id"] in ids}
    if "deny" in effects:
        return "deny"
    return "allow" if "allow" in effects or default == "allow" else default
