"""`axonflow counterfactual`: what would have to be different for a request to be allowed."""

import json

import pytest

ASK = ("--principal", "user:ann", "--action", "tool.call", "--resource")


def test_counterfactual_of_a_held_request_shows_the_smallest_change(run, policies):
    result = run("counterfactual", *ASK, "tool:transfer", "--context", "amount=900")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "require_approval (not allowed) by big-payment, yes",
        "",
        "It would be allowed with this change of the request:",
        "  1. context.amount: set to 500 (is 900)",
        "     then allow by yes",
        "No smaller change is enough.",
        "",
        "What would have to change in the policies instead:",
        "  remove or waive big-payment (require_approval, tenant layer)",
    ]


def test_counterfactual_of_what_cannot_be_allowed_says_so_and_fails(run, policies):
    result = run("counterfactual", *ASK, "tool:shell")
    assert result.exit_code == 1
    assert "There is none: all that matters was tried." in result.stdout
    assert "remove or waive no-shell (deny, tenant layer)" in result.stdout


def test_counterfactual_of_an_allowed_request_succeeds_and_says_so(run, policies):
    result = run("counterfactual", *ASK, "tool:search")
    assert result.exit_code == 0
    assert result.stdout == "allow (allowed) by yes\nNothing has to be changed.\n"


def test_counterfactual_changes_only_what_it_is_told_to(run, policies):
    ask = (*ASK, "tool:transfer", "--context", "amount=900")
    assert run("counterfactual", *ask, "--fix", "context.amount").exit_code == 1
    result = run("counterfactual", *ask, "--only", "resource.id", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [edit["path"] for change in told["changes"] for edit in change["edits"]] == ["resource.id"]
    assert told["rules"]["rules"] == [{"id": "big-payment", "effect": "require_approval", "layer": "tenant"}]


@pytest.mark.parametrize("path", ["env", "context..env", "principals.roles"])
def test_counterfactual_of_what_is_no_path_is_refused(run, policies, path):
    result = run("counterfactual", *ASK, "tool:shell", "--only", path)
    assert result.exit_code == 2
    assert "not a path of a request" in result.stderr


def test_counterfactual_shows_no_secret_and_no_content(run, folder):
    rules = [
        {"id": "pin", "effect": "deny", "when": 'context.password != "tops3cret"'},
        {"id": "mail", "effect": "deny", "when": 'detected("pii.email")'},
        {
            "id": "odd",
            "effect": "deny",
            "when": 'time > timestamp("2020-01-01T00:00:00Z") && context.l.exists(x, x > 1)',
        },
    ]
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "a"}, "default": "allow"}
    (folder / "p.json").write_text(json.dumps(head | {"rules": rules}))
    ask = (*ASK, "tool:x", "--policies", "p.json", "--context", "password=hunter2", "--context", "l=[1]")
    result = run("counterfactual", *ask)
    assert result.exit_code == 0
    assert "context.password: set to another value (not shown: string, secret by its name)" in result.stdout
    content = run("counterfactual", *ask, "--content", "ann@example.com", "--only", "content", "--only", "context")
    assert "content: " in content.stdout
    for hidden in ("tops3cret", "hunter2", "example.com"):
        assert hidden not in result.stdout + content.stdout


def test_counterfactual_that_is_cut_short_says_what_was_not_tried(run, folder):
    rules = [{"id": f"r{n}", "effect": "deny", "match": {f"context.a{n}": True}} for n in range(3)]
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "a"}, "default": "allow"}
    (folder / "p.json").write_text(json.dumps(head | {"rules": rules}))
    ask = (*ASK, "tool:x", "--policies", "p.json", *(part for n in range(3) for part in ("--context", f"a{n}=true")))
    short = run("counterfactual", *ask, "--max-edits", "2")
    assert short.exit_code == 1
    assert "There may be one; not tried:\n  more than 2 edits together" in short.stdout
    assert (
        run("counterfactual", *ask).stdout.count("leave out") + run("counterfactual", *ask).stdout.count("set to") >= 3
    )


def test_counterfactual_names_all_that_policies_would_have_to_change(run, folder):
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "a"}, "default": "abstain"}
    requires = {"tool.cal": ["context.env"]}
    (folder / "p.json").write_text(json.dumps(head | {"requires": requires, "rules": []}))
    ask = ("--principal", "user:ann", "--action", "tool.cal", "--resource", "tool:x", "--policies", "p.json")
    result = run("counterfactual", *ask)
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "What would have to change in the policies instead:\n"
        "  let a rule of any layer allow it: none does\n"
        "  no longer require context.env (a does)\n"
        "  name the action in an allow rule, or declare it in a set\n"
    )
