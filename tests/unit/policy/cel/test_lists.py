"""The extensions for lists, for lists as sets, and for encoders."""

# ruff: noqa: E501  rows of a table

import base64
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import ExpressionError
from axonflow.policy.cel import elements
from axonflow.policy.cel.elements import contains, equal
from axonflow.policy.cel.functions import lists
from axonflow.policy.cel.functions.encoders import base64_decode, base64_encode
from axonflow.policy.cel.functions.identities import identities
from axonflow.policy.cel.values import CelError, Uint
from tests.unit.policy.cel.expressions import value
from tests.unit.policy.cel.test_library import OF, SCALARS

# Few different ones, many of them equal to each other.
NUMBERS = st.sampled_from([0, 1, -1, -2, Uint(0), Uint(1), 0.0, -0.0, 1.0, 1.5, 2**60, 2.0**60, math.inf, math.nan])
FEW = NUMBERS | st.sampled_from([True, False, None, "", "0", "1", "[", "s1:a", b"", b"0", "a"])
VALUES = st.recursive(
    FEW,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["", "a", "1", 1, 2]), inner, max_size=2)
    ),
    max_leaves=6,
)
LISTS = st.lists(VALUES, max_size=6)

TRUE = [
    "[1, 1.0, 1u, true, '1', null, null].distinct() == [1, true, '1', null] && [].distinct() == []",
    "[[1, {'a': 2}], [1.0, {'a': 2u}]].distinct() == [[1, {'a': 2}]] && principal.roles.distinct() == principal.roles",
    "size([0.0 / 0.0, 0.0 / 0.0, [0.0 / 0.0], [0.0 / 0.0]].distinct()) == 4",
    "[b'a', b'a', 'a'].distinct() == [b'a', 'a']",
    "[1, [2, [3, [4]]], []].flatten(0) == [1, [2, [3, [4]]], []] && [1, [2, [3, [4]]], []].flatten(9) == [1, 2, 3, 4]",
    "[[[]], []].flatten() == [[]] && dyn([[1]]).flatten() == [1] && [{'a': [1]}].flatten() == [{'a': [1]}]",
    "principal.roles.reverse() == ['ops', 'analyst'] && dyn([1, 2]).reverse() == [2, 1] && [].reverse() == []",
    "[1, 2].slice(0, 0) == [] && [1, 2].slice(0, 2) == [1, 2] && principal.roles.slice(1, 2) == ['ops']",
    "['b', 'a'].sort() == ['a', 'b'] && [].sort() == [] && [true, false].sort() == [false, true] && [2u, 1u].sort() == [1u, 2u]",
    "[1.5, -1.0].sort() == [-1.0, 1.5] && [b'b', b'a'].sort() == [b'a', b'b'] && [duration('2s'), duration('1s')].sort()[0] == duration('1s')",
    "[timestamp(2), timestamp(1)].sort()[0] == timestamp(1) && [principal.roles, principal.roles][0].sort() == ['analyst', 'ops']",
    "[1, 2].first().value() == 1 && [1, 2].last().value() == 2 && !context.deep.er.slice(0, 0).first().hasValue() && ![].last().hasValue()",
    "lists.range(0) == [] && lists.range(context.risk).size() == 95",
    "sets.contains([], []) && !sets.contains([], [1]) && sets.contains([1, [2]], [[2.0]]) && !sets.contains([true], [1])",
    "sets.equivalent([], []) && sets.equivalent([1, 2], [2u, 1.0, 1]) && !sets.equivalent([1], [1, 2]) && !sets.equivalent([1, 2], [1])",
    "!sets.intersects([], [1]) && sets.intersects(principal.roles, ['ops', 'x']) && !sets.intersects([0.0 / 0.0], [0.0 / 0.0])",
    "!sets.contains([0.0 / 0.0], [0.0 / 0.0]) && !sets.equivalent([0.0 / 0.0], [0.0 / 0.0])",
    "base64.encode(b'') == '' && base64.decode('') == b'' && base64.decode('/+8=') == b'\\xff\\xef' && base64.encode(dyn(b'a')) == 'YQ=='",
    "[1].all(sets, sets == 1) && [[3, 1]].all(lists, lists.sort() == [1, 3])",
]
FAILS = [
    ("[1].flatten(-1)", "flatten() by a negative number of levels"),
    ("[1, 2].slice(1, 0)", "index out of range"),
    ("[1, 2].slice(-1, 1)", "index out of range"),
    ("[1, 2].slice(0, 3)", "index out of range"),
    ("[1, 'a'].sort()", "sort() does not take int and string"),
    ("[1, 1.0].sort()", "sort() does not take int and double"),
    ("[null].sort()", "sort() does not take null and null"),
    ("[[1]].sort()", "sort() does not take list and list"),
    ("[0.0 / 0.0].sort()", "sort() does not take NaN"),
    ("lists.range(-1)", "lists.range() takes 0 to 1048576"),
    ("lists.range(1048577)", "lists.range() takes 0 to 1048576"),
    ("context.env.distinct()", "expected list, found string"),
    ("sets.contains(context.env, [1])", "expected list, found string"),
    ("base64.decode('a')", "not base 64"),
    ("base64.decode('aG-_')", "not base 64"),
    ("base64.decode('aGk=aGk=')", "not base 64"),
    ("base64.decode('aGk\\n')", "not base 64"),
    ("base64.decode('äöüß')", "not base 64"),
    ("base64.encode(context.env)", "expected bytes, found string"),
]
REFUSED = [
    ("1.distinct()", 0, "wrong kind for distinct(): expected list(A), found int"),
    ("base64.encode('a')", 14, "wrong kind for base64.encode(): expected bytes, found string"),
    ("sets.contains([1])", 5, "not called like this"),
    ("lists.first([1])", 6, "unknown function"),
]


