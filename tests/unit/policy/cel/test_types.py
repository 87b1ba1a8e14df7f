"""What the checker knows of expressions before any request is there, and of attributes whose types are declared."""

# ruff: noqa: E501  rows of tables

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler, parse
from axonflow.policy.cel.checker import Checker
from axonflow.policy.cel.scope import request_scope
from axonflow.policy.cel.types import parse_type
from axonflow.policy.cel.values import CelError
from tests.unit.policy.cel.expressions import SCANNER, Evaluation, Host

ATTRIBUTES = {
    "context.risk": "int",
    "context.ratio": "double",
    "context.env": "string",
    "context.flag": "bool",
    "context.labels": "list(string)",
    "context.limits": "map(string, int)",
    "context.weights": "list(double)",
    "context.rates": "map(string, double)",
    "context.any": "dyn",
    "context.things": "list",
    "context.deep.n": "int",
    "principal.clearance": "string",
    "resource.attributes.size": "int",
}


def type_of(expression):
    node = parse(expression).node
    return str(Checker(request_scope(ATTRIBUTES)).check(node).type_of(node))


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("1", "int"), ("1u", "uint"), ("1.5", "double"), ("'a'", "string"), ("b'a'", "bytes"), ("null", "null"),
        ("[]", "list(dyn)"), ("[1, 2]", "list(int)"), ("[1, 'a']", "list(dyn)"), ("[[1], ['a']]", "list(list(dyn))"),
        ("{}", "map(dyn, dyn)"), ("{'a': 1}", "map(string, int)"), ("{'a': 1, 2: 'b'}", "map(dyn, dyn)"),
        ("[1][0]", "int"), ("{'a': 1}['a']", "int"), ("{'a': 1}.a", "int"), ("content.a.b", "dyn"), ("content[0]", "dyn"),
        ("principal.id", "string"), ("principal.roles", "list(string)"), ("principal.on_behalf_of.roles[0]", "string"),
        ("time", "timestamp"), ("time - time", "duration"), ("time + duration('1s')", "timestamp"), ("time - content", "dyn"),
        ("duration('1s') + time", "timestamp"), ("1 + 2", "int"), ("content + 'a'", "string"), ("content + content", "dyn"),
        ("[1] + ['a']", "list(dyn)"), ("[1] + [2]", "list(int)"), ("1 < 2", "bool"), ("-content", "dyn"), ("-1.5", "double"),
        ("true ? 1 : 2", "int"), ("true ? 1 : 'a'", "dyn"), ("true ? [1] : [true]", "list(dyn)"),
        ("[1].map(x, x < 2)", "list(bool)"), ("[1].filter(x, true)", "list(int)"), ("{'a': 1}.filter(k, true)", "list(string)"),
        ("[1].map(x, x > 0, 'a')", "list(string)"), ("['a'].transformList(i, v, i)", "list(int)"),
        ("['a'].transformMap(i, v, v)", "map(int, string)"), ("{'a': 1}.transformMap(k, v, k)", "map(string, string)"),
        ("content.transformMap(k, v, 1)", "map(dyn, int)"), ("[1].transformMapEntry(i, v, {'a': v})", "map(string, int)"),
        ("[1].transformMapEntry(i, v, content)", "map(dyn, dyn)"),
        ("math.greatest(1, 2)", "int"), ("math.greatest(1, 2.0)", "dyn"), ("math.greatest(1, content)", "dyn"),
        ("math.abs(content)", "dyn"), ("math.abs(-1.5)", "double"), ("ip('::1')", "ip"), ("[3, 1].sort()", "list(int)"),
        ("'a,b'.split(',')", "list(string)"), ("'ab'.reverse()", "string"), ("content.reverse()", "dyn"),
        ("findings", "list(finding)"), ("findings[0].start", "int"), ("findings.map(f, f.confidence)", "list(double)"),
        ("texts(content)", "list(string)"), ("int", "type"), ("google.protobuf.Timestamp", "type"), ("dyn(1)", "dyn"),
        ("optional.of(1)", "optional(int)"), ("optional.none()", "optional(dyn)"), ("{'a': 1}.?a", "optional(int)"),
        ("{'a': {'b': 1}}.?a.b", "optional(int)"), ("[1][?0]", "optional(int)"), ("{'a': [1]}.?a[0]", "optional(int)"),
        ("{'a': 1}.?a.orValue(2)", "int"), ("{'a': 1}.?a.orValue('b')", "dyn"), ("{'a': 1}.?a.value()", "int"),
        ("{'a': 1}.?a.optMap(x, [x])", "optional(list(int))"), ("{'a': 1}.?a.optFlatMap(x, optional.of('b'))", "optional(string)"),
        ("{'a': 1}.?a.optFlatMap(x, content)", "optional(dyn)"), ("[?optional.of(1)]", "list(int)"),
        ("{?'a': optional.of(1)}", "map(string, int)"), ("cel.bind(x, 1, [x, x])", "list(int)"),
        ("[optional.of(1)].unwrapOpt()", "list(int)"), ("content.?a", "optional(dyn)"), ("principal.?clearance", "optional(string)"),
        ("context.risk", "int"), ("context['risk']", "int"), ("context.deep.n", "int"), ("context.deep", "map(string, dyn)"),
        ("context.other", "dyn"), ("context.?risk", "optional(int)"), ("context[?'risk']", "optional(int)"),
        ("principal.clearance", "string"), ("principal.attributes.clearance", "string"), ("resource.size", "int"),
        ("principal.on_behalf_of.clearance", "string"), ("cel.bind(c, context, c.limits.a)", "int"),
    ],
)  # fmt: skip
def test_type_of_an_expression_is_what_is_sure_of_it(expression, kind):
    assert type_of(expression) == kind


