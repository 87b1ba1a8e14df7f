"""`axonflow policy diff OLD NEW` of places; of versions, see test_publish."""

import json

import pytest

from axonflow import AxonFlow
from tests.strategies import policy_set
from tests.unit.cli.conftest import RULES


@pytest.fixture
def places(folder):
    """`old.json` and `new.json`: shell is allowed, payments are denied, and what is written of it changes."""
    changed = [RULES[0], RULES[2], RULES[3] | {"effect": "deny", "obligations": []}]
    (folder / "old.json").write_text(json.dumps(policy_set(RULES)))
    (folder / "new.json").write_text(json.dumps(policy_set(changed)))
    return folder


def test_diff_of_places_shows_what_is_newly_allowed_first_with_a_request(run, places):
    result = run("policy", "diff", "old.json", "new.json")
    assert result.exit_code == 1, result.output
    shown = result.stdout
    assert shown.startswith("verdicts differ (2 changes)")
    assert 0 < shown.index("newly allowed") < shown.index("newly denied")
    assert "no-shell (rule removed)" in shown
    assert "deny by no-shell" in shown
    assert '"id":"shell"' in shown


def test_diff_of_places_as_json_has_witnesses_that_both_sides_confirm(run, places):
    found = json.loads(run("policy", "diff", "old.json", "new.json", "--json").stdout)
    assert found["verdict"] == "different"
    assert found["differences"][0]["kind"] == "newly-allowed"
    from axonflow import Request

    for one in found["differences"]:
        request = Request.from_json(json.dumps(one["request"]))
        for place, told in (("old.json", one["before"]), ("new.json", one["after"])):
            decision = AxonFlow.open(place).decide(request)
            assert (decision.effect, list(decision.policies)) == (told["effect"], told["policies"])


def test_diff_of_the_same_policies_in_two_forms_is_the_same_and_exits_with_0(run, places):
    run("policy", "keygen", "release")
    assert run("policy", "build", "old.json", "--key", "release.key", "--out", "old.axb").exit_code == 0
    result = run("policy", "diff", "old.json", "old.axb", "--trust", "release.pub")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("the same verdicts, for every request (0 changes)")


def test_diff_of_what_changes_no_verdict_is_proven_to_change_none(run, places):
    covered = {"id": "more", "effect": "deny", "match": {"resource.id": "shell", "action": "tool.call"}}
    (places / "new.json").write_text(json.dumps(policy_set([*RULES, covered])))
    result = run("policy", "diff", "old.json", "new.json")
    assert result.exit_code == 0, result.output
    assert "proven to change no verdict\n  more (rule added)" in result.stdout


def test_diff_of_places_that_do_not_load_or_of_one_alone_is_refused(run, places):
    (places / "broken.json").write_text("{}")
    assert run("policy", "diff", "old.json", "broken.json").exit_code == 2
    assert run("policy", "diff", "old.json", "nowhere").exit_code == 2
    result = run("policy", "diff", "old.json")
    assert result.exit_code == 2
    assert "name another place" in result.stderr


def test_diff_of_more_than_is_shown_says_how_many_more_there_are(run, places):
    many = [{"id": f"d{n}", "effect": "deny", "match": {"resource.id": "shell"}} for n in range(25)]
    (places / "new.json").write_text(json.dumps(policy_set([*RULES, *many])))
    shown = run("policy", "diff", "old.json", "new.json").stdout
    proven = shown[shown.index("proven to change no verdict") :].split("\n")
    assert sum("(rule added)" in line for line in proven) == 20
    assert "  and 5 more" in proven
