"""Detectors and allowlists in policy sets: in force with their rules, by whichever way the sets come."""

import json

import msgspec
import pytest

from axonflow import AxonFlow, PolicyError, Request
from axonflow.app import bundles
from axonflow.detect import Detector, Shape
from axonflow.policy.compiling import custom_detectors
from tests.strategies import policy_set
from tests.unit.policy.compiling.test_bundles import signed

BADGE = {
    "id": "custom.badge",
    "category": "pii",
    "severity": "high",
    "description": "A badge of ours.",
    "patterns": [r"\b[A-Z]{3}-\d{6}\b"],
    "context": {"required": ["badge"], "forbidden": ["order"], "window_chars": 32},
    "examples": ["badge EMP-123456"],
    "counter_examples": ["badge EMP-12"],
}
WORDS = {"id": "custom.words", "description": "Names.", "keywords": ["Blue Falcon"], "examples": ["blue falcon"]}
MASK = {
    "id": "mask",
    "effect": "redact",
    "when": 'detected("pii", "custom.words")',
    "obligations": [{"detectors": ["pii", "custom"]}],
}
ALLOWED = {"detectors": ["pii.email"], "values": ["help@acme.example"], "patterns": ["x-[0-9]+@.+"], "reason": "Ours."}
TEXT = "badge EMP-123456 of Blue Falcon; ann@acme.example, HELP@acme.example, x-17@acme.example"
MASKED = (
    "badge [REDACTED:custom.badge] of [REDACTED:custom.words]; [REDACTED:pii.email], HELP@acme.example,"
    " x-17@acme.example"
)


def with_detectors(*detectors, rules=(), name="test", **parts):
    return policy_set(list(rules), name=name, **{"default": "allow", "detectors": list(detectors), **parts})


def asked(flow, content=TEXT):
    return flow.decide(Request("user:ann", "llm.request", "model:m", content=content))


def refused(*documents, **options):
    with pytest.raises(PolicyError) as error:
        AxonFlow.open(list(documents), **options)
    return [(problem.at, problem.message) for problem in error.value.problems]


WHOLE = with_detectors(BADGE, WORDS, rules=[MASK], allowlists=[ALLOWED])


def test_custom_detectors_take_part_in_rules_redaction_and_selectors():
    flow = AxonFlow.open(WHOLE)
    decision = asked(flow)
    assert (decision.effect, decision.redacted) == ("redact", MASKED)
    assert {"custom.badge", "custom.words", "pii.email"} <= set(decision.obligations[0].detectors)
    assert flow.scanner.resolve("custom") == ("custom.badge", "custom.words")
    assert "custom.badge" in flow.scanner.resolve("pii")
    assert asked(flow, "help@acme.example").effect == "allow"


def test_custom_findings_are_read_in_expressions():
    condition = 'findings.exists(f, f.detector == "custom.words" && f.category == "custom" && f.start == 20)'
    flow = AxonFlow.open(with_detectors(BADGE, WORDS, rules=[{"id": "no", "effect": "deny", "when": condition}]))
    assert [asked(flow).effect, asked(flow, "Blue Falcon").effect] == ["deny", "allow"]


def test_custom_detectors_in_another_set_are_known_to_every_set():
    rules = policy_set([MASK], name="rules", default="allow")
    flow = AxonFlow.open([rules, with_detectors(BADGE, name="one"), with_detectors(WORDS, name="two")])
    assert asked(flow, "badge EMP-123456, blue falcon").redacted == (
        "badge [REDACTED:custom.badge], [REDACTED:custom.words]"
    )


def test_custom_detectors_beside_those_given_in_python_are_all_known():
    given = Detector(
        id="custom.tag",
        category="custom",
        severity="low",
        description="A tag.",
        shapes=(Shape(pattern=r"\bTAG-\d{4}\b"),),
        max_span_chars=8,
        examples=("TAG-1234",),
        counter_examples=(),
    )
    flow = AxonFlow.open(WHOLE, detectors=[given])
    assert asked(flow, "TAG-1234 blue falcon").redacted == "[REDACTED:custom.tag] [REDACTED:custom.words]"
    flow.reload(with_detectors(rules=[MASK | {"when": 'detected("custom.tag")'}]))
    assert asked(flow, "TAG-1234 blue falcon").redacted == "[REDACTED:custom.tag] blue falcon"
    (at, message), *rest = refused(with_detectors(WORDS | {"id": "custom.tag"}), detectors=[given])
    assert (at, message, rest) == ("policies[0].detectors[0].id", "two detectors have the same id", [])


