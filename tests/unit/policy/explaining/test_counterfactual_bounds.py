"""What a counterfactual says where it cannot look at everything: never that there is nothing, and never too much."""

import msgspec
import pytest

from axonflow import Request, RequestError
from axonflow.policy.deciding.evaluation import EXHAUSTED
from axonflow.policy.explaining import Changeable, applied, counterfactual
from axonflow.policy.explaining.counterfactual import _Search
from axonflow.policy.explaining.told import told
from tests.strategies import policy_set
from tests.unit.policy.explaining.explained import ANN, NOW_S, engine_of


def denied(when, rule_id="no"):
    return {"id": rule_id, "effect": "deny", "when": when}


def asked(rules, request, only=(), default="allow"):
    engine = engine_of(policy_set(rules, default=default))
    request = Request(**ANN | request)
    found = counterfactual(engine, request, NOW_S, Changeable.of(only))
    for change in found.changes:
        assert engine.decide(applied(request, change.edits), "", NOW_S).allowed
    return found


def edits(found):
    return [(edit.op, edit.path, edit.value) for change in found.changes[:1] for edit in change.edits]


def test_counterfactual_where_a_decision_runs_out_of_steps_proves_nothing(monkeypatch):
    monkeypatch.setattr("axonflow.policy.deciding.evaluation.MAX_LOOP_STEPS", 10)
    rules = [denied("context.l.exists(a, a < 0) && context.x == 0"), {"id": "b", "effect": "deny"}]
    engine = engine_of(policy_set(rules, default="allow"))
    request = Request(**ANN, context={"l": [1] * 11, "x": 1})
    assert engine.decide(request, "", NOW_S).errors[0].message == EXHAUSTED
    found = counterfactual(engine, request, NOW_S, Changeable.of(["context.x"]))
    assert (found.changes, found.smallest) == ((), False)
    assert "what takes too many loop steps to tell" in found.untried


def test_counterfactual_that_has_no_steps_left_for_what_is_fixed_says_so(monkeypatch):
    monkeypatch.setattr("axonflow.policy.explaining.parts.MAX_STEPS_OF_ALL", 1)
    rules = [denied(f"context.l.exists(a, a == {number}) && context.x == {number}", f"r{number}") for number in (1, 2)]
    found = asked([*rules, {"id": "b", "effect": "deny"}], {"context": {"l": [3, 3], "x": 7}}, ["context.x"])
    assert (found.changes, found.smallest) == ((), False)
    assert found.untried == ("what takes too many loop steps to tell",)


def test_counterfactual_of_more_rules_than_it_looks_at_says_so(monkeypatch):
    monkeypatch.setattr("axonflow.policy.explaining.possible.MAX_RULES", 3)
    many = [{"id": f"r{n}", "effect": "deny", "match": {"context.env": f"e{n}"}} for n in range(9)]
    found = asked([*many, {"id": "a", "effect": "deny"}], {"context": {"env": "e1"}})
    assert (found.changes, found.smallest, found.untried) == ((), False, ("more than 3 rules of one effect",))


def test_counterfactual_leaves_out_rules_about_what_may_not_be_changed():
    other = {"id": "sql", "effect": "deny", "match": {"resource.id": "sql"}, "when": "context.b == 1"}
    rules = [
        other,
        denied('resource.id == "shell" && context.a == 1'),
        denied('resource.id == "shell" && !context.c', "c"),
    ]
    found = asked(rules, {"context": {"a": 1, "b": 2, "c": False}})
    assert found.smallest
    assert [[edit.path for edit in change.edits] for change in found.changes[:1]] == [["context.a", "context.c"]]
    assert {edit.path for change in found.changes for edit in change.edits} == {"context.a", "context.c"}


def test_counterfactual_where_no_layer_speaks_finds_what_would_grant():
    rules = [{"id": "yes", "effect": "allow", "match": {"context.env": "dev"}}]
    found = asked(rules, {"context": {"env": "prod"}}, default="abstain")
    assert (edits(found), found.smallest) == ([("set", "context.env", "dev")], True)


def test_counterfactual_of_a_permission_that_reads_computed_names_proves_nothing():
    rules = [{"id": "any", "effect": "allow", "when": "context.exists(k, context[k] == 77 && k.size() > 9)"}]
    found = asked(rules, {"context": {"a": 1}}, default="deny")
    assert (found.changes, found.smallest) == ((), False)
    assert "what reads a name that is computed" in found.untried


def test_counterfactual_that_a_search_went_astray_for_is_made_as_small_as_it_can_be(monkeypatch):
    def astray(search, _request, _decision, chosen):
        paths = [edit.path for edit in search._edits]
        return [paths.index("context.a" if chosen else "context.b")], []

    rules = [denied("context.a == 1"), denied("has(context.b) && context.b == 1 && context.c == 1", "other")]
    monkeypatch.setattr(_Search, "_useful", astray)
    found = asked(rules, {"context": {"a": 1, "b": 2, "c": 2}})
    assert [edit.path for change in found.changes for edit in change.edits] == ["context.a"]


@pytest.mark.parametrize("other", [{}, {"other": ["ann"]}, {"other": None}])
def test_counterfactual_copies_no_value_that_is_none_or_a_list(other):
    found = asked([denied("context.owner != context.other")], {"context": {"owner": "bob"} | other}, ["context.owner"])
    assert not [edit for change in found.changes for edit in change.edits if edit.like]


def test_counterfactual_reaches_those_behind_those_that_act():
    principal = {"id": "ann", "on_behalf_of": {"id": "bob", "on_behalf_of": {"id": "cid", "attributes": {"age": 3}}}}
    behind = "principal.on_behalf_of.on_behalf_of"
    found = asked([denied(f"{behind}.age < 18")], {"principal": principal}, ["principal.on_behalf_of"])
    (edit,) = found.changes[0].edits
    assert edit.path in {"principal.on_behalf_of", f"{behind}.age"}
    named = asked([denied(f'{behind}.id != "eve"')], {"principal": principal}, [behind])
    assert edits(named) == [("set", f"{behind}.id", "eve")]


@pytest.mark.parametrize("path", ["contxt.env", "", ".env", "context.", "context..env", "principal.roles."])
def test_changeable_of_what_is_no_path_of_a_request_is_refused(path):
    with pytest.raises(RequestError, match=r"not a path of a request: expected such as context\.env"):
        Changeable.of(fixed=[path])


def test_told_counterfactual_shows_what_was_there_and_what_to_set():
    engine = engine_of(policy_set([denied("context.a == 1"), denied("context.password == 'x'", "p")], default="allow"))
    request = Request(**ANN, context={"a": 1, "password": "x"})
    shown = told(counterfactual(engine, request, NOW_S), request, engine.secrecy)
    edited = {edit.path: edit for edit in shown.changes[0].edits}
    assert (edited["context.a"].was, edited["context.a"].withheld) == (1, "")
    assert edited["context.password"].withheld
    assert (shown.allowed, shown.policies) == (False, ("no", "p"))
    assert msgspec.json.encode(shown).count(b'"x"') == 0
