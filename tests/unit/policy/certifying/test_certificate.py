"""A certificate is the same everywhere, never too little, and never less for a rule more."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.app.certifying import LARGEST, Inputs, certificate_for
from axonflow.detect import matching
from axonflow.detect.effort import Effort
from axonflow.policy.cel import parse
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.json_value import MAX_NODES
from tests.strategies import CONDITIONS, ENVS, policy_set, policy_sets, principals, requests, rules
from tests.unit.policy.cel import interpreter

SMALL = Inputs(values=20, characters=2_000, memberships=3)
ENV_LISTS = st.lists(ENVS, min_size=1, max_size=3) | ENVS | st.none() | st.integers(-(2**63), 2**63 - 1)


@st.composite
def hostile_requests(draw):
    """Requests that meet many rules: lists where a text is looked for, and what is no text or address."""
    request = draw(requests())
    context = dict(request.context, env=draw(ENV_LISTS), ip=draw(st.sampled_from([7, None, "10.1.2.3", "x"])))
    context |= draw(st.sampled_from([{}, {"extra": 3}, {"extra": {"deep": 3}}, {"extra": "abc"}]))
    roles = draw(st.lists(st.sampled_from(["analyst", "admin", "ops"]), max_size=3, unique=True))
    principal = draw(principals()) | {"roles": roles}
    return Request(principal, request.action, request.resource, context, request.content, request.time)


def cost_for(certificate, action):
    found = by_action(certificate)
    return found.get(action, found["*"])


def by_action(certificate):
    return {one.action: one for one in certificate.actions}


class _Counted(Evaluation):
    spent = 0

    def spend(self, steps):
        self.spent += steps
        super().spend(steps)


def work_of(flow, documents, request):
    """Candidates tried, loop steps spent and nodes of conditions evaluated, of one decision made step by step."""
    engine = flow.policies
    index = engine._by_action.get(request.action, engine._elsewhere)
    candidates = index.candidates(request)
    evaluation = _Counted(request, request.time or 0, engine.scanner)
    conditions = {rule["id"]: rule.get("when") for document in documents for rule in document["rules"]}
    visited = 0
    for rule in candidates:
        rule.judge_carefully(request, evaluation)
        if conditions[rule.id] is not None and "detected" not in conditions[rule.id]:
            visited += _visits(conditions[rule.id], request)
    return len(candidates), evaluation.spent, visited


class _Visits(dict):
    count = 0

    def __getitem__(self, kind):
        self.count += 1
        return super().__getitem__(kind)


def _visits(source, request):
    known, interpreter.RULES = interpreter.RULES, _Visits(interpreter.RULES)
    try:
        with contextlib.suppress(interpreter.Failed, KeyError):
            interpreter.evaluate(parse(source).node, request)
        return interpreter.RULES.count
    finally:
        interpreter.RULES = known


def nodes_in(value):
    if isinstance(value, (list, dict)):
        return 1 + sum(map(nodes_in, value.values() if isinstance(value, dict) else value))
    return 1


def inputs_of(request):
    """The smallest that `request` fits in."""
    values = [request.context, request.content, request.principal.attributes, request.resource.attributes]
    lists = [request.principal.roles, request.principal.groups]
    return Inputs(
        max(map(nodes_in, values)), max(len(str(value)) for value in values), max(map(len, lists)),
    )  # fmt: skip


@given(policy_sets(), hostile_requests())
@settings(max_examples=20, deadline=None)
def test_work_of_any_decision_is_at_most_what_is_certified(documents, request):
    flow = AxonFlow.open(documents)
    candidates, spent, visited = work_of(flow, documents, request)
    cost = cost_for(certificate_for(documents, inputs=inputs_of(request)), request.action)
    assert candidates <= cost.candidates
    assert candidates + spent + visited <= cost.units
    largest = cost_for(certificate_for(documents), request.action)
    assert (cost.candidates, cost.units) <= (largest.candidates, largest.units)


@given(st.lists(rules(), min_size=3, max_size=60), st.lists(hostile_requests(), min_size=3, max_size=5))
@settings(max_examples=8, deadline=None)
def test_candidates_among_many_rules_are_at_most_what_is_certified(drawn, asked):
    document = policy_set([dict(rule, id=f"r{number}") for number, rule in enumerate(drawn)])
    engine = AxonFlow.open(document).policies
    for request in asked:
        certificate = certificate_for(document, inputs=inputs_of(request))
        tried = engine._by_action.get(request.action, engine._elsewhere).candidates(request)
        assert len(tried) <= cost_for(certificate, request.action).candidates


@given(policy_sets(), st.randoms())
@settings(max_examples=15, deadline=None)
def test_certificate_of_the_same_rules_in_another_order_is_the_same(documents, shuffle: random.Random):
    before = certificate_for(documents)
    shuffle.shuffle(documents)
    for document in documents:
        shuffle.shuffle(document["rules"])
    assert certificate_for(documents) == before


@given(st.lists(rules(), max_size=40), rules(), st.sampled_from([LARGEST, SMALL]))
@settings(max_examples=25, deadline=None)
def test_certificate_with_a_rule_more_is_nowhere_less(drawn, rule, inputs):
    written = [dict(one, id=f"r{number}") for number, one in enumerate(drawn)]
    before = certificate_for(policy_set(written), inputs=inputs)
    after = certificate_for(policy_set([*written, dict(rule, id="added")]), inputs=inputs)
    assert before.decision_units <= after.decision_units
    assert before.scan_units_per_kb <= after.scan_units_per_kb
    assert (before.rule.units if before.rule else 0) <= after.rule.units
    for action, cost in by_action(before).items():
        more = by_action(after)[action]
        assert cost.units <= more.units
        assert cost.candidates <= more.candidates
        assert cost.scan_units_per_kb <= more.scan_units_per_kb
    assert after.lower_than(before) is None


def _denied(name, tool, role):
    match = {"action": "tool.call", "resource.id": tool, "principal.roles": role}
    return {"id": name, "effect": "deny", "match": match}


def test_rules_filed_elsewhere_for_one_more_are_certified_for_no_less():
    """Each rule has a tool and a role of its own, until one more makes the roles common: then all are filed by tool."""
    alike = [_denied(f"r{n}", f"t{n}", f"o{n}") for n in range(30)]
    more = [_denied(f"m{n}", f"x{n}", f"o{n}") for n in range(30)]
    before, after = certificate_for(policy_set(alike)), certificate_for(policy_set([*alike, *more]))
    request = Request({"id": "ann", "roles": [f"o{n}" for n in range(30)]}, "tool.call", "tool:t1")
    tried = [
        len(AxonFlow.open(policy_set(each)).policies._by_action["tool.call"].candidates(request))
        for each in (alike, [*alike, *more])
    ]
    assert tried == [30, 1]
    assert [by_action(one)["tool.call"].candidates >= 30 for one in (before, after)] == [True, True]


def ranged(*conditions):
    rules = [{"id": f"r{n}", "effect": "deny", "when": when} for n, when in enumerate(conditions)]
    return by_action(certificate_for(policy_set(rules)))["*"].candidates


def test_rules_by_how_a_name_begins_count_as_far_as_one_name_may_begin_with_all():
    beginnings = ["a", "ab", "abc", "b", "bc"]
    assert ranged(*[f'resource.id.startsWith("{text}")' for text in beginnings]) == 3
    assert ranged(*[f'context.t.startsWith("{text}")' for text in beginnings]) == 5  # where a number may stand


def test_rules_by_network_count_all_for_what_is_no_address():
    assert ranged(*[f'context.ip.inCIDR("10.{n}.0.0/16")' for n in range(9)], 'resource.id.inCIDR("::/8")') == 10


def test_rules_of_one_literal_count_together_and_a_list_finds_as_many_as_it_may_hold():
    roles = [{"id": f"r{n}", "effect": "deny", "match": {"principal.roles": f"o{n}"}} for n in range(9)]
    tools = [{"id": f"t{n}", "effect": "deny", "match": {"resource.id": "x"}} for n in range(4)]
    certificate = certificate_for(policy_set([*roles, *tools]), inputs=SMALL)
    assert by_action(certificate)["*"].candidates == SMALL.memberships + 4


def test_actions_beyond_those_that_are_told_are_bounded_by_the_last():
    rules = [{"id": f"r{n}", "effect": "allow", "match": {"action": f"crm.a{n}"}} for n in range(70)]
    certificate = certificate_for(policy_set(rules))
    assert len(certificate.actions) == 64
    assert certificate.others.units == certificate.actions[-1].units
    assert certificate.cost_for("crm.untold") is None
    assert certificate_for(policy_set(rules[:3])).others is None
    assert certificate_for(policy_set(rules[:3])).cost_for("crm.untold").action == "*"


def test_each_exception_from_a_rule_is_paid_for_by_it_and_by_no_other():
    def units(*conditions):
        exceptions = [
            {
                "id": f"w{number}",
                "rules": ["r", "s"],
                "when": when,
                "reason": "Known.",
                "expires": "2099-01-01T00:00:00Z",
            }
            for number, when in enumerate(conditions)
        ]
        rules = [
            {"id": name, "effect": "require_approval", "match": {"action": action}}
            for name, action in (("r", "tool.call"), ("s", "llm.request"), ("t", "crm.export"))
        ]
        certificate = certificate_for(policy_set(rules, exceptions=exceptions))
        return [certificate.cost_for(one).units for one in ("tool.call", "llm.request", "crm.export")]

    none, one, both = (
        units(),
        units("context.a == context.b"),
        units("context.a == context.b", "context.c == context.d"),
    )
    assert none[0] == none[1] == none[2] == one[2] == both[2]
    assert one[0] == one[1]
    assert both[0] == both[1]
    assert both[0] - one[0] == one[0] - none[0] > MAX_NODES


def test_what_requests_must_carry_and_exceptions_are_certified_too():
    rule = {"id": "r", "effect": "require_approval", "match": {"action": "tool.call"}}
    waiver = {
        "id": "w",
        "rules": ["r"],
        "when": "context.a == context.b",
        "reason": "A drill.",
        "expires": "2099-01-01T00:00:00Z",
    }
    plain = certificate_for(policy_set([rule])).cost_for("tool.call").units
    assert certificate_for(policy_set([rule], exceptions=[waiver])).cost_for("tool.call").units > plain + MAX_NODES
    required = policy_set([rule], requires={"tool.call": ["context.env", "content"]})
    assert certificate_for(required).cost_for("tool.call").units == plain + 8


# -- scans


EXAMPLES = [example for detector in AxonFlow.open().scanner.detectors for example in detector.examples]


@given(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=40), st.sampled_from(["pii", "secret", "code", "*"]))
@settings(max_examples=15, deadline=None)
def test_work_of_detectors_on_hostile_content_is_at_most_what_is_certified(texts, selector):
    document = policy_set([{"id": "r", "effect": "deny", "when": f'detected("{selector}")'}], default="allow")
    flow = AxonFlow.open(document)
    content = {str(number): [text] for number, text in enumerate(texts)}
    searched, examined = [], []
    look, confidence = matching._look, matching._confidence

    def counted_look(step, document, windows, hits):
        windows = list(windows)
        searched.append(sum(end - start for start, end in windows) / 1_024)
        look(step, document, windows, hits)

    def counted_confidence(*each):
        examined.append(1)
        return confidence(*each)

    matching._look, matching._confidence = counted_look, counted_confidence
    try:
        flow.decide(Request("user:ann", "tool.call", "tool:x", content=content))
    finally:
        matching._look, matching._confidence = look, confidence
    kilobytes = len(str(content)) // 1_024 + 2
    cost = cost_for(certificate_for(document), "tool.call")
    assert sum(searched) + len(examined) <= cost.scan_units_per_kb * kilobytes
    assert cost.asked == (selector,)


@given(CONDITIONS)
@settings(max_examples=20, deadline=None)
def test_scan_is_certified_only_where_a_rule_asks_about_the_content(when):
    rule = {"id": "r", "effect": "deny"} | ({} if when is None else {"when": when})
    certificate = certificate_for(policy_set([rule]))
    assert (certificate.scan_units_per_kb > 0) == ("detected" in (when or ""))
    assert bool(certificate.detectors) == (certificate.scan_units_per_kb > 0)


def test_redaction_is_certified_for_the_rounds_that_it_may_take():
    asks = {"id": "r", "effect": "deny", "when": 'detected("pii.email")'}
    redacts = {"id": "r", "effect": "redact", "obligations": [{"detectors": ["pii.email"]}]}
    asked, redacted = (certificate_for(policy_set([rule])).scan_units_per_kb for rule in (asks, redacts))
    assert redacted == 4 * asked


def test_detectors_that_are_always_asked_together_are_certified_together():
    own = [
        {"id": f"custom.api_{name}", "description": "One.", "patterns": [f"{name}{{5}}"], "examples": [name * 5]}
        for name in "ab"
    ]
    rules = [{"id": "r", "effect": "deny", "when": 'detected("custom.api_a")'}]
    alone, beside = (certificate_for(policy_set(rules, detectors=each)).scan_units_per_kb for each in (own[:1], own))
    assert alone < beside


def test_findings_are_certified_as_all_detectors():
    every, pii = (
        certificate_for(policy_set([{"id": "r", "effect": "deny", "when": when}])).cost_for("tool.call")
        for when in ("size(findings) > 3", 'detected("pii")')
    )
    assert every.asked == ("*",)
    assert every.scan_units_per_kb > pii.scan_units_per_kb
    assert Effort([], [], frozenset()).units_per_kb(["pii"]) > 0


# -- what a unit is


@pytest.mark.parametrize(
    ("rule", "units"),
    [
        ({"match": {"resource.id": "shell"}, "when": "context.risk > 5"}, 140),
        ({"match": {"principal.roles": "ops"}}, 17),
        ({"when": "content.exists(c, c == 'x')"}, 1300),
        ({"when": "context.t.contains('x')"}, 302),
    ],
)
def test_units_of_known_rules_are_those_of_this_version_of_the_unit(rule, units):
    """Whoever changes one of these figures changes `UNITS_VERSION` too: bundles carry them."""
    certificate = certificate_for(policy_set([{"id": "r", "effect": "deny"} | rule]), inputs=SMALL)
    assert (certificate.version, certificate.rule.units) == (1, units)


@pytest.mark.parametrize(
    ("dear", "plain"),
    [
        ("content.exists(c, c > 3 || c < 1)", "content.exists(c, c == 'x')"),
        ("context.t.contains('aaab')", "context.t == 'aaab'"),
        ("context.t.matches('(a|b)+c')", "context.t == 'aaab'"),
        ("sets.equivalent(context.a, context.b)", "context.a == context.b"),
        ("context.a.distinct() == []", "context.a.reverse() == []"),
    ],
)
def test_what_takes_long_for_a_step_is_certified_as_more_units(dear, plain):
    """Measured: a part that fails takes 2 us, 4,096 characters searched 4 to 10, a value made a key 2."""
    inputs = Inputs(values=2_000, characters=400_000, memberships=10)
    first, then = (
        certificate_for(policy_set([{"id": "r", "effect": "deny", "when": when}]), inputs=inputs).rule.units
        for when in (dear, plain)
    )
    assert first > 2 * then
