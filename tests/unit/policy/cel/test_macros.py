"""Macros with two variables, bindings, optionals, patterns that are not literals, and what loops pay for."""

# ruff: noqa: E501  rows of tables

import pytest

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.patterns import MAX_PATTERN_CHARS, PATTERN_STEPS
from axonflow.policy.cel.values import CelError
from tests.unit.policy.cel.expressions import REQUEST, SCANNER, Evaluation, Host, value

TRUE = [
    "content.body.exists(i, x, i == 1 && x.x == 'there') && context.deep.er.all(i, n, n == i + 1)",
    "context.deep.er.exists_one(i, n, n == 2) && context.deep.er.existsOne(n, n == 2) && {'a': 1}.all(k, v, k == 'a' && v == 1)",
    "principal.roles.transformList(i, r, r + string(i)) == ['analyst0', 'ops1']",
    "context.deep.er.transformList(i, n, i > 0, n * 2) == [4, 6]",
    "context.deep.er.transformMap(i, n, n < 3, [n]) == {0: [1], 1: [2]} && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
    "principal.roles.transformMapEntry(i, r, {r: i}) == {'analyst': 0, 'ops': 1}",
    "principal.roles.transformMapEntry(i, r, i > 0, {r: i}) == {'ops': 1}",
    "[3, -2, 1].sortBy(x, x * x) == [1, -2, 3] && ['bb', 'a', 'cc'].sortBy(s, size(s)) == ['a', 'bb', 'cc'] && [].sortBy(x, x) == []",
    "{'b': 1, 'a': 2}.sortBy(k, k) == ['a', 'b'] && [[2, 1]].all(l, l.sortBy(x, x) == [1, 2])",
    "[[3], [1]].sortBy(l, l.sortBy(x, x)[0])[0] == [1] && dyn([2, 1]).sortBy(x, x) == [1, 2]",
    "cel.bind(risk, context.risk, risk > 90 && risk < 96) && cel.bind(x, 1, cel.bind(y, x + 1, [x].all(x, x + 1 == y)))",
    "cel.bind(context, [1], context == [1]) && context.risk == 95",
    "[1, 2].all(x, cel.bind(y, x * 2, [y].exists(z, z == x + x)))",
    "cel.block([1, cel.index(0) + 1], cel.index(1) == 2) && [3].all(cel.iterVar(0, 0), cel.iterVar(0, 0) == 3)",
    "optional.of(1).value() == 1 && !optional.none().hasValue() && optional.of(optional.none()).hasValue()",
    "optional.ofNonZeroValue(context.env).hasValue() && !optional.ofNonZeroValue(timestamp('0001-01-01T00:00:00Z')).hasValue()",
    "[0, 0u, 0.0, '', b'', [], {}, null, false, duration('0s'), optional.none()].all(z, !optional.ofNonZeroValue(z).hasValue())",
    "[1, true, 'a', [0], {'a': 0}, time, duration('1s')].all(z, optional.ofNonZeroValue(z).hasValue())",
    "context.?risk.value() == 95 && !context.?nothing.hasValue() && context.?nothing.orValue(3) == 3",
    "context.?deep.er[1].value() == 2 && context.?nothing.er[1].orValue(9) == 9 && context.deep.er[?7].orValue(8) == 8",
    "context[?'risk'].value() == 95 && context.?deep[?'er'].value() == [1, 2, 3] && !content[?'none'].hasValue()",
    "resource.?owner.value() == 'bob' && !principal.?nothing.hasValue() && principal.?level.optMap(l, l + 1).value() == 4",
    "context.?deep.optFlatMap(d, d.?er).value() == [1, 2, 3] && !context.?none.optFlatMap(n, optional.none()).hasValue()",
    "[?context.?risk, ?context.?nothing, 1] == [95, 1] && {?'a': context.?risk, ?'b': context.?nothing} == {'a': 95}",
    "optional.none().or(context.?risk).value() == 95 && context.?risk.or(optional.of(1 / 0)).value() == 95",
    "has(context.?deep.er) && !has(context.?nothing.er) && !has(context.?deep.nothing)",
    "dyn(context.?deep).er.value() == [1, 2, 3] && dyn(context.?deep)['er'].hasValue() && has(dyn(context.?deep).er)",
    "optional.unwrap([optional.of(1), optional.none()]) == [1] && dyn([optional.of(2)]).unwrapOpt() == [2]",
    "optional.of([1, {'a': 2.0}]) == optional.of([1.0, {'a': 2}]) && optional.of(1) != 1 && optional.of(1) != optional.of(2)",
    "optional.none() in [1, optional.none()] && !(optional.of([1]) in [[1]]) && type(optional.none()) == optional_type",
    "context.env.matches(context.env) && matches('prod', '^' + context.env + '$') && !context.env.matches(resource.id)",
    "[1, 2].map(x, [x]).exists(x, x == [2]) && [[1], 'a'].exists(x, x in [[2], [1.0]]) && ['to'].exists(x, x in content)",
    "['to'].exists(x, x in dyn({'to': 1})) && [1, 2].all(x, dyn(x) in dyn({1: 1, 2: 2})) && ['er'].all(x, dyn({'er': 1})[x] == 1)",
    "[1, true].map(k, dyn({1: 'a', 2: 'b'})[?k].orValue('none')) == ['a', 'none'] && [1].all(k, dyn({1: 'a'})[k] == 'a')",
    "[1, 2].all(x, [x] + [x] == [x, x]) && ['a'].map(x, dyn(x) + 'b') == ['ab'] && [b'a'].all(x, x + b'b' == b'ab')",
    "[true].all(x, dyn({true: 1})[x] == 1) && [1].exists(x, x in context.deep.er) && ['ops'].exists(x, x in principal.roles)",
    "[optional.of(1), optional.of(1.0), optional.of(2), optional.none()].distinct() == [?optional.of(optional.of(1)), optional.of(2), optional.none()]",
    "[1].all(x, optional.of([x]) == optional.of([1]))",
    ".principal.id == 'ann' && .size('a') == 1 && [1].all(context, .context.risk == 95)",
    "[duration('1h'), time - time].exists(d, d == duration('0s')) && dyn(time) - dyn(time) == duration('0s')",
]  # fmt: skip
FAILS = [
    ("optional.none().value()", "an optional without a value"),
    ("optional.of(1).a", "int has no fields"),
    ("optional.of(dyn(1)).a", "int has no fields"),
    ("optional.of(dyn(1))[0]", "[] does not take int and int"),
    ("context.env.?a", "string has no fields"),
    ("context.env[?0]", "[] does not take string and int"),
    ("context.deep.er[?'a']", "[] does not take list and string"),
    ("content[?null]", "[] does not take"),
    ("[?dyn(1)]", "expected optional, found int"),
    ("{?'a': dyn(1)}", "expected optional, found int"),
    ("dyn(1).optMap(x, x)", "expected optional, found int"),
    ("optional.of(1).optFlatMap(x, dyn(x))", "expected optional, found int"),
    ("dyn(1).hasValue()", "expected optional, found int"),
    ("dyn([1]).unwrapOpt()", "expected optional, found int"),
    ("[1, 2].transformMapEntry(i, v, {'a': v})", "repeated map key"),
    ("[1].transformMapEntry(i, v, dyn(v))", "transformMapEntry() makes maps"),
    ("context.env.transformList(i, v, v)", "expected list, found string"),
    ("context.deep.er.transformMap(i, v, v / 0)", "division by zero"),
    ("context.deep.er.exists(i, v, i)", "expected bool, found int"),
    ("'a'.matches(context.env + '(')", "not a pattern"),
    ("'a'.matches(['a', 'a', 'a', 'a', 'a'].map(x, x).join(context.padding))", "a pattern of more than 256 characters"),
    ("context.env.matches(context.risk)", "expected string, found int"),
    ("[1].exists(x, x in context.env)", "in does not take"),
    ("[1, 2u].sortBy(x, x)", "sortBy() does not take"),
    ("[1, 2].sortBy(x, [x])", "sortBy() does not take"),
    ("[1.0, 0.0 / 0.0].sortBy(x, x)", "sortBy() does not take NaN"),
    ("context.env.sortBy(x, x)", "expected list, found string"),
    ("cel.bind(x, 1 / 0, true)", "division by zero"),
]


