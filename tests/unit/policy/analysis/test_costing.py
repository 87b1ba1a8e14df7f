"""How rules are looked up, and what they cost, of a few whose answer is plain."""

from axonflow import AxonFlow
from axonflow.policy.analysis.costing import LookUp, Tried, index_report
from tests.strategies import policy_set

RULES = [
    {"id": "named", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}},
    {"id": "begins", "effect": "deny", "match": {"action": "tool.call"}, "when": "resource.id.startsWith('db-')"},
    {
        "id": "net",
        "effect": "deny",
        "match": {"action": "tool.call"},
        "when": "has(context.ip) && context.ip.inCIDR(['10.0.0.0/8'])",
    },
    {"id": "looked", "effect": "warn", "match": {"action": "tool.call"}, "when": "context.items.exists(i, i == 'a')"},
    {"id": "anywhere", "effect": "warn", "when": "context.n > 1"},
    {"id": "always", "effect": "log", "match": {"action": "llm.request"}},
]


def test_index_report_says_how_each_rule_is_found_and_which_are_tried():
    report = index_report(AxonFlow.open(policy_set(RULES)).policies.rules)
    assert {(one.rule, one.how) for one in report.rules} == {
        ("named", "equality"), ("begins", "prefix"), ("net", "network"), ("looked", "tried"), ("anywhere", "tried"),
        ("always", "matching"),
    }  # fmt: skip
    assert LookUp("equality", "resource.id", 1) in report.lookups
    assert report.tried[0] == Tried("tool.call", 2)
    assert Tried("*", 1) in report.tried
    assert report.rules[0].rule == "looked", "a loop over a list is the dearest"
    assert [one.worst_steps for one in report.rules] == sorted((one.worst_steps for one in report.rules), reverse=True)
