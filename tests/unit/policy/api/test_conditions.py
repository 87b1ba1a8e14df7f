"""Conditions of the wire contract as expressions: each field and operator decides as it says."""

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import PolicyError
from axonflow.policy.api.conditions import OPERATORS, expression_of
from axonflow.policy.api.policy import Condition
from axonflow.policy.api.rules import document_alone
from tests.api_policies import api_policy, conditions

ANN = {
    "id": "crm", "type": "service", "tenant": "acme",
    "on_behalf_of": {
        "id": "ann", "roles": ["analyst", "admin"], "groups": ["eu"], "attributes": {"email": "ann@a.example"},
    },
}  # fmt: skip
ASKED = {
    "principal": ANN, "action": "llm.request",
    "resource": {"type": "model", "id": "gpt-5", "attributes": {"owner": "ops"}},
    "context": {"risk": 70, "tags": ["a", "b"], "deep": {"er": "Text"}, "request_type": "chat", "flag": True},
    "content": {"messages": ["DROP the Table", "second"]},
}  # fmt: skip


def denies(field, operator, value=None, **parts):
    document = document_alone(api_policy(conditions(field, operator, value)), compile_pattern, "allow")
    return AxonFlow.open(document).decide(Request(**ASKED | parts)).effect is Effect.DENY


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("query", "contains", "drop", True), ("query", "contains", "delete", False),
        ("content", "not_contains", "drop", False), ("input", "equals", "second", True),
        ("prompt", "in", ["x", "second"], True), ("query", "not_in", ["x"], True),
        ("query", "regex", "^DR.P", True), ("query", "matches", "nothing", False),
        ("query", "contains_any", ["nope", "TABLE"], True), ("query", "starts_with", "DROP", True),
        ("query", "ends_with", "drop", False), ("query", "exists", None, True), ("query", "not_exists", True, False),
        ("response", "contains", "drop", False), ("output", "not_contains", "zzz", False),
        ("user_id", "equals", "ann", True), ("user.id", "starts_with", "an", True), ("user", "in", ["bob"], False),
        ("user_role", "equals", "admin", True), ("user.roles", "in", ["admin", "ops"], True),
        ("user.role", "contains", "adm", False), ("user.role", "contains", "admin", True),
        ("user.role", "contains_any", ["x", "analyst"], True), ("user.role", "not_equals", "guest", True),
        ("user.groups", "ends_with", "u", True), ("user.type", "equals", "user", True),
        ("user.email", "ends_with", "@a.example", True), ("user.email", "exists", "", True),
        ("user.phone", "exists", None, False), ("user.phone", "not_exists", None, True),
        ("tenant_id", "equals", "acme", True), ("client_id", "equals", "crm", True),
        ("action", "equals", "llm.request", True), ("resource.type", "equals", "model", True),
        ("resource.id", "equals", "gpt-5", True), ("resource.owner", "equals", "ops", True),
        ("model", "starts_with", "gpt", True), ("tool", "not_equals", "shell", False), ("model", "not_in", ["x"], True),
        ("context.risk", "greater_than", 69.5, True), ("risk", "greater_than_or_equal", 70, True),
        ("risk", "less_than", 70, False), ("risk", "less_than_or_equal", 70, True), ("risk", "equals", 70, True),
        ("context.deep.er", "contains", "TEX", True), ("request_type", "equals", "chat", True),
        ("tags", "contains", "a", True), ("tags", "in", ["b"], True), ("tags", "equals", "c", False),
        ("context.flag", "equals", True, True), ("context.flag", "not_equals", False, True),
        ("resource", "exists", None, False), ("context", "exists", None, False),
    ],
)  # fmt: skip
def test_condition_holds_where_it_says(field, operator, value, expected):
    assert denies(field, operator, value) is expected


def test_condition_on_the_answer_looks_at_answers_only():
    answer = {"action": "llm.response", "content": "the table"}
    assert denies("response", "contains", "table", **answer)
    assert not denies("query", "contains", "table", **answer)


def test_condition_on_the_user_is_about_who_asks_where_nobody_is_behind_them():
    asking = {"principal": {"id": "bob", "roles": ["guest"], "attributes": {"email": "b@b.example"}}}
    assert denies("user.id", "equals", "bob", **asking)
    assert denies("user.role", "equals", "guest", **asking)
    assert denies("user.email", "contains", "b.example", **asking)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [("user.phone", "equals", "1"), ("context.none.at", "contains", "x"), ("cost", "greater_than", 5),
     ("risk", "regex", "7"), ("tags", "less_than", 3), ("user.phone", "not_equals", "1")],
)  # fmt: skip
def test_condition_that_cannot_be_judged_counts_as_holding(field, operator, value):
    assert denies(field, operator, value)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_operator_with_a_value_of_another_kind_is_refused(operator):
    value = {"a": 1}
    with pytest.raises(PolicyError) as caught:
        expression_of([Condition("context.risk", "exists"), Condition("context.risk", operator, value)])
    assert caught.value.at.startswith("$.conditions[1].value")


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        (Condition("a b", "equals", 1), "field"), (Condition("context.", "equals", 1), "field"),
        (Condition("context." + ".".join("a" * 17), "equals", 1), "field"), (Condition("user.", "exists"), "field"),
        (Condition("risk", "like", 1), "operator"), (Condition("query", "greater_than", 1), "value"),
        (Condition("risk", "greater_than", True), "value"), (Condition("risk", "in", []), "value"),
        (Condition("risk", "in", [[1]]), "value[0]"), (Condition("risk", "contains", ""), "value"),
        (Condition("risk", "contains", 7), "value"), (Condition("risk", "contains_any", ["a", 7]), "value[1]"),
        (Condition("risk", "equals", "x" * 4097), "value"), (Condition("risk", "in", ["x"] * 1001), "value"),
    ],
    ids=str,
)  # fmt: skip
def test_condition_that_cannot_be_said_is_refused_with_its_place(condition, at):
    with pytest.raises(PolicyError) as caught:
        expression_of([condition])
    assert caught.value.at == f"$.conditions[0].{at}"


@pytest.mark.parametrize("text", ['" || true || "', "\\", "\n", "${x}", "'''", "\ud7ff", "`"])
def test_value_can_be_nothing_but_a_value(text):
    assert not denies("user.id", "equals", text)
    assert not denies("query", "contains", text)
    assert denies("context.odd", "equals", text, context={"odd": text})
