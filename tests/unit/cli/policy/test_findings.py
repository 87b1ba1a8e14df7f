"""`axonflow policy check`: what rules say to each other, what they cost, and how they are looked up."""

import json
from pathlib import Path

import pytest
import yaml

from axonflow import AxonFlow, Request
from axonflow.app import bundles
from tests.strategies import policy_set

ROOT = Path(__file__).parents[4]

TOOLS = {"id": "tools", "effect": "allow", "match": {"action": "tool.call", "resource.id": ["search", "shell"]}}
FAULTS = {
    "unreachable": [{"id": "never", "effect": "deny", "match": {"resource.id": "a"}, "when": 'resource.id == "b"'}],
    "shadowed": [
        {"id": "narrow", "effect": "deny", "match": {"resource.id": "a", "principal.type": "agent"}},
        {"id": "wide", "effect": "deny", "match": {"resource.id": ["a", "b"]}},
    ],
    "duplicate": [
        {"id": "once", "effect": "deny", "match": {"resource.id": "a"}},
        {"id": "twice", "effect": "deny", "match": {"resource.id": "a"}},
    ],
    "conflict": [TOOLS, {"id": "no-shells", "effect": "deny", "match": {"resource.id": ["shell", "bash"]}}],
    "held": [TOOLS, {"id": "hold", "effect": "require_approval", "match": {"resource.id": ["shell", "bash"]}}],
    "redundant": [{"id": "twofold", "effect": "deny", "when": "context.risk > 5 && context.risk > 3"}],
}
UNCLEAR = {"id": "unclear", "effect": "deny", "when": 'resource.id.matches("^a") && resource.id.matches("^[^a]")'}


def write(folder, *rules, file="set.yaml", **fields):
    (folder / "policies").mkdir(exist_ok=True)
    document = {**policy_set(list(rules)), **fields}
    (folder / "policies" / file).write_text(yaml.safe_dump(document, sort_keys=False))
    return document


def report(result):
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", FAULTS)
def test_check_of_rules_with_a_fault_shows_it_with_its_place_and_a_request(run, folder, kind):
    document = write(folder, *FAULTS[kind])
    result = run("policy", "check")
    assert result.exit_code == 0
    assert f"1 {kind}: rules that" in result.stdout
    assert "policies/set.yaml:" in result.stdout
    assert ":someone tool.call tool:" in result.stdout
    found = report(run("policy", "check", "--json"))
    assert found["ok"]
    (one,) = [one for one in found["analysis"]["findings"] if one["kind"] == kind]
    assert {place["rule"] for place in one["rules"]} <= {rule["id"] for rule in document["rules"]}
    decision = AxonFlow.open("policies").decide(Request(**one["witness"]))
    first = one["rules"][0]["rule"]
    assert (first in decision.policies) is (kind != "unreachable")


def test_check_that_is_strict_fails_for_findings_and_for_warnings(run, folder):
    write(folder, TOOLS)
    assert run("policy", "check", "--strict").exit_code == 0
    write(folder, *FAULTS["redundant"])
    assert run("policy", "check").exit_code == 0
    assert run("policy", "check", "--strict").exit_code == 1
    assert report(run("policy", "check", "--strict", "--json"))["ok"] is False
    write(folder, {"id": "a", "effect": "deny", "match": {"context.env": "prod"}})
    assert run("policy", "check", "--strict", "--no-analysis").exit_code == 1


def test_check_that_is_strict_does_not_fail_for_a_note(run, folder):
    write(folder, *FAULTS["held"])
    result = run("policy", "check", "--strict")
    assert result.exit_code == 0
    assert "1 held: rules that others hold in part for approval" in result.stdout
    assert "; 1 note\n" in result.stdout
    assert [one["level"] for one in report(run("policy", "check", "--json"))["analysis"]["findings"]] == ["note"]


def test_check_that_is_strict_does_not_fail_for_what_is_undecided(run, folder):
    write(folder, UNCLEAR)
    result = run("policy", "check", "--strict")
    assert result.exit_code == 0
    assert "1 undecided" in result.stdout
    assert "can unclear match?" in result.stdout


def test_check_without_analysis_makes_none(run, folder):
    write(folder, *FAULTS["unreachable"])
    result = run("policy", "check", "--no-analysis")
    assert "unreachable" not in result.stdout
    assert "analysed:" not in result.stdout
    assert report(run("policy", "check", "--no-analysis", "--json"))["analysis"] is None


def test_check_that_compares_few_rules_says_how_many_pairs_it_left_out(run, folder):
    denials = [{"id": f"no{n}", "effect": "deny", "match": {"resource.id": ["shell", f"x{n}"]}} for n in range(4)]
    write(folder, TOOLS, *denials)
    result = run("policy", "check", "--compare", "1")
    assert "pairs of rules were not compared; --compare N" in result.stdout
    assert "not compared" not in run("policy", "check").stdout


def test_check_of_the_baseline_finds_nothing_and_leaves_nothing_undecided(run, folder):
    result = run("policy", "check", "@baseline", "--strict", "--json")
    analysis = report(result)["analysis"]
    assert result.exit_code == 0
    assert (analysis["rules"], analysis["findings"], analysis["undecided"]) == (40, [], [])