def test_custom_detectors_after_a_reload_are_those_of_the_new_policies():
    flow = AxonFlow.open(WHOLE)
    with pytest.raises(PolicyError):
        flow.reload(with_detectors(WORDS | {"examples": ["none"]}))
    assert asked(flow).redacted == MASKED
    flow.reload(with_detectors(BADGE | {"patterns": [r"EMP-\d{2}"], "counter_examples": []}, rules=[]))
    assert flow.scanner.resolve("custom") == ("custom.badge",)
    assert flow.scanner.inspect("badge EMP-12").any(("custom.badge",))


@pytest.mark.parametrize(
    ("part", "value", "at", "message"),
    [
        ("id", "pii.badge", "id", "not an id for a detector"),
        ("patterns", ["a+"], "patterns[0]", "a pattern whose matches can be too long"),
        ("patterns", [], "", "a detector has nothing to look for"),
        ("examples", ["EMP-1"], "examples[0]", "custom.badge does not find its example"),
        ("counter_examples", ["", "badge EMP-123456"], "counter_examples[1]", "custom.badge finds its counter-example"),
        ("context", {"forbidden": ["."]}, "context.forbidden[0]", "not a word"),
        ("category", "pi", "category", "detectors.0.category is not valid"),
        ("keyword", "x", "keyword", "unknown field"),
    ],
)
def test_custom_detector_with_a_fault_is_refused_with_its_place(part, value, at, message):
    place = f"policies[0].detectors[0].{at}".removesuffix(".")
    assert refused(with_detectors(BADGE | {part: value})) == [(place, message)]


def test_custom_detectors_with_several_faults_are_all_named():
    wrong = with_detectors(BADGE | {"patterns": ["(", "^"]}, WORDS | {"id": "x"}, rules=[MASK])
    problems = refused(wrong)
    assert [at.partition("policies[0].")[2] for at, _ in problems] == [
        "detectors[0].patterns[0]",
        "detectors[0].patterns[1]",
        "detectors[0].patterns[1]",
        "detectors[1].id",
        "rules[0].when",
        "rules[0].obligations[0]",
    ]


def test_custom_detectors_of_one_id_are_refused_unless_they_are_alike():
    flow = AxonFlow.open([with_detectors(BADGE, name="a"), with_detectors(BADGE, WORDS, name="b")])
    assert flow.scanner.resolve("custom") == ("custom.badge", "custom.words")
    other = with_detectors(BADGE | {"severity": "low"}, name="b")
    assert refused(with_detectors(BADGE, name="a"), other) == [
        ("policies[1].detectors[0].id", "two detectors have the same id")
    ]


def test_custom_detectors_beyond_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(custom_detectors, "MAX_DETECTORS", 1)
    assert refused(with_detectors(BADGE, WORDS)) == [("policies[0].detectors[1]", "too many detectors")]


# -- shadow sets


def test_custom_detector_of_a_shadow_set_is_tried_there_alone():
    new = BADGE | {"patterns": [r"NEW-\d{6}"], "examples": ["badge NEW-123456"]}
    rule = {"id": "no", "effect": "deny", "when": 'detected("custom.badge") || detected("custom.words")'}
    shadow = with_detectors(new, rules=[rule], name="new", shadow=True, allowlists=[ALLOWED | {"detectors": ["pii"]}])
    flow = AxonFlow.open([with_detectors(BADGE, WORDS, rules=[rule]), shadow])
    effects = [
        (decision.effect, decision.shadow.effect)
        for decision in (asked(flow, text) for text in ("badge EMP-123456", "badge NEW-123456", "blue falcon"))
    ]
    assert effects == [("deny", "allow"), ("deny", "deny"), ("deny", "deny")]


