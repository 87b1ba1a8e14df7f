"""From texts to sets that load: formats are told apart, the engine has the last word, and anything may be given."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, PolicyError
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app import importing
from axonflow.app.importing import import_policies, names_of_text
from axonflow.policy.importing.report import ImportedRule, ImportedSet
from axonflow.policy.importing.writing import written_set
from tests.strategies import json_values

CEDAR = 'permit(principal, action == Action::"tool.call", resource);'
WIRE = {"name": "No", "pattern": "drop table"}
LEGACY = "apiVersion: axonflow.io/v1\nkind: Policy\nmetadata: {name: a}\nspec: {type: access-control, rules: []}\n"


@pytest.mark.parametrize(
    ("name", "text", "effects"),
    [
        ("a.cedar", CEDAR, {"allow": 1}),
        ("<stdin>", f"// so\n{CEDAR}", {"allow": 1}),
        ("<stdin>", f'@id("a")\n{CEDAR}', {"allow": 1}),
        ("a.json", json.dumps(WIRE), {"deny": 1}),
        ("<stdin>", json.dumps([WIRE, WIRE]), {"deny": 2}),
        ("<stdin>", json.dumps({"policies": [WIRE], "static": [WIRE], "pagination": {}}), {"deny": 1}),
        ("<stdin>", json.dumps({"policy": WIRE}), {"deny": 1}),
        ("a.yaml", "- {name: No, pattern: drop}\n", {"deny": 1}),
        ("a.yaml", LEGACY, {}),
    ],
)
def test_format_of_a_text_is_told_by_what_it_holds(name, text, effects):
    (one,) = import_policies({name: text}).sets
    assert one.rules == effects
    AxonFlow.open(parse_yaml(one.text, "set"))


@pytest.mark.parametrize(
    ("name", "text", "kind", "message"),
    [
        ("a.yaml", "a: b\n", None, "no policies that can be imported"),
        ("a.json", "[]", "wire", "no policies that can be imported"),
        ("a.json", "{", None, "not JSON: Expecting property name enclosed in double quotes"),
        ("a.yaml", LEGACY, "cedar", "not part of a Cedar policy"),
        ("a.json", json.dumps(WIRE), "v1", "no policies that can be imported"),
        ("a.json", '{"staticPolicies": {}}', None, "Cedar's JSON format is not read"),
        (
            "a.json",
            '{"effect": "permit", "conditions": [], "action": {"op": "All"}}',
            None,
            "Cedar's JSON format is not read",
        ),
        ("a.yaml", "apiVersion: axonflow.io/v1\n", None, "not a policy of this version"),
        ("a.json", json.dumps([WIRE] * 5_001), None, "too many policies"),
    ],
)
def test_text_of_no_such_format_is_refused_with_its_name(name, text, kind, message):
    with pytest.raises(PolicyError) as caught:
        import_policies({name: text}, kind=kind)
    assert caught.value.message == message
    assert caught.value.at.startswith(name)


def test_rule_that_the_engine_refuses_is_left_out_and_named():
    long = " || ".join([f"context.a{number} == {number}" for number in range(300)])
    text = f"{CEDAR}\nforbid(principal, action, resource) when {{ {long} }};"
    result = import_policies({"a.cedar": text})
    assert result.sets[0].rules == {"allow": 1}
    (found,) = result.findings
    assert (found.kind, found.at, found.loosens, found.why) == (
        "left out", "a.cedar:2:1", True, "chain too long: expected at most 256 operands",
    )  # fmt: skip
    assert f"# left out: a.cedar:2:1: {found.found}" in result.sets[0].text


@pytest.mark.slow
def test_rules_that_are_refused_beyond_what_is_told_at_once_are_tried_alone(monkeypatch):
    monkeypatch.setattr(importing, "_MAX_ROUNDS", 1)
    one = 'forbid(principal, action, resource) when { context.a like "x" && (%s) };'
    deep = "(" * 28 + "context.a == 1" + ")" * 28
    text = "\n".join([one % " || ".join(["context.a == 1"] * 300)] * 52 + [one % deep, CEDAR])
    result = import_policies({"a.cedar": text})
    assert result.sets[0].rules == {"allow": 1, "deny": 1}
    assert len(result.findings) == 52


def test_sets_of_several_sources_share_no_name_and_no_id():
    text = f'@id("same") {CEDAR}'
    result = import_policies({"x/a.cedar": text, "y/a.cedar": text})
    assert [one.name for one in result.sets] == ["a", "a-2"]
    AxonFlow.open([parse_yaml(one.text, one.name)[0] for one in result.sets])
    assert [(one.kind, one.policy) for one in result.findings] == [("ignored", "same-2")]


def test_mapping_file_is_refused_with_line_and_column():
    with pytest.raises(PolicyError) as caught:
        names_of_text("principals:\n  User: human\n", "names.yaml")
    assert caught.value.at == "names.yaml:2:3"
    with pytest.raises(PolicyError):
        names_of_text("{}\n---\n{}\n", "names.yaml")


def test_written_set_is_what_a_person_would_write():
    head = {"a\x7f": "\x00\U000f0000"} | {
        "a": None,
        "b": True,
        "c": {"d": {"e": [1, {"f": "x y"}]}, "g": []},
        "h": [[1, 2], {}],
    }
    rules = (
        ImportedRule({"id": "a", "when": '"y" == x'}, "One.", ""),
        ImportedRule({"id": "b: c", "when": "x"}, "", ""),
    )
    text = written_set(ImportedSet(("Two\nlines.",), head, rules))
    assert (
        text
        == """# Two