def evaluated(condition, form, request=REQUEST):
    return getattr(condition, form)(request, Evaluation(request, request.time, SCANNER))


@pytest.mark.parametrize("expression", TRUE)
def test_expression_of_the_extensions_is_true_in_both_forms(expression):
    condition = Compiler(Host()).condition(expression)
    try:
        assert evaluated(condition, "quick") is True
    except (TypeError, KeyError):  # it has no value in the quick form, such as a field of an optional that is dyn
        assert "dyn(" in expression or " / 0" in expression
    assert evaluated(condition, "careful") is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_of_the_extensions_without_a_value_says_why(expression, message):
    request = Request("user:ann", "tool.call", "tool:x", {**REQUEST.context, "padding": "x" * MAX_PATTERN_CHARS})
    with pytest.raises((CelError, ExpressionError)) as raised:
        value(expression, request)
    assert message in str(raised.value)


def test_block_of_other_indices_is_another_expression():
    compiler = Compiler(Host())
    texts = [f"cel.block([1, 2], cel.index({at}) == context.n)" for at in (0, 1, 0)]
    conditions = [compiler.condition(text) for text in texts]
    for wanted in (1, 2):
        request = Request("user:ann", "tool.call", "tool:x", {"n": wanted})
        assert [evaluated(one, "quick", Request("user:ann", "tool.call", "tool:x", {"n": wanted}, time=0)) for one in
                conditions] == [wanted == 1, wanted == 2, wanted == 1], request  # fmt: skip
    assert conditions[0].shape is conditions[2].shape


