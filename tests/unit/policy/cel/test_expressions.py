"""What expressions come to, what they refuse when evaluated, and what they refuse when compiled."""

# ruff: noqa: E501  rows of a table

import math

import pytest

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.values import CelError
from tests.unit.policy.cel.expressions import REQUEST, Host, value

TRUE = [
    "timestamp('2026-02-03T00:00:00Z').getDayOfYear() == 33 && dyn(time).getDayOfYear() == time.getDayOfYear()",
    'principal.id == "ann" && principal.type == "agent" && principal.tenant == "acme"',
    '"ops" in principal.roles && !("admin" in principal.roles)',
    "principal.level == 3 && principal.attributes.level == 3",
    'principal.on_behalf_of.id == "bob"',
    "has(principal.id) && has(principal.roles) && has(principal.on_behalf_of) && !has(principal.on_behalf_of.on_behalf_of)",
    "has(principal.level) && !has(principal.nothing) && has(resource.owner) && has(context.none)",
    "has(context.deep.er) && !has(context.deep.est)",
    'action == "tool.call"',
    'resource.owner == "bob" && resource.attributes.owner == "bob"',
    "context.none == null && context.none != 1",
    "context.deep.er[1] == 2 && context.deep['er'][0] == 1 && context['env'] == 'prod'",
    "principal.roles[1] == 'ops' && content.body[1].x == 'there'",
    "context.risk > 90 && context.risk >= 95 && context.risk < 96 && context.risk <= 95 && 90 < context.risk",
    "context.ratio < 1 && context.risk > 94.5",
    "1 < 2 && 2 <= 2.0 && 3.5 > 3 && 'a' < 'b' && 'b' >= 'a' && 1 == 1.0 && b'a' < b'b' && false < true",
    "dyn('a') < dyn('b') && dyn('b') > 'a' && dyn(2) >= dyn(2) && dyn(1) <= dyn(2)",
    "1 + 2 * 3 - 4 / 2 % 3 == 5 && 7 % -3 == 1 && -7 / 2 == -3 && -7 % 3 == -1 && 1.5 + 0.5 == 2.0",
    "6.0 / 4.0 == 1.5 && 2.0 * 2.0 - 1.0 == 3.0 && -context.risk == -95 && -context.ratio == -0.5 && --1 == 1",
    "'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && [1] + [2] == [1, 2] && principal.roles + ['x'] == ['analyst', 'ops', 'x']",
    "[1, 2] == [1.0, 2.0] && [1] != [2] && [1] != [1, 2] && {'a': 1} == {'a': 1.0} && {'a': 1} != {'b': 1} && [1] != 1",
    "1 != '1' && true != 1 && 0 != false && null != false && 'true' != true",
    "2 in [1, 2] && !(true in [1]) && 'a' in {'a': 1} && 1 in {1: 'x'} && !(3 in {1: 'x'}) && context.env in ['prod', 'dev']",
    "context.env in context.deep == false || true",
    "(true ? 1 : 2) == 1 && (context.flag ? 'a' : 2) == 'a'",
    "{2: 'x', true: 'y'}[true] == 'y' && {1: 'x'}[1.0] == 'x' && [5, 6][1.0] == 6",
    "size('héé') == 3 && [1, 2].size() == 2 && size({'a': 1}) == 1 && size(b'ab') == 2 && size(principal.roles) == 2",
    "1u == 1 && 1u < 2.0 && 0x10u == 16u && 1u + 2u * 3u - 4u / 2u == 5u && 7u % 4u == 3u && string(2u) == '2'",
    "uint('7') == 7u && uint(7) == 7u && uint(7.9) == 7u && uint(7u) == 7u && int(7u) == 7 && double(7u) == 7.0 && [5, 6][1u] == 6",
    "type(1u) == uint && type(null) == null_type && type(time) == google.protobuf.Timestamp && type(type(1)) == type && type(1) != string",
    "type(duration('1s')) == google.protobuf.Duration && bytes('é') == b'é' && bytes(b'a') == b'a'",
    "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90 && dyn(duration('-1.5s')).getSeconds() == -1",
    "duration('1.25s').getMilliseconds() == 250 && {1u: 'a'}[1] == 'a' && dyn(3u) - dyn(1u) == 2u",
    "'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c') && context.env.startsWith('pr')",
    "'AbÄ'.lowerAscii() == 'abÄ' && 'abä'.upperAscii() == 'ABä' && ' a '.trim() == 'a' && ['a', 'b'].join('-') == 'a-b'",
    "'abc'.matches('^a.c$') && matches(context.env, 'pro?d') && !'abc'.matches('^b')",
    "[1, 2, 3].exists(x, x > 2) && [1, 2].all(x, x > 0) && [1, 2].exists_one(x, x == 1) && ![1, 1].exists_one(x, x == 1)",
    "[1, 2].map(x, x * 2) == [2, 4] && [1, 2, 3].filter(x, x > 1) == [2, 3] && [1, 2].map(x, x > 1, x + 1) == [3]",
    "{'a': 1}.exists(k, k == 'a') && principal.roles.filter(r, r.startsWith('o')).map(r, r + '!') == ['ops!']",
    "[[1], [2]].exists(x, x.exists(x, x == 2)) && [1].all(x, [x].all(y, x == y))",
    "[0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x == 2)",
    "content.body.exists(x, x == 'hi') && texts(content).exists(t, t.contains('@')) && chars(content) == 29",
    "texts({'a': {'b': ['c']}, 'd': 1}) == ['a', 'd', 'b', 'c'] && chars('abc') == 3 && chars(null) == 0",
    "chars([4111111111111111, [-1.5, true], {'a': 7u}, null]) == 26 && chars(1234) == 4 && texts([1, true, {2: 'x'}]) == ['x']",
    "detected('pii') && detected('pii.phone', 'pii.email') && !detected('secret')",
    "findings.exists(f, f.detector == 'pii.email' && f.category == 'pii' && f.path == '$.to' && f.start == 0 && f.end == 15)",
    "findings[0].detector == 'pii.email' && findings.filter(f, f.severity == 'medium').size() == 1 && size(findings) == 1",
    "int('42') == 42 && int(4.9) == 4 && int(-4.9) == -4 && int(7) == 7 && int(timestamp('1970-01-01T00:01:00Z')) == 60",
    "double('1.5') == 1.5 && double(2) == 2.0 && bool('true') && !bool('f') && bool(true) && dyn(1) == 1.0",
    "string(1) == '1' && string(1.5) == '1.5' && string(2.0) == '2' && string(true) == 'true' && string('x') == 'x'",
    "string(b'ab') == 'ab' && string(duration('90m')) == '5400s' && string(false) == 'false' && string(1e300) != ''",
    "string(timestamp('2026-11-21T09:30:05+01:00')) == '2026-11-21T08:30:05Z' && timestamp(0) < time",
    "timestamp('2026-01-01T00:00:00Z') + duration('1h') == timestamp('2026-01-01T01:00:00Z')",
    "duration('1h') + timestamp('2026-01-01T00:00:00Z') == timestamp('2026-01-01T01:00:00Z')",
    "timestamp('2026-01-01T01:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('60m')",
    "timestamp('2026-01-01T01:00:00Z') - duration('1h') == timestamp('2026-01-01T00:00:00Z')",
    "duration('2h') - duration('1h') == duration('1h') && duration(duration('1s')) == duration('1000ms')",
    "duration('-1.5s') < duration('0s') && timestamp(timestamp(5)) == timestamp(5) && duration('1us') > duration('1ns')",
    "timestamp('2026-11-21T23:30:00Z').getHours('+02:00') == 1 && timestamp(0).getHours('02:30') == 2",
    "dyn(timestamp(0)).getHours() == 0",
    "timestamp('2026-11-21T23:30:00Z').getDate('Europe/Berlin') == 22 && time.getFullYear() == 2026",
    r"'\n\t\x41\101\u0041\U00000041' == '\n\tAAAA' && r'\n' == '\\n' && b'\377' == b'\xff'",
    "'''a'b''' == \"a'b\"",
    "0x10 == 16 && -0x10 == -16 && 1e3 == 1000.0 && .5 == 0.5 && -1.5 < 0.0 // a comment",
    "{'a b': 1}.`a b` == 1 && [1, 2,] == [1, 2] && {'a': 1,} == {'a': 1}",
    "-9223372036854775808 < 0 && 9223372036854775807 > 0",
]
FAILS = [
    ("timestamp('2400-01-01T00:00:00Z') - timestamp('2100-01-01T00:00:00Z')", "duration out of range"),
    ("dyn('2026-02-03').getDayOfYear()", "expected timestamp, found string"),
    ("1 / 0", "division by zero"),
    ("1 % 0", "modulus by zero"),
    ("9223372036854775807 + 1", "overflow"),
    ("-9223372036854775807 - 2", "overflow"),
    ("9223372036854775807 * 2", "overflow"),
    ("-dyn(-9223372036854775808)", "overflow"),
    ("-9223372036854775808 / -1", "overflow"),
    ("context.absent", "context.absent is missing"),
    ("context.absent.further", "context.absent is missing"),
    ("context.env.further", "context.env.further is missing: string has no fields"),
    ("principal.absent", "principal.absent is missing"),
    ("principal.on_behalf_of.on_behalf_of.id", "principal.on_behalf_of.on_behalf_of is missing"),
    ("has(context.env.x)", "string has no fields"),
    ("context.deep.er[9]", "out of range"),
    ("context.deep.er[-1]", "out of range"),
    ("context.deep.er['a']", "does not take"),
    ("context.deep['x']", "no such key"),
    ("{1: 2}[3]", "no such key"),
    ("{1: 2}[dyn(null)]", "does not take"),
    ("context.env[0]", "does not take"),
    ("context.risk + 'a'", "+ does not take int and string"),
    ("context.flag + 1", "+ does not take bool and int"),
    ("context.flag < 1", "< does not take bool and int"),
    ("context.flag <= 1", "<= does not take"),
    ("context.flag > 1", "> does not take"),
    ("context.flag >= 1", ">= does not take"),
    ("context.env > 1", "> does not take string and int"),
    ("context.env - 1", "- does not take"),
    ("context.env * 1", "* does not take"),
    ("context.env / 1", "/ does not take"),
    ("context.env % 2", "% does not take"),
    ("-context.env", "- does not take string"),
    ("!context.env", "expected bool, found string"),
    ("context.risk && true", "expected bool, found int"),
    ("context.risk ? 1 : 2", "expected bool, found int"),
    ("1 in context.env", "in does not take"),
    ("context.risk.startsWith('9')", "expected string, found int"),
    ("context.env.getHours()", "expected timestamp or duration, found string"),
    ("context.env.getFullYear() == 1", "expected timestamp, found string"),
    ("context.env.exists(x, x)", "expected list, found string"),
    ("context.deep.er.exists(x, x)", "expected bool, found int"),
    ("context.deep.er.filter(x, x)", "expected bool, found int"),
    ("context.deep.er.join(',')", "expected string, found int"),
    ("context.env.join(',')", "expected list, found string"),
    ("size(context.risk)", "size() does not take int"),
    ("1u - 2u", "unsigned integer overflow"),
    ("18446744073709551615u + 1u", "unsigned integer overflow"),
    ("int(18446744073709551615u)", "overflow"),
    ("-dyn(1u)", "- does not take uint"),
    ("1u / 0u", "division by zero"),
    ("1u % 0u", "modulus by zero"),
    ("uint(-1)", "overflow"),
    ("uint('-1')", "uint() cannot convert"),
    ("uint(1e30)", "uint() cannot convert"),
    ("bytes(context.risk)", "expected string, found int"),
    ("int('x')", "int() cannot convert"),
    ("int('99999999999999999999')", "int"),
    ("int(1e30)", "int() cannot convert"),
    ("int(context.none)", "int() cannot convert"),
    ("double('x')", "double() cannot convert this string"),
    ("double(context.none)", "double() cannot convert null"),
    ("bool('maybe')", "bool() cannot convert"),
    ("string(context.deep)", "string() cannot convert map"),
    ("string(b'\\xff')", "not UTF-8"),
    ("timestamp('yesterday')", "RFC 3339"),
    ("timestamp('2026-01-01T00:00:00')", "offset"),
    ("timestamp(99999999999999)", "RFC 3339"),
    ("timestamp(context.none)", "expected string"),
    ("duration('5')", "not a duration"),
    ("duration('')", "not a duration"),
    ("duration('1.2.3s')", "not a duration"),
    ("duration('" + "1" * 70 + "s')", "not a duration"),
    ("duration('99999999999999h')", "out of range"),
    ("timestamp('9999-12-31T00:00:00Z') + duration('48h')", "out of range"),
    ("duration('300000000000s') + duration('300000000000s')", "out of range"),
    ("time.getHours(string('Mars/Olympus'))", "unknown time zone"),
    ("time.getHours(string('+99:99'))", "unknown time zone"),
    ("time.getHours(string('../../etc/passwd'))", "unknown time zone"),
    ("{dyn(1.5): 1}", "double is not a map key"),
    ("{1: 1, 1.0 == 1.0 ? 1 : 2: 2}", "repeated map key"),
    ("{1: 1, true: 2}", "both a bool and its number"),
    ("timestamp(0) * 2", "wrong kind|does not take"),
    ("dyn(1).map(x, x)", "expected list, found int"),
]
REFUSED = [
    ("", 0, "a value"),
    ("1 +", 3, "a value"),
    ("(1", 2, "')'"),
    ("[1 2]", 3, "','"),
    ("{1: 2 3: 4}", 6, "','"),
    ("{1 2}", 3, "':'"),
    ("f(1 2)", 4, "','"),
    ("a.1", 1, "operator"),
    ("a.", 2, "name of a field"),
    ("1 2", 2, "operator"),
    ("a = 1", 2, "Equality is =="),
    ("a & b", 2, "And is &&"),
    ("a | b", 2, "Or is ||"),
    ("'abc", 0, "not closed"),
    ("1 # 2", 2, "not part"),
    ("true ? 1", 8, "':'"),
    ("in", 0, "reserved"),
    ("while", 0, "reserved"),
    ("18446744073709551616u", 0, "unsigned integer of 64 bits"),
    ("-1u", 0, "wrong kind for -"),
    ("1u + 1", 3, "does not mix"),
    ("type(1) + 1", 0, "wrong kind for +"),
    ("9223372036854775808", 0, "64 bits"),
    ("'\\q'", 1, "unknown escape"),
    ("'\\ud800'", 1, "unknown escape"),
    ("'\ud800'", 0, "surrogates"),
    ("b'\ud800'", 0, "surrogates"),
    ("b'\\u0041'", 2, "unknown escape"),
    ("nothing", 0, "unknown name"),
    ("contxt.a", 0, "Did you mean context?"),
    ("nope(1)", 0, "unknown function"),
    ("siz(1)", 0, "Did you mean size?"),
    ("size()", 0, "not called like this"),
    ("principal", 0, "is not a value"),
    ("resource == 1", 0, "is not a value"),
    ("principal['id']", 0, "is not a value"),
    ("principal.id.x", 13, "string has no fields"),
    ("has(principal.id.x)", 0, "string has no fields"),
    ("has(principal)", 0, "asks for a field"),
    ("has(1, 2)", 0, "asks for a field"),
    ("findings[0].nope", 12, "unknown field of a finding"),
    ("findings.exists(f, has(f.nope))", 19, "unknown field of a finding"),
    ("1[0]", 1, "int has no elements"),
    ("!1", 1, "wrong kind for !"),
    ("-'a'", 0, "wrong kind for -"),
    ("1 + 1.0", 2, "does not mix"),
    ("true + 1", 0, "wrong kind for +"),
    ("1 < 'a'", 2, "like with like"),
    ("1 in 'a'", 5, "wrong kind for in"),
    ("1 && true", 0, "wrong kind for &&"),
    ("1.exists(x, true)", 2, "ranges over"),
    ("[1].exists(x)", 4, "2 or 3 arguments"),
    ("[1].exists(1, true)", 11, "not a variable"),
    ("[1].exists(x, 5)", 14, "wrong kind for exists()"),
    ("1.startsWith('a')", 0, "wrong kind"),
    ("detected()", 0, "names of detectors"),
    ("detected(context.x)", 0, "names of detectors"),
    ("detected('pii.emial')", 0, "pii.email"),
    ("matches('a')", 0, "not called like this"),
    ("'a'.matches(1)", 12, "wrong kind for matches()"),
    ("'a'.matches('(')", 12, "RE2"),
    ("[1].map(a, [1].map(b, [1].map(c, [1].map(d, 1))))", 37, "loops nested too deep"),
]