@pytest.mark.parametrize(
    ("expression", "offset", "message"),
    [
        ("context.risk == 'a' && context.risk.startsWith('a')", 31, "expected string, found int"),
        ("context.risk > 'high'", 13, "compares like with like: found int and string"),
        ("context['risk'] > 'high'", 16, "compares like with like: found int and string"),
        ("context.env + 1 == 'a'", 12, "+ does not take string and int"),
        ("context.flag && context.risk", 24, "wrong kind for &&: expected bool, found int"),
        ("1 in context.env", 13, "expected a list or a map, found string"),
        ("context.labels.exists(l, l > 1)", 27, "found string and int"),
        ("context.limits.all(k, v, v.startsWith(k))", 25, "expected string, found int"),
        ("context.deep.n.further == 1", 15, "int has no fields"),
        ("principal.clearance > 3", 20, "found string and int"),
        ("principal.?on_behalf_of.hasValue()", 11, "principal.on_behalf_of is not a value"),
        ("context.?risk.optMap(r, r.startsWith('a')).hasValue()", 24, "expected string, found int"),
        ("context.?risk > 1", 14, "found optional(int) and int"),
        ("[1, 2]['a'] == 1", 7, "wrong kind for []: expected int, found string"),
        ("{null: 1} == {}", 1, "null is not a map key: expected bool, int, uint or string, found null"),
        ("{'a': 1, 1.5: 1} == {}", 9, "double is not a map key"),
        ("{'a': 1}[null] == 1", 9, "wrong kind for []: expected a key of a map, found null"),
        ("[?1] == []", 2, "wrong kind for ?: expected optional(dyn), found int"),
        ("[1].optMap(x, x) == null", 4, "optMap() looks into an optional: found list(int)"),
        ("optional.of(1).optFlatMap(x, x).hasValue()", 29, "expected optional(dyn), found int"),
        ("{}.transformMapEntry(k, v, 1) == {}", 27, "makes entries: expected a map, found int"),
        ("[1].transformList(i, i) == []", 4, "takes two variables and an expression: expected 3 arguments, found 2"),
        ("[1].exists(i, i, true)", 14, "two variables of one name"),
        ("[1].exists(.i, true)", 12, "not a variable"),
        ("cel.bind(1, 2, 3) == 3", 9, "not a variable"),
        ("cel.bind(x, 2) == 3", 4, "cel.bind() is not called like this"),
        ("cel.index(true) == 3", 4, "cel.index() is not called like this"),
        ("cel.block([?optional.of(1)], true)", 4, "cel.block() is not called like this"),
        ("cel.index(3)", 4, "unknown name"),
        ("optional.off(1)", 9, "unknown function: found optional.off(). Did you mean optional.of?"),
        ("context.?(1)", 9, "the name of a field"),
        (". 1", 2, "expected a name"),
        ("1 - 'a' == 2", 4, "wrong kind for -: found string"),
    ],
)  # fmt: skip
def test_expression_that_can_have_no_value_is_refused_with_its_place(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        Compiler(Host(), attributes=ATTRIBUTES).condition(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


# -- declared attributes, when there is a request


GOOD = {
    "risk": 95, "ratio": 0.5, "env": "prod", "flag": True, "labels": ["a"], "limits": {"a": 1}, "weights": [1, 0.5],
    "rates": {"a": 2}, "any": None, "things": [1, "a"], "deep": {"n": 1},
}  # fmt: skip


def outcomes(expression, context, **principal):
    """What both forms say of the expression: a value, or the error."""
    request = Request({"id": "ann", "attributes": principal}, "tool.call", "tool:x", context)
    condition = Compiler(Host(), attributes=ATTRIBUTES).condition(expression)
    found = []
    for form in (condition.quick, condition.careful):
        try:
            found.append(form(request, Evaluation(request, 0, SCANNER)))
        except Exception as error:  # noqa: BLE001  the engine takes whatever comes, and so must this
            found.append(error)
    return found


@pytest.mark.parametrize(
    "expression",
    [
        "context.risk == 95 && context.risk > 94 && 94 < context.risk && context['risk'] == 95", "context.env == 'prod'",
        "context.flag", "context.flag && context.ratio < 1.0", "'a' in context.labels", "context.limits.a == 1",
        "context.weights[0] == 1.0 && type(context.weights[0]) == double", "type(context.rates.a) == double",
        "context.any == null", "context.deep.n == 1 && context.deep['n'] == 1", "context.?risk.orValue(0) == 95",
        "context.?deep.n.orValue(0) == 1", "principal.clearance == 'secret'", "context.labels.exists(l, l == 'a')",
        "principal.?clearance.orValue('') == 'secret' && principal.attributes.?clearance.hasValue()",
        "principal.?id.orValue('') == 'ann' && principal.?roles.value() == []",
        "context.things[1] == 'a'", "!context.?missing.hasValue() && context[?'risk'].hasValue()",
    ],
)  # fmt: skip
def test_declared_attributes_of_their_types_are_read_in_both_forms(expression):
    assert outcomes(expression, GOOD, clearance="secret") == [True, True]


@pytest.mark.parametrize(
    ("expression", "context", "message"),
    [
        ("context.risk > 90", {"risk": "95"}, "context.risk is declared int, found string"),
        ("context.risk == 95", {"risk": 95.0}, "context.risk is declared int, found double"),
        ("context.risk == 95", {"risk": True}, "context.risk is declared int, found bool"),
        ("context.risk == 95", {"risk": None}, "context.risk is declared int, found null"),
        ("context['risk'] == 95", {"risk": None}, "context['risk'] is declared int, found null"),
        ("context.?risk.orValue(1) == 95", {"risk": "a"}, "context.risk is declared int, found string"),
        ("context.env == 'prod'", {"env": 1}, "context.env is declared string, found int"),
        ("context.env in ['prod']", {"env": 1}, "context.env is declared string, found int"),
        ("context.flag", {"flag": "true"}, "context.flag is declared bool, found string"),
        ("context.ratio < 1.0", {"ratio": "1"}, "context.ratio is declared double, found string"),
        ("'a' in context.labels", {"labels": ["a", 1]}, "context.labels is declared list(string), found list"),
        ("'a' in context.labels", {"labels": "a"}, "context.labels is declared list(string), found string"),
        ("context.limits.a == 1", {"limits": {"a": "1"}}, "context.limits is declared map(string, int), found map"),
        ("context.limits.a == 1", {"limits": [1]}, "context.limits is declared map(string, int), found list"),
        ("context.weights == []", {"weights": {"a": 1}}, "context.weights is declared list(double), found map"),
        ("context.rates == {}", {"rates": [1]}, "context.rates is declared map(string, double), found list"),
        ("context.deep.n == 1", {"deep": {"n": "1"}}, "context.deep.n is declared int, found string"),
        ("size(context.things) == 1", {"things": "ab"}, "context.things is declared list(dyn), found string"),
        ("context.deep.n == 1", {"deep": "1"}, "context.deep is declared map(string, dyn), found string"),
        ("cel.bind(c, context, c.risk == 95)", {"risk": "95"}, "c.risk is declared int, found string"),
        ("context.risk == 95", {}, "context.risk is missing"),
    ],
)  # fmt: skip
def test_declared_attribute_of_another_type_is_an_error_in_both_forms(expression, context, message):
    quick, careful = outcomes(expression, context)
    assert isinstance(quick, Exception)
    assert isinstance(careful, CelError)
    assert str(careful) == message


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"contxt.a": "int"}, "not an attribute of principal, resource or context: 'contxt.a'"),
        ({"context": "int"}, "not an attribute"),
        ({"context.a b": "int"}, "not an attribute"),
        ({"principal.id": "string"}, "principal.id has its type already: string"),
        ({"context.a": "integer"}, "no JSON value is a integer"),
        ({"context.a": "timestamp"}, "no JSON value is a timestamp"),
        ({"context.a": "map(int, int)"}, "no JSON value is a map"),
        ({"context.a": "list(bytes)"}, "no JSON value is a list(bytes)"),
        ({"context.a": "list(string, int)"}, "list has 1 parameters, not 2"),
        ({"context.a": "int(string)"}, "int has 0 parameters, not 1"),
        ({"context.a": "list(string"}, "not a type: 'list(string'"),
        ({"context.a": "list()"}, "not a type"),
        ({"context.a": "int int"}, "not a type"),
        ({"context.a": "int!"}, "not a type"),
        ({"context.a": ""}, "not a type"),
        ({"context.a": "(int)"}, "not a type"),
        ({"context.a": "list(" * 40 + "int" + ")" * 40}, "not a type"),
        ({"context.a": "int", "context.a.b": "int"}, "declared inside of an attribute that has a type of its own"),
        ({"context.a.b": "int", "context.a": "int"}, "declared twice"),
        ({"principal.a": "int", "principal.attributes.a": "int"}, "declared twice"),
        ({f"context.a{number}": "int" for number in range(1_001)}, "more than 1000"),
    ],
)
def test_declaration_that_no_attribute_can_have_is_refused(declared, message):
    with pytest.raises(ValueError, match=r"[a-z]") as raised:
        Compiler(Host(), attributes=declared)
    assert message in str(raised.value)


