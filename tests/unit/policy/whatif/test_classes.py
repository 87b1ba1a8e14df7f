"""Which recorded values are one to the rules that may match: those in the same place among what they are compared with,
and of the same kind, unless something else becomes of them."""

from collections import Counter

import msgspec
import pytest

from axonflow import AxonFlow
from axonflow.policy.whatif import Comparison, Recorded
from tests.strategies import policy_set


def event(attributes):
    return Recorded(
        tenant_id="acme", time_us=1_700_000_000_000_000, kind="decision", decision_id="d", policy_digest="then",
        principal="user:ann", action="tool.call", resource="tool:x", effect="allow", policies=(),
        attributes=msgspec.json.decode(msgspec.json.encode(attributes)),
    )  # fmt: skip


def opened(rule, **parts):
    rule = {"id": "r", "effect": "deny"} | (rule if isinstance(rule, dict) else {"when": rule})
    return AxonFlow.open(policy_set([rule], default="allow", **parts)).policies


def judged(after, values, name="context.n", before=None):
    """How many of `values` are judged, and the effects that all come to."""
    comparison = Comparison(after, before)
    comparison.take([event({name: value}) for value in values])
    tally = comparison.finish()
    found = Counter({"unknown": tally.undecidable})
    for (_, effect), count in tally.effects.items():
        found[effect] += count
    return comparison.judged, {effect: count for effect, count in found.items() if count}


@pytest.mark.parametrize(
    ("when", "values", "groups", "effects"),
    [
        ("context.n > 5", [1.5, 2.5, 4.999], 1, {"allow": 3}),
        ("context.n > 5", [4.5, 5.0, 5.5], 3, {"allow": 2, "deny": 1}),
        ("5 >= context.n", [5.5, 6.25, 5.0], 2, {"allow": 2, "deny": 1}),
        ("context.n > 5", [4, 4.5, 3, 3.5], 2, {"allow": 4}),
        ("context.n > 5", [True, False, None, 1], 4, {"deny": 3, "allow": 1}),
        ("context.n != 5 && context.n != 7.5", [1, 2, 6, 7, 8, 5], 4, {"deny": 5, "allow": 1}),
        ("context.n in [-1, 3.0]", [-2, -1, 0, 2, 3, 4], 5, {"allow": 4, "deny": 2}),
        ("context.n == 'b'", ["b", "a", "aa", "c"], 3, {"deny": 1, "allow": 3}),
        ("context.n < 'b'", ["b", "a", "aa", "c"], 3, {"deny": 2, "allow": 2}),
        ("context.n == 'b'", [1, 2, "x", "y", "[REDACTED:a]", "[REDACTED:b]"], 3, {"allow": 4, "unknown": 2}),
        ("has(context.n)", [1, 2, 2.5, "x", "y"], 3, {"deny": 5}),
        ("context.?n.orValue(3) > 5", [1, 2, 6, 7], 2, {"allow": 2, "deny": 2}),
        ("context.n > 5", [[1], [2], {"a": 1}, {"a": 2}], 4, {"deny": 4}),
        ("context.n > 5 && context.n * 2.0 > 20.0", [8.5, 9.5, 10.5], 3, {"allow": 2, "deny": 1}),
        ("context.n > context.m", [1, 2], 2, {"unknown": 2}),
        ("context.n < 9007199254740992", [1, 2], 2, {"deny": 2}),
        ("context.n < 1e999", [1, 2], 2, {"deny": 2}),
    ],
)
def test_values_in_one_place_among_what_they_are_compared_with_are_judged_once(when, values, groups, effects):
    assert judged(opened(when), values) == (groups, effects)


def test_values_that_filters_look_at_are_told_apart_by_what_these_want():
    after = opened({"match": {"context.n": [3, "b", True], "principal.id": "ann"}, "when": "has(context.n)"})
    assert judged(after, [1, 2, 3, 3.0, 4, 5, "a", "b", True, False]) == (8, {"allow": 6, "deny": 4})


def test_values_are_told_apart_by_what_either_policies_compare_them_with():
    after, before = opened("context.n > 10"), opened("context.n > 5")
    assert judged(after, [1, 2, 7, 8, 12, 13], before=before) == (3, {"allow": 4, "deny": 2})


def test_values_of_which_one_of_the_policies_makes_more_are_each_by_itself():
    after, before = opened("context.n > 10"), opened("context.n + 1 > 5")
    assert judged(after, [1, 2, 3], before=before) == (3, {"allow": 3})


def test_values_that_must_be_there_are_all_alike_where_nothing_else_is_asked():
    after = opened("principal.id == 'bob'", requires={"tool.call": ["context.n"]})
    assert judged(after, [1, 2, 3, None]) == (2, {"allow": 3, "deny": 1})


@pytest.mark.parametrize("name", ["principal.level", "principal.attributes.level"])
def test_values_in_either_spelling_of_an_attribute_have_the_same_places(name):
    after = opened("principal.attributes.level > 5 || principal.level == 3")
    assert judged(after, [1, 2, 3, 4, 4, 6], name) == (4, {"allow": 4, "deny": 2})


def test_values_of_a_name_that_is_a_literal_are_compared_by_that_name():
    after = opened('context["n"] > 5 && context["odd name"] != 3')
    assert judged(after, [1, 2, 3]) == (1, {"allow": 3})


def test_integers_and_doubles_in_one_place_differ_where_types_are_declared():
    after = opened("context.n > 5", attributes={"context.n": "int"})
    assert judged(after, [1, 2, 1.5, 2.5]) == (2, {"allow": 2, "deny": 2})


def test_values_of_an_attribute_that_is_called_as_a_field_is_are_not_taken_for_it():
    after = opened("principal.attributes.type == 'user'")
    assert judged(after, ["user", "agent"], "principal.attributes.type") == (2, {"unknown": 2})
