"""What one decision may cost is bounded, whatever the request holds: loops are paid for, by what they read too; and an
expression that may cost too much is refused before there is a request."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, reject, settings

from axonflow import AxonFlow, Effect, Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler, parse
from axonflow.policy.cel.checker import Checker
from axonflow.policy.cel.cost import WORST, Size, Sizes, cost_of
from axonflow.policy.cel.scope import request_scope
from axonflow.policy.cel.values import CelError
from tests.strategies import policy_set
from tests.unit.policy.cel import interpreter
from tests.unit.policy.cel.expressions import SCANNER, Evaluation, Host, value
from tests.unit.policy.cel.sources import requests, sources

HOST = Host()
ITEMS = [f"b{number}" for number in range(20_000)]


def asked(content, **context):
    return Request("user:ann", "tool.call", "tool:x", context, content)


@pytest.mark.slow
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
        ("context.items.exists(i, content.format([]) == i)", "%%" * 50 + "a" * 60_000),
        ("context.items.exists(i, content.glob('*a?b*'))", "a" * 4_000),
        ("context.items.exists(i, sets.contains(content, [i]))", ["a"] * 90_000),
        ("context.items.exists(i, content.sort()[0] == i)", ["a"] * 90_000),
        ("context.items.exists(i, content.lastIndexOf(i) > 0)", "a" * 4_000_000),
        ("context.items.exists(i, '::1'.inCIDR(content))", ["10.0.0.0/8"] * 100),
        ("context.items.exists(i, time.getHours('Europe/' + i) == 1)", None),
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


def spent(expression, **context):
    evaluation = Counting(asked(None, **context), 0, SCANNER)
    Compiler(HOST).condition(expression).careful(evaluation.request, evaluation)
    return evaluation.spent


@pytest.mark.parametrize(
    "expression",
    ["[1].exists(i, sets.contains(context.words, [i]))", "[1].exists(i, '%s'.format([context.words]) == '')"],
)
def test_loop_pays_for_each_long_text_in_a_list_that_it_reads(expression):
    short, long = spent(expression, words=["a", "b"]), spent(expression, words=["a" * 4_096, "b" * 8_192])
    assert long - short >= 3


# -- the estimate


def estimate(source, sizes=WORST):
    return cost_of(Checker(request_scope()).check(parse(source).node), sizes)


def size_of(item):
    """Elements, those at any depth, and characters of a value."""
    if isinstance(item, str):
        return Size(text=len(item) / 4_096)
    inner = [*item, *item.values()] if isinstance(item, dict) else item if isinstance(item, (list, tuple)) else []
    sizes = [size_of(held) for held in inner]
    return Size(len(inner), len(inner) + sum(size.nodes for size in sizes), sum(size.text for size in sizes))


def largest(values):
    return Size(*map(max, zip(*map(size_of, values), strict=True)))


def sizes_of(request):
    """The bounds that this very request keeps within."""
    principal, resource = request.principal, request.resource
    people = [principal, *([principal.on_behalf_of] if principal.on_behalf_of else [])]
    values = [request.content, request.context, resource.attributes, *(one.attributes for one in people)]
    json = largest(values)
    ids = [text for one in [*people, resource] for text in (one.id, one.type, getattr(one, "tenant", ""))]
    return Sizes(
        json=json._replace(items=json.nodes),
        text=largest([*ids, request.action]),
        memberships=largest([group for one in people for group in (one.roles, one.groups)]),
        findings=Size(),
        literal=Size(text=20 / 4_096),
    )


class Counting(Evaluation):
    """Has no limit and counts."""

    spent = 0

    def spend(self, steps):
        self.spent += steps


class Visits(dict):
    """The rules of the plain interpreter; counts the nodes that it evaluates."""

    count = 0

    def __getitem__(self, kind):
        self.count += 1
        return super().__getitem__(kind)


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(sources(), requests())
def test_work_on_any_request_is_at_most_the_estimate_for_its_size(source, request_):
    try:
        condition = Compiler(HOST).condition(source)
    except ExpressionError:
        reject()
    bound = estimate(source, sizes_of(request_))
    evaluation = Counting(request_, 0, SCANNER)
    with contextlib.suppress(CelError):
        condition.careful(request_, evaluation)
    assert evaluation.spent <= bound
    rules, interpreter.RULES = interpreter.RULES, Visits(interpreter.RULES)
    try:
        with contextlib.suppress(interpreter.Failed):
            interpreter.evaluate(parse(source).node, request_)
    finally:
        visits, interpreter.RULES = interpreter.RULES, rules
    assert visits.count <= bound
    assert bound <= estimate(source)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("context.a == 1", "content == context.b"),
        ("context.a > 1", "content.exists(c, c == 1)"),
        ("content.exists(c, c == 1)", "content.exists(c, content.exists(d, c == d))"),
        ("content.exists(c, c.exists(d, d == 1))", "content.exists(c, content.exists(d, d == 1))"),
        ("principal.roles.exists(r, r == 'a')", "content.exists(r, r == 'a')"),
        ("[1, 2].exists(r, r == 1)", "principal.roles.exists(r, r == '1')"),
        ("content.matches('a')", "content.matches(context.a)"),
        ("content.contains('a')", "content + 'a' == ''"),
        ("[content] == []", "[content, content] == []"),
        ("content.map(c, c) == []", "content.map(c, content) == []"),
        ("content.transformList(i, c, c) == []", "content.transformList(i, c, c == 1, content) == []"),
        ("principal.roles.join('-') == ''", "texts(content).join('-') == ''"),
        ("context.?a.optMap(x, 1).hasValue()", "context.?a.optMap(x, x == content).hasValue()"),
        ("true ? content == 1 : true", "true ? content == context : true"),
        ("cel.bind(b, content, b == 1)", "cel.bind(b, content, b.exists(x, x == b))"),
        ("{'a': content} == {}", "{'a': content, 'b': content} == {}"),
        ("content['a'] == 1", "content[context.a] == 1"),
        ("[0].map(i, i) == []", "lists.range(1) == []"),
        ("principal.id.trim() == context.a", "principal.id.replace('a', 'b') == context.a"),
        ("[context.a].join('-') == context.b", "[context.a].join(context.b) == context.b"),
    ],
)
def test_estimate_of_what_reads_more_is_larger(small, large):
    assert 0 < estimate(small) < estimate(large)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("context.a == 1", "context.a == 9000000"),
        ("context.a == 'x'", f"context.a == '{'y' * 9_000}'"),
        ("texts(content).join('') == 'a'", "texts(content).join('--------') == ''"),
        ("[1, 2].exists(x, x == 1)", "[3, 4].exists(x, x == 5)"),
        ("content.matches('a')", "content.matches('^(a|b){1,100}$')"),
    ],
)
def test_estimate_of_expressions_that_differ_in_literals_alone_is_the_same(one, other):
    assert estimate(one) == estimate(other)


@pytest.mark.parametrize(
    "expression",
    [
        "content.exists(a, content.exists(b, content.exists(c, a == b && b == c)))",
        "content.map(a, content.map(b, content)) == []",
        "texts(content).exists(a, texts(content).map(b, a + b).exists(c, texts(content).exists(d, c == d)))",
        "[content].map(a, " + "[" + ",".join(["a"] * 500) + "]).map(b, " + "[" + ",".join(["b"] * 500) + "]).map(c, "
        "[" + ",".join(["c"] * 500) + "]) == []",
        "cel.bind(v0, content, "
        + "".join(f"cel.bind(v{n}, [{', '.join([f'v{n - 1}'] * 4)}], " for n in range(1, 30)) + "v29 == []" + ")" * 30,
    ],
)  # fmt: skip
def test_expression_whose_worst_case_costs_too_much_is_refused_with_the_estimate(expression):
    with pytest.raises(ExpressionError, match=r"costs too much: expected at most 1e\+13 steps, found [0-9]e\+[0-9]+"):
        Compiler(HOST).condition(expression)


def test_expression_whose_worst_case_cannot_be_counted_is_refused():
    text = "v33 == []"
    for number in range(33, 0, -1):
        text = f"cel.bind(v{number}, content.map(x, content.map(y, v{number - 1})), {text})"
    with pytest.raises(ExpressionError, match="found more than can be counted"):
        Compiler(HOST).condition(text.replace("v0", "content"))


@pytest.mark.parametrize(
    "expression",
    [
        "content.exists(a, context.items.exists(b, a == b))",
        "content.exists(a, a.exists(b, b.exists(c, c == 1)))",
        "principal.roles.all(r, principal.groups.all(g, texts(content).all(t, t != r + g)))",
        "findings.exists(f, findings.exists(g, f.start == g.end))",
    ],
)
def test_expression_with_loops_over_different_things_is_within_the_bound(expression):
    assert Compiler(HOST).condition(expression).quick is not None
