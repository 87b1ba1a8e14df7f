"""What `check` warns of, and the inline tests of rules."""

import pytest

from axonflow import AxonFlow, Decision, Effect, Request
from axonflow.policy.deciding.index import LONG_ALWAYS_LIST
from axonflow.policy.documents.checking import Expectation, differences, find_warnings, requests_of, run_rule_tests
from axonflow.policy.documents.reading import PolicySource, read_policy_set
from tests.strategies import policy_set

REQUEST = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell", "context": {"env": "prod"}}


def load(*documents):
    """The documents, checked; a place is its path."""
    return [
        read_policy_set(PolicySource(f"d{number}", document, lambda path, _offset: "/".join(map(str, path))))
        for number, document in enumerate(documents)
    ]


def warn(*documents):
    return find_warnings(load(*documents), AxonFlow.open(documents).policies.rules)


def rule(effect="deny", match=None, **parts):
    if effect == "limit":
        parts["obligations"] = [{"unit": "requests", "maximum": 1, "window_s": 1}]
    return {"id": "r", "effect": effect, "match": match or {}, **parts}


# -- warnings


def test_warnings_without_policies_say_that_all_is_denied():
    (found,) = warn()
    assert found.kind == "no-policies"
    assert "every request is denied" in found.message


def test_warnings_of_a_sound_set_are_none():
    match = {"action": "tool.call", "principal.id": "ann", "resource.type": "tool", "context.env": "prod"}
    assert warn(policy_set([rule(match=match)], requires={"tool.call": ["context.env"]})) == ()


@pytest.mark.parametrize(
    "path",
    [
        "context.env", "context.a.b", "principal.trust", "principal.attributes.trust", "resource.owner.team",
        "principal.on_behalf_of.trust", "principal.on_behalf_of.attributes.trust", "principal.on_behalf_of.id",
        "principal.on_behalf_of.roles", "principal.on_behalf_of.on_behalf_of.tenant",
    ],
)  # fmt: skip
@pytest.mark.parametrize("effect", ["deny", "require_approval", "redact", "limit", "warn", "log"])
def test_filter_on_an_attribute_that_nothing_requires_is_warned_of(path, effect):
    (found,) = warn(policy_set([rule(effect, {"action": ["tool.call", "llm.request"], path: "x"})]))
    assert (found.kind, found.at) == ("optional-filter", f"rules/0/match/{path}")
    assert path in found.message
    assert "tool.call, llm.request" in found.message
    assert ("in `when`" in found.message) is (effect not in {"warn", "log"})


@pytest.mark.parametrize(
    "path",
    ["principal.id", "principal.roles", "principal.tenant", "resource.type", "resource.id"],
)
def test_filter_on_a_declared_field_is_not_warned_of(path):
    assert warn(policy_set([rule(match={"action": "tool.call", path: "x"})])) == ()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("principal.type", "robot", "never robot: there are user, agent, service"),
        ("principal.type", ["agent", "bot", "robot"], "never bot, robot"),
        ("principal.on_behalf_of.type", "robot", "never robot"),
        ("principal.on_behalf_of", "user:ann", "an object"),
        ("principal.attributes", "x", "an object"),
        ("resource.attributes", "x", "an object"),
        ("principal.id.name", "ann", "nothing"),
        ("principal.roles.first", "lead", "nothing"),
        ("resource.id", "", "never empty"),
    ],
)
def test_filter_that_no_request_can_match_is_warned_of(path, value, words):
    documents = policy_set(
        [rule("allow", {path: value})],
        exceptions=[
            {"id": "e", "rules": ["r"], "reason": "x", "expires": "2030-01-01T00:00:00Z", "match": {path: value}}
        ],
    )
    found = warn(documents)
    assert [(one.kind, one.at) for one in found] == [
        ("dead-filter", f"rules/0/match/{path}"),
        ("dead-filter", f"exceptions/0/match/{path}"),
    ]
    assert found[0].message.startswith(f"rule r filters on {path}, ")
    assert found[1].message.startswith("exception e ")
    assert all(words in one.message for one in found)


@pytest.mark.parametrize(
    ("path", "value"),
    [("principal.type", ["user", "agent", "service"]), ("principal.kind.type", "robot"), ("resource.type", "robot"),
     ("context.type", "robot"), ("context.a", ""), ("principal.trust", "")],
)  # fmt: skip
def test_filter_that_a_request_can_match_is_not_called_dead(path, value):
    assert warn(policy_set([rule("allow", {path: value})])) == ()