def test_patterns_of_a_request_are_paid_for_and_kept():
    made = []

    class Noting(Host):
        def pattern(self, pattern):
            made.append(pattern)
            return super().pattern(pattern)

    condition = Compiler(Noting()).condition("context.patterns.exists(p, context.text.matches(p))")
    request = Request("user:ann", "tool.call", "tool:x", {"text": "b", "patterns": ["a", "a", "a"]})
    assert condition.quick(request, Evaluation(request, 0, SCANNER)) is False
    assert made == ["a"]
    many = Request("user:ann", "tool.call", "tool:x", {"text": "b", "patterns": ["a"] * (200_000 // PATTERN_STEPS + 1)})
    with pytest.raises(CelError, match="more than 200000 loop steps"):
        condition.quick(many, Evaluation(many, 0, SCANNER))


@pytest.mark.slow
@pytest.mark.parametrize(
    "expression",
    [
        "context.items.exists(i, content != context.same)",
        "context.items.exists(i, [i] in content.rows)",
        "context.items.all(i, i in content.rows)",
        "context.items.exists(i, size(content.rows + content.rows) == 1)",
        "context.items.map(i, content.text + 'x').size() == 0",
        "cel.bind(m, content.rows.transformMap(i, r, r), context.items.exists(i, m[0 * i] == 'x'))",
        "context.items.transformMapEntry(i, v, {string(i): [content.text + 'a', content.text + 'b']}).size() == 0",
    ],
)
def test_loop_that_compares_or_builds_something_large_each_time_fails(expression):
    content = {"rows": list(range(20_000)), "text": "a" * 100_000}
    context = {"items": list(range(50_000)), "same": content}
    request = Request("user:ann", "tool.call", "tool:x", context, content)
    with pytest.raises(CelError, match="more than 200000 loop steps"):
        value(expression, request)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["== cel.bind(v, [{big}], v)", "in [cel.bind(v, [{big}], v)]"])
def test_comparison_of_one_content_many_times_over_is_stopped(form):
    request = Request("user:ann", "tool.call", "tool:x", {"rows": list(range(50_000))})
    many = ", ".join(["context.rows"] * 9)
    with pytest.raises(CelError, match="more than 200000 values in one comparison"):
        value(f"[{many}] {form.format(big=many)}", request)
