"""`axonflow policy test`."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.strategies import policy_set


def ask(expect, tool="pay", **context):
    request = {"principal": "user:ann", "action": "tool.call", "resource": f"tool:{tool}", "context": context}
    return {"request": request, "expect": expect}


RULES = [
    {"id": "tools", "effect": "allow", "match": {"action": "tool.call"}, "reason": "Tools."},
    {
        "id": "big", "effect": "deny", "match": {"resource.id": "pay"}, "when": "context.amount > 5", "reason": "Big.",
        "tests": [ask("deny", amount=6), ask("allow", amount=5)],
    },
]  # fmt: skip


def document_of(*scenarios, **parts):
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicyTests", "metadata": {"name": "more"}}
    return {**head, "scenarios": list(scenarios), **parts}


def write(place, *documents):
    place.parent.mkdir(exist_ok=True)
    place.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return place


@pytest.fixture
def small(folder):
    """A folder of policies, with scenarios beside them."""
    write(folder / "policies" / "p.yaml", policy_set(RULES))
    scenario = {"name": "another tool", **ask("allow", "search", amount=9)}
    write(folder / "policies" / "p.policytests.yaml", document_of(scenario))
    return folder / "policies"


def report(result):
    return json.loads(result.stdout)


def test_tests_of_rules_and_scenarios_beside_them_are_run_and_what_they_miss_is_told(run, small):
    result = run("policy", "test")
    assert result.exit_code == 0
    assert "tests: 3 of 3 passed" in result.stdout
    assert "2 of 2 rules matched" in result.stdout
    assert "default: deny of the tenant layer: never decides" in result.stdout
    found = report(run("policy", "test", "policies", "--json"))
    assert (found["ok"], found["passed"], found["failed"]) == (True, 3, 0)
    assert {gap["missing"] for gap in found["groups"][0]["coverage"]["untested"]} == {"decides"}


def test_failing_test_says_what_was_expected_what_was_found_and_why(run, small):
    write(small / "f.policytests.yaml", document_of({"name": "too large", **ask("allow", amount=9)}))
    result = run("policy", "test", "--junit", "report.xml")
    assert result.exit_code == 1
    assert (
        "failed more: too large\n  policies/f.policytests.yaml:6:3\n  effect: expected allow, got deny" in result.stdout
    )
    assert "    deny by big, tools\n    Big.\n    Tools." in result.stdout
    root = ET.parse("report.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "4", "1")
    assert {suite.get("name") for suite in root} == {"test", "more"}
    (failure,) = root.iter("failure")
    assert failure.get("message") == "effect: expected allow, got deny"
    assert "f.policytests.yaml:6:3" in failure.text
    case = next(case for case in root.iter("testcase") if case.find("failure") is not None)
    assert (case.get("classname"), case.get("name")) == ("more", "too large")
    assert float(case.get("time")) >= 0


def test_filter_and_fail_fast_run_only_some_of_the_tests(run, small):
    assert "tests: 1 of 1 passed" in run("policy", "test", "-k", "ANOTHER").stdout
    assert "tests: 2 of 2 passed" in run("policy", "test", "-k", "big").stdout
    none = run("policy", "test", "-k", "nothing of that name")
    assert (none.exit_code, "there is no test" in none.stdout) == (1, True)
    failing = [{"name": name, **ask("allow", amount=9)} for name in ("one", "two")]
    write(small / "a.policytests.yaml", document_of(*failing))
    assert report(run("policy", "test", "-x", "--json"))["failed"] == 1


def test_too_little_coverage_is_an_answer_of_no(run, small):
    assert run("policy", "test", "--min-coverage", "80").exit_code == 0
    result = run("policy", "test", "--min-coverage", "100")
    assert result.exit_code == 1
    assert "less than 100 %" in result.stdout
    assert run("policy", "test", "--no-coverage", "--min-coverage", "5").exit_code == 2


def test_mutants_that_no_test_notices_are_listed_with_their_place(run, small):
    result = run("policy", "test", "--mutate", "--min-score", "100")
    assert result.exit_code == 1
    assert "score: " in result.stdout
    assert "big: literal changed\n    5 -> 6" not in result.stdout  # 6 is asked for
    assert (
        "default of test: default changed\n    default: deny -> allow\n    nearest test: big, test 1" in result.stdout
    )
    found = report(run("policy", "test", "--mutate", "--sample", "4", "--seed", "3", "--json"))
    mutation = found["groups"][0]["mutation"]
    assert mutation["killed"] + mutation["survived"] + mutation["equivalent"] + mutation["invalid"] == 4
    assert run("policy", "test", "--min-score", "5").exit_code == 2


def test_mutants_are_not_tried_while_a_test_fails(run, small):
    write(small / "f.policytests.yaml", document_of({"name": "too large", **ask("allow", amount=9)}))
    result = run("policy", "test", "--mutate", "--min-score", "5")
    assert result.exit_code == 1
    assert "there is no score: there have to be tests, and all have to pass" in result.stdout


def test_scenarios_elsewhere_and_labelled_traffic_are_tests_too(run, small, folder):
    write(folder / "more" / "x.yaml", document_of({"name": "elsewhere", **ask("deny", amount=7)}))
    lines = [
        {**ask({"effect": "deny", "policies": ["big", "tools"]}, amount=8), "note": "seen"},
        ask("allow") | {"expect": None},
    ]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = run("policy", "test", "policies", "--scenarios", "more", "--scenarios", "t.jsonl", "--json")
    assert [test["name"] for test in report(result)["tests"]] == [
        "big, test 1", "big, test 2", "another tool", "elsewhere", "seen"
    ]  # fmt: skip
    (folder / "t.jsonl").write_text("{}\n")
    bad = run("policy", "test", "--scenarios", "t.jsonl")
    assert bad.exit_code == 2
    assert "t.jsonl:1" in bad.stderr


def test_scenarios_that_name_their_policies_test_those(run, small, folder):
    write(
        folder / "tests" / "x.yaml",
        document_of({"name": "n", **ask("deny", amount=7)}, policies=["../policies/p.yaml"]),
    )
    result = run("policy", "test", "tests/x.yaml", "--json")
    found = report(result)
    assert (result.exit_code, found["passed"]) == (0, 3)
    assert [group["places"] for group in found["groups"]] == [[str(small / "p.yaml")]]


def test_files_named_beside_their_folder_count_once(run, small):
    names = [str(path) for path in small.iterdir()]
    assert report(run("policy", "test", "policies", *names, "--json"))["passed"] == 3
    assert report(run("policy", "test", *names, *names, "--json"))["passed"] == 3


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (document_of({"name": "a", "request": {}, "expect": "deny"}), "p.yaml:7:12: the request is not one"),
        (document_of(scenario=[]), "unknown field"),
        (document_of(rules=[]), "unknown field"),
        (document_of({"name": "a", **ask("deny")}), "no policies to test"),
        (policy_set([{"id": "r", "effect": "alow"}]), "'alow'"),
    ],
)
def test_faults_of_documents_are_bad_input_with_their_places(run, folder, document, words):
    write(folder / "policies" / "p.yaml", document)
    result = run("policy", "test")
    assert result.exit_code == 2
    assert words in result.stderr


def test_baseline_passes_its_shipped_tests_and_covers_nearly_all_of_it(run, folder):
    result = run("policy", "test", "@baseline", "--min-coverage", "99")
    assert result.exit_code == 0
    assert "40 of 40 rules matched" in result.stdout
    assert run("policy", "init", "policies").exit_code == 0
    assert run("policy", "test").exit_code == 0


def test_report_that_cannot_be_written_is_bad_input(run, small):
    result = run("policy", "test", "--junit", "nowhere/report.xml")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_page_of_the_docs_says_what_the_command_prints(run, folder):
    page = (Path(__file__).parents[4] / "docs/how-to/test-policies.md").read_text("utf-8")
    policies, scenarios = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[:2]
    printed = re.findall(r"^score: .*?(?=^```)", page, re.DOTALL | re.MULTILINE)[0]
    (folder / "policies").mkdir()
    (folder / "policies/payments.yaml").write_text(policies)
    (folder / "policies/payments.policytests.yaml").write_text(scenarios)
    result = run("policy", "test", "policies/", "--mutate", "--min-score", "95")
    assert (result.exit_code, printed in result.stdout) == (1, True)
    shell = '"tool:shell"}, expect: '
    assert shell in scenarios
    better = scenarios.replace(f"{shell}deny", f"{shell}{{effect: deny, policies: []}}")
    (folder / "policies/payments.policytests.yaml").write_text(better)
    assert run("policy", "test", "policies/", "--mutate", "--min-score", "100").exit_code == 0
    listed = re.findall(r"^coverage: .*?(?=^```)", page, re.DOTALL | re.MULTILINE)[0]
    assert listed.replace("policies/", "@baseline/") in run("policy", "test", "@baseline").stdout


def test_hooks_for_pre_commit_run_commands_that_there_are(run, small):
    root = Path(__file__).parents[4]
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["id"] for hook in hooks] == ["axonflow-policy-check", "axonflow-policy-test"]
    for hook in hooks:
        program, *command = hook["entry"].split()
        assert (program, hook["language"], hook["pass_filenames"]) == ("axonflow", "python", False)
        assert re.search(hook["files"], "policies/team/p.policytests.yaml")
        assert not re.search(hook["files"], "src/policies/p.yaml")
        assert run(*command).exit_code == 0
        names = [str(path.relative_to(small.parent)) for path in small.iterdir()]
        assert run(*command, *names).exit_code == 0  # who turns pass_filenames on


# -- beside bundles


@pytest.fixture
def bundled(run, folder):
    """RULES as a bundle that is trusted, in a folder of their own."""
    write(folder / "source" / "p.yaml", policy_set(RULES))
    assert run("policy", "keygen", "release").exit_code == 0
    (folder / "policies").mkdir()
    built = run("policy", "build", "source", "--key", "release.key", "--out", "policies/p.axb")
    assert built.exit_code == 0, built.output
    return folder / "policies"


def test_exception_of_a_rule_in_a_bundle_is_covered_and_its_mutants_are_noticed(run, bundled):
    waived = {"id": "e", "rules": ["big"], "match": {"context.env": "dev"}, "reason": "r",
              "expires": "2099-01-01T00:00:00Z"}  # fmt: skip
    noted = {"id": "noted", "effect": "log", "match": {"action": "tool.call"}}
    write(bundled / "more.yaml", policy_set([noted], name="more", exceptions=[waived]))
    scenarios = [
        {"name": "dev", **ask("allow", amount=6, env="dev")},
        {"name": "prod", **ask("deny", amount=6, env="prod")},
        {"name": "nowhere", **ask("deny", "pay", amount=6)},
    ]
    write(bundled / "more.policytests.yaml", document_of(*scenarios))
    result = report(run("policy", "test", "--trust", "release.pub", "--mutate", "--json"))
    (group,) = result["groups"]
    assert result["ok"]
    assert {(gap["rule"], gap["missing"]) for gap in group["coverage"]["untested"]} == {("default of more", "decides")}
    assert group["coverage"]["uncounted"] == 2
    survivors = {(one["rule"], one["kind"]) for one in group["mutation"]["survivors"]}
    # nobody looks at a log, and no expiry is near
    assert survivors >= {("noted", "rule removed"), ("noted", "filter dropped"), ("e", "expiry moved")}
    assert {kind for rule, kind in survivors if rule == "e"} == {"expiry moved"}


def test_bundle_alone_is_not_covered_and_has_no_score(run, bundled):
    write(bundled / "p.policytests.yaml", document_of({"name": "big", **ask("deny", amount=6)}))
    tested = ("policy", "test", "--trust", "release.pub")
    assert "2 of bundles not counted" in run(*tested).stdout
    covered = run(*tested, "--min-coverage", "50")
    assert (covered.exit_code, "there is nothing to cover" in covered.stdout) == (1, True)
    scored = run(*tested, "--mutate", "--min-score", "50")
    assert (scored.exit_code, "there is no score: nothing was changed" in scored.stdout) == (1, True)


def test_policies_that_nothing_tests_have_no_score_beside_others_that_have(run, folder):
    write(folder / "policies" / "p.yaml", policy_set(RULES))
    write(folder / "untested" / "p.yaml", policy_set([{"id": "no", "effect": "deny"}]))
    write(folder / "untested" / "p.policytests.yaml", document_of(policies=["../policies"], scenarios=[
        {"name": "big", **ask("deny", amount=6)}, {"name": "small", **ask("allow", amount=5)},
    ]))  # fmt: skip
    result = run("policy", "test", "untested", "--mutate", "--min-score", "1")
    assert result.exit_code == 1
    assert "there is no score" in result.stdout


def test_place_that_no_file_can_have_is_refused_with_its_line(run, small):
    write(small / "p.policytests.yaml", document_of(policies=["a\0b"]))
    result = run("policy", "test")
    assert result.exit_code == 2
    assert "policies.0 is not valid" in result.stderr