# lines.
"a\\u007f": "\\u0000\\U000f0000"
a: null
b: true
c:
  d: {e: [1, {f: x y}]}
  g: []
h:
  - [1, 2]
  - {}
rules:
  # One.
  - id: a
    when: |-
      "y" == x
  #
  - id: "b: c"
    when: x
"""
    )
    assert parse_yaml(text, "set")[0]["h"] == [[1, 2], {}]


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "a: b",
        "a #b",
        "- a",
        "true",
        "1e3",
        "0x1",
        "yes",
        "~",
        "2026-01-01",
        "1:30",
        "a b:",
        "a\u2028b",
        "\x85",
        "\ufeff",
        "|-",
    ]
)
KEYS = PLAIN.filter(lambda name: name != "rules")


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(KEYS, PLAIN | json_values(), max_size=3),
    st.lists(st.fixed_dictionaries({"id": PLAIN, "when": PLAIN}), max_size=3),
    PLAIN,
)
def test_written_set_read_back_has_the_same_values(head, rules, comment):
    text = written_set(ImportedSet((comment,), head, tuple(ImportedRule(rule, comment, "") for rule in rules)))
    assert parse_yaml(text, "set") == [{**head, "rules": rules}]


WORDS = st.sampled_from([
    "pattern", "conditions", "actions", "name", "tier", "override", "policies", "static", "tenant_id", "action",
    "type", "apiVersion", "axonflow.io/v1", "kind", "Policy", "metadata", "spec", "rules", "limit", "window", "60s",
    "scope", "user", "access-control", "rate-limit", "resource", "database:*", "block", "query", "contains", "[",
    "field", "*", "operator", "value", "expires_at", "2026-01-01T00:00:00Z", "enabled", "config", "deny", "not:x",
    "@x", "id", "\0",
])  # fmt: skip
DATA = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-1, 10**6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)
POLICIES = st.fixed_dictionaries(
    {"name": WORDS},
    optional={
        "pattern": WORDS | st.sampled_from(["a+", "a{1,9}"]), "action": WORDS | DATA, "tier": WORDS, "tenant_id": WORDS,
        "conditions": DATA, "actions": DATA, "override": DATA, "priority": DATA, "severity": DATA, "description": DATA,
    },
)  # fmt: skip
SPECS = st.fixed_dictionaries(
    {"apiVersion": st.just("axonflow.io/v1"), "kind": st.just("Policy")},
    optional={
        "metadata": DATA | st.just({"name": "a"}),
        "spec": DATA | st.fixed_dictionaries({"type": WORDS, "rules": st.lists(DATA, max_size=3)}),
    },
)


@settings(max_examples=80, deadline=None)
@given(DATA | st.lists(POLICIES, min_size=1, max_size=3) | SPECS, st.booleans())
def test_any_data_is_imported_or_refused_with_a_place(data, widen):
    try:
        result = import_policies({"any.json": json.dumps(data)}, widen=widen)
    except PolicyError as refused:
        place = refused.at
    else:
        AxonFlow.open([parse_yaml(one.text, one.name)[0] for one in result.sets])
        place = "any.json"
        assert all(found.at.startswith(place) for found in result.findings)
    assert place.startswith("any.json")
