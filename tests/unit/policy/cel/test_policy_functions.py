"""The functions in expressions: with literals, which are read when the policy loads, and with values of a request."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect, Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.values import CelError
from axonflow.policy.deciding.evaluation import Evaluation
from tests.strategies import json_values, policy_set
from tests.unit.policy.cel.expressions import SCANNER, Host, value

CONTEXT = {
    "ip": "10.1.2.3",
    "nets": ["10.0.0.0/8", "192.168.0.0/16"],
    "net": "10.0.0.0/8",
    "version": "1.4.2",
    "range": ">=1.2 <2",
    "glob": "prod-*",
    "hours": "Mon-Fri 09:00-17:30",
    "zone": "Europe/Berlin",
    "number": 5,
    "mixed": ["10.0.0.0/8", 5],
}
FRIDAY_NOON_US = 1_779_444_000_000_000  # 2026-05-22T10:00:00Z, 12 o'clock in Berlin


def asked(content=None, **context):
    return Request("user:ann", "tool.call", "tool:prod-db", {**CONTEXT, **context}, content, time=FRIDAY_NOON_US)


@pytest.mark.parametrize(
    "expression",
    [
        'resource.id.glob("prod-*") && resource.id.glob(context.glob)',
        'context.ip.inCIDR("10.0.0.0/8") && context.ip.inCIDR(context.net)',
        'context.ip.inCIDR(["192.168.0.0/16", "10.0.0.0/8"]) && context.ip.inCIDR(context.nets)',
        'context.ip.inCIDR(["192.168.0.0/16", context.net]) && !context.ip.inCIDR([])',
        "!context.ip.inCIDR([?optional.none()])",
        'context.version.matchesSemver(">=1.2 <2") && context.version.matchesSemver(context.range)',
        "semver(context.version).matchesSemver(context.range) && dyn(semver('1.3.0')).matchesSemver(context.range)",
        'time.within("Fri 12:00-12:01", "Europe/Berlin") && time.within(context.hours, context.zone)',
        'time.within("Fri 12:00-12:01", context.zone) && !time.within("Fri 12:00-12:01", "UTC")',
        'time.within("Fri 12:00-12:01", "+02:00")',
        'cidr(context.net).containsIP(context.ip) && cidr(context.net).containsIP(dyn(ip("10.0.0.1")))',
        'dyn(cidr("10.0.0.0/8")).containsCIDR(context.net)',
        'cidr("10.0.0.0/8").containsCIDR(dyn(cidr("10.1.0.0/16")))',
        'ip("10.0.0.1") == dyn(ip("10.0.0.1")) && ip("10.0.0.1") != cidr("10.0.0.1/32") && ip("::1") in [ip("::1")]',
        'cidr("10.0.0.0/8") == cidr("10.0.0.0/8") && cidr("10.0.0.0/8") != cidr("10.0.0.0/9")',
        'semver("1.2.3") < dyn(semver("1.10.0")) && dyn(semver("1.2.3-a")) <= semver("1.2.3")',
        'semver("1.0.0") == dyn(semver("1.0.0+x")) && semver("1.0.0") != semver("1.0.1")',
        'semver("2.0.0") > semver("1.0.0") && dyn(semver("2.0.0")) >= dyn(semver("2.0.0"))',
        'semver("2.0.0") in [semver("1.0.0"), semver("2.0.0+x")] && string(semver("1.2.3-rc.1+b")) == "1.2.3-rc.1"',
        "type(semver('1.0.0')) == semver && type(cidr('::/0')) == net.CIDR && type(dyn(ip('::'))) == net.IP",
        "[1, 2].all(i, [ip('::1')] == [ip('::1')]) && context.nets.exists(n, context.ip.inCIDR(n))",
        "context.nets.filter(n, cidr(n).containsIP(context.ip)).map(n, string(cidr(n).masked())) == [context.net]",
        '["prod-a", "dev-b"].exists(name, name.glob("dev-*"))',
        "context.nets.exists(net, isCIDR(net)) && !isIP(context.net)",
    ],
)  # fmt: skip
def test_function_of_a_policy_with_literals_or_values_holds(expression):
    assert value(expression, asked()) is True
    condition = Compiler(Host()).condition(expression)
    request = asked()
    assert condition.quick(request, Evaluation(request, FRIDAY_NOON_US, SCANNER)) is True


@pytest.mark.parametrize(
    ("expression", "offset", "message"),
    [
        (r"resource.id.glob('a\\d')", 17, "a backslash in a glob stands before *, ? or another backslash"),
        ("context.ip.inCIDR('10.0.0.0')", 18, "not a block of IP addresses such as 10.0.0.0/8"),
        (
            "context.ip.inCIDR(['10.0.0.0/8', '10.1.0.0/8'])",
            33,
            "a block of IP addresses with bits set behind its prefix",
        ),
        ("'host'.inCIDR('10.0.0.0/40')", 14, "not a block of IP addresses such as 10.0.0.0/8"),
        ("context.v.matchesSemver('>=1.x')", 24, "not a range of versions such as >=1.2 <2 || ^3.1"),
        ("semver(context.v) >= semver('v1.2.3')", 28, "not a version such as 1.2.3 or 1.2.3-rc.1"),
        ("time.within('Mon-Fri 9-17', 'UTC')", 12, "not a time window such as Mon-Fri 09:00-17:30"),
        ("time.within('Mon-Fri 09:00-17:00', 'Berlin')", 35, "unknown time zone"),
        ("time.within(context.hours, 'Europe')", 27, "unknown time zone"),
        ("ip('fe80::1%en0').family() == 6", 3, "an IP address with a zone"),
        ("ip(5) == ip('::')", 3, "wrong kind for ip(): expected string, found int"),
        ("context.ip.inCIDR(5)", 18, "wrong kind for inCIDR(): expected string or list(string), found int"),
        ("ip('::1') < ip('::2')", 10, "< compares like with like: found ip and ip"),
        ("ip.isCanonic('::1')", 3, "unknown function: found ip.isCanonic(). Did you mean ip.isCanonical?"),
    ],
)
def test_function_of_a_policy_with_a_wrong_literal_is_refused_with_its_place(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        Compiler(Host()).condition(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


def test_function_of_a_policy_in_a_known_shape_is_refused_with_its_place_too():
    compiler = Compiler(Host())
    request = asked()
    for pattern, expected in (("prod-*", True), ("dev-*", False), ("*-db", True)):
        condition = compiler.condition(f'resource.id.glob("{pattern}") && action == "tool.call"')
        assert condition.quick(request, None) is expected
    with pytest.raises(ExpressionError) as raised:
        compiler.condition(r'resource.id.glob("x\\y") && action == "tool.call"')
    assert raised.value.offset == 17


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('context.net.inCIDR("10.0.0.0/8")', "not an IP address"),
        ("context.ip.inCIDR(context.ip)", "not a block of IP addresses such as 10.0.0.0/8"),
        ("context.ip.inCIDR(context.mixed)", "expected string, found int"),
        ('cidr("10.0.0.0/8").containsIP(context.nets)', "containsIP() does not take list"),
        ("context.ip.inCIDR(context.number)", "inCIDR() does not take int"),
        ('context.number.inCIDR("10.0.0.0/8")', "expected string, found int"),
        ('context.glob.matchesSemver(">=1")', "not a version such as 1.2.3 or 1.2.3-rc.1"),
        ("context.version.matchesSemver(context.glob)", "not a range of versions such as >=1.2 <2 || ^3.1"),
        ('dyn(ip("::1")).matchesSemver(">=1")', "matchesSemver() does not take ip"),
        ("time.within(context.glob, context.zone)", "not a time window such as Mon-Fri 09:00-17:30"),
        ("time.within(context.hours, context.glob)", "unknown time zone"),
        ('context.ip.within("09:00-10:00", "UTC")', "expected timestamp, found string"),
        ("cidr(context.ip).prefixLength() == 8", "not a block of IP addresses such as 10.0.0.0/8"),
        ("ip(context.glob).family() == 4", "not an IP address"),
        ("ip.isCanonical(context.glob)", "not an IP address"),
        ("context.ip.family() == 4", "expected ip, found string"),
        ('cidr("10.0.0.0/8").containsIP(dyn(semver("1.0.0")))', "containsIP() does not take semver"),
        ("semver(context.glob) < semver('1.0.0')", "not a version such as 1.2.3 or 1.2.3-rc.1"),
        ("dyn(ip('::1')) < dyn(ip('::2'))", "< does not take ip and ip"),
        ("dyn(semver('1.0.0')) < context.version", "< does not take semver and string"),
        ("'a'.glob(context.ip + '\\\\')", "a backslash in a glob stands before *, ? or another backslash"),
    ],
)
def test_function_of_a_policy_with_a_wrong_value_fails_without_naming_it(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression, asked())
    assert str(raised.value) == message


@given(json_values(), json_values())
def test_function_of_a_policy_with_any_values_has_a_value_or_fails(one, other):
    request = asked(a=one, b=other)
    for expression in (
        "context.a.glob(context.b)",
        "context.a.inCIDR(context.b)",
        "context.a.matchesSemver(context.b)",
        "time.within(context.a, context.b)",
        "'10.0.0.1'.inCIDR(context.b)",
        "'1.0.0'.matchesSemver(context.b)",
        "time.within(context.a, 'UTC')",
        "time.within('09:00-10:00', context.a)",
        "cidr('::/0').containsIP(context.b)",
        "cidr('::/0').containsCIDR(context.b)",
        "context.a.containsIP(context.b)",
        "ip(context.a) == cidr(context.b).ip()",
        "semver(context.a) < semver(context.b)",
        "isSemver(context.a)",
        "isIP(context.a)",
        "isCIDR(context.a)",
        "ip.isCanonical(context.a)",
    ):
        with contextlib.suppress(CelError):
            assert value(expression, request) in {True, False}


@given(st.text(max_size=20), st.sampled_from(["glob", "inCIDR", "matchesSemver"]))
def test_function_of_a_policy_with_any_literal_is_compiled_or_refused_as_with_the_value(text, name):
    literal = "r'''" + text + "'''" if "'" not in text else "''"
    read = text if "'" not in text else ""
    request = asked(a=read)
    try:
        with_literal = value(
            f"'10.0.0.1'.{name}({literal})" if name != "matchesSemver" else f"'1.0.0'.{name}({literal})"
        )
    except (ExpressionError, CelError):
        with_literal = None
    try:
        target = "'1.0.0'" if name == "matchesSemver" else "'10.0.0.1'"
        with_value = value(f"{target}.{name}(context.a)", request)
    except CelError:
        with_value = None
    assert with_literal is with_value


# -- in loops all of it is paid for

ITEMS = [f"b{number}" for number in range(20_000)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "content"),
    [
        ('context.items.exists(i, content.glob("*c?c*"))', "a" * 100_000),
        ('context.items.exists(i, "x".glob(i))', None),
        ('context.items.exists(i, "1.0.0".matchesSemver(i.trim() == "" ? "1" : "2"))', None),
        ('context.items.exists(i, "10.0.0.1".inCIDR(context.many))', None),
        ('context.items.exists(i, !time.within("00:00-" + (i == "" ? "1" : "2") + "4:00", "UTC"))', None),
        ('context.items.exists(i, !time.within("00:00-24:00", i == "" ? "CET" : "UTC"))', None),
    ],
)
def test_loop_that_reads_patterns_or_a_long_text_each_time_fails_closed(expression, content):
    flow = AxonFlow.open(policy_set([{"id": "r", "effect": "deny", "when": expression}], default="allow"))
    decision = flow.decide(asked(content, items=ITEMS, many=["192.168.0.0/16"] * 50))
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "more than 200000 loop steps in one decision"


def test_loop_over_many_names_with_a_literal_pattern_has_a_value():
    assert value('context.items.exists(i, i.glob("c*?x*"))', asked(items=ITEMS)) is False
    assert value('context.items.exists(i, "10.0.0.1".inCIDR("192.168.0.0/16"))', asked(items=ITEMS)) is False


def test_cost_of_patterns_read_in_loops_inside_each_other_is_refused_or_within_the_bound():
    condition = Compiler(Host()).condition
    condition("texts(content).exists(t, context.globs.exists(g, t.glob(g)))")
    with pytest.raises(ExpressionError, match="the worst case costs too much"):
        condition("texts(content).exists(t, context.a.exists(a, context.b.exists(b, t.glob(a + b))))")