def test_shapes_of_declared_attributes_keep_apart_by_the_name_in_brackets():
    compiler = Compiler(Host(), attributes=ATTRIBUTES)
    compiler.condition("context['any'] == 'a'")
    with pytest.raises(ExpressionError, match="compares like with like"):
        compiler.condition("context['risk'] < 'a'")
    request = Request("user:ann", "tool.call", "tool:x", {"risk": "high", "env": "high"})
    assert compiler.condition("context['env'] == 'high'").quick(request, None) is True
    with pytest.raises(CelError, match="declared int"):
        compiler.condition("context['risk'] == 'high'").quick(request, None)


def test_key_that_is_no_literal_of_a_shape_names_none_of_the_declared_attributes():
    compiler = Compiler(Host(), attributes=ATTRIBUTES)
    request = Request("user:ann", "tool.call", "tool:x", {"risk": 95})
    assert compiler.condition("context['risk'] == 95").quick(request, None) is True
    with pytest.raises(CelError, match="no such key"):
        compiler.condition("context[true] == 95").quick(request, None)


@given(st.text("listmap()string, dyn", max_size=30))
def test_type_that_parses_prints_as_it_is_parsed(text):
    try:
        kind = parse_type(text)
    except ValueError:
        return
    assert parse_type(str(kind)) == kind
