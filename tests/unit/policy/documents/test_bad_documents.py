"""Documents that are wrong: the message names file, line and column, what was expected and what was found."""

import json

import pytest

from axonflow import AxonFlow, AxonFlowError, PolicyError, Request
from axonflow.errors import ConfigurationError
from tests.strategies import policy_set

HEAD = """\
apiVersion: axonflow.dev/v1
kind: PolicySet
metadata: {name: t}
default: deny
"""


def problem(tmp_path, text, name="p.yaml"):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(file)
    return str(raised.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ("rules: [{id: a, effect: block}]", "/p.yaml:5:25", ["'deny'", "'block'"]),
        ("rules: [{id: a, effect: deny, wen: x}]", "/p.yaml:5:31", ["unknown field", "when", "'wen'"]),
        ("rules: [{effect: deny}]", "/p.yaml:5:9", ["rules.0.id is missing"]),
        ("rules: [{id: a b, effect: deny}]", "/p.yaml:5:14", ["pattern", "'a b'"]),
        ("rules: {}", "/p.yaml:5:8", ["list"]),
        ("ruls: []", "/p.yaml:5:1", ["unknown field", "rules", "'ruls'"]),
        ("default: allow", "/p.yaml:5:1", ["repeated key", "'default'"]),
        ("layer: galaxy", "/p.yaml:5:8", ["'system'", "'galaxy'"]),
        ("rules: [{id: a, effect: deny, match: {context: x}}]", "/p.yaml:5:39", ["dotted path"]),
        ("rules: [{id: a, effect: deny, match: {context.x: null}}]", "/p.yaml:5:50", ["None"]),
        ("rules: [{id: a, effect: deny, match: {resource.id: [1]}}]", "/p.yaml:5:52", ["text", "Quote"]),
        ("rules: [{id: a, effect: deny, match: {resource.id: []}}]", "/p.yaml:5:52", ["at least 1"]),
        ("rules: [{id: a, effect: deny, when: true}]", "/p.yaml:5:37", ["string", "True"]),
        ("rules:\n- id: a\n  effect: allow\n  when:\n", "/p.yaml:8:8", ["rules.0.when", "leave `when` out"]),
        ("rules: [{id: a, effect: deny, when: context.x > }]", "/p.yaml:5:48", ["syntax error", "a value"]),
        (
            'rules: [{id: a, effect: deny, when: "contxt.x > 1"}]',
            "/p.yaml:5:37",
            ["unknown name", "Did you mean context?"],
        ),
        ("rules: [{id: a, effect: deny, when: resource.id > 5}]", "/p.yaml:5:49", ["like with like"]),
        ("rules: [{id: a, effect: deny, when: resource.id}]", "/p.yaml:5:46", ["true or false", "string"]),
        ("rules: [{id: a, effect: deny, when: 'resource.id.matches(\"(\")'}]", "/p.yaml:5:", ["RE2"]),
        ("rules: [{id: a, effect: deny, when: 'detected(\"pii.emial\")'}]", "/p.yaml:5:", ["pii.email"]),
        ("rules: [{id: a, effect: deny}, {id: a, effect: allow}]", "/p.yaml:5:37", ["same id", "/p.yaml:5:14"]),
        ("rules: [{id: a, effect: limit}]", "/p.yaml:5:", ["what it limits"]),
        ("rules: [{id: a, effect: deny, obligations: [{approvers: [x]}]}]", "/p.yaml:5:", ["no obligations"]),
        ("rules: [{id: a, effect: redact, obligations: [{detectors: [x]}]}]", "/p.yaml:5:", ["'x'"]),
        (
            "rules: [{id: a, effect: limit, obligations: [{unit: cows, maximum: 1, window_s: 1}]}]",
            "/p.yaml:5:",
            ["cows"],
        ),
        ("requires: {tool.call: [env]}", "/p.yaml:5:", ["dotted path"]),
        ("exceptions: [{id: e, rules: [nope], reason: r, expires: 2027-01-01T00:00:00Z}]", "/p.yaml:5:30", ["nope"]),
        ("exceptions: [{id: e, rules: [nope], reason: r, expires: tomorrow}]", "/p.yaml:5:57", ["tomorrow"]),
        ("exceptions: [{id: e, rules: [nope], reason: r, expires: 2027-01-01T00:00:00}]", "/p.yaml:5:57", ["offset"]),
        ("rules: [{id: a, effect: deny}", "/p.yaml:", ["not YAML"]),
        ("rules: [{id: a, effect: deny, tests: [{request: {}, expect: nope}]}]", "/p.yaml:5:61", ["'deny'", "'nope'"]),
        ("requires: {Tool Call: [content]}", "/p.yaml:5:12", ["dotted lower-case"]),
        (
            "exceptions: [{id: e, rules: [r], reason: r, expires: 2027-01-01T00:00:00Z, when: (}]",
            "/p.yaml:5:",
            ["a value"],
        ),
        (
            "exceptions: [{id: e, rules: [r], reason: r, expires: 2027-01-01T00:00:00Z, when: nobody > 1}]",
            "/p.yaml:5:",
            ["unknown name", "nobody"],
        ),
        ("attributes: {contxt.risk: int}", "/p.yaml:5:14", ["dotted path of an attribute", "'contxt.risk'"]),
        ("rules: [*nowhere]", "/p.yaml:5:9", ["anchor"]),
        ("rules: !!python/object:os.system {}", "/p.yaml:5:8", ["tags"]),
        ("\tx: 1", "/p.yaml:5:1", ["not YAML"]),
    ],
)
def test_document_with_a_fault_is_refused_with_its_place(tmp_path, body, place, words):
    message = problem(tmp_path, HEAD + body)
    assert place in message
    for word in words:
        assert word in message


