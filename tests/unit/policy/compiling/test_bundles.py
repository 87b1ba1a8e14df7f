"""A bundle says what its documents say, and loads only as it was signed."""

import base64
import json
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from axonflow import AxonFlow, PolicyError, Request
from axonflow.adapters.ed25519 import Signer
from axonflow.app import bundles
from axonflow.errors import ConfigurationError
from axonflow.policy.compiling.bundle import MAX_BUNDLE_BYTES, BundleSource, open_bundle
from axonflow.policy.compiling.program import RuleRow, SetHead, decode_set, digest_of_sets, encode_set, set_digest
from axonflow.policy.decision import Limit
from tests.strategies import policy_set, policy_sets, requests

RULE = {
    "id": "no-shell",
    "effect": "deny",
    "match": {"action": "tool.call", "resource.id": "shell", "principal.roles": ["intern", "guest"]},
    "when": 'context.risk > 50 && !context.path.startsWith("/tmp") || context.mask == b"\\x01" || uint(3) == 3u',
}
ALLOW = {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with two pairs of keys: mine and other."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        bundles.make_key_pair(folder / f"{name}.key", folder / f"{name}.pub")
    return folder


@pytest.fixture
def built(keys, tmp_path):
    """A bundle in a file."""
    place = tmp_path / "p.axb"
    place.write_bytes(bundles.build_bundle(policy_set([RULE, ALLOW]), keys / "mine.key"))
    return place


def opened(data, keys, tmp_path):
    place = tmp_path / "changed.axb"
    place.write_bytes(data)
    return AxonFlow.open(place, trusted_keys=[keys / "mine.pub"])


@given(documents=policy_sets(), requests_=st.lists(requests(), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_bundle_of_any_policies_decides_and_is_called_as_they_are(keys, tmp_path_factory, documents, requests_):
    place = tmp_path_factory.mktemp("b") / "p.axb"
    place.write_bytes(bundles.build_bundle(documents, keys / "mine.key"))
    documents_flow, bundle_flow = AxonFlow.open(documents), AxonFlow.open(place, trusted_keys=[keys / "mine.pub"])
    assert bundle_flow.policy_digest == documents_flow.policy_digest
    for request in requests_:
        expected = msgspec.structs.replace(documents_flow.decide(request), decision_id="")
        assert msgspec.structs.replace(bundle_flow.decide(request), decision_id="") == expected


def test_bundle_beside_a_document_is_one_engine_with_it(keys, built):
    more = policy_set([{"id": "no-sql", "effect": "deny", "match": {"resource.id": "sql"}}], name="more")
    flow = AxonFlow.open([built, more], trusted_keys=[keys / "mine.pub"])
    assert {rule.id for rule in flow.policies.rules} == {"no-shell", "yes", "no-sql"}
    other_way_round = AxonFlow.open([more, built], trusted_keys=[keys / "mine.pub"])
    assert flow.policy_digest == other_way_round.policy_digest != AxonFlow.open(more).policy_digest


def test_bundle_in_a_folder_is_loaded_with_the_documents_there(keys, built):
    (built.parent / "more.json").write_text(json.dumps(policy_set([], name="more")))
    flow = AxonFlow.open(built.parent, trusted_keys=[keys / "mine.pub"])
    assert len(flow.policies.rules) == 2


def test_bundle_built_twice_is_the_same_bytes(keys, built):
    assert bundles.build_bundle(policy_set([RULE, ALLOW]), keys / "mine.key") == built.read_bytes()


def test_bundle_signed_by_another_key_is_refused_with_both_named(keys, built):
    for trusted in ([], [keys / "other.pub"]):
        with pytest.raises(PolicyError, match="not signed by a key that is trusted") as refused:
            AxonFlow.open(built, trusted_keys=trusted)
        assert refused.value.at == str(built)
        assert "key '" in refused.value.found


def test_bundle_with_any_byte_changed_is_refused(keys, built, tmp_path):
    data = built.read_bytes()
    rng = random.Random(20261121)
    print("seed 20261121")
    for position in {*range(0, len(data), 7), *(rng.randrange(len(data)) for _ in range(50))}:
        changed = bytes([*data[:position], data[position] ^ 1 << rng.randrange(8), *data[position + 1 :]])
        with pytest.raises(PolicyError):
            opened(changed, keys, tmp_path)


def test_bundle_whose_signature_is_written_in_another_way_is_refused(keys, built, tmp_path):
    statement, signature, rest = built.read_bytes().split(b"\n", 2)
    ways = [
        signature[:85] + bytes([letter]) + b"==" for letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0"
    ]
    same = [way for way in ways if way != signature and base64.b64decode(way) == base64.b64decode(signature)]
    assert same
    for way in same:
        with pytest.raises(PolicyError, match="holds no signature"):
            opened(b"\n".join([statement, way, rest]), keys, tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -100])
def test_bundle_cut_off_is_refused_with_what_was_expected(keys, built, tmp_path, cut):
    with pytest.raises(PolicyError) as refused:
        opened(built.read_bytes()[:cut], keys, tmp_path)
    assert refused.value.expected


def test_bundle_with_something_added_is_refused(keys, built, tmp_path):
    with pytest.raises(PolicyError, match="has something added"):
        opened(built.read_bytes() + b"\0", keys, tmp_path)


def signed(keys, parts, whole=None):
    """A bundle of one set of such parts, rightly signed: what a holder of the key could do."""
    signer = Signer.from_file(keys / "mine.key")
    digest = set_digest(parts)
    whole = whole or digest_of_sets([("forged", digest)])
    entry = {"name": "forged", "digest": digest, "parts": [len(part) for part in parts]}
    line = msgspec.json.encode(
        {"format": "axonflow-policy-bundle/1", "digest": whole, "key": signer.key_id, "sets": [entry]}
    )
    signature = base64.b64encode(signer.sign(b"axonflow-policy-bundle/1\n" + line))
    return b"\n".join([line, signature, b"".join(parts)])


HEAD = SetHead("forged", "tenant", "deny", False, (), {}, {}, ("context.a == 1",), ())


def counting(*key):
    return Limit("r", "requests", 1, 60, key)


def row(**changes):
    return replaced(RuleRow("r", "deny", {}, 0, (1,), "why", ()), **changes)


@pytest.mark.parametrize(
    ("rows", "head", "words"),
    [
        ([row(match={"principal).__class__": "x"})], HEAD, "not a path"),
        ([row(match={"context.a": "x", "__import__('os').x": "y"})], HEAD, "not a path"),
        ([row(match={"content": "x"})], HEAD, "not a path: expected action or a dotted path"),
        ([row(match={"context.a\n": "x"})], HEAD, "not a path"),
        ([row(effect="limit", obligations=(counting("principal.id", "context.a\n"),))], HEAD, "not a path"),
        ([row(effect="limit", obligations=(counting("action"),))], HEAD, "not a path: expected content or a dotted"),
        ([row(expression=-1, literals=())], replaced(HEAD, requires={"tool.call": ("action",)}), "no policy set"),
        ([row(expression=-1, literals=())], replaced(HEAD, requires={"tool.call": ("context.a\n",)}), "no policy set"),
        ([row(expression=-1, literals=())], replaced(HEAD, actions=("a.b\n",)), "no policy set"),
        ([row(expression=7)], HEAD, "do not fit"),
        ([row(expression=-2)], HEAD, "do not fit"),
        ([row(literals=())], HEAD, "do not fit"),
        ([row(literals=("text",))], HEAD, "do not fit"),
        ([row(effect="explode")], HEAD, "no policy set"),
        ([row()], replaced(HEAD, expressions=("context.a ==",)), "syntax error"),
        ([row()], replaced(HEAD, expressions=("nobody == 1",)), "unknown name"),
        ([row()], replaced(HEAD, attributes={"context.a": "nonsense"}), "declares attributes wrongly"),
        ([row(), row()], HEAD, "two rules have the same id"),
        ([row(match={"principal.id": 7})], HEAD, "principal.id is text"),
    ],
)
def test_bundle_signed_but_not_ours_is_held_to_the_same_rules_as_a_document(keys, tmp_path, rows, head, words):
    with pytest.raises(PolicyError, match=words):
        opened(signed(keys, encode_set(head, rows)), keys, tmp_path)


def test_bundle_with_a_limit_counts_by_what_its_key_names(keys, tmp_path):
    rows = [
        row(id="yes", effect="allow", match={"action": "tool.call"}, expression=-1, literals=()),
        row(effect="limit", expression=-1, literals=(), obligations=(counting("content", "context.a"),)),
    ]
    flow = opened(signed(keys, encode_set(HEAD, rows)), keys, tmp_path)
    decision = flow.decide(Request("user:ann", "tool.call", "tool:x", {"a": "b"}, "text"))
    assert decision.obligations == (counting("content", "context.a"),)


def test_bundle_whose_digest_is_not_of_its_sets_is_refused_though_it_is_signed(keys, tmp_path):
    parts = encode_set(HEAD, [row()])
    other = digest_of_sets([("forged", set_digest(encode_set(HEAD, [])))])
    with pytest.raises(PolicyError, match="digest does not fit its sets") as refused:
        opened(signed(keys, parts, other), keys, tmp_path)
    assert refused.value.expected == other


@given(st.binary(max_size=300))
def test_parts_of_any_bytes_are_a_policy_error_or_a_set(data):
    def no_compiler(head):
        raise PolicyError("that far")

    with pytest.raises(PolicyError):
        decode_set([data], no_compiler, "x.axb", lambda: None)


def test_bundle_that_is_too_large_is_refused_before_it_is_read(keys):
    class Long(bytes):
        def __len__(self):
            return MAX_BUNDLE_BYTES + 1

    with pytest.raises(PolicyError, match="too large"):
        open_bundle(BundleSource("x.axb", Long()), lambda *_: True)


@pytest.mark.parametrize("data", [b"", b"{}\nAAAA\n", b"[]\n\n", b"\xff\n\n", b'{"format": "x"}\n\n', b"x" * 9_999])
def test_file_that_is_no_bundle_is_refused_as_such(keys, tmp_path, data):
    with pytest.raises(PolicyError, match="not a policy bundle"):
        opened(data, keys, tmp_path)


def test_bundle_of_another_format_is_refused_with_both_named(keys, built, tmp_path):
    data = built.read_bytes().replace(b"axonflow-policy-bundle/1", b"axonflow-policy-bundle/9", 1)
    with pytest.raises(PolicyError, match="another format") as refused:
        opened(data, keys, tmp_path)
    assert refused.value.expected == "axonflow-policy-bundle/1"


def test_bundle_without_a_signature_is_refused(keys, built, tmp_path):
    statement, _, rest = built.read_bytes().split(b"\n", 2)
    for line in (b"", b"AAAA", b"!" * 88):
        with pytest.raises(PolicyError, match="holds no signature"):
            opened(b"\n".join([statement, line, rest]), keys, tmp_path)


def test_build_of_policies_with_a_fault_names_it(keys):
    with pytest.raises(PolicyError, match="unknown name"):
        bundles.build_bundle(policy_set([RULE | {"when": "nobody"}]), keys / "mine.key")


def test_build_of_a_bundle_is_refused(keys, built):
    with pytest.raises(PolicyError, match="not signed by a key that is trusted"):
        bundles.build_bundle(built, keys / "mine.key")


def test_keys_that_are_none_are_refused_with_the_file_named(keys, built, tmp_path):
    (tmp_path / "text.pub").write_text("hello")
    for wrong in (tmp_path / "text.pub", keys / "mine.key", tmp_path / "nowhere.pub"):
        with pytest.raises(ConfigurationError) as refused:
            AxonFlow.open(built, trusted_keys=[wrong])
        assert refused.value.at == str(wrong)
    for wrong in (tmp_path / "text.pub", keys / "mine.pub"):
        with pytest.raises(ConfigurationError):
            bundles.build_bundle(policy_set([]), wrong)


def test_private_key_is_written_for_its_owner_alone_and_never_over_another(keys):
    assert Path(keys / "mine.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="cannot be written"):
        bundles.make_key_pair(keys / "mine.key", keys / "new.pub")
    assert not (keys / "new.pub").exists()


def test_statement_of_a_bundle_is_shown_only_when_it_holds(keys, built):
    statement = bundles.verified_statement(built, [keys / "mine.pub"])
    assert statement.digest == AxonFlow.open(policy_set([RULE, ALLOW])).policy_digest
    with pytest.raises(PolicyError):
        bundles.verified_statement(built, [keys / "other.pub"])


def test_literals_of_every_kind_come_back_from_a_bundle(keys, tmp_path):
    conditions = [
        "context.n == -9223372036854775808",
        "context.n == 3",
        "context.u == 18446744073709551615u",
        "context.d == -2.5 || context.d == 1e308",
        'context.t == "ü\\n\\"quoted\\"" || context.t == r"raw"',
        'bytes(context.t) == b"\\xff\\x00"',
        'context.t.matches("^a+$") && context.t in ["aa", "b"]',
    ]
    rules = [{"id": f"r{n}", "effect": "deny", "when": text} for n, text in enumerate(conditions)]
    rules += [
        {"id": f"s{n}", "effect": "deny", "when": text.replace("^a", "^e").replace("xff", "xfe")}
        for n, text in enumerate(conditions[5:])
    ]
    document = policy_set([*rules, ALLOW])
    place = tmp_path / "p.axb"
    place.write_bytes(bundles.build_bundle(document, keys / "mine.key"))
    ours, theirs = AxonFlow.open(document), AxonFlow.open(place, trusted_keys=[keys / "mine.pub"])
    for context in ({"n": 3}, {"n": -(2**63)}, {"u": 2**63 - 1}, {"d": -2.5}, {"t": 'ü\n"quoted"'}, {"t": "aa"}, {}):
        request = Request("user:ann", "tool.call", "tool:x", context=context)
        assert ours.decide(request).policies == theirs.decide(request).policies