# -- allowlists


def test_allowlist_for_a_category_holds_of_all_its_detectors():
    allowed = {"detectors": ["pii"], "values": ["EMP-123456"], "reason": "A sample."}
    again = allowed | {"values": ["ann@acme.example"]}
    flow = AxonFlow.open(with_detectors(BADGE, rules=[MASK | {"when": 'detected("pii")'}], allowlists=[allowed, again]))
    assert asked(flow, "badge EMP-123456 ann@acme.example").effect == "allow"
    assert asked(flow, "badge EMP-123457").effect == "redact"


@pytest.mark.parametrize(
    ("changed", "at", "message"),
    [
        ({"detectors": ["pii", "pii.mail"]}, ".detectors[1]", "unknown detector"),
        ({"patterns": ["("]}, ".patterns[0]", "not an RE2 expression"),
        ({"patterns": [], "values": []}, "", "an allowlist that lists nothing"),
        ({"reason": ""}, ".reason", "allowlists.0.reason is not valid"),
    ],
)
def test_allowlist_with_a_fault_is_refused_with_its_place(changed, at, message):
    document = with_detectors(allowlists=[ALLOWED | changed])
    assert refused(document) == [(f"policies[0].allowlists[0]{at}", message)]


def test_allowlists_beyond_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(custom_detectors, "MAX_ALLOWLISTS", 1)
    assert refused(with_detectors(allowlists=[ALLOWED] * 2)) == [("policies[0].allowlists", "too many allowlists")]


@pytest.mark.parametrize(
    ("rule", "is_refused"),
    [
        (MASK, True),
        ({"id": "no", "effect": "deny", "when": 'context.x == 1 || detected("pii.email")'}, True),
        ({"id": "no", "effect": "deny", "when": "findings.size() > 3"}, True),
        ({"id": "no", "effect": "deny", "when": 'detected("secret") || context.x == "nothing"'}, False),
        ({"id": "no", "effect": "deny", "when": "context.x > 3"}, False),
        ({"id": "no", "effect": "redact", "obligations": [{"detectors": ["pii.iban"]}]}, False),
    ],
)
def test_allowlist_loosens_no_rule_of_a_layer_above_its_own(rule, is_refused):
    above = with_detectors(WORDS, rules=[rule], name="above", layer="organization")
    below = with_detectors(allowlists=[ALLOWED], name="below")
    if is_refused:
        assert refused(above, below) == [
            ("policies[1].allowlists[0].detectors", "an allowlist cannot loosen a layer above its own")
        ]
    else:
        AxonFlow.open([above, below])
    AxonFlow.open([above | {"layer": "tenant"}, below | {"layer": "system"}])


# -- templates


TEMPLATE = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicyTemplate",
    "metadata": {"name": "badges"},
    "parameters": {"prefix": {"type": "string", "default": "EMP"}, "words": {"type": "strings", "default": ["badge"]}},
    "detectors": [
        BADGE | {"patterns": [r"\b${prefix}-\d{6}\b"], "context": {"required": "${words}"}},
    ],
}


def test_template_brings_its_detectors_to_every_set_that_includes_it():
    sets = [with_detectors(rules=[], name=name, include=["badges"]) for name in ("one", "two")]
    flow = AxonFlow.open([TEMPLATE, *sets, with_detectors(WORDS, name="three", include=["badges"])])
    assert flow.scanner.resolve("custom") == ("custom.badge", "custom.words")


def test_template_with_values_that_do_not_fit_its_detectors_is_refused_at_both_places():
    given = with_detectors(WORDS, name="one", include=[{"template": "badges", "with": {"prefix": "(", "words": ["7"]}}])
    assert refused(TEMPLATE, given) == [
        (f"policies[0].detectors[0].{part} (from policies[1].include[0], which includes badges)", message)
        for part, message in (("patterns[0]", "not an RE2 expression"), ("context.required[0]", "not a word"))
    ]


def test_template_beside_detectors_that_are_no_list_leaves_the_fault_as_it_is():
    (at, message), *_ = refused(TEMPLATE, with_detectors(include=["badges"]) | {"detectors": "x"})
    assert (at, message) == ("policies[1].detectors", "detectors is not valid")


