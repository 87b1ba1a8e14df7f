"""What differs between two versions: rules, sets and the text that people wrote."""

import pytest

from axonflow.adapters.ed25519 import Signer
from axonflow.app.bundles import build_bundle
from axonflow.errors import PolicyError
from axonflow.policy.compiling.bundle import BundleSource, stated
from axonflow.policy.differing import RuleChange, difference, rules_in
from axonflow.policy.publication import PolicyVersion
from tests.publishing import key_pair
from tests.strategies import policy_set

RULE = {"id": "one", "effect": "deny", "match": {"resource.id": "shell"}, "when": "context.risk > 50", "reason": "No."}
OTHER = {"id": "two", "effect": "allow", "match": {"action": "tool.call"}}
EXCEPTION = {"id": "e", "rules": ["one"], "reason": "A drill.", "expires": "2100-01-01T00:00:00Z",
             "when": "context.risk > 90"}  # fmt: skip


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))[0]


@pytest.fixture
def version(key):
    def version(number, *documents, source=None):
        data = build_bundle(documents, key, scope="acme")
        return PolicyVersion(
            tenant_id="acme", set_name="main", version=number, digest=stated(BundleSource("b", data)).digest,
            key_id=Signer.from_file(key).key_id, rules=0, author="a", reason="r", created_us=1, bundle=data,
            source=source or {},
        )  # fmt: skip

    return version


def test_difference_of_a_version_and_itself_is_none(version):
    one = version(1, policy_set([RULE, OTHER], exceptions=[EXCEPTION]))
    found = difference(one, one)
    assert (found.added, found.removed, found.changed, found.text) == ((), (), (), "")


def test_difference_names_rules_that_came_and_went(version):
    found = difference(version(1, policy_set([RULE])), version(2, policy_set([OTHER])))
    assert (found.from_version, found.to_version) == (1, 2)
    assert (found.added, found.removed, found.changed) == (("test/two",), ("test/one",), ())


def test_difference_names_sets_that_came_by_their_rules(version):
    more = policy_set([OTHER], name="more")
    assert difference(version(1, policy_set([RULE])), version(2, policy_set([RULE]), more)).added == ("more/two",)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"effect": "warn"}, "effect"),
        ({"match": {"resource.id": "sql"}}, "match"),
        ({"when": "context.risk > 51"}, "when"),
        ({"when": "context.risk >= 50"}, "when"),
        ({"when": None}, "when"),
        ({"reason": "Never."}, "reason"),
    ],
)
def test_difference_names_the_field_of_a_rule_that_changed(version, change, field):
    changed = {name: value for name, value in (RULE | change).items() if value is not None}
    found = difference(version(1, policy_set([RULE, OTHER])), version(2, policy_set([changed, OTHER])))
    assert found.changed == (RuleChange("test", "one", (field,)),)


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ({"default": "allow"}, ("default",)),
        ({"actions": ["a.b"]}, ("actions",)),
        ({"requires": {"tool.call": ["context.env"]}}, ("requires",)),
        ({"exceptions": [EXCEPTION]}, ("exceptions",)),
    ],
)
def test_difference_names_what_changed_of_a_set(version, parts, fields):
    found = difference(version(1, policy_set([RULE])), version(2, policy_set([RULE], **parts)))
    assert found.changed == (RuleChange("test", "", fields),)


def test_difference_of_an_exceptions_condition_is_one_of_exceptions(version):
    other = EXCEPTION | {"when": "context.risk > 91"}
    old, new = (version(1, policy_set([RULE], exceptions=[one])) for one in (EXCEPTION, other))
    assert difference(old, new).changed == (RuleChange("test", "", ("exceptions",)),)


def test_difference_shows_the_text_of_files_that_came_changed_and_went(version):
    document = policy_set([RULE])
    old = version(1, document, source={"a.yaml": "x\ny\n", "old.yaml": "o\n", "same": "s"})
    new = version(2, document, source={"a.yaml": "x\nz\n", "new.yaml": "n\n", "same": "s"})
    text = difference(old, new).text
    for line in ("--- a/a.yaml", "+++ b/a.yaml", "-y", "+z", "--- /dev/null", "+++ b/new.yaml", "+++ /dev/null"):
        assert line in text.splitlines()
    assert "same" not in text


def test_rules_in_a_bundle_are_counted_and_other_bytes_are_refused(version):
    one = version(1, policy_set([RULE, OTHER]), policy_set([OTHER | {"id": "three"}], name="more"))
    assert rules_in(BundleSource("b", one.bundle, "acme")) == 3
    with pytest.raises(PolicyError, match="for another scope"):
        rules_in(BundleSource("b", one.bundle, "other"))
    for data in (b"", b"{}\n", b"nothing"):
        with pytest.raises(PolicyError, match="not a policy bundle"):
            stated(BundleSource("b", data))


def test_head_of_a_version_has_all_but_the_policies(version):
    head = version(7, policy_set([RULE])).head
    assert (head.version, head.tenant_id) == (7, "acme")
    assert not hasattr(head, "bundle")