def test_document_with_many_faults_names_each(tmp_path):
    message = problem(tmp_path, HEAD + "layer: x\nrules: [{id: a, effect: b}, {id: c, effect: deny, extra: 1}]")
    assert message.startswith("3 problems")
    assert all(f"p.yaml:{line}:" in message for line in (5, 6))


def test_document_with_more_faults_than_anyone_reads_names_the_first_fifty():
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(policy_set([{"id": f"r{number}", "effect": "explode"} for number in range(60)]))
    assert len(raised.value.problems) == 50
    assert "rules[49]" in raised.value.problems[-1].at


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe\x00", ["not UTF-8", "0xff", "p.yaml:1:1"]),
        (HEAD.encode() + b"# \xc3\x28", ["not UTF-8", "p.yaml:5:3"]),
        ("just text", ["not a policy set", "mapping", "str"]),
        ("[]", ["mapping", "list"]),
        ("a: " + "[" * 200 + "]" * 200, ["deep"]),
        ("[" * 100_000, ["deep"]),
        (
            "a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            + "".join(f"{chr(99 + n)}: &{chr(99 + n)} [{','.join(['*' + chr(98 + n)] * 10)}]\n" for n in range(8)),
            ["too large"],
        ),
        ("? [a]\n: b", ["key"]),
        ("x: \x01", ["not YAML"]),
    ],
    ids=["bytes", "utf8", "text", "list", "deep", "deeper", "laughs", "key", "control"],
)
def test_document_of_hostile_text_is_refused(tmp_path, text, words):
    message = problem(tmp_path, text)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["not JSON", "p.json:1:2"]),
        ('{"a": 1, "a": 2}', ["repeated key"]),
        ("[" * 100_000, ["deep"]),
        ('{\n\t"kind": "Policy"\n}', ["p.json:2:", "'PolicySet'"]),
    ],
)
def test_json_document_with_a_fault_is_refused_with_its_place(tmp_path, text, words):
    message = problem(tmp_path, text, "p.json")
    for word in words:
        assert word in message


def test_document_of_100_mb_is_refused_unread(tmp_path):
    file = tmp_path / "p.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    with pytest.raises(PolicyError, match="at most 16777216 bytes"):
        AxonFlow.open(file)


def test_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PolicyError, match=r"no such file or folder.*axonflow policy init"):
        AxonFlow.open(tmp_path / "policies")


def test_empty_folder_loads_nothing_and_denies(tmp_path):
    decision = AxonFlow.open(tmp_path).decide(Request("user:a", "tool.call", "tool:x"))
    assert not decision.allowed
    assert "axonflow policy init" in decision.reasons[0]


