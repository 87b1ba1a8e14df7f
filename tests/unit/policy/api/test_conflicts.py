"""Which stored policies meet and say different things, and a request that shows it."""

import pytest

from axonflow import AxonFlow
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.policy.api import conflicts
from axonflow.policy.api.conflicts import conflicts_among, severity_of
from axonflow.policy.api.policy import Condition, ConditionAction, Conditions
from axonflow.policy.api.rules import document_alone
from axonflow.policy.api.simulation import Simulated, simulated_request
from tests.api_policies import api_policy, conditions, pattern


def applies(policy, asked):
    flow = AxonFlow.open(document_alone(policy, compile_pattern, "allow"))
    return bool(flow.decide(simulated_request(Simulated(**asked), "default", "crm")).policies)


def found(*policies, **parts):
    return conflicts_among(policies, applies, **parts)[0]


def both(first, second, actions=("block", "log")):
    return [
        api_policy(conditions(*one, actions=[action])) for one, action in zip((first, second), actions, strict=True)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("risk", "greater_than", 80), ("risk", "less_than", 90)), (("risk", "equals", 5), ("risk", "in", [4, 5])),
        (("risk", "greater_than_or_equal", 80), ("risk", "less_than_or_equal", 80)),
        (("query", "contains", "wire"), ("query", "contains_any", ["Wire transfer", "x"])),
        (("user.role", "equals", "admin"), ("user.role", "not_equals", "guest")),
        (("user.id", "starts_with", "an"), ("user.id", "equals", "ann")),
        (("user.email", "ends_with", "b.example"), ("user.email", "equals", "a@b.example")),
        (("context.env", "exists", None), ("context.env", "equals", "prod")),
        (("query", "regex", "drop"), ("query", "equals", "please drop it")),
    ],
)  # fmt: skip
def test_conditions_that_one_request_fulfils_are_a_conflict_that_it_shows(first, second):
    (conflict,) = found(*both(first, second))
    assert (conflict.kind, severity_of(conflict)) == ("different_actions", "high")
    assert all(applies(policy, conflict.example) for policy in (conflict.first, conflict.second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("risk", "greater_than", 90), ("risk", "less_than", 80)), (("risk", "equals", 5), ("risk", "equals", 6)),
        (("risk", "exists", None), ("risk", "not_exists", None)),
        (("user.id", "equals", "a"), ("user.id", "in", ["b"])),
        (("risk", "greater_than", 1), ("cost", "greater_than", 1)),
        (("query", "regex", "a+"), ("query", "contains", "b")),
        (("risk", "greater_than", 1), ("risk", "equals", "high")), (("env", "not_equals", "a"), ("env", "equals", "a")),
    ],
)  # fmt: skip
def test_conditions_that_nothing_surely_fulfils_are_no_conflict(first, second):
    assert found(*both(first, second)) == []


@pytest.mark.parametrize("field", ["response", "context.a.b", "resource.owner.x", "client_id"])
def test_conflict_that_a_simulation_cannot_show_has_no_example(field):
    (conflict,) = found(*both((field, "equals", "x"), (field, "equals", "x")))
    assert conflict.example is None


def test_conflict_that_only_a_number_as_content_would_show_has_no_example():
    (conflict,) = found(*both(("query", "not_in", ["a", "something else"]), ("query", "not_equals", "a")))
    assert conflict.example is None


def test_policies_on_several_fields_conflict_only_where_all_of_them_meet():
    first = Conditions(
        (Condition("risk", "greater_than", 5), Condition("user.role", "equals", "admin")), (ConditionAction("block"),)
    )
    second = Conditions(
        (Condition("risk", "less_than", 9), Condition("user.role", "equals", "guest")), (ConditionAction("log"),)
    )
    assert found(api_policy(first), api_policy(second)) == []
    (conflict,) = found(api_policy(first), api_policy(conditions("risk", "less_than", 9, ["log"])))
    assert conflict.field == "risk"
    assert conflict.example["user"] == {"role": "admin"}