def test_filter_of_an_allow_rule_is_not_warned_of():
    assert warn(policy_set([rule("allow", {"context.env": "dev"})])) == ()


def test_filter_that_another_set_requires_is_not_warned_of():
    filtering = policy_set([rule(match={"action": "tool.call", "principal.trust": "low"})])
    requiring = policy_set([], name="two", requires={"tool.call": ["principal.attributes.trust", "content"]})
    assert warn(filtering, requiring) == ()
    assert len(warn(filtering, requiring | {"shadow": True})) == 1


def test_filter_is_warned_of_for_those_actions_alone_that_do_not_require_it():
    rules = [rule(match={"action": ["tool.call", "llm.request"], "context.env": "prod"})]
    (found,) = warn(policy_set(rules, requires={"tool.call": ["context.env"]}))
    assert "for llm.request, so" in found.message


def test_filter_of_a_rule_for_every_action_names_a_few():
    (found,) = warn(policy_set([rule(match={"context.env": "prod"})]))
    assert "agent.message, connector.query, connector.result and 7 more" in found.message


def test_action_that_is_unknown_is_warned_of_wherever_it_stands():
    exception = {
        "id": "e", "rules": ["r"], "reason": "why", "expires": "2030-01-01T00:00:00Z", "match": {"action": "tool.cal"},
    }  # fmt: skip
    unnamed = exception | {"id": "f", "match": {}}
    listed = exception | {"id": "g", "match": {"action": ["tool.call", "zzz"]}}
    document = policy_set(
        [rule(match={"action": ["tool.call", "tool.cal"]})],
        requires={"plan.begin": ["content"]},
        exceptions=[exception, unnamed, listed],
    )
    found = warn(document)
    assert {(one.kind, one.at) for one in found} == {
        ("unknown-action", "requires/plan.begin"),
        ("unknown-action", "rules/0/match/action"),
        ("unknown-action", "exceptions/0/match/action"),
        ("unknown-action", "exceptions/2/match/action"),
    }
    assert "did you mean tool.call?" in found[1].message
    assert "there are agent.message, " in found[-1].message


def test_action_that_a_set_declares_is_not_warned_of():
    named = rule(match={"action": "crm.export"})
    assert [one.kind for one in warn(policy_set([named]))] == ["unknown-action"]
    assert warn(policy_set([named], actions=["crm.export"])) == ()


@pytest.mark.parametrize("action", ["vault.reveal", "label.declassify"])
def test_action_that_axonflow_asks_about_only_where_it_is_named_is_not_warned_of(action):
    assert warn(policy_set([rule(effect="allow", match={"action": action})])) == ()


def test_list_that_no_look_up_narrows_is_warned_of_when_long():
    def rules(count):
        return [
            {"id": f"r{n}", "effect": "log", "match": {"action": "tool.call"}, "when": "context.n > 1"}
            for n in range(count)
        ]

    assert warn(policy_set(rules(LONG_ALWAYS_LIST))) == ()
    (found,) = warn(policy_set(rules(LONG_ALWAYS_LIST + 1)))
    assert (found.kind, found.at) == ("long-always-list", "")
    assert "33 rules are tried on every tool.call" in found.message


def test_list_for_every_action_is_warned_of_once():
    rules = [{"id": f"r{n}", "effect": "log", "when": "context.n > 1"} for n in range(LONG_ALWAYS_LIST + 1)]
    (found,) = warn(policy_set(rules))
    assert "33 rules are tried on every request" in found.message
    more = {"id": "more", "effect": "log", "match": {"action": "tool.call"}, "when": "context.n > 1"}
    assert ["34 rules are tried on every tool.call" in one.message for one in warn(policy_set([*rules, more]))] == [
        False,
        True,
    ]


# -- expectations