def test_check_of_a_bundle_analyses_its_rules(run, folder):
    write(folder, *FAULTS["shadowed"])
    bundles.make_key_pair(folder / "release.key", folder / "release.pub")
    (folder / "set.axb").write_bytes(bundles.build_bundle(folder / "policies", folder / "release.key"))
    result = run("policy", "check", "set.axb", "--trust", "release.pub")
    assert result.exit_code == 0
    assert "1 shadowed" in result.stdout
    assert "set.axb: set test" in result.stdout
    assert "no policies" not in result.stdout
    assert "valid: 1 set, 2 rules" in result.stdout


def test_check_tells_how_rules_are_looked_up_and_what_they_cost(run, folder):
    write(
        folder,
        TOOLS,
        {"id": "network", "effect": "deny", "when": 'context.ip.inCIDR("10.0.0.0/8")'},
        {"id": "prefix", "effect": "deny", "when": 'context.path.startsWith("/etc/")'},
        {
            "id": "loop",
            "effect": "deny",
            "match": {"action": "tool.call"},
            "when": "texts(content).exists(t, t == 'x')",
        },
        {"id": "note", "effect": "log"},
    )
    result = run("policy", "check")
    for line in ("equality      resource.id", "network       context.ip", "prefix        context.path", "matching"):
        assert line in result.stdout
    assert "tried for every request of an action: tool.call 1" in result.stdout
    index = report(run("policy", "check", "--json"))["index"]
    assert index["rules"][0]["rule"] == "loop"
    assert index["rules"][0]["how"] == "tried"
    assert index["tried"] == [{"action": "tool.call", "rules": 1}]
    assert {(one["how"], one["path"], one["rules"]) for one in index["lookups"]} == {
        ("equality", "resource.id", 1),
        ("network", "context.ip", 1),
        ("prefix", "context.path", 1),
        ("tried", "", 1),
        ("matching", "", 1),
    }


def test_check_shows_no_control_characters_of_a_policy(run, folder):
    write(folder, {"id": "never", "effect": "deny", "when": 'resource.id == "\\u001b[31m" && resource.id == "b"'})
    result = run("policy", "check")
    assert "1 unreachable" in result.stdout
    assert "\x1b[31m" not in result.stdout


@pytest.mark.parametrize("kind", FAULTS)
def test_check_of_a_shadow_set_analyses_it_by_itself(run, folder, kind):
    write(folder, *FAULTS[kind])
    write(folder, *FAULTS[kind], shadow=True, file="shadow.yaml")  # the same ids, which is no duplicate of them
    result = run("policy", "check")
    assert f"1 {kind}: rules that" in result.stdout
    assert f"1 {kind} in shadow sets: rules that" in result.stdout
    assert "policies/shadow.yaml:" in result.stdout.split("in shadow sets: rules that")[1].splitlines()[1]
    assert "\nanalysed in shadow sets: " in result.stdout
    analysis = report(run("policy", "check", "--json"))["analysis"]
    own, others = analysis.pop("shadow"), analysis
    assert own["rules"] == others["rules"] == len(FAULTS[kind])
    assert [one["kind"] for one in own["findings"]] == [one["kind"] for one in others["findings"]]
    assert own["findings"][0]["rules"][0]["at"].startswith("policies/shadow.yaml:")


def test_check_of_a_shadow_set_alone_fails_only_if_it_is_strict(run, folder):
    write(folder, *FAULTS["unreachable"], shadow=True)
    analysis = report(run("policy", "check", "--json"))["analysis"]
    assert (analysis["rules"], analysis["shadow"]["rules"]) == (0, 1)
    assert run("policy", "check").exit_code == 0
    assert run("policy", "check", "--strict").exit_code == 1


def test_check_of_what_is_undecided_in_a_shadow_set_says_where(run, folder):
    write(folder, UNCLEAR, shadow=True)
    assert "1 undecided in shadow sets: more than" in run("policy", "check").stdout


def many(count):
    """A rule that so many denials cover together."""
    parts = [{"id": f"no{n}", "effect": "deny", "match": {"context.env": f"env{n}"}} for n in range(count)]
    whole = {"id": "whole", "effect": "allow", "match": {"context.env": [f"env{n}" for n in range(count)]}}
    return [whole, *parts]


def test_check_of_rules_that_shadow_one_together_shows_a_request_for_each(run, folder):
    write(folder, *many(7))
    result = run("policy", "check")
    assert "1 shadowed: rules that make no difference" in result.stdout
    assert "deny rule no5 and deny rule no6 together match wherever it does" in result.stdout
    assert 'matches with no4: user:someone tool.call tool:something context{env: "env4"}' in result.stdout
    assert "and 2 more, all of them in the output of --json" in result.stdout
    (one,) = report(run("policy", "check", "--json"))["analysis"]["findings"]
    assert [request["context"]["env"] for request in one["witnesses"]] == [f"env{n}" for n in range(7)]
    assert one["witness"] == one["witnesses"][0]


def test_check_of_what_takes_too_many_rules_together_names_some_of_them(run, folder, monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.jointly._MAX_QUIET", 0)
    write(folder, *[{"id": f"r{n}", "effect": "deny", "when": f"context.n{n} > 1"} for n in range(9)])
    shown = run("policy", "check", "--compare", "7").stdout
    assert "does r0 make a difference beside r1, r2, r3, r4, r5 and 2 others together? (limit)" in shown


def test_page_on_checking_policies_shows_what_the_command_prints(run, folder):
    text = (ROOT / "docs/how-to/check-policies.md").read_text("utf-8")
    (folder / "policies").mkdir()
    (folder / "policies" / "tools.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    printed = run("policy", "check", "policies/").stdout
    shown = text.split("```text\n")[1].split("```")[0]
    assert shown in printed