def test_patterns_of_one_text_conflict_and_show_it_where_they_are_plain():
    (plain,) = found(api_policy(pattern("drop table")), api_policy(pattern("drop table", "warn")))
    assert (plain.example["query"], severity_of(plain)) == ("drop table", "medium")
    (other,) = found(api_policy(pattern("a+")), api_policy(pattern("a+", "log")))
    assert (other.example, severity_of(other)) == (None, "high")
    assert found(api_policy(pattern("a")), api_policy(pattern("b", "log"))) == []


def test_policies_that_say_the_same_are_redundant():
    (conflict,) = found(api_policy(conditions()), api_policy(conditions()))
    assert (conflict.kind, severity_of(conflict)) == ("redundant", "low")
    assert found(api_policy(conditions(value=70)), api_policy(conditions(value=80))) == []


def test_conflicts_of_one_policy_leave_out_those_of_others():
    policies = [api_policy(pattern("x", action)) for action in ("block", "warn", "log")]
    assert len(found(*policies)) == 3
    own = found(*policies, only_of=policies[1].id)
    assert len(own) == 2
    assert all(policies[1] in (one.first, one.second) for one in own)


def test_policies_that_meet_on_two_fields_are_one_conflict():
    two = (Condition("risk", "greater_than", 5), Condition("cost", "greater_than", 5))
    made = [api_policy(Conditions(two, (ConditionAction(action),))) for action in ("block", "log")]
    assert len(found(*made)) == 1


def test_search_for_conflicts_is_bounded_and_says_so(monkeypatch):
    policies = [api_policy(pattern("x", action)) for action in ("block", "warn", "log")]
    assert conflicts_among(policies, applies)[1]
    monkeypatch.setattr(conflicts, "MAX_CONFLICTS", 2)
    some, is_all = conflicts_among(policies, applies)
    assert (len(some), is_all) == (2, False)
    monkeypatch.setattr(conflicts, "_MAX_PAIRS", 0)
    assert conflicts_among(policies, applies) == ([], False)


# -- simulated requests


@pytest.mark.parametrize(
    ("kind", "action", "resource"),
    [
        (None, "llm.request", "model:unspecified"), ("chat", "llm.request", "model:unspecified"),
        ("sql", "connector.query", "connector:crm-db"), ("tool_call", "tool.call", "tool:shell"),
        ("agent", "agent.message", "agent:unspecified"), ("llm_response", "llm.response", "model:unspecified"),
        ("plan.start", "plan.start", "plan:unspecified"), ("no such", "llm.request", "model:unspecified"),
    ],
)  # fmt: skip
def test_simulated_request_type_names_action_and_resource(kind, action, resource):
    context = {"tool": "shell", "connector": "crm-db", "model": 7}
    asked = simulated_request(Simulated(query="q", request_type=kind, context=context), "acme", "crm")
    assert (asked.action, f"{asked.resource.type}:{asked.resource.id}", asked.content) == (action, resource, "q")
    assert (asked.principal.id, asked.principal.tenant, asked.context["request_type"]) == (
        "crm",
        "acme",
        kind or "chat",
    )


def test_simulated_request_has_the_user_and_the_client_that_it_is_told():
    user = {"user_id": "ann", "role": "analyst", "roles": ["admin", 7, ""], "groups": ["eu"], "email": "ann@a.example"}
    asked = simulated_request(Simulated(query="q", user=user, client={"id": "app"}), "acme", "crm")
    behind = asked.principal.on_behalf_of
    assert (asked.principal.id, behind.id, behind.roles, behind.groups) == ("app", "ann", ("admin", "analyst"), ("eu",))
    assert behind.attributes == {"email": "ann@a.example"}
    nobody = simulated_request(Simulated(query="q", client={"id": 7}), "acme", "crm")
    assert (nobody.principal.id, nobody.principal.on_behalf_of.id) == ("crm", "anonymous")
