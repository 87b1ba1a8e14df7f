"""The attributes that the rules for an action read: all of them, read by path, and nothing named as a secret."""

import pytest
from msgspec import UNSET

from axonflow import AxonFlow, Request
from axonflow.policy.deciding.attributes import MAX_PATHS, reading_of
from tests.strategies import policy_set

ANN = {
    "id": "ann",
    "roles": ["clerk"],
    "attributes": {"clearance": 3},
    "on_behalf_of": {"id": "bo", "attributes": {"age": 5}},
}


def read(rules, request, **parts):
    flow = AxonFlow.open(policy_set(rules, **parts))
    return {path: value for path, value in flow.policies.read(request) if value is not UNSET}


def request(**changes):
    context = {"env": "prod", "team": "red", "amount": 5, "path": "/srv/x", "other": "unread"}
    return Request(**({"principal": ANN, "action": "tool.call", "resource": "tool:x", "context": context} | changes))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"match": {"context.env": "prod"}}, {"context.env": "prod"}),
        ({"match": {"context.env": ["a", "b"], "context.team": "red"}}, {"context.env": "prod", "context.team": "red"}),
        ({"when": "context.amount > 3"}, {"context.amount": 5}),
        ({"when": "context.path.startsWith('/srv/')"}, {"context.path": "/srv/x"}),
        ({"when": 'context["team"] == "red"'}, {"context.team": "red"}),
        ({"when": "principal.clearance > 2 && 'clerk' in principal.roles"},
         {"principal.clearance": 3, "principal.roles": ("clerk",)}),
        ({"when": "principal.on_behalf_of.age > 2"}, {"principal.on_behalf_of.age": 5}),
        ({"match": {"principal.id": "ann", "resource.id": "x", "action": "tool.call"}}, {}),
        ({"when": "has(principal.on_behalf_of) && principal.on_behalf_of.id == 'bo'"}, {}),
        ({"when": "content == 'x'"}, {}),
        ({"when": "has(context.absent)"}, {}),
        ({"match": {"action": "llm.request"}, "when": "context.env == 'x'"}, {}),
    ],
)  # fmt: skip
def test_engine_reads_what_the_rules_for_the_action_do(rule, kept):
    assert read([{"id": "r", "effect": "deny"} | rule], request()) == kept


def test_engine_reads_what_exceptions_limits_and_requirements_do():
    rules = [
        {"id": "no", "effect": "deny"},
        {"id": "cap", "effect": "limit", "obligations": [
            {"unit": "requests", "maximum": 1, "window_s": 60, "key": ["context.team"]}
        ]},
    ]  # fmt: skip
    waiver = {"id": "e", "rules": ["no"], "reason": "A test.", "expires": "2999-01-01T00:00:00Z"}
    waiver["when"] = "context.amount < 9"
    kept = read(rules, request(), exceptions=[waiver], requires={"tool.call": ["context.env"]})
    assert kept == {"context.team": "red", "context.amount": 5, "context.env": "prod"}


def test_engine_reads_the_attributes_of_an_action_that_no_rule_names():
    assert read([{"id": "r", "effect": "deny", "match": {"context.env": "x"}}], request(action="odd.act")) == {
        "context.env": "prod"
    }


def test_engine_tells_of_what_is_named_as_a_secret_only_that_it_is_there():
    secrets = {"api_key": "k", "password": "p", "tokens": 5}
    asked = request(context=secrets)
    rules = [{"id": "r", "effect": "deny", "when": " || ".join(f"has(context.{name})" for name in secrets)}]
    assert read(rules, asked) == {
        "context.api_key": "[REDACTED]",
        "context.password": "[REDACTED]",
        "context.tokens": 5,
    }
    assert read(rules, request()) == {}


def test_reading_of_too_many_paths_takes_the_first():
    reading = reading_of([f"context.n{number:03}" for number in range(MAX_PATHS + 9)])
    paths = [path for path, _ in reading(request(context={"n063": 1, "n064": 2}))]
    assert (len(paths), paths[-1]) == (MAX_PATHS, "context.n063")
