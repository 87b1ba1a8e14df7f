"""Rules looked up by how a text begins or where an address is: found where they may match or fail, and only there."""

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.policy.cel.compiler import Compiler
from axonflow.policy.deciding import engine
from axonflow.policy.deciding.ranges import RangeFinder
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}}


class NoHost:
    """Expressions here ask for nothing beyond the request."""

    @staticmethod
    def detectors(selector):
        return (selector,)

    @staticmethod
    def pattern(pattern):
        return pattern


def found(when):
    return RangeFinder().find(Compiler(NoHost()).read(when))


def flow_of(*conditions, effect="deny"):
    rules = [
        {"id": f"r{n}", "effect": effect, "match": {"action": "tool.call"}, "when": when}
        for n, when in enumerate(conditions)
    ]
    return AxonFlow.open(policy_set([ALLOW, *rules]))


def ask(flow, tool="x", **context):
    return flow.decide(Request("user:ann", "tool.call", f"tool:{tool}", context=context))


def candidates(flow, **context):
    lookup = flow.policies._short["tool.call"].lookup
    return {rule.id for rule in lookup(Request("user:ann", "tool.call", "tool:x", context=context))}


@pytest.mark.parametrize(
    ("when", "path", "values"),
    [
        ('resource.id.startsWith("prod-")', "resource.id", ("prod-",)),
        ('context.a.b.glob("pro?-*")', "context.a.b", ("pro",)),
        ('context.x > 1 && principal.team.startsWith("a") && context.t.startsWith("abc")', "context.t", ("abc",)),
    ],
)
def test_condition_that_demands_a_beginning_is_looked_up_by_the_longest(when, path, values):
    wanted = found(when)
    assert (wanted.path, wanted.values, wanted.is_network) == (path, values, False)


def test_condition_that_demands_a_network_is_looked_up_by_it():
    wanted = found('has(context.ip) && context.ip.inCIDR(["10.0.0.0/8", "::1/128"])')
    assert wanted.is_network
    assert wanted.guarded
    assert [block.prefix for block in wanted.values] == [8, 128]


@pytest.mark.parametrize(
    "when",
    [
        'context.a == "x"',
        "context.a.startsWith(context.b)",
        'context.a.startsWith("a") || context.b',
        '!context.a.startsWith("a")',
        'context.a.glob("*x")',
        'string(context.a).startsWith("a")',
        'principal.on_behalf_of.id.startsWith("a")',
        'context.list[0].startsWith("a")',
        "context.ip.inCIDR([context.net])",
    ],
)
def test_condition_that_demands_no_such_thing_is_not_looked_up(when):
    assert found(when) is None


def test_pattern_and_block_that_are_none_are_left_to_the_compiler():
    assert found('context.ip.inCIDR("10.0.0.0/99")') is None
    assert found('context.t.glob("' + "a" * 9_000 + '")') is None


def test_rules_are_found_by_beginning_only_where_they_may_match():
    flow = flow_of(*[f'context.t.startsWith("{n:03}")' for n in range(100)])
    assert candidates(flow, t="017-x") == {"r17"}
    assert ask(flow, t="017-x").policies == ("r17", "yes")
    assert ask(flow, t="x").allowed


def test_rules_are_found_by_an_attribute_that_is_written_in_full():
    flow = flow_of(
        'principal.attributes.team.startsWith("re")',
        'has(principal.attributes.a.b) && principal.attributes.a.b.startsWith("x")',
    )

    def policies(**attributes):
        return flow.decide(Request({"id": "ann", "attributes": attributes}, "tool.call", "tool:x")).policies

    assert policies(team="red", a={}) == ("r0", "yes")
    assert policies(team="blue", a={"b": "xy"}) == ("r1", "yes")
    assert policies(team="blue", a={"b": "ay"}) == ("yes",)
    assert policies(a={}) == ("r0", "yes")  # it fails for want of a team


def test_rules_are_found_by_network_only_where_they_may_match():
    flow = flow_of(*[f'context.ip.inCIDR("10.{n}.0.0/16")' for n in range(100)], 'context.ip.inCIDR("2001:db8::/32")')
    assert candidates(flow, ip="10.17.3.4") == {"r17"}
    assert candidates(flow, ip="::ffff:10.17.3.4") == {"r17"}
    assert candidates(flow, ip="2001:db8::7") == {"r100"}
    assert ask(flow, ip="10.17.3.4").policies == ("r17", "yes")
    assert ask(flow, ip="192.168.0.1").allowed


def test_rule_with_networks_within_each_other_matches_once():
    flow = flow_of('context.ip.inCIDR(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"])')
    assert ask(flow, ip="10.1.2.3").policies == ("r0", "yes")


@pytest.mark.parametrize("context", [{}, {"t": 7}, {"t": None}, {"t": ["0"]}])
def test_rule_that_fails_for_want_of_a_text_counts_as_if_it_were_not_looked_up(context):
    decision = ask(flow_of('context.t.startsWith("0")'), **context)
    assert decision.effect is Effect.DENY
    assert [error.policy for error in decision.errors] == ["r0"]


@pytest.mark.parametrize(
    ("context", "errs"), [({}, False), ({"ip": None}, True), ({"ip": "nonsense"}, True), ({"ip": 7}, True)]
)
def test_rule_behind_has_is_passed_over_only_where_the_attribute_is_absent(context, errs):
    decision = ask(flow_of('has(context.ip) && context.ip.inCIDR("10.0.0.0/8")'), **context)
    assert bool(decision.errors) is errs
    assert decision.allowed is not errs


@pytest.mark.parametrize("context", [{}, {"extra": None}, {"extra": 7}, {"extra": "a"}])
def test_rule_behind_has_of_an_inner_attribute_fails_closed_where_nothing_could_hold_it(context):
    when = 'has(context.extra.deep) && context.extra.deep.startsWith("a")'
    decision = ask(flow_of(when), **context)
    assert (decision.effect, decision.policies) == (Effect.DENY, ("r0", "yes"))
    assert [error.policy for error in decision.errors] == ["r0"]
    assert ask(flow_of(when), extra={}).policies == ("yes",)


def test_rule_of_thousands_that_share_a_filter_is_looked_up_by_its_beginning():
    rules = [
        {"id": f"r{n}", "effect": "deny", "match": {"action": "tool.call", "principal.roles": "intern"},
         "when": f'resource.id.startsWith("t{n:03}-")'}
        for n in range(50)
    ]  # fmt: skip
    flow = AxonFlow.open(policy_set([ALLOW, *rules]))
    intern = Request({"id": "ann", "roles": ["intern"]}, "tool.call", "tool:t007-x")
    assert flow.decide(intern).policies == ("r7", "yes")
    assert flow.decide(Request("user:ann", "tool.call", "tool:t007-x")).allowed
    lookup = flow.policies._short["tool.call"].lookup
    assert len(lookup(intern)) == 1


def test_rules_that_match_together_are_known_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(engine, "_MAX_KNOWN", 2)
    flow = flow_of(*[f'context.t.contains("{letter}")' for letter in "abcd"])
    for text, names in (
        ("ab", ("r0", "r1")),
        ("bc", ("r1", "r2")),
        ("cd", ("r2", "r3")),
        ("abcd", ("r0", "r1", "r2", "r3")),
    ):
        for _ in range(2):
            assert ask(flow, t=text).policies == (*names, "yes")
    assert len(flow.policies._short["tool.call"].known) == 2
