"""What a counterfactual says of what may be changed holds for actions, times, lists, and for what others are named."""

import msgspec
import pytest

from axonflow import Request
from axonflow.policy import ACTIONS
from axonflow.policy.explaining import Changeable, Edit, applied, counterfactual, explain
from axonflow.policy.explaining.told import told
from tests.strategies import policy_set
from tests.unit.policy.explaining.explained import ANN, NOW_S, engine_of

SATURDAY_S = 1_767_998_400.0
LOOPS = "context.l.exists(a, context.l.exists(b, a + b < -1)) && context.x == 0"
LONG = {"l": list(range(600)), "m": [1], "x": 1}
DRILL = {"id": "drill", "rules": ["no"], "reason": "A drill.", "expires": "2999-01-01T00:00:00Z"}


def denied(when, effect="deny", **more):
    return {"id": "no", "effect": effect, "when": when, **more}


def asked(rules, request, only=(), fixed=(), default="allow", now_s=NOW_S, **parts):
    engine = engine_of(policy_set(rules, default=default, **parts))
    request = Request(**ANN | request)
    found = counterfactual(engine, request, now_s, Changeable.of(only, fixed))
    for change in found.changes:
        assert engine.decide(applied(request, change.edits), "", now_s).allowed
    return found


def edits(found):
    return [(edit.op, edit.path, edit.value) for change in found.changes[:1] for edit in change.edits]


def test_counterfactual_of_the_time_starts_from_now_and_not_from_an_example():
    office = denied('!time.within("Mon-Fri 08:00-18:00", "UTC")')
    assert asked([office], {}, ["time"], now_s=SATURDAY_S).changes
    late = denied('time > timestamp("2026-06-01T00:00:00Z")')
    found = asked([late], {"time": int(NOW_S * 1_000_000)}, ["time"])
    assert [edit.op for change in found.changes for edit in change.edits] == ["set"]


def test_counterfactual_of_the_action_tries_all_that_are_known():
    assert edits(asked([], {"action": "tool.cal"}, ["action"])) == [("set", "action", "tool.call")]
    calls = denied("true", match={"action": ["tool.call", "tool.result"]})
    assert asked([calls], {}, ["action"]).changes
    grant = {"id": "yes", "effect": "allow", "match": {"action": "llm.request"}}
    found = asked([grant], {}, ["action", "context"], default="deny", requires={"llm.request": ["context.env"]})
    assert [(edit.op, edit.path) for edit in found.changes[0].edits] == [("set", "context.env"), ("set", "action")]
    required = asked([], {}, ["action"], requires={"tool.call": ["context.env"]})
    assert required.changes[0].edits[0].path == "action"


def test_counterfactual_of_more_actions_than_are_tried_says_so(monkeypatch):
    assert asked([denied("true")], {}, ["action"]).smallest
    monkeypatch.setattr("axonflow.policy.explaining.worth_trying.MAX_EDITS", 2)
    every = denied("true", match={"action": sorted(ACTIONS - {"plan.step"})})
    found = asked([every], {}, ["action"])
    assert (found.changes, found.untried) == ((), ("other values of action",))


@pytest.mark.parametrize(("only_", "fixed", "is_changed"), [
    (["principal.attributes"], [], True),
    ([], ["principal.attributes"], False),
    (["resource.attributes"], [], False),
    ([], ["resource.attributes"], True),
])  # fmt: skip
def test_counterfactual_for_the_word_attributes_means_all_of_them(only_, fixed, is_changed):
    principal = {"id": "ann", "attributes": {"level": 1}, "roles": ["x"]}
    found = asked([denied("principal.level < 3")], {"principal": principal}, only_, fixed)
    assert bool(found.changes) is is_changed
    covered = Changeable.of(["principal.attributes"])
    assert [covered.allows(path) for path in ("principal.roles", "principal.on_behalf_of.id", "context.level")] == [
        False, False, False,
    ]  # fmt: skip
    assert covered.allows("principal.attributes.id")


