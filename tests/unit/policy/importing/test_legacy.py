"""Documents of ``axonflow.io/v1``: what has a counterpart is carried over, and all else is named."""

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app.importing import import_policies

ACCESS = """
apiVersion: axonflow.io/v1
kind: Policy
metadata: {name: restrict-customer-data}
spec:
  type: access-control
  priority: 100
  rules:
    - action: deny
      conditions: {resource: "database:customers:*", user_role: "not:admin"}
      message: Customer data takes the role admin.
    - action: allow
      conditions: {resource: ["database:*", "tool:search"], user_role: [user, admin]}
"""
RATE = """
apiVersion: axonflow.io/v1
kind: Policy
metadata: {name: rate-limit-per-user}
spec:
  type: rate-limit
  rules:
    - {limit: 100, window: 60s, scope: user, action: block, message: Too many.}
    - {limit: 1000, window: 1h, scope: tenant, action: throttle, delay: 1s}
"""


def imported(text, **options):
    result = import_policies({"old.yaml": text}, **options)
    return result, [parse_yaml(one.text, one.name)[0] for one in result.sets]


def decided(flow, resource, roles):
    asked = {"principal": {"id": "ann", "roles": roles}, "action": "connector.query", "resource": resource}
    decision = flow.decide(Request(**asked))
    return decision.allowed, decision.reasons[0]


def test_access_control_decides_who_may_use_what():
    result, documents = imported(ACCESS)
    assert result.findings == ()
    flow = AxonFlow.open(documents)
    assert decided(flow, "database:customers:1", ["user"]) == (False, "Customer data takes the role admin.")
    assert decided(flow, "database:customers:1", ["admin"])[0]
    assert decided(flow, "database:orders", ["user"])[0]
    assert decided(flow, "tool:search", ["user"])[0]
    assert not decided(flow, "tool:shell", ["admin"])[0]
    assert not decided(flow, "database:orders", ["guest"])[0]


def test_access_control_on_behalf_of_somebody_is_about_them():
    flow = AxonFlow.open(imported(ACCESS)[1])
    principal = {"id": "crm", "type": "service", "roles": ["admin"], "on_behalf_of": {"id": "ann", "roles": ["user"]}}
    asked = Request(principal=principal, action="connector.query", resource="database:customers:1")
    assert not flow.decide(asked).allowed


def test_rate_of_requests_becomes_a_limit_and_a_delay_is_named_or_widened():
    result, (document,) = imported(RATE)
    assert document["rules"] == [
        {
            "id": "rate-limit-per-user/0", "effect": "limit", "reason": "Too many.",
            "match": {"action": ["agent.message", "connector.query", "llm.request", "plan.start", "tool.call"]},
            "obligations": [
                {"unit": "requests", "maximum": 100, "window_s": 60, "key": ["principal.tenant", "principal.id"]}
            ],
        }
    ]  # fmt: skip
    (found,) = result.findings
    assert (found.kind, found.found, found.at, found.loosens) == ("left out", "'throttle'", "old.yaml:9:56", True)
    result, (document,) = imported(RATE, widen=True)
    assert document["rules"][1]["obligations"][0]["window_s"] == 3_600
    assert [(one.kind, one.loosens) for one in result.findings] == [("widened", False)]


@pytest.mark.parametrize(
    ("before", "after", "at", "loosens"),
    [
        ("type: access-control", "type: data-permissions", "old.yaml:6:9", True),
        ("priority: 100", "enforcement: soft", "old.yaml:7:16", True),
        ("priority: 100", "enabled: false", "old.yaml:7:12", False),
        ("kind: Policy", "kind: policy", "old.yaml:3:7", True),
        ("priority: 100", 'enabled: "false"', "old.yaml:7:12", True),
        ("action: deny", "action: explode", "old.yaml:9:15", True),
        ('user_role: "not:admin"', "weekday: Mon", "old.yaml:10:63", True),
        ('user_role: "not:admin"', 'user_role: ["not:admin", x]', "old.yaml:10:65", True),
        ('user_role: "not:admin"', 'user_role: "adm*"', "old.yaml:10:65", True),
        ('resource: "database:customers:*"', "resource: customers", "old.yaml:10:30", True),
        ("conditions: {resource: [", "conditions: {resource: [3, ", "old.yaml:13:30", False),
        ("message: Customer", "messages: Customer", "old.yaml:11:17", True),
        ("message: Customer data takes the role admin.", "message: 3", "old.yaml:11:16", False),
    ],
)
def test_rule_without_a_counterpart_is_named_with_its_place(before, after, at, loosens):
    assert before in ACCESS
    result, documents = imported(ACCESS.replace(before, after))
    AxonFlow.open(documents)
    (found,) = result.findings
    assert (found.at, found.loosens) == (at, loosens)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("limit: 100,", "limit: true,", "True"),
        ("scope: user", "scope: ip", "'ip'"),
        ("window: 60s", "window: 60", "60"),
        ("window: 60s", "window: 9999d", "'9999d'"),
        ("message: Too many.", "burst: 3", "'burst'"),
        ("- {limit: 100, window: 60s, scope: user, action: block, message: Too many.}", "- 3", "3"),
    ],
)
def test_rate_that_has_no_counterpart_is_named(before, after, found):
    result, documents = imported(RATE.replace(before, after))
    assert [one.found for one in result.findings] == [found, "'throttle'"]
    AxonFlow.open(documents)


def test_rule_with_several_faults_has_each_of_them_named():
    odd = ACCESS.replace("action: deny", "action: explode").replace(
        'user_role: "not:admin"', 'weekday: Mon, user_id: "a*"'
    )
    result, _ = imported(odd)
    assert [one.found for one in result.findings] == ["'explode'", "'weekday'", "'a*'"]
    odd = RATE.replace(
        "limit: 100, window: 60s, scope: user, action: block", "limit: x, window: 1y, scope: ip, burst: 3"
    )
    result, _ = imported(odd)
    assert [one.found for one in result.findings[:-1]] == ["'burst'", "'x'", "'ip'", "'1y'"]


def test_resource_of_any_kind_makes_no_condition():
    result, (document,) = imported(ACCESS.replace('resource: "database:customers:*", ', 'resource: "*", '))
    assert result.findings == ()
    assert "resource" not in document["rules"][0]["when"]


def test_several_documents_of_one_file_become_one_set():
    result, (document,) = imported(f"{ACCESS}---{RATE}---{ACCESS}", widen=True)
    assert [rule["id"] for rule in document["rules"]] == [
        "restrict-customer-data/0", "restrict-customer-data/1", "rate-limit-per-user/0", "rate-limit-per-user/1",
        "restrict-customer-data/0-2", "restrict-customer-data/1-2",
    ]  # fmt: skip
    assert document["default"] == "inherit"
    assert {one.kind for one in result.findings} == {"widened", "ignored"}


def test_document_of_another_kind_is_left_out_and_lets_nothing_pass():
    text = "apiVersion: axonflow.io/v1\nkind: AgentConfig\nmetadata: {name: a}\nspec: {agents: []}\n"
    (found,) = import_policies({"a.yaml": text}).findings
    assert (found.at, found.kind, found.loosens) == ("a.yaml:2:7", "ignored", False)
