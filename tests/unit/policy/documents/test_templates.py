"""Templates: what a set includes is what it would have written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, PolicyError, Request
from axonflow.policy import compile_policies
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.reading import PolicySource
from tests.strategies import policy_set


def template(name="budget", **parts):
    return {"apiVersion": "axonflow.dev/v1", "kind": "PolicyTemplate", "metadata": {"name": name}} | parts


BUDGET = template(
    parameters={
        "team": {"type": "string", "description": "Whose budget."},
        "most": {"type": "int", "default": 100},
        "open": {"type": "bool", "default": False},
        "share": {"type": "double", "default": 0.5},
        "tools": {"type": "strings", "default": ["search"]},
    },
    requires={"tool.call": ["context.cost"]},
    rules=[
        {
            "id": "limit-${team}",
            "effect": "limit",
            "match": {"action": "tool.call", "principal.groups": "${team}", "resource.id": "${tools}"},
            "when": "context.cost > ${most} && ${open} == false && ${share} < 1.0 && context.team == ${team}",
            "reason": "Team ${team} may spend ${most}; write $${team} for the name.",
            "obligations": [{"unit": "requests", "maximum": "${most}", "window_s": 60}],
        }
    ],
)
ALLOW = {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}}


def including(*includes, **parts):
    return policy_set([ALLOW]) | {"include": list(includes)} | parts


def decide(documents, team="research", cost=500):
    request = Request({"id": "ann", "groups": [team]}, "tool.call", "tool:search", context={"cost": cost, "team": team})
    return AxonFlow.open(documents).decide(request)


def faults(*documents):
    with pytest.raises(PolicyError) as refused:
        AxonFlow.open(list(documents))
    return refused.value.problems


def test_template_included_is_in_force_with_its_values():
    documents = [including({"template": "budget", "with": {"team": "research", "most": 7}}), BUDGET]
    decision = decide(documents)
    assert decision.policies == ("limit-research", "yes")
    assert decision.obligations[0].maximum == 7
    assert decision.reasons[0] == "Team research may spend 7; write ${team} for the name."
    assert decide(documents, cost=7).policies == ("yes",)
    assert decide(documents, team="sales").policies == ("yes",)


def test_template_included_twice_is_in_force_for_both():
    documents = [
        including({"template": "budget", "with": {"team": "a"}}, {"template": "budget", "with": {"team": "b"}}),
        BUDGET,
    ]
    assert [decide(documents, team).policies[0] for team in "ab"] == ["limit-a", "limit-b"]


def test_template_alone_is_not_in_force():
    assert AxonFlow.open([policy_set([ALLOW]), BUDGET]).policies.rules[0].id == "yes"


def test_include_has_the_digest_of_what_it_stands_for():
    written_out = policy_set([
        ALLOW, {"id": "no", "effect": "deny", "match": {"resource.id": "shell"}, "when": 'context.a == "x"'}
    ])  # fmt: skip
    rules = [{"id": "no", "effect": "deny", "match": {"resource.id": "${tool}"}, "when": "context.a == ${value}"}]
    shell = template("tool", parameters={"tool": {"type": "string"}, "value": {"type": "string"}}, rules=rules)
    included = including({"template": "tool", "with": {"tool": "shell", "value": "x"}})
    assert AxonFlow.open([included, shell]).policy_digest == AxonFlow.open(written_out).policy_digest


def test_requirements_of_a_template_are_those_of_the_set():
    documents = [including({"template": "budget", "with": {"team": "a"}}), BUDGET]
    denied = AxonFlow.open(documents).decide(Request("user:ann", "tool.call", "tool:search"))
    assert "must carry context.cost" in denied.reasons[0]
    more = including({"template": "budget", "with": {"team": "a"}}, requires={"tool.call": ["context.env"]})
    denied = AxonFlow.open([more, BUDGET]).decide(Request("user:ann", "tool.call", "tool:x", context={"cost": 1}))
    assert "must carry context.env" in denied.reasons[0]


def test_template_without_parameters_is_included_by_its_name():
    plain = template("plain", rules=[{"id": "no", "effect": "deny", "match": {"resource.id": "shell"}}])
    flow = AxonFlow.open([including("plain"), plain])
    assert not flow.decide(Request("user:ann", "tool.call", "tool:shell")).allowed


def test_templates_include_templates_and_hand_on_values():
    outer = template(
        "outer",
        parameters={"who": {"type": "string"}},
        include=[{"template": "budget", "with": {"team": "${who}", "most": 3}}],
    )
    decision = decide([including({"template": "outer", "with": {"who": "ops"}}), outer, BUDGET], "ops")
    assert decision.obligations[0].maximum == 3


def test_templates_that_include_each_other_are_refused():
    one, two = template("one", include=["two"]), template("two", include=["one"])
    (problem,) = faults(including("one"), one, two)
    assert problem.message == "templates include each other"
    assert problem.found == "one > two > one"


def test_templates_nested_too_deep_are_refused():
    chain = [template(f"t{n}", include=[f"t{n + 1}"]) for n in range(12)]
    (problem,) = faults(including("t0"), *chain, template("t12"))
    assert problem.message == "includes are nested too deep"


def test_templates_that_multiply_are_refused_at_a_bound():
    chain = [template(f"t{n}", include=[f"t{n + 1}"] * 50) for n in range(4)]
    leaf = template("t4", rules=[{"id": "x", "effect": "log"}])
    (problem,) = faults(including("t0"), *chain, leaf)
    assert problem.message == "too much is included"


@pytest.mark.parametrize(
    ("given_", "message", "place"),
    [
        ({"template": "nope"}, "there is no such template", "policies[0].include[0]"),
        ({"template": "budget"}, "budget: parameter team is missing", "policies[0].include[0]"),
        ({"template": "budget", "with": {"team": 7}}, "budget: parameter team", "policies[0].include[0].with.team"),
        ({"template": "budget", "with": {"team": "a", "most": True}}, "budget: parameter most", "with.most"),
        ({"template": "budget", "with": {"team": "a", "most": 1.5}}, "budget: parameter most", "with.most"),
        ({"template": "budget", "with": {"team": "a", "tools": ["a", 1]}}, "budget: parameter tools", "with.tools"),
        ({"template": "budget", "with": {"team": "a", "tema": 1}}, "budget: unknown parameter", "with.tema"),
        ({"tmplate": "budget"}, "unknown field", "policies[0].include[0]"),
        (7, "is not valid", "policies[0].include[0]"),
    ],
)
def test_include_that_does_not_fit_is_refused_with_its_place(given_, message, place):
    problems = faults(including(given_), BUDGET)
    assert any(message in problem.message and place in problem.at for problem in problems)


def test_fault_in_what_was_included_is_told_where_it_stands_in_the_template():
    broken = template("t", parameters={"n": {"type": "int"}}, rules=[
        {"id": "a", "effect": "deny", "when": "context.x > ${n} && nobody"}, {"id": "b", "effect": "explode"},
    ])  # fmt: skip
    (problem,) = faults(including({"template": "t", "with": {"n": 123456}}), broken)
    assert problem.at.startswith("policies[1].rules[1].effect (from policies[0].include[0], which includes t)")
    good = template("t", parameters={"n": {"type": "int"}}, rules=[broken["rules"][0]])
    (problem,) = faults(including({"template": "t", "with": {"n": 123456}}), good)
    assert problem.at.startswith("policies[1].rules[0].when (character 21) (from policies[0]")


def test_template_that_is_none_is_refused_with_its_place():
    (problem,) = faults(including(), template("t", parameters={"n": {"type": "integer"}}))
    assert problem.at == "policies[1].parameters.n.type"
    (problem,) = faults(including(), BUDGET, BUDGET)
    assert problem.message == "two templates have the same name"


@pytest.mark.parametrize("parts", [{"rules": 7}, {"requires": 7}])
def test_set_with_includes_and_another_fault_is_told_of_it(parts):
    problems = faults(including({"template": "budget", "with": {"team": "a"}}) | parts, BUDGET)
    assert next(iter(parts)) in problems[0].at


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_parameter_in_a_condition_is_one_literal_whatever_it_holds(text):
    rules = [{"id": "no", "effect": "deny", "match": {"action": "tool.call"}, "when": "context.t == ${value}"}]
    one = template("t", parameters={"value": {"type": "string"}}, rules=rules)
    flow = AxonFlow.open([including({"template": "t", "with": {"value": text}}), one])
    for other, allowed in ((text, False), (text + "x", True), ("", bool(text))):
        assert flow.decide(Request("user:ann", "tool.call", "tool:x", context={"t": other})).allowed is allowed


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_parameter_inside_a_string_of_a_condition_never_becomes_code(text):
    rules = [{"id": "no", "effect": "deny", "when": 'context.t == "${value}" && context.t == "never"'}]
    one = template("t", parameters={"value": {"type": "string"}}, rules=rules)
    documents = [including({"template": "t", "with": {"value": text}}), one]
    # Its quotes end the string, so but for letters and digits there is no such expression.
    for problem in faults(*documents):
        assert problem.at.startswith("policies[1].rules[0].when")


def test_parameter_that_is_a_list_stands_in_a_condition_as_one():
    rules = [{"id": "no", "effect": "deny", "when": "context.t in ${tools}"}]
    one = template("t", parameters={"tools": {"type": "strings"}}, rules=rules)
    flow = AxonFlow.open([including({"template": "t", "with": {"tools": ["a", 'b"]']}}), one])
    for text, allowed in (("a", False), ('b"]', False), ("b", True)):
        assert flow.decide(Request("user:ann", "tool.call", "tool:x", context={"t": text})).allowed is allowed


@pytest.mark.parametrize("levels", [65, 100_000])
def test_value_of_a_parameter_that_is_nested_too_deep_is_refused_wherever_it_is_given(levels):
    deep = "x"
    for _ in range(levels):
        deep = [deep]
    inner = template("inner", parameters={"value": {"type": "strings"}})
    given = {"template": "inner", "with": {"value": deep}}
    for documents in ([including(given), inner], [including("outer"), template("outer", include=[given]), inner]):
        problem = faults(*documents)[0]
        assert problem.message.startswith("include.0.with: nested too deep")
        assert "include[0].with" in problem.at


def test_value_of_a_parameter_that_is_no_number_of_json_is_refused():
    (problem,) = faults(including({"template": "budget", "with": {"team": "a", "most": 10**5_000}}), BUDGET)
    assert problem.message == "include.0.with.'most': number out of range"


def test_unknown_placeholder_stays_as_it_is():
    one = template("t", rules=[{"id": "no", "effect": "log", "reason": "costs ${money}", "match": {}}])
    rules = AxonFlow.open([including("t"), one]).policies.rules
    assert ("costs ${money}",) in {rule.reasons for rule in rules}


def test_rule_tests_of_a_template_run_with_its_values():
    rules = [{"id": "no", "effect": "deny", "match": {"resource.id": "${tool}"}, "tests": [
        {"request": {"principal": "user:a", "action": "tool.call", "resource": "tool:${tool}"}, "expect": "deny"},
    ]}]  # fmt: skip
    one = template("t", parameters={"tool": {"type": "string"}}, rules=rules)
    documents = [including({"template": "t", "with": {"tool": "shell"}}), one]
    loaded, problems = load_sets([PolicySource(f"d{n}", each, lambda *_: "d") for n, each in enumerate(documents)])
    assert not problems
    assert loaded[0].document.rules[1].tests[0].request["resource"] == "tool:shell"
    assert compile_policies  # what loads them is the same for all
