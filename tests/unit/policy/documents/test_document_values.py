"""Policy documents given as Python objects: whatever stands in them, it is policy or one PolicyError says where."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, PolicyError, Request
from tests.strategies import json_values, policy_set

LOOP = []
LOOP.append(LOOP)
DEEP = 1
for _ in range(500):
    DEEP = [DEEP]


def rule(**parts):
    return policy_set([{"id": "r", "effect": "deny", **parts}])


def refusal(document):
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(document)
    assert len(raised.value.problems) == 1, raised.value
    return str(raised.value)


SCALARS = "expected a string, a boolean, a number or a list of these"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, f"is not valid: {SCALARS}, found None"),
        ({"a": 1}, f"is not valid: {SCALARS}, found dict"),
        ([["a"]], f"is not valid: {SCALARS}, found list"),
        (["a", None], f"is not valid: {SCALARS}, found list"),
        ({1}, SCALARS),
        (b"a", SCALARS),
        ([], "is not valid: expected at least 1 and at most 10000 values, found list"),
        (["a"] * 10_001, "expected at least 1 and at most 10000 values"),
        (2**63, ": number out of range: expected an integer of 64 bits, found a larger one"),
        pytest.param(-(10**5_000), "number out of range", id="5000 digits"),
        ([1, 2**70], "rules.0.match.context.x[1]: number out of range"),
        (float("nan"), ": number out of range: expected a finite number, found nan"),
        ("\ud800", "not encodable as UTF-8"),
    ],
)
def test_match_value_that_is_none_is_one_problem_at_its_place(value, message):
    text = refusal(rule(match={"context.x": value}))
    assert text.startswith("policies.rules[0].match.context.x: rules.0.match.context.x")
    assert message in text


@pytest.mark.parametrize("value", ["a", "", True, 0, -(2**63), 2**63 - 1, 1.5, ["a", 1, False], ["a"] * 10_000])
def test_match_value_of_a_plain_kind_matches_itself(value):
    flow = AxonFlow.open(rule(match={"context.x": value}) | {"default": "allow"})
    one = value[0] if isinstance(value, list) else value
    assert not flow.decide(Request("user:a", "tool.call", "tool:x", {"x": one})).allowed
    assert flow.decide(Request("user:a", "tool.call", "tool:x", {"x": "other"})).allowed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1}, ".'a': not a JSON value: expected null, boolean, number, string, list or object, found set"),
        (2**64, ".'a': number out of range"),
        ("\ud800", ".'a': not encodable as UTF-8"),
        (LOOP, ": nested too deep"),
        (DEEP, ": nested too deep"),
    ],
    ids=["set", "number", "surrogate", "loop", "deep"],
)
def test_json_in_a_document_that_is_none_is_refused_at_its_place(value, message):
    case = {"request": {"a": value}, "expect": "deny"}
    assert f"rules[0].tests[0].request: rules.0.tests.0.request{message}" in refusal(rule(tests=[case]))
    text = refusal(rule(effect="redact", obligations=[{"a": value}]))
    assert f"rules[0].obligations[0]: rules.0.obligations.0{message}" in text
    case = {"request": {}, "expect": {"effect": "redact", "redacted": {"a": value}}}
    assert message in refusal(rule(tests=[case]))


@pytest.mark.parametrize(
    ("parts", "place", "message"),
    [
        ({"tests": [{"request": {}, "expect": "maybe"}]}, "rules[0].tests[0].expect", "'maybe'"),
        ({"tests": [{"request": {}, "expect": {"effect": "maybe"}}]}, "rules[0].tests[0].expect.effect", "'maybe'"),
        ({"tests": [{"expect": "deny"}]}, "rules[0].tests[0].request", "request is missing"),
        ({"reason": "a\x00b"}, "rules[0].reason", "expected text without NUL, which cannot be recorded"),
        ({"reason": ""}, "rules[0].reason", "at least 1 character"),
        ({"effect": "redact", "obligations": [{"detectors": ["pii"]}, {"detectors": 5}]},
         "rules[0].obligations[1].detectors", "list"),
        ({"effect": "redact", "obligations": [{"detectors": ["nope"]}]}, "rules[0].obligations[0]", "nope"),
        ({"effect": "limit", "obligations": [{"unit": "requests", "maximum": 1}]},
         "rules[0].obligations[0].window_s", "missing"),
        ({"effect": "limit", "obligations": [{"unit": "requests", "maximum": 10**5_000, "window_s": 1}]},
         "rules[0].obligations[0]", "rules.0.obligations.0.'maximum': number out of range"),
    ],
)  # fmt: skip
def test_part_of_a_rule_that_is_wrong_is_one_problem_at_its_place(parts, place, message):
    text = refusal(rule(**parts))
    assert text.startswith(f"policies.{place}: ")
    assert message in text


def test_digest_of_a_live_set_and_a_shadow_of_its_name_does_not_depend_on_their_order():
    live, shadow = rule(), policy_set([], shadow=True)
    assert AxonFlow.open([live, shadow]).policy_digest == AxonFlow.open([shadow, live]).policy_digest


VALID = policy_set(
    [
        {
            "id": "a",
            "effect": "limit",
            "match": {"action": "tool.call", "context.env": ["prod"]},
            "when": "context.x > 1",
            "obligations": [{"unit": "tokens", "maximum": 1, "window_s": 1, "key": ["principal.id"]}],
            "tests": [{"request": {"principal": "user:a"}, "expect": {"effect": "deny"}}],
        },
    ],
    requires={"tool.call": ["context.env"]},
    exceptions=[{"id": "e", "rules": ["a"], "reason": "r", "expires": "2027-01-01T00:00:00Z"}],
)
ODD = json_values() | st.sampled_from(
    [
        2**64,
        float("nan"),
        float("inf"),
        "\ud800",
        "\x00",
        b"x",
        {1: 2},
        {None: 1},
        {1},
        object(),
        LOOP,
        DEEP,
        (1, 2),
        1j,
    ]
)


def places(value, path=()):
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


@given(st.sampled_from(list(places(VALID))[1:]), ODD, st.booleans())
def test_document_with_anything_anywhere_loads_or_is_refused_with_a_policy_error(path, odd, as_new_key):
    document = copy.deepcopy(VALID)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if as_new_key and isinstance(parent, dict) and odd.__hash__ is not None:
        parent[odd] = odd
    else:
        parent[path[-1]] = odd
    try:
        flow = AxonFlow.open(document)
    except PolicyError as error:
        answer = str(error)
    else:
        answer = flow.decide(Request("user:a", "tool.call", "tool:x")).decision_id
    assert answer


@given(json_values() | st.sampled_from([{1: 2}, {"apiVersion": LOOP}, {"rules": DEEP}]))
def test_any_dictionary_as_policies_loads_or_is_refused_with_a_policy_error(value):
    with pytest.raises(PolicyError):
        AxonFlow.open({"kind": value} if not isinstance(value, dict) else value)
