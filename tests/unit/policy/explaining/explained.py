"""Explanations to look at, and whether one agrees with the decision that it explains."""

import msgspec

from axonflow import AxonFlow, Effect, Request
from axonflow.policy.cel.parser import parse
from axonflow.policy.cel.syntax import Bind, Macro
from axonflow.policy.deciding.rules import FAILS_CLOSED
from axonflow.policy.explaining import explain
from tests.strategies import policy_set

SAME = ("effect", "allowed", "reasons", "obligations", "policies", "errors", "policy_digest")
STRONGEST = [effect.value for effect in Effect]
NOW_S = 1_795_000_000.0
ANN = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}


def engine_of(*documents):
    return AxonFlow.open(list(documents)).policies


def explained(rules, request, **parts):
    return explain(engine_of(policy_set(rules, **parts)), Request(**ANN | request), NOW_S)


def parts_of(told, *, within_loops=True):
    left = [part for layer in told.layers for rule in layer.rules for part in rule.parts]
    while left:
        part = left.pop()
        binds = not within_loops and isinstance(parse(part.text).node, (Bind, Macro))
        left.extend(part.parts[:1] if binds else part.parts)
        yield part


def only(told):
    """The one rule that is explained."""
    (rule,) = [rule for layer in told.layers for rule in layer.rules]
    return rule


def lines(part, depth=0):
    """A tree as lines, for tests of its form."""
    shown = part.note if part.outcome != "value" or part.note else msgspec.json.encode(part.value).decode()
    yield f"{'  ' * depth}{part.text}: {part.outcome} {shown}".rstrip()
    for inner in part.parts:
        yield from lines(inner, depth + 1)


def tree(when, request, effect="deny"):
    (part,) = only(explained([{"id": "r", "effect": effect, "when": when}], request, default="allow")).parts
    return list(lines(part))


def agrees(told, decision):
    assert {name: getattr(told, name) for name in SAME} == {name: getattr(decision, name) for name in SAME}
    rules = [rule for layer in told.layers for rule in layer.rules]
    assert {rule.id for rule in rules if rule.matches} == set(decision.policies)
    for layer in told.layers:
        ids = [rule.id for rule in layer.rules if rule.matches]
        assert ids == [policy for policy in decision.policies if policy in ids]
    failed = {(rule.id, rule.error) for rule in rules if rule.error}
    assert failed == {(one.policy, one.message) for one in decision.errors if one.policy != "redaction"}
    for rule in rules:
        counts = rule.effect in FAILS_CLOSED if rule.error else rule.holds
        assert rule.matches == (counts and not any(waiver.holds for waiver in rule.waivers))
        if not rule.error:
            assert rule.holds == all(part.value is True for part in rule.parts)
        for waiver in rule.waivers:
            assert waiver.holds == (not waiver.expired and all(part.value is True for part in waiver.parts))
    if told.action_known and not told.missing:
        assert by_layers(told) == decision.effect.value


def by_layers(told):
    """What the layers come to together: the strictest wins, and somebody has to grant."""
    outcomes = [layer.outcome for layer in told.layers]
    if "deny" in outcomes or set(outcomes) == {"abstain"}:
        return "deny"
    matching = {rule.effect.value for layer in told.layers for rule in layer.rules if rule.matches}
    return min(matching & set(STRONGEST[:5]) | {"allow"}, key=STRONGEST.index)


def excepted(documents, when):
    """Let the first rule of the first set, if there is one, not apply where `when` holds."""
    for rule in documents[0]["rules"][:1]:
        one = {"id": "but", "rules": [rule["id"]], "reason": "A drill.", "expires": "2999-01-01T00:00:00Z"}
        documents[0]["exceptions"] = [one if when is None else {**one, "when": when}]
