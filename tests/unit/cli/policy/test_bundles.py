"""`axonflow policy keygen | build | inspect`, and `--trust` wherever policies are loaded."""

import json

import pytest

from tests.strategies import policy_set
from tests.unit.cli.conftest import RULES

ASK = ("decide", "--principal", "user:ann", "--action", "tool.call", "--resource", "tool:shell")


@pytest.fixture
def built(run, policies):
    """release.key, release.pub and policies.axb in the working directory."""
    assert run("policy", "keygen", "release").exit_code == 0
    result = run("policy", "build", "--key", "release.key", "--out", "policies.axb")
    assert result.exit_code == 0, result.output
    return result


def test_keygen_names_the_files_and_the_key(run, folder):
    result = run("policy", "keygen", "release")
    assert result.exit_code == 0
    assert result.stdout.startswith("wrote release.key and release.pub (key ")
    assert "PRIVATE KEY" in (folder / "release.key").read_text()
    again = run("policy", "keygen", "release")
    assert again.exit_code == 2
    assert "cannot be written" in again.stderr


def test_build_says_what_it_wrote_and_its_digest(run, built, policies):
    checked = json.loads(run("policy", "check", "--json").stdout)
    assert "wrote policies.axb: 4 rules" in built.stdout
    assert f"digest {checked['policy_digest']}" in built.stdout


def test_bundle_decides_as_its_documents_where_its_key_is_trusted(run, built):
    ours = json.loads(run(*ASK, "--json").stdout)
    theirs = json.loads(run(*ASK, "--json", "--policies", "policies.axb", "--trust", "release.pub").stdout)
    assert {key: value for key, value in ours.items() if key != "decision_id"} == {
        key: value for key, value in theirs.items() if key != "decision_id"
    }


def test_bundle_is_refused_where_its_key_is_not_trusted(run, built):
    run("policy", "keygen", "other")
    for trust in ((), ("--trust", "other.pub")):
        result = run(*ASK, "--policies", "policies.axb", *trust)
        assert result.exit_code == 2
        assert "not signed by a key that is trusted" in result.stderr


def test_build_of_policies_whose_tests_fail_writes_nothing(run, folder, policies):
    run("policy", "keygen", "release")
    request = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}
    wrong = RULES[1] | {"tests": [{"request": request, "expect": "allow"}]}
    (policies / "small.json").write_text(json.dumps(policy_set([RULES[0], wrong])))
    result = run("policy", "build", "--key", "release.key", "--out", "policies.axb")
    assert result.exit_code == 1
    assert "no-shell" in result.stderr
    assert not (folder / "policies.axb").exists()


def test_build_into_a_name_that_is_no_bundles_is_refused(run, policies):
    run("policy", "keygen", "release")
    result = run("policy", "build", "--key", "release.key", "--out", "policies.bin")
    assert result.exit_code == 2
    assert "ends in .axb" in result.stderr


def test_build_where_nothing_can_be_written_says_so(run, policies):
    run("policy", "keygen", "release")
    result = run("policy", "build", "--key", "release.key", "--out", "nowhere/policies.axb")
    assert result.exit_code == 2
    assert "the bundle cannot be written" in result.stderr


def test_inspect_shows_what_a_bundle_says_of_itself(run, built):
    shown = run("policy", "inspect", "policies.axb", "--trust", "release.pub")
    assert shown.exit_code == 0
    assert "digest" in shown.stdout
    assert "test" in shown.stdout
    statement = json.loads(run("policy", "inspect", "policies.axb", "--trust", "release.pub", "--json").stdout)
    assert statement["digest"] in built.stdout


def test_inspect_of_a_bundle_that_was_changed_is_refused(run, built, folder):
    data = (folder / "policies.axb").read_bytes()
    (folder / "policies.axb").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    result = run("policy", "inspect", "policies.axb", "--trust", "release.pub")
    assert result.exit_code == 2
    assert "has been changed" in result.stderr


def test_inspect_of_a_document_is_refused(run, built, policies):
    result = run("policy", "inspect", "policies/small.json", "--trust", "release.pub")
    assert result.exit_code == 2
    assert "not a policy bundle" in result.stderr


def test_check_of_a_folder_with_a_bundle_takes_its_rules_into_account(run, built, folder):
    (folder / "both").mkdir()
    (folder / "policies.axb").rename(folder / "both" / "policies.axb")
    (folder / "both" / "more.json").write_text(json.dumps(policy_set([], name="more")))
    assert run("policy", "check", "both").exit_code == 1
    result = run("policy", "check", "both", "--trust", "release.pub", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["sets"] == 2