def decision(effect=Effect.DENY, policies=("a", "b"), redacted=None):
    return Decision(effect, False, (), (), policies, "id", "digest", redacted)


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (Expectation(Effect.DENY), []),
        (Expectation(Effect.ALLOW), ["effect"]),
        (Expectation(Effect.DENY, ("b", "a")), []),
        (Expectation(Effect.DENY, ("b", "a", "a")), []),
        (Expectation(Effect.DENY, ("a",)), ["policies"]),
        (Expectation(Effect.ALLOW, ()), ["effect", "policies"]),
        (Expectation(Effect.DENY, redacted=None), []),
        (Expectation(Effect.DENY, redacted="x"), ["redacted"]),
    ],
)
def test_differences_are_of_the_named_fields_alone(expected, fields):
    assert [one.field for one in differences(expected, decision())] == fields


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        (1, True, False),
        (None, "x", False),
        ("x", None, False),
        ("secret", "other secret", False),
    ],
)
def test_differences_in_redaction_compare_json_and_show_none(expected, actual, same):
    found = differences(Expectation(Effect.DENY, redacted=expected), decision(redacted=actual))
    assert (found == ()) is same
    assert "secret" not in repr(found)


def test_differences_in_policies_name_none_as_none():
    (found,) = differences(Expectation(Effect.DENY, ()), decision())
    assert (found.expected, found.actual) == ("none", "a, b")


# -- inline tests


def outcomes(*documents):
    return list(run_rule_tests(load(*documents), AxonFlow.open(documents).decide))


def with_test(expect, request=REQUEST, **parts):
    return policy_set([rule(tests=[{"request": request, "expect": expect}])], **parts)


@pytest.mark.parametrize("expect", ["deny", {"effect": "deny", "policies": ["r"], "redacted": None}])
def test_rule_test_that_is_met_passes(expect):
    (found,) = outcomes(with_test(expect))
    assert (found.rule, found.number, found.at, found.passed) == ("r", 1, "rules/0/tests/0", True)


def test_rule_test_that_is_not_met_says_how():
    (found,) = outcomes(with_test({"effect": "allow", "policies": []}))
    assert not found.passed
    assert found.problems == ("effect: expected allow, got deny", "policies: expected none, got r")


def test_rule_test_compares_only_what_is_named():
    assert outcomes(with_test({"effect": "deny", "policies": None}))[0].passed


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "missing required field"),
        (REQUEST | {"principal": "ann"}, "short form"),
        (REQUEST | {"x": 1}, "unknown field"),
    ],
)
def test_rule_test_whose_request_is_none_fails(request_, message):
    (found,) = outcomes(with_test("deny", request_))
    assert message in found.problems[0]


def test_rule_test_of_a_shadow_set_is_held_against_its_own_verdict():
    enforced = policy_set([{"id": "yes", "effect": "allow"}], name="enforced")
    assert outcomes(enforced, with_test("deny", shadow=True))[0].passed
    (found,) = outcomes(enforced, with_test({"effect": "allow", "policies": ["yes"]}, shadow=True))
    assert found.problems == ("effect: expected allow, got deny", "policies: expected yes, got r")
    (found,) = outcomes(enforced, with_test({"effect": "deny", "redacted": None}, shadow=True))
    assert "can never be compared" in found.problems[0]


def test_requests_of_a_rule_leave_out_those_that_are_none():
    tests = [{"request": REQUEST | {"action": 7}, "expect": "deny"}, {"request": REQUEST, "expect": "deny"}]
    (one,) = load(policy_set([rule(tests=tests)]))
    assert requests_of(one.document.rules[0]) == (Request(**REQUEST),)


LOW, HIGH = ({"unit": "requests", "maximum": maximum, "window_s": 60} for maximum in (1, 9))


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        ([{"maximum": 1}, {"unit": "requests"}], True),
        ([{"unit": "requests"}, {"maximum": 1}], True),
        ([{"maximum": 1}, {"maximum": 1}], False),
        ([{"window_s": 60}, {"maximum": 9}], True),
        ([{"maximum": 9}, {"window_s": 60}], True),
        ([{"unit": "requests"}, {"maximum": 2}], False),
        ([{}], False),
    ],
)
def test_expected_obligations_each_need_one_of_their_own(expected, fits):
    rules = [
        {"id": "yes", "effect": "allow"},
        {"id": "low", "effect": "limit", "obligations": [LOW]},
        {"id": "high", "effect": "limit", "obligations": [HIGH]},
    ]
    decision = AxonFlow.open(policy_set(rules)).decide(Request(**REQUEST))
    found = differences(Expectation(Effect.LIMIT, obligations=tuple(expected)), decision)
    assert [one.field for one in found] == ([] if fits else ["obligations"])