def test_counterfactual_that_leaves_one_member_as_it_is_changes_others():
    rules = [denied("context.job.a == 1 && context.job.b == 1")]
    found = asked(rules, {"context": {"job": {"a": 1, "b": 1}}}, fixed=["context.job.a"])
    assert [edit.path for change in found.changes[:1] for edit in change.edits] == ["context.job.b"]


def test_counterfactual_sets_what_a_delegate_has_and_leaves_the_rest():
    behind = {"id": "bob", "tenant": "acme", "roles": ["ops"], "attributes": {"level": 1, "kept": 2}}
    principal = {"id": "ann", "on_behalf_of": behind}
    rules = [denied('principal.on_behalf_of.tenant != "other" || principal.on_behalf_of.level != 5')]
    found = asked(rules, {"principal": principal}, ["principal.on_behalf_of"])
    after = applied(Request(**ANN | {"principal": principal}), found.changes[0].edits).principal.on_behalf_of
    assert (after.id, after.tenant, after.roles, after.attributes) == (
        "bob",
        "other",
        ("ops",),
        {"level": 5, "kept": 2},
    )


def test_counterfactual_copies_the_value_that_an_attribute_is_compared_with():
    found = asked([denied("context.owner != principal.id")], {"context": {"owner": "bob"}})
    assert edits(found) == [("set", "context.owner", "ann")]
    inside = asked([denied("context.job.owner != principal.id")], {"context": {"job": {"owner": "bob", "n": 1}}})
    assert edits(inside) == [("set", "context.job.owner", "ann")]
    listed = asked([denied("!(principal.id in context.owners)")], {"context": {"owners": ["bob"]}})
    assert edits(listed) == [("add", "context.owners", "ann")]


@pytest.mark.parametrize("other", ["context.token", "content", "content.text"])
def test_counterfactual_shows_no_secret_that_it_copies(other):
    rules = [denied(f"context.given != {other}")]
    content = {"text": "canary of ann"} if other == "content.text" else "canary of ann"
    request = Request(**ANN, context={"token": "canary", "given": "x"}, content=content)
    engine = engine_of(policy_set(rules, default="allow"))
    found = counterfactual(engine, request, NOW_S, Changeable.of(["context.given"]))
    assert "canary" in found.changes[0].edits[0].value
    assert b"canary" not in msgspec.json.encode(told(found, request, engine.secrecy))
    back = counterfactual(engine, request, NOW_S, Changeable.of(["content", "action", "time"]))
    assert b"canary" not in msgspec.json.encode(told(back, request, engine.secrecy))


def test_counterfactual_that_copies_the_action_can_be_told():
    engine = engine_of(policy_set([denied("context.wanted != action")], default="allow"))
    request = Request(**ANN, context={"wanted": "x"})
    found = told(counterfactual(engine, request, NOW_S), request, engine.secrecy)
    assert found.changes[0].edits[0].value == "tool.call"


def test_counterfactual_of_a_name_that_is_empty_proves_nothing():
    found = asked([denied('principal.attributes[""] != "x" || resource.attributes[""] != "y" || context[""] == 1')], {})
    assert (found.changes, found.smallest) == ((), False)


def test_counterfactual_of_a_list_tries_members_that_are_no_texts():
    found = asked([denied("!context.b.exists(z, z == 7)")], {"context": {"b": "x"}})
    assert edits(found) == [("set", "context.b", [7])]
    assert edits(asked([denied("!context.b.exists(z, z in [7, true])")], {"context": {"b": 1}}))[0][2] in ([7], [True])


def test_counterfactual_of_a_role_that_is_one_of_very_many_denied_drops_it():
    rules = [{"id": f"r{n}", "effect": "deny", "match": {"principal.roles": f"v{n}"}} for n in range(60)]
    found = asked(rules, {"principal": {"id": "ann", "roles": ["v3"]}})
    assert found.changes[0].edits == (Edit("drop", "principal.roles", (), "v3"),)


