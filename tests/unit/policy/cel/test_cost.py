"""What one decision may cost is bounded, whatever the request holds: loops are paid for, by what they read too."""

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.policy.cel.values import CelError
from tests.strategies import policy_set
from tests.unit.policy.cel.expressions import Host, value

HOST = Host()
ITEMS = [f"b{number}" for number in range(20_000)]


def asked(content, **context):
    return Request("user:ann", "tool.call", "tool:x", context, content)


@pytest.mark.parametrize(
    ("expression", "content"),
    [
        ("context.items.all(i, size(texts(content)) >= 0)", [0] * 90_000),
        ("context.items.all(i, chars(content) >= 0)", {"deep": [{"er": [0] * 40_000}]}),
        ("context.items.exists(i, content.contains(i))", "a" * 4_000_000),
        ("context.items.exists(i, content.lowerAscii() == i)", "a" * 4_000_000),
        ("context.items.exists(i, content.matches('b$'))", "a" * 4_000_000),
        ("context.items.exists(i, content.join('') == i)", ["a"] * 90_000),
        ("context.items.map(i, content.trim()).size() == 0", "a" * 4_000_000),
        ("context.items.exists(i, content.join('') == i)", ["a" * 400_000] * 10),
        ("context.items.exists(i, base64.encode(bytes(content)) == i)", "a" * 3_000_000),
        ("context.items.exists(i, lists.range(1000000).size() == 1)", None),
        ("context.items.exists(i, content.replace('', 'b').size() == 1)", "a" * 1_000_000),
        ("context.items.exists(i, '%s%s'.format([content, i]) == i)", "a" * 2_000_000),
        ("context.items.exists(i, content.glob('*a?b*'))", "a" * 4_000),
        ("context.items.exists(i, sets.contains(content, [i]))", ["a"] * 90_000),
        ("context.items.exists(i, content.sort()[0] == i)", ["a"] * 90_000),
        ("context.items.exists(i, '::1'.inCIDR(content))", ["10.0.0.0/8"] * 100),
        ("context.items.exists(i, content.format([]) == i)", "%%" * 2_000),
        ("context.items.exists(i, content.lastIndexOf(i) > 0)", "a" * 4_000_000),
    ],
)
def test_loop_that_reads_all_of_a_large_content_each_time_fails_closed(expression, content):
    flow = AxonFlow.open(policy_set([{"id": "r", "effect": "deny", "when": expression}], default="allow"))
    decision = flow.decide(asked(content, items=ITEMS))
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "more than 200000 loop steps in one decision"


@pytest.mark.parametrize(
    ("expression", "content"),
    [
        ("texts(content).exists(t, t.contains('b'))", ["a" * 40] * 90_000),
        ("content.all(t, t.startsWith('a') && t.endsWith('a'))", ["a" * 4_000] * 1_000),
        ("context.words.exists(w, content.contains(w))", "a" * 4_000_000),
        ("context.words.all(w, texts(content).all(t, !t.contains(w)))", ["a"] * 1_000),
    ],
)
def test_loop_over_a_large_content_that_reads_each_part_once_has_a_value(expression, content):
    assert value(expression, asked(content, words=["b"] * 100)) in {True, False}


@pytest.mark.parametrize("function", ["texts", "chars"])
def test_content_many_times_over_is_not_collected(function):
    with pytest.raises(CelError, match="more than 200000 values in one"):
        value(f"{function}(context.items.map(i, content)) != null", asked([0] * 90_000, items=ITEMS))


def test_literal_in_a_loop_is_not_paid_for():
    long = "x" * 16_000
    assert value(f"context.items.exists(i, '{long}'.contains(i))", asked(None, items=ITEMS)) is False


def test_loop_ends_with_the_first_element_that_cannot_be_paid_for():
    with pytest.raises(CelError, match="more than 200000 loop steps"):
        value("context.items.exists(i, lists.range(1000000).size() == 1 || i == 'b19999')", asked(None, items=ITEMS))
