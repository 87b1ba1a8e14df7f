"""A set that breaks the bounds it declares is refused with what breaks them; so is a bundle that claims too little."""

import base64

import msgspec
import pytest

from axonflow import AxonFlow, PolicyError
from axonflow.adapters.ed25519 import Signer
from axonflow.app import bundles
from axonflow.app.certifying import certificate_for
from axonflow.policy.certifying import bounding
from axonflow.policy.compiling.bundle import BundleSource, open_bundle
from tests.strategies import policy_set

CHEAP = {"id": "cheap", "effect": "deny", "match": {"resource.id": "shell"}}
DEAR = {"id": "dear", "effect": "deny", "when": 'principal.roles.exists(r, r == "x") && context.a == context.b'}
LISTED = {"id": "listed", "effect": "deny", "match": {"action": "tool.call", "context.env": ["dev", "prod"]}}
SCANS = {"id": "scans", "effect": "deny", "when": 'detected("pii")'}


def bounded(rules, name="test", **bounds):
    return policy_set(rules, name=name, bounds=bounds)


def refusals(*documents):
    with pytest.raises(PolicyError) as refused:
        AxonFlow.open(list(documents))
    return refused.value.problems


def test_rule_that_breaks_its_bound_is_named_with_its_place_units_and_dearest_part():
    (problem,) = refusals(bounded([CHEAP, DEAR], rule_units=1_000))
    assert problem.message == "rule dear costs more than its set allows a rule"
    assert problem.at == "policies[0].rules[1]"
    assert problem.expected == "at most 1000 units"
    assert "of them for its condition" in problem.found
    (problem,) = refusals(bounded([CHEAP, LISTED], rule_units=1_000))
    assert "of them for its filter on context.env" in problem.found


def test_bound_for_smaller_requests_is_counted_for_these():
    assert AxonFlow.open(bounded([CHEAP, LISTED], rule_units=100, inputs={"values": 10, "characters": 1_000}))
    (problem,) = refusals(bounded([CHEAP, LISTED], rule_units=100, inputs={"values": 1_000, "characters": 1_000}))
    assert "rule listed" in problem.message


def test_decision_that_breaks_a_bound_is_named_by_its_action_and_what_weighs_most():
    (problem,) = refusals(bounded([CHEAP, DEAR, LISTED], decision_units=5_000))
    assert problem.message == "a decision on tool.call costs more than set test allows"
    assert problem.at == "policies[0].bounds.decision_units"
    assert problem.found.endswith("for 3 rules at most")
    assert problem.hint.startswith("What weighs most: dear (")
    assert "listed (" in problem.hint


def test_bound_of_a_decision_counts_the_sets_beside_it():
    own = bounded([CHEAP], decision_units=5_000)
    assert AxonFlow.open(own)
    (problem,) = refusals(own, policy_set([DEAR], name="beside"))
    assert "dear (" in problem.hint


def test_scan_that_breaks_a_bound_is_named_by_the_detectors_it_is_for():
    (problem,) = refusals(bounded([SCANS], scan_units_per_kb=1_000))
    assert problem.message.startswith("looking through the content of *")
    assert problem.found.endswith("for pii")
    assert AxonFlow.open(bounded([CHEAP], scan_units_per_kb=1))


def test_sets_with_the_same_inputs_are_each_held_to_their_own_bounds():
    wide, narrow = bounded([CHEAP], rule_units=5_000), bounded([LISTED], name="other", rule_units=9)
    (problem,) = refusals(wide, narrow)
    assert "rule listed" in problem.message


def test_bounds_of_a_shadow_set_hold_for_its_rules_too():
    (problem,) = refusals(bounded([DEAR], rule_units=1_000) | {"shadow": True})
    assert "rule dear" in problem.message


@pytest.mark.parametrize(
    "bounds", [{"rule_units": 0}, {"rule_units": True}, {"inputs": {"values": -1}}, {"else": 1}, 3]
)
def test_bounds_that_are_none_are_refused_with_their_place(bounds):
    (problem,) = refusals(policy_set([CHEAP], bounds=bounds))
    assert problem.at.startswith("policies[0].bounds")


def test_bounds_are_part_of_the_digest_and_their_absence_is_not():
    plain, same = AxonFlow.open(policy_set([CHEAP])), AxonFlow.open(policy_set([CHEAP]) | {"bounds": None})
    assert plain.policy_digest == same.policy_digest
    assert plain.policy_digest != AxonFlow.open(bounded([CHEAP], rule_units=10_000)).policy_digest