def test_folder_is_read_with_its_subfolders_and_each_fault_is_reported(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.yaml").write_text(HEAD.replace("name: t", "name: one") + "rules: [{id: r, effect: allow}]")
    (tmp_path / "two.json").write_text(json.dumps(policy_set([], "two")))
    (tmp_path / ".hidden.yaml").write_text("not a policy")
    (tmp_path / "readme.txt").write_text("not a policy")
    assert AxonFlow.open(tmp_path).decide(Request("user:a", "tool.call", "tool:x")).allowed
    (tmp_path / "bad.yaml").write_text("{")
    (tmp_path / "worse.json").write_text("{")
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(tmp_path)
    assert len(raised.value.problems) == 2


def test_sets_of_a_layer_with_different_defaults_are_refused():
    with pytest.raises(PolicyError, match=r"differ in their default: expected deny, as at .*found allow"):
        AxonFlow.open([policy_set([], "a"), policy_set([], "b", default="allow")])


def test_two_sets_of_one_name_are_refused():
    with pytest.raises(PolicyError, match="two policy sets"):
        AxonFlow.open([policy_set([], "a"), policy_set([], "a")])


def test_rule_ids_are_unique_across_sets():
    rule = {"id": "r", "effect": "allow"}
    with pytest.raises(PolicyError, match=r"policies\[1\]\.rules\[0\]\.id: two rules.*policies\[0\]"):
        AxonFlow.open([policy_set([rule], "a"), policy_set([rule], "b")])


def test_exception_below_the_layer_of_its_rule_is_refused():
    rule = {"id": "r", "effect": "deny"}
    loosening = [{"id": "e", "rules": ["r"], "reason": "x", "expires": "2027-01-01T00:00:00Z"}]
    with pytest.raises(PolicyError, match="above its own"):
        AxonFlow.open([policy_set([rule], "a", "system", "abstain"), policy_set([], "b", exceptions=loosening)])


def test_rule_that_is_nested_too_deep_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for document in (
        policy_set([{"id": "r", "effect": "deny", "match": {"context.x": deep}}]),
        policy_set([]) | {"requires": deep},
        policy_set([{"id": "r", "effect": deep}]),
        policy_set([], layer=deep),
        policy_set([]) | {"include": [deep]},
    ):
        with pytest.raises(PolicyError) as raised:
            AxonFlow.open(document)
        assert len(str(raised.value)) < 2_000


@pytest.mark.parametrize("parts", [{"effect": 10**5_000}, {"effect": "deny", "when": 2**70}])
def test_message_about_a_huge_number_does_not_write_it(parts):
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(policy_set([{"id": "r"} | parts]))
    assert raised.value.found == "a larger number"


@pytest.mark.parametrize("place", [{}, {"rules": [{"id": "r", "effect": "deny", "match": {}}]}])
def test_message_about_a_name_of_thousands_of_characters_is_short(place):
    name = "context." + "[" * 5_000
    document = policy_set([]) | place
    (document["rules"][0]["match"] if place else document)[name] = None
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(document)
    assert len(str(raised.value)) < 2_000


def test_message_about_a_pattern_does_not_repeat_all_of_it():
    rule = {"id": "r", "effect": "deny", "when": f"resource.id.matches('{'(a)' * 2_000}(')"}
    with pytest.raises(PolicyError, match=r"not an RE2 expression.*\.\.\.") as raised:
        AxonFlow.open(policy_set([rule]))
    assert len(str(raised.value)) < 1_500


@pytest.mark.parametrize("policies", [5, b"policies", {1, 2}, [7]])
def test_open_with_policies_of_another_kind_is_refused(policies):
    with pytest.raises(ConfigurationError, match="expected a path, a document"):
        AxonFlow.open(policies)


def test_every_error_is_an_axonflow_error_and_a_value_error():
    assert issubclass(PolicyError, AxonFlowError)
    assert issubclass(PolicyError, ValueError)


def test_yaml_12_words_stay_text(tmp_path):
    (tmp_path / "p.yaml").write_text(
        HEAD + "rules: [{id: r, effect: allow, match: {context.country: [no, on, yes, 0o17, 012]}}]"
    )
    flow = AxonFlow.open(tmp_path)
    for value, allowed in [("no", True), ("on", True), (False, False), (15, True), (12, True), ("012", False)]:
        assert flow.decide(Request("user:a", "tool.call", "tool:x", context={"country": value})).allowed == allowed


def test_pattern_and_detector_named_twice_are_resolved_once():
    condition = "resource.id.matches('^a') && detected('pii')"
    rules = [{"id": name, "effect": "allow", "when": condition} for name in ("one", "two")]
    assert not AxonFlow.open(policy_set(rules)).decide(Request("user:a", "tool.call", "tool:a")).allowed


def test_detection_over_all_detectors_is_known_to_conditions():
    rule = {"id": "r", "effect": "allow", "when": "size(findings) == 0"}
    assert AxonFlow.open(policy_set([rule])).decide(Request("user:a", "tool.call", "tool:a", content="hi")).allowed