def nested(levels):
    return [] if levels == 0 else [nested(levels - 1)]


@pytest.mark.parametrize("held", [nested(129), ["a" * 4_000_000] * 3, [0] * 1_000], ids=["deep", "long", "many"])
def test_set_of_lists_with_too_much_in_them_has_no_value(monkeypatch, held):
    monkeypatch.setattr("axonflow.policy.cel.functions.identities.MAX_BUILT", 1_000)
    with pytest.raises(CelError, match="too many values to compare"):
        identities([held])
    assert len(set(identities([nested(128), nested(127), ["a" * 4_000_000], [0] * 700]))) == 4


@pytest.mark.parametrize(
    "expression", ["[1, 2, 3] == {0}", "[[1, 2]] == {1}", "{{1: [2, 3]}} == {2}", "[1, 2, 3] in [{0}]"]
)
def test_comparison_of_more_values_than_a_request_holds_has_no_value(monkeypatch, expression):
    text = expression.format("[1, 2, 3]", "[[1, 2]]", "{1: [2, 3]}")
    monkeypatch.setattr(elements, "MAX_COMPARED", 4)
    assert value(text) is True
    monkeypatch.setattr(elements, "MAX_COMPARED", 3)
    with pytest.raises(CelError, match="more than 3 values in one comparison"):
        value(text)


@pytest.mark.parametrize("expression", TRUE)
def test_expression_with_lists_is_true(expression):
    assert value(expression) is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_with_lists_that_has_no_value_says_why(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression)
    assert message in str(raised.value)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_that_calls_a_list_function_wrongly_is_refused(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


# -- against what they mean, spelled out


@given(VALUES | SCALARS, VALUES | SCALARS)
def test_identities_of_two_values_are_the_same_if_and_only_if_the_values_are_equal(one, other):
    first, second = identities([one, other])
    assert (first is not None and first == second) is equal(one, other)
    assert (first is not None) is equal(one, one)


@given(LISTS)
def test_distinct_elements_are_the_first_of_their_equals(values):
    wanted = []
    for item in values:
        if not contains(wanted, item):
            wanted.append(item)
    assert list(map(id, lists.distinct(values))) == list(map(id, wanted))


@given(LISTS, LISTS)
def test_sets_of_values_are_what_looking_for_each_element_says(values, others):
    assert lists.contains_all(values, others) is all(contains(values, item) for item in others)
    assert lists.have_common(values, others) is any(contains(values, item) for item in others)
    assert lists.are_equivalent(values, others) is (
        all(contains(values, item) for item in others) and all(contains(others, item) for item in values)
    )


def flattened(values, levels):
    return [
        deeper
        for item in values
        for deeper in (flattened(item, levels - 1) if isinstance(item, list) and levels else [item])
    ]


@given(LISTS, st.integers(0, 5))
def test_flattened_list_is_what_recursion_gives(values, levels):
    assert repr(lists.flatten(values, levels)) == repr(flattened(values, levels))


@given(st.data(), st.sampled_from(["int", "uint", "string", "bytes", "bool", "timestamp", "duration", "semver"]))
def test_sorted_list_is_in_order_however_it_was_before(data, kind):
    values = data.draw(st.lists(OF[kind], max_size=8))
    ascending = lists.sort(values)
    assert all(one <= other for one, other in pairwise(ascending))
    assert lists.sort(tuple(random.Random(0).sample(values, len(values)))) == ascending


@given(st.binary())
def test_decoded_base_64_is_what_was_encoded_padded_or_not(data):
    text = base64.b64encode(data).decode()
    assert base64_encode(data) == text
    assert base64_decode(text) == base64_decode(text.rstrip("=")) == data


# -- limits


def wide(levels, leaf):
    out = leaf
    for _ in range(levels):
        out = [out, out]
    return out


def deep(levels):
    out = []
    for _ in range(levels):
        out = [out]
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (lists.flatten, [0] * 1_048_577, "a list of more than 1048576 elements"),
        (lambda value: lists.flatten(value, 100), wide(60, []), "a list of more than 1048576 elements"),
        (lambda value: lists.flatten(value, 2**63 - 1), wide(60, [1]), "a list of more than 1048576 elements"),
        (lists.distinct, [wide(60, 1)], "too many values to compare"),
        (lists.distinct, [wide(12, "a" * 10_000)], "too many values to compare"),
        (lists.distinct, [deep(500)], "too many values to compare"),
        (lambda value: lists.contains_all(value, value), [wide(60, 1)], "too many values to compare"),
    ],
)  # fmt: skip
def test_function_of_a_list_that_holds_itself_many_times_is_stopped(function, argument, message):
    with pytest.raises(CelError, match=message):
        function(argument)


@pytest.mark.slow
def test_flatten_of_a_deep_list_beside_a_long_one_visits_each_once():
    assert lists.flatten([*[0] * 500_000, deep(100_000)], 2**40) == [0] * 500_000


def test_encoded_bytes_are_not_longer_than_a_text_may_be():
    assert len(base64_encode(b"a" * 3_145_728)) == 4_194_304
    with pytest.raises(CelError, match="a text of more than 4194304 characters"):
        base64_encode(b"a" * 3_145_729)