# -- bundles


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    bundles.make_key_pair(folder / "k.key", folder / "k.pub")
    return folder


def resigned(data, keys, change):
    """The bundle with another statement, rightly signed: what a holder of the key could do."""
    line, _, parts = data.split(b"\n", 2)
    statement = msgspec.json.decode(line)
    change(statement)
    line = msgspec.json.encode(statement)
    signature = Signer.from_file(keys / "k.key").sign(b"axonflow-policy-bundle/1\n" + line)
    return b"\n".join([line, base64.b64encode(signature), parts])


def opened(data, keys, tmp_path, *beside):
    (tmp_path / "p.axb").write_bytes(data)
    return AxonFlow.open([tmp_path / "p.axb", *beside], trusted_keys=[keys / "k.pub"])


def statement_of(data):
    return open_bundle(BundleSource("b", data), lambda *_: True).statement


def test_bundle_carries_the_certificate_of_its_documents(keys, tmp_path):
    documents = [policy_set([CHEAP, DEAR], name="a"), policy_set([SCANS, LISTED], name="b", shadow=True)]
    data = bundles.build_bundle(documents, keys / "k.key")
    certificate = statement_of(data).certificate
    assert certificate == certificate_for(documents)
    assert certificate.rule.rule == "dear"
    assert opened(data, keys, tmp_path).policy_digest == AxonFlow.open(documents).policy_digest


def test_bundle_beside_anything_is_held_to_its_own_sets_alone(keys, tmp_path):
    data = bundles.build_bundle(policy_set([CHEAP], name="a"), keys / "k.key")
    waived = {
        "id": "w",
        "rules": ["cheap"],
        "reason": "A drill.",
        "expires": "2099-01-01T00:00:00Z",
        "when": "context.a == context.b",
    }
    assert opened(data, keys, tmp_path, policy_set([DEAR, LISTED], name="b", exceptions=[waived]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(decision_units=5, actions=[]), "5 units for"),
        (lambda one: one.update(decision_units=5), "5 units a decision"),
        (lambda one: one["actions"][0].update(units=7), "7 units for tool.call"),
        (lambda one: one["actions"][0].update(candidates=0), "0 candidates for tool.call"),
        (lambda one: one["rule"].update(units=1), "1 units a rule"),
    ],
)
def test_bundle_whose_certificate_claims_less_than_its_rules_cost_is_refused(keys, tmp_path, change, words):
    data = bundles.build_bundle(policy_set([LISTED]), keys / "k.key")
    with pytest.raises(PolicyError, match="claims less than its rules cost") as refused:
        opened(resigned(data, keys, lambda statement: change(statement["certificate"])), keys, tmp_path)
    assert words in refused.value.found
    assert refused.value.at.endswith("p.axb")


def test_bundle_without_a_certificate_or_with_one_of_another_unit_loads(keys, tmp_path):
    data = bundles.build_bundle(policy_set([LISTED]), keys / "k.key")
    assert opened(resigned(data, keys, lambda statement: statement.pop("certificate")), keys, tmp_path)
    larger = {"inputs": {"values": 3, "characters": 3, "memberships": 3}}
    assert opened(resigned(data, keys, lambda statement: statement["certificate"].update(larger)), keys, tmp_path)
    changes = {"version": 0, "decision_units": 1, "actions": []}
    assert opened(resigned(data, keys, lambda statement: statement["certificate"].update(changes)), keys, tmp_path)


def test_bundle_of_a_set_that_breaks_its_bound_is_not_built(keys):
    with pytest.raises(PolicyError, match="rule dear costs more"):
        bundles.build_bundle(bounded([DEAR], rule_units=1_000), keys / "k.key")


def test_bundle_that_is_loaded_again_is_counted_once_and_held_to_what_it_claims(keys, tmp_path, monkeypatch):
    counted = []
    certify = bounding.certificate_of
    monkeypatch.setattr(bounding, "_COUNTED", {})
    monkeypatch.setattr(bounding, "_MAX_COUNTED", 1)
    monkeypatch.setattr(bounding, "certificate_of", lambda *args, **named: counted.append(1) or certify(*args, **named))
    first, second = (bundles.build_bundle(policy_set([rule]), keys / "k.key") for rule in (LISTED, CHEAP))
    for data, count in ((first, 1), (first, 1), (second, 2), (first, 3)):
        opened(data, keys, tmp_path)
        assert len(counted) == count
    false = resigned(first, keys, lambda statement: statement["certificate"]["rule"].update(units=1))
    with pytest.raises(PolicyError, match="claims less"):
        opened(false, keys, tmp_path)
    assert len(counted) == 3