@pytest.mark.parametrize("expression", TRUE)
def test_expression_of_a_request_is_true_in_both_forms(expression):
    assert value(expression) is True
    assert Compiler(Host()).condition(expression).quick is not None


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_without_a_value_says_why(expression, message):
    import re

    with pytest.raises((CelError, ExpressionError), match=message if "|" in message else re.escape(message)):
        value(expression)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_that_is_none_is_refused_with_its_offset(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


def test_expression_arithmetic_of_doubles_follows_ieee_754():
    assert value("1.0 / 0.0") == math.inf
    assert value("-1.0 / 0.0") == -math.inf
    assert math.isnan(value("0.0 / 0.0"))


def test_expression_that_builds_a_huge_text_is_stopped():
    doubled = "[1,2,3,4,5,6,7,8].map(a, [1,2,3,4,5,6,7,8].map(b, content))"
    assert value(f"size({doubled})") == 8
    big = "'" + "x" * 15_000 + "'"
    with pytest.raises(CelError, match="elements"):
        value(f"size([1].map(a, {big}).map(b, {'+'.join(['b'] * 32)}).map(c, {'+'.join(['c'] * 32)})[0]) > 0")


@pytest.mark.parametrize(
    "expression",
    ["(" * 100 + "1" + ")" * 100, "!" * 100 + "true", "-" * 100 + "1", "a" + ".a" * 100, "1" + "+1" * 100, "[" * 100,
     "true" + " || true" * 300, "1" + " == 1" * 100, "1" + "*1" * 100, "x" * 20_000, "a" + "[0]" * 100,
     "dyn(" * 30 + "1" + "+1" * 30 + ")" * 30],
)  # fmt: skip
def test_expression_of_hostile_size_is_refused(expression):
    with pytest.raises(ExpressionError, match=r"deep|long|levels|signs|operands|in a row|a value"):
        value(expression)


@pytest.mark.parametrize(
    "expression",
    ["(" * 39 + "true" + ")" * 39, "!" * 32 + "true", "true" + " && true" * 255, "1" + "+1" * 31 + " == 32",
     "[" * 30 + "1" + "]" * 30 + " != 1", "false ? true : " * 30 + "true", "[1].all(a, " * 3 + "a == a" + ")" * 3,
     "dyn(" * 35 + "1" + ")" * 35 + " == 1"],
)  # fmt: skip
def test_expression_within_the_limits_compiles_and_runs(expression):
    assert value(expression) is True


@pytest.mark.parametrize(
    "expression",
    ["context.__class__", "principal.__class__", "content.__len__", "''.__class__", "__builtins__", "__import__('os')",
     "context.`__class__`", "request", "evaluation", "evaluation.timestamp()", "c0", "v1", "[1].exists(request, request == 1)",
     "exec('1')", "context.keys()", "principal.id.format()", "{0}", "'{0}'.contains('{1}')"],
)  # fmt: skip
def test_expression_never_reaches_python(expression):
    """A name of Python's is an attribute that is missing, a variable of the policy's own, or unknown."""
    try:
        result = value(expression)
    except (CelError, ExpressionError):
        return
    assert expression in {"[1].exists(request, request == 1)", "'{0}'.contains('{1}')"}
    assert result in {True, False}


def test_expression_that_joins_a_huge_text_is_stopped():
    request = Request("user:a", "tool.call", "tool:x", content=["x" * 2_000_000] * 2)
    with pytest.raises(CelError, match="characters"):
        value("(texts(content) + texts(content)).join('') == ''", request)


@pytest.mark.parametrize("comparison", ["flag > 1", "env > 1", "none <= 1.5", "deep == 1 || context.flag < 2"])
def test_expression_of_the_quick_form_refuses_what_the_careful_form_refuses(comparison):
    condition = Compiler(Host()).condition(f"context.{comparison}")
    with pytest.raises(CelError):
        condition.quick(REQUEST, None)
    with pytest.raises(CelError):
        condition.careful(REQUEST, None)