def test_counterfactual_that_makes_a_member_up_says_so():
    found = asked([], {}, requires={"tool.call": ["principal.groups"]})
    assert found.changes[0].edits == (Edit("add", "principal.groups", (), "other", example=True),)
    named = asked([{"id": "yes", "effect": "allow", "match": {"principal.groups": "ops"}}], {}, default="deny")
    assert named.changes[0].edits == (Edit("add", "principal.groups", (), "ops"),)


def test_counterfactual_inside_of_an_object_says_what_it_makes_up():
    made = asked([denied("!has(context.m.k)")], {"context": {"m": {"z": 1}}})
    assert made.changes[0].edits == (Edit("set", "context.m", ("k",), "other", example=True),)
    named = asked([denied('context.m.k != "x"')], {"context": {"m": {"k": 1}}})
    assert named.changes[0].edits == (Edit("set", "context.m", ("k",), "x"),)


def test_counterfactual_that_drops_a_number_keeps_what_python_holds_for_the_same():
    request = Request(**ANN, context={"l": [1, True, "x"]})
    assert applied(request, [Edit("drop", "context.l", (), 1)]).context["l"] == [True, "x"]


@pytest.mark.slow
def test_counterfactual_where_loops_run_out_of_steps_proves_nothing():
    rules = [denied(LOOPS), {"id": "b", "effect": "deny"}]
    found = asked(rules, {"context": LONG}, ["context.x"])
    assert (found.changes, found.smallest) == ((), False)
    assert "what takes too many loop steps to tell" in found.untried


def test_counterfactual_that_may_not_go_on_says_what_it_had_no_time_for():
    engine = engine_of(policy_set([denied("context.x == 1")], default="allow"))
    found = counterfactual(engine, Request(**ANN, context={"x": 1}), NOW_S, go_on=lambda: False)
    assert (found.changes, found.smallest, found.untried) == ((), False, ("what there was no time for",))


def test_counterfactual_that_left_a_value_out_on_the_way_proves_nothing_smaller():
    rules = [
        denied('context.way != "b" && context.way != "c"'),
        {"id": "b", "effect": "deny", "when": 'context.way == "b" && context.job.a != 1'},
        *({"id": f"c{n}", "effect": "deny", "when": f'context.way == "c" && context.n{n} != 1'} for n in range(2)),
    ]
    found = asked(rules, {"context": {"way": "a", "job": {"a": 0}, "n0": 2, "n1": 2}}, fixed=["context.job.a"])
    assert (len(found.changes[0].edits), found.smallest, found.untried) == (3, False, ("other values of context.job",))


def test_explanation_of_a_rule_named_redaction_is_no_failed_redaction():
    rules = [{"id": "redaction", "effect": "log", "when": "context.missing == 1"}]
    engine = engine_of(policy_set(rules, default="allow"))
    told_ = explain(engine, Request(**ANN), NOW_S)
    assert (told_.redaction_failed, told_.why) == (
        False,
        ("Nothing denies, and the default of the tenant layer is allow.",),
    )
    rules.append({"id": "x", "effect": "deny", "reason": "The content could not be redacted."})
    engine = engine_of(policy_set(rules, default="allow"))
    assert not counterfactual(engine, Request(**ANN), NOW_S).rules.redaction_failed
    assert "rule x denies" in explain(engine, Request(**ANN), NOW_S).why[0]


@pytest.mark.slow
def test_explanation_of_an_exception_that_had_too_few_steps_left_says_that_it_does_not_hold():
    rules = [{"id": "a", "effect": "deny", "when": LOOPS}, {"id": "no", "effect": "deny"}]
    engine = engine_of(policy_set(rules, default="allow", exceptions=[dict(DRILL, when="context.m.exists(a, a == 1)")]))
    told_ = explain(engine, Request(**ANN, context=LONG), NOW_S)
    (rule,) = [rule for rule in told_.layers[0].rules if rule.id == "no"]
    assert (rule.matches, [waiver.holds for waiver in rule.waivers]) == (True, [False])
