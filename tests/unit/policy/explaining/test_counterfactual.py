"""What is said to be enough for a request to be allowed is enough, and no less is; where nothing is, all was tried."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect, Request
from axonflow.policy import PolicySource, compile_policies
from axonflow.policy.explaining import Changeable, Edit, applied, counterfactual, explain
from tests.strategies import CONDITIONS, policy_set, policy_sets, requests
from tests.unit.policy.cel.expressions import Host
from tests.unit.policy.deciding.test_detection_failures import Broken
from tests.unit.policy.explaining.explained import excepted

NOW_S = 1_795_000_000.0
ANN = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}
ALL = Changeable()
REQUIRED = st.sampled_from([None, "context.env", "principal.roles"])


def engine_of(*documents):
    return AxonFlow.open(list(documents)).policies


def asked(rules, request, changeable=ALL, default="allow", **parts):
    engine = engine_of(policy_set(rules, default=default, **parts))
    return counterfactual(engine, Request(**ANN | request), NOW_S, changeable)


def shown(found):
    return [[(edit.op, edit.path, edit.value) for edit in change.edits] for change in found.changes]


def allows(engine, request, edits):
    return engine.decide(applied(request, edits), "", NOW_S).allowed


def parts(edits):
    return [part for size in range(len(edits)) for part in combinations(edits, size)]


VALUES = {
    "context.env": ["dev", "staging", "prod", "zz", None, 1, [], ["dev"], ["dev", "prod"], ["zz"]],
    "context.risk": [0, 49, 50, 51, "x", None],
    "context.flag": [True, False, "x"],
    "context.missing": [1, 2],
    "context.ip": ["10.1.2.3", "10.200.0.1", "::1", "9.9.9.9", "no", 1],
    "principal.level": [0, 1, 2, 3, 4, 5, True, False, "x"],
}
EVERY = [
    *(Edit("set", path, (), value) for path, values in VALUES.items() for value in values),
    *(Edit("remove", path) for path in VALUES),
    *(Edit(op, "principal.roles", (), role) for role in ("analyst", "admin", "x") for op in ("add", "drop")),
]  # fmt: skip


def of_changeable_parts():
    """Sets that ask about what may be changed, and hardly anything else."""
    conditions = [
        None, "context.risk >= 50", "context.flag", 'has(context.env) && context.env != "prod"', "principal.level > 3",
        '"admin" in principal.roles', '!("analyst" in principal.roles) || context.risk < 50', "context.missing == 1",
        "context.flag ? context.risk > 49 : principal.level < 2", 'context.env.startsWith("pr")', "!context.flag",
        'context.ip.inCIDR("10.1.0.0/16")', 'has(context.risk) && context.risk < 50 && context.env == "dev"',
    ]  # fmt: skip
    match = st.fixed_dictionaries(
        {}, optional={"context.env": st.sampled_from(["dev", "prod"]), "principal.roles": st.just("analyst")}
    )
    effects = st.sampled_from(["deny", "deny", "allow", "allow", "require_approval", "log"])
    one = st.fixed_dictionaries({"effect": effects, "match": match, "when": st.sampled_from(conditions)})

    def numbered(rules, default):
        named = [{name: value for name, value in rule.items() if value is not None} for rule in rules]
        return [policy_set([dict(rule, id=f"r{n}") for n, rule in enumerate(named)], default=default)]

    return st.builds(numbered, st.lists(one, min_size=1, max_size=5), st.sampled_from(["allow", "deny"]))


@given(policy_sets() | of_changeable_parts(), requests(), REQUIRED, CONDITIONS)
@settings(max_examples=60)
def test_change_of_any_denied_request_is_enough_and_no_part_of_it_is(documents, request_, required, when):
    excepted(documents, when)
    if required:
        documents[0]["requires"] = {request_.action: [required]}
    engine = engine_of(*documents)
    decision = engine.decide(request_, "", NOW_S)
    found = counterfactual(engine, request_, NOW_S)
    assert (found.allowed, found.effect, found.policies) == (decision.allowed, decision.effect, decision.policies)
    assert not (found.allowed and found.changes)
    for change in found.changes:
        after = engine.decide(applied(request_, change.edits), "", NOW_S)
        assert (after.allowed, after.effect, after.policies) == (True, change.effect, change.policies)
        assert not any(allows(engine, request_, part) for part in parts(change.edits))
    if not found.allowed and found.smallest:
        fewest = min([len(change.edits) for change in found.changes], default=3)
        smaller = [some for size in range(1, min(fewest, 3)) for some in combinations(EVERY, size)]
        beside = (some for some in smaller if all(one.beside(other) for one, other in combinations(some, 2)))
        assert not [some for some in beside if allows(engine, request_, some)]
    else:
        assert found.allowed or found.untried


@given(policy_sets(), requests(), REQUIRED)
@settings(max_examples=40)
def test_rules_to_change_are_enough_and_all_needed(documents, request_, required):
    if required:
        documents[0]["requires"] = {request_.action: [required]}
    found = counterfactual(engine_of(*documents), request_, NOW_S, max_edits=1)
    needed = found.rules
    if found.allowed or needed.redaction_failed:
        return
    steps = [("rule", one.id) for one in needed.rules] + [("grant", layer) for layer in needed.grant_in]
    steps += [("grant", documents[0]["layer"])] * needed.grant_in_any + [
        ("require", one.path) for one in needed.missing
    ]
    assert steps
    assert engine_of(*changed(documents, steps)).decide(request_, "", NOW_S).allowed
    for step in steps:
        rest = [one for one in steps if one != step]
        assert not engine_of(*changed(documents, rest)).decide(request_, "", NOW_S).allowed


def changed(documents, steps):
    removed = {name for kind, name in steps if kind == "rule"}
    granting = {name for kind, name in steps if kind == "grant"}
    lifted = {name for kind, name in steps if kind == "require"}
    for document in documents:
        rules = [rule for rule in document["rules"] if rule["id"] not in removed]
        if document["layer"] in granting:
            rules.append({"id": f"grant-{document['metadata']['name']}", "effect": "allow"})
        required = {} if lifted else document.get("requires", {})
        yield dict(document, rules=rules, requires=required)


def test_change_for_several_rules_is_as_small_as_it_gets():
    rules = [
        {"id": "env", "effect": "deny", "match": {"context.env": "prod"}},
        {"id": "risk", "effect": "deny", "when": "context.risk >= 90"},
        {"id": "both", "effect": "deny", "when": 'context.risk < 90 && context.risk > 50 && context.env != "dev"'},
    ]
    found = asked(rules, {"context": {"env": "prod", "risk": 95}})
    assert shown(found)[0] == [("set", "context.env", "dev"), ("set", "context.risk", 50)]
    assert {len(change.edits) for change in found.changes} == {2}
    assert found.smallest
    assert found.untried == ()
    assert [one.id for one in found.rules.rules] == ["env", "risk"]


def test_change_of_memberships_adds_and_drops_single_ones():
    rules = [
        {"id": "no", "effect": "deny", "match": {"principal.roles": ["intern", "guest"]}},
        {"id": "yes", "effect": "allow", "match": {"principal.groups": "ops"}},
    ]
    principal = {"id": "ann", "roles": ["guest", "dba"], "groups": ["sales"]}
    found = asked(rules, {"principal": principal}, default="deny")
    assert shown(found) == [[("add", "principal.groups", "ops"), ("drop", "principal.roles", "guest")]]
    assert found.smallest


def test_change_of_many_memberships_tries_those_first_that_rules_name():
    rules = [{"id": "no", "effect": "deny", "match": {"principal.roles": ["intern", "guest"]}}]
    principal = {"id": "ann", "roles": [*(f"r{n}" for n in range(99)), "guest"]}
    assert shown(asked(rules, {"principal": principal})) == [[("drop", "principal.roles", "guest")]]
    labels = [{"id": "yes", "effect": "allow", "match": {"context.labels": ["a", "b"]}}]
    found = asked(labels, {"context": {"labels": [f"x{n}" for n in range(99)]}}, default="deny")
    assert shown(found)[0] == [("set", "context.labels", "a")]


def test_change_inside_of_an_attribute_leaves_the_rest_of_it():
    rules = [{"id": "no", "effect": "deny", "when": 'context.job.env == "prod" || context.job["a.b"] == 1'}]
    request = {"context": {"job": {"env": "prod", "owner": "ann", "a.b": 2}}}
    found = asked(rules, request)
    (edit,) = found.changes[0].edits
    assert (edit.op, edit.path) == ("set", "context.job.env")
    after = applied(Request(**ANN | request), [edit])
    assert after.context["job"] == {"env": edit.value, "owner": "ann", "a.b": 2}


def test_change_offers_what_makes_a_held_request_plainly_allowed():
    rules = [{"id": "ask", "effect": "require_approval", "when": "context.amount > 500"}]
    found = asked(rules, {"context": {"amount": 900}})
    assert (found.effect, found.changes[0].effect) == (Effect.REQUIRE_APPROVAL, Effect.ALLOW)
    assert shown(found)[0] == [("set", "context.amount", 500)]


def test_change_of_what_is_required_says_what_to_add():
    found = asked([], {}, requires={"tool.call": ["context.env", "principal.groups"]})
    assert [[(edit.op, edit.path) for edit in change.edits] for change in found.changes] == [
        [("set", "context.env"), ("add", "principal.groups")]
    ]
    assert all(edit.example for edit in found.changes[0].edits if edit.op == "set")
    assert [one.path for one in found.rules.missing] == ["context.env", "principal.groups"]


def test_change_that_nothing_makes_enough_is_proved_to_be_none():
    found = asked([{"id": "never", "effect": "deny", "match": {"resource.id": "shell"}}], {"context": {"a": 1}})
    assert (found.changes, found.smallest, found.untried) == ((), True, ())
    opposed = [
        {"id": "small", "effect": "deny", "when": "has(context.n) && context.n < 5"},
        {"id": "large", "effect": "deny", "when": "!has(context.n) || context.n >= 5"},
    ]
    found = asked(opposed, {"context": {"n": 1}})
    assert (found.changes, found.smallest) == ((), True)
    unknown = asked([], {"action": "tool.cal"})
    assert (unknown.changes, unknown.smallest, unknown.rules.unknown_action) == ((), True, True)


def test_change_that_was_not_found_is_not_said_to_be_impossible():
    rules = [{"id": "no", "effect": "deny", "when": "context.l.map(x, x * x).exists(x, x != 49)"}]
    found = asked(rules, {"context": {"l": [1]}})
    assert found.smallest is False or found.changes
    many = [{"id": f"r{n}", "effect": "deny", "match": {f"context.a{n}": "x"}} for n in range(6)]
    cut = asked(many, {"context": {f"a{n}": "x" for n in range(6)}})
    assert (cut.changes, cut.smallest, cut.untried) == ((), False, ("more than 4 edits together",))
    engine = engine_of(policy_set(many, default="allow"))
    request = Request(**ANN, context={f"a{n}": "x" for n in range(6)})
    short = counterfactual(engine, request, NOW_S, max_decisions=3)
    assert (short.smallest, short.untried, short.decisions) == (False, ("more than 3 decisions",), 3)


@pytest.mark.parametrize(
    ("changeable", "expected"),
    [
        (Changeable(), [("remove", "context.env")]),
        (Changeable.of(fixed=["context.env"]), [("set", "principal.level")]),
        (Changeable.of(only=["principal.roles"]), [("add", "principal.roles")]),
        (Changeable.of(only=["resource.id"]), [("set", "resource.id")]),
        (Changeable.of(only=["principal.attributes.level"]), [("set", "principal.level")]),
        (Changeable.of(only=["principal.roles"], fixed=["principal.roles"]), []),
        (Changeable.of(only=["principal"], fixed=["principal.level"]), [("set", "principal.on_behalf_of.id")]),
        (Changeable.of(only=["principal.on_behalf_of"]), [("set", "principal.on_behalf_of.id")]),
        (Changeable.of(only=["time"]), [("set", "time")]),
    ],
)
def test_change_touches_only_what_may_be_changed(changeable, expected):
    rules = [
        {
            "id": "no", "effect": "deny", "match": {"resource.id": "shell", "context.env": "prod"},
            "when": '!("admin" in principal.roles) && (!has(principal.level) || principal.level < 3) &&'
                    ' principal.on_behalf_of.id != "root" && time < timestamp("2030-01-01T00:00:00Z")',
        }
    ]  # fmt: skip
    request = {"context": {"env": "prod"}, "principal": {"id": "ann", "on_behalf_of": "user:bob"}}
    found = asked(rules, request, changeable)
    assert [(edit.op, edit.path) for change in found.changes[:1] for edit in change.edits] == expected
    assert found.smallest


def test_change_of_contents_and_of_what_is_compared_with_others():
    content = asked(
        [{"id": "no", "effect": "deny", "when": 'detected("pii.email")'}], {"content": "to ann@example.com"}
    )
    assert (content.changes, content.smallest) == ((), True)
    rules = [{"id": "no", "effect": "deny", "when": 'detected("pii.email")'}]
    assert asked(rules, {"content": "to ann@example.com"}, Changeable.of(only=["content"])).changes
    owners = [{"id": "own", "effect": "allow", "when": "resource.owner == principal.id"}]
    found = asked(owners, {}, default="deny")
    assert shown(found)[0] == [("set", "resource.owner", "ann")]


def test_counterfactual_of_an_allowed_request_has_nothing_to_say():
    found = asked([], {})
    assert (found.allowed, found.changes, found.smallest, found.decisions) == (True, (), True, 1)


def test_change_that_makes_an_exception_hold_is_found():
    exceptions = [
        {"id": "drill", "rules": ["no"], "match": {"context.ticket": "T-1"}, "reason": "A drill.",
         "expires": "2999-01-01T00:00:00Z"},
    ]  # fmt: skip
    found = asked([{"id": "no", "effect": "deny"}], {}, exceptions=exceptions)
    assert shown(found) == [[("set", "context.ticket", "T-1")]]
    assert found.smallest


def test_change_for_rules_that_read_computed_names_proves_nothing():
    rules = [
        {"id": "any", "effect": "deny", "when": "context.exists(k, context[k] == 1)"},
        {"id": "env", "effect": "deny", "match": {"context.env": "prod"}},
        {"id": "none", "effect": "deny", "when": "size(context) < 9"},
    ]
    found = asked(rules, {"context": {"env": "prod", "a": 1}})
    assert (found.changes, found.smallest) == ((), False)
    assert "what reads a name that is computed" in found.untried


@pytest.mark.slow
def test_change_where_much_is_to_be_tried_says_what_was_left_out(monkeypatch):
    monkeypatch.setattr("axonflow.policy.explaining.possible.MAX_RULES", 3)
    many = [{"id": f"r{n}", "effect": "deny", "match": {"context.env": f"e{n}"}} for n in range(9)]
    found = asked([*many, {"id": "a", "effect": "deny"}], {"context": {"env": "e1"}})
    assert (found.smallest, found.untried) == (False, ("more than 3 rules of one effect",))
    monkeypatch.undo()
    monkeypatch.setattr("axonflow.policy.explaining.worth_trying.MAX_EDITS", 1)
    rules = [{"id": f"r{n}", "effect": "deny", "match": {"context.env": f"e{n}"}} for n in range(3)]
    few = asked([*rules, {"id": "y", "effect": "allow", "match": {"context.env": "z"}}], {}, default="deny")
    assert (few.changes, few.smallest, few.untried) == ((), False, ("other values of context.env",))
    slow = [
        {"id": f"s{n}", "effect": "deny", "when": f"context.l.exists(a, context.l.exists(b, a + b < -{n}))"}
        for n in range(7)
    ]
    endless = asked(slow, {"context": {"l": list(range(600)), "x": 1}}, Changeable.of(only=["context.x"]))
    assert endless.untried[0] == "what takes too many loop steps to tell"


def test_change_of_what_cannot_be_redacted_proves_nothing():
    document = policy_set([{"id": "mask", "effect": "redact", "match": {"context.env": "prod"}}], default="allow")
    engine = compile_policies([PolicySource("p", document, lambda path, offset: "p")], Broken(), Host().pattern)
    found = counterfactual(engine, Request(**ANN, context={"env": "prod"}, content="a"), NOW_S)
    assert (found.effect, found.rules.redaction_failed) == (Effect.DENY, True)
    assert found.untried or found.changes
    told = explain(engine, Request(**ANN, context={"env": "prod"}, content="a"), NOW_S)
    assert told.why == ("What had to be redacted could not be, so nothing may be sent on.",)
