"""`axonflow policy certify`, and certificates where bundles are built and inspected."""

import json

import pytest

from tests.strategies import policy_set


def certify(run, *args, exit_code=0):
    result = run("policy", "certify", *args, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def test_certify_says_the_same_each_time_and_names_the_dearest(run, policies):
    report = certify(run)
    assert report == certify(run)
    assert report["ok"]
    assert report["calibration"] is None
    certificate = report["certificate"]
    assert certificate["rule"]["rule"] == "mask"
    actions = {one["action"]: one for one in certificate["actions"]}
    assert set(actions) == {"tool.call", "llm.request", "*"}
    assert actions["llm.request"]["asked"] == ["pii.email"]
    assert actions["tool.call"]["scan_units_per_kb"] == 0
    shown = run("policy", "certify").stdout
    assert f"at most {certificate['decision_units']:,} units" in shown
    assert "mask, big-payment" in shown


def test_certify_of_smaller_requests_gives_smaller_figures(run, policies, folder):
    listed = {"id": "listed", "effect": "deny", "match": {"context.env": "prod"}}
    (policies / "small.json").write_text(json.dumps(policy_set([listed])))
    small = certify(run, "--values", "10", "--characters", "100", "--memberships", "2")["certificate"]
    assert small["inputs"] == {"values": 10, "characters": 100, "memberships": 2}
    assert small["decision_units"] < certify(run)["certificate"]["decision_units"]


@pytest.mark.slow
def test_certify_with_a_time_refuses_only_where_it_is_passed(run, policies):
    report = certify(run, "--enforce-time", "1000000000")
    assert report["ok"]
    assert report["calibration"]["unit_ns"] > 0
    assert report["calibration"]["scan_unit_ns"] > 0
    assert {one["action"] for one in report["times"]} == {"tool.call", "llm.request", "*"}
    result = run("policy", "certify", "--enforce-time", "1")
    assert result.exit_code == 1
    assert "longer than 1 us: " in result.stdout
    assert "estimated for this machine" in result.stdout


def test_certify_of_a_set_that_breaks_its_own_bound_is_refused(run, policies):
    costly = {"id": "costly", "effect": "deny", "when": "context.a == context.b"}
    document = policy_set([costly], bounds={"rule_units": 100})
    (policies / "small.json").write_text(json.dumps(document))
    result = run("policy", "certify")
    assert result.exit_code == 2
    assert "rule costly costs more than its set allows a rule" in result.stderr
    checked = json.loads(run("policy", "check", "--json").stdout)
    assert [one["expected"] for one in checked["problems"]] == ["at most 100 units"]
    run("policy", "keygen", "release")
    built = run("policy", "build", "--key", "release.key", "--out", "policies.axb")
    assert built.exit_code == 1
    assert "rule costly" in built.stderr


def test_build_and_inspect_show_what_decisions_may_cost(run, policies):
    run("policy", "keygen", "release")
    built = run("policy", "build", "--key", "release.key", "--out", "policies.axb")
    certificate = certify(run)["certificate"]
    line = f"at most {certificate['decision_units']:,} units"
    assert line in built.stdout
    shown = run("policy", "inspect", "policies.axb", "--trust", "release.pub")
    assert line in shown.stdout
    assert "tool.call" in shown.stdout
    statement = json.loads(run("policy", "inspect", "policies.axb", "--trust", "release.pub", "--json").stdout)
    assert statement["certificate"] == certificate
    assert certify(run, "policies.axb", "--trust", "release.pub")["certificate"] == certificate
