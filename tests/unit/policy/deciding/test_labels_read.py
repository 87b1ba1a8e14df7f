"""Which labels policies read, and when the outcome of an action depends on nothing."""

import pytest

from axonflow import AxonFlow
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow"}
LIMIT = {"unit": "requests", "maximum": 1, "window_s": 1, "key": ["context.labels"]}


def policies(*rules, **parts):
    return AxonFlow.open(policy_set([ALLOW, *rules], **parts)).policies


def deny(when=None, effect="deny", **match):
    one = {"id": "no", "effect": effect, "match": match}
    return one if when is None else one | {"when": when}


def match(labels, **parts):
    return deny(**{"action": "tool.call", "context.labels": labels}, **parts)


@pytest.mark.parametrize(
    "rule",
    [
        match("pii:email"),
        match(["pii:email", "source:crm", 3]),
        {"id": "no", "effect": "deny", "match": {"resource.id": "mail", "context.labels": "pii:email"}},
        deny('"pii:email" in context.labels'),
        deny('"pii:email" in .context.labels && resource.id == "mail"'),
        deny('has(context.labels) && !("pii:email" in context.labels)'),
        deny('"pii:email" in context.?labels.orValue([])'),
        deny('context.env == "x" && "env" in context && context["env"] == "y" && "pii:email" in context.labels'),
        deny('"pii:email" in context.labels', effect="allow"),
    ],
)
def test_rule_that_names_a_label_reads_that_one_alone(rule):
    found = policies(rule)
    assert found.reads_labels
    assert found.labelled_by == ("pii.email",)
    assert found.reads_labels_of("tool.call")
    assert not found.lets_pass("tool.call")


@pytest.mark.parametrize(
    "rule",
    [
        deny('context.labels.exists(l, l.startsWith("pii:"))'),
        deny("size(context.labels) > 3"),
        deny('"pii:email" in context.?labels.orValue(["pii:email"])'),
        deny('"pii:email" in context.?labels.value()'),
        deny("context.env in context.labels"),
        deny('context["labels"] == []'),
        deny('"labels" in context'),
        deny("context[resource.id] == 1"),
        deny("resource.id in context"),
        deny('context.exists(key, key == "x")'),
        deny("size(context) > 1"),
        match("pii:email", effect="allow"),
        {"id": "no", "effect": "limit", "obligations": [LIMIT]},
    ],
)
def test_rule_that_may_depend_on_any_label_reads_those_of_all_detectors(rule):
    found = policies(rule)
    assert found.reads_labels
    assert len(found.labelled_by) == len(found.scanner.detectors)


@pytest.mark.parametrize(
    "rule",
    [
        deny("1 == 1"),
        deny(),
        deny(action="llm.request"),
        deny('context.env == "labels" && has(context.env) && principal.labels == 1 && context["env"] == "x"'),
        deny(**{"context.env": "labels"}),
        deny('"pii:email" in principal.roles'),
    ],
)
def test_rule_about_anything_else_reads_no_labels(rule):
    found = policies(rule)
    assert not found.reads_labels
    assert found.labelled_by == ()


def test_rule_for_another_action_reads_labels_of_that_alone():
    found = policies(match("pii:email"))
    assert [found.reads_labels_of(action) for action in ("tool.call", "plan.step", "x.y")] == [True, False, False]
    assert found.lets_pass("plan.step")
    assert policies(requires={"tool.call": ["context.labels"]}).reads_labels


def test_exception_that_reads_labels_may_depend_on_any():
    exceptions = [
        {
            "id": "but",
            "rules": ["no"],
            "reason": "x",
            "expires": "2100-01-01T00:00:00Z",
            "match": {"context.labels": "a:b"},
        }
    ]
    found = policies(deny(), exceptions=exceptions)
    assert found.reads_labels
    assert len(found.labelled_by) > 10


def test_shadow_set_that_reads_labels_is_told_them_as_well():
    shadow = policy_set([match("pii:email")], name="new", shadow=True)
    found = AxonFlow.open([policy_set([ALLOW]), shadow]).policies
    assert found.reads_labels
    assert found.labelled_by == ("pii.email",)
    assert not found.lets_pass("plan.step")


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        ([ALLOW], True),
        ([ALLOW, {"id": "note", "effect": "log"}], True),
        ([], False),
        ([ALLOW, deny()], False),
        ([ALLOW, deny("content == 1")], False),
        ([ALLOW, deny(**{"resource.id": "x"})], False),
        ([ALLOW, deny('resource.id.startsWith("x")')], False),
        ([ALLOW, {"id": "mask", "effect": "redact"}], False),
    ],
)
def test_action_lets_pass_only_what_every_request_would_be_allowed(rules, passes):
    assert AxonFlow.open(policy_set(rules)).policies.lets_pass("tool.result") is passes


def test_action_that_must_carry_something_or_that_nobody_knows_lets_nothing_pass():
    assert not policies(requires={"tool.result": ["context.env"]}).lets_pass("tool.result")
    assert not policies().lets_pass("x.y")