# -- bundles


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with a pair of keys."""
    folder = tmp_path_factory.mktemp("keys")
    bundles.make_key_pair(folder / "mine.key", folder / "mine.pub")
    return folder


def test_bundle_carries_detectors_and_allowlists_under_the_same_digest(keys, tmp_path):
    (tmp_path / "p.axb").write_bytes(bundles.build_bundle([WHOLE, TEMPLATE], keys / "mine.key"))
    flow = AxonFlow.open(tmp_path / "p.axb", trusted_keys=[keys / "mine.pub"])
    assert flow.policy_digest == AxonFlow.open(WHOLE).policy_digest
    assert asked(flow).redacted == MASKED
    both = [tmp_path / "p.axb", with_detectors(BADGE | {"severity": "low"}, name="more")]
    assert refused(*both, trusted_keys=[keys / "mine.pub"]) == [
        (f"{tmp_path / 'p.axb'}: set test, detector custom.badge", "two detectors have the same id")
    ]


def test_digest_knows_detectors_and_allowlists():
    documents = (WHOLE, WHOLE | {"allowlists": []}, WHOLE | {"detectors": [BADGE, WORDS | {"severity": "low"}]})
    assert len({AxonFlow.open(document).policy_digest for document in documents}) == 3


def forged(keys, tmp_path, **parts):
    head = {
        "name": "forged", "layer": "tenant", "default": "deny", "shadow": False, "actions": [], "requires": {},
        "attributes": {}, "expressions": [], "exceptions": [], **parts,
    }  # fmt: skip
    (tmp_path / "p.axb").write_bytes(signed(keys, [msgspec.msgpack.encode(head)]))
    return refused(tmp_path / "p.axb", trusted_keys=[keys / "mine.pub"])


def row(**parts):
    return {"id": "custom.x", "description": "X.", "examples": ["x1"], "patterns": [r"x\d"], **parts}


def test_bundle_with_detectors_that_no_document_could_declare_is_refused(keys, tmp_path):
    place = f"{tmp_path / 'p.axb'}: set forged"
    assert forged(keys, tmp_path, detectors=[row(patterns=["x+"])]) == [
        (f"{place}, detector custom.x", "a pattern whose matches can be too long")
    ]
    assert forged(keys, tmp_path, detectors=[row(), row(severity="low")]) == [
        (f"{place}, detector custom.x", "two detectors have the same id")
    ]
    assert forged(keys, tmp_path, allowlists=[{"detectors": ["pii"]}]) == [
        (f"{place}, allowlist 1", "an allowlist that lists nothing")
    ]
    for wrong in (row(category="x"), row(more=1), row(patterns="x")):
        assert [message for _, message in forged(keys, tmp_path, detectors=[wrong])] == [
            "the bundle holds no policy set"
        ]


def test_bundle_of_policies_that_name_a_given_detector_is_built_with_it(keys, tmp_path):
    given = Detector(
        id="custom.tag", category="custom", severity="low", description="A tag.", max_span_chars=4,
        shapes=(Shape(pattern="TAG[0-9]"),), examples=("TAG1",), counter_examples=(),
    )  # fmt: skip
    document = with_detectors(rules=[{"id": "no", "effect": "deny", "when": 'detected("custom.tag")'}])
    with pytest.raises(PolicyError, match="unknown detector"):
        bundles.build_bundle(document, keys / "mine.key")
    (tmp_path / "p.axb").write_bytes(bundles.build_bundle(document, keys / "mine.key", detectors=[given]))
    flow = AxonFlow.open(tmp_path / "p.axb", trusted_keys=[keys / "mine.pub"], detectors=[given])
    assert asked(flow, "TAG1").effect == "deny"


def test_custom_detectors_in_a_file_are_refused_by_line_and_column(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(with_detectors(BADGE | {"examples": ["no"]}), indent=1))
    line = (tmp_path / "p.json").read_text().splitlines().index('    "no"') + 1
    assert refused(tmp_path / "p.json") == [
        (f"{tmp_path / 'p.json'}:{line}:5", "custom.badge does not find its example")
    ]
