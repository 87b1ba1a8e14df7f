"""`axonflow explain`: the decision of `axonflow decide`, as a tree."""

import json

from axonflow.cli.decisions.trees import Tree, tree_text

ASK = ("--principal", "user:ann", "--action", "tool.call", "--resource")


def test_explain_of_a_denied_request_shows_the_rule_that_won(run, policies):
    result = run("explain", *ASK, "tool:shell")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "deny (not allowed)",
        "├─ why",
        "│  └─ rule no-shell denies, and a matching deny wins over whatever else matches.",
        "├─ 2 of 4 rules looked at, 2 match; 2 never looked at: no look-up leads to them",
        "└─ tenant layer (default deny): deny, rule no-shell denies",
        "   ├─ deny no-shell: matches",
        '   │  └─ looked up by resource.id == "shell"',
        "   └─ allow yes: matches",
        "      └─ matches every tool.call",
    ]


def test_explain_of_an_error_shows_where_it_arose_and_exits_like_decide(run, policies):
    result = run("explain", *ASK, "tool:transfer")
    assert result.exit_code == 1
    assert "error, counts as a match: context.amount is missing" in result.stdout
    assert "error  context.amount > 500: context.amount is missing" in result.stdout
    assert "ask lead first (big-payment)" in result.stdout


def test_explain_as_json_says_the_same_as_decide(run, policies):
    ask = (*ASK, "tool:transfer", "--context", "amount=900", "--json")
    told, decided = (json.loads(run(command, *ask).stdout) for command in ("explain", "decide"))
    for name in ("effect", "allowed", "policies", "reasons", "errors", "policy_digest"):
        assert told[name] == decided[name]
    (layer,) = told["layers"]
    assert layer["rules"][0]["parts"][0] == {
        "text": "context.amount > 500", "outcome": "value", "value": True,
        "parts": [{"text": "context.amount", "outcome": "value", "value": 900}],
    }  # fmt: skip


def test_explain_of_a_redaction_counts_findings_and_shows_no_content(run, policies):
    ask = ("--principal", "user:ann", "--action", "llm.request", "--resource", "model:m")
    result = run("explain", *ask, "--content", "to ann@example.com and bob@example.com")
    assert result.exit_code == 0
    assert "2 by pii.email" in result.stdout
    assert "example.com" not in result.stdout


def test_explain_shows_rules_that_changed_nothing_in_full_when_asked(run, policies):
    ask = (*ASK, "tool:transfer", "--context", "amount=1")
    assert "big-payment: no match; context.amount > 500 is false\n" in run("explain", *ask).stdout + "\n"
    assert "false  context.amount > 500\n" in run("explain", *ask, "--all").stdout


def test_explain_shows_layers_that_could_not_grant_and_shadow_sets(run, folder):
    when = 'context.env == "dev" && !context.off'
    rules = [{"id": "dev", "effect": "allow", "match": {"action": "tool.call"}, "when": when}]
    requires = {"tool.call": ["context.env"]}
    shadow = [{"id": "all", "effect": "deny"}]
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet"}
    documents = [
        head | {"metadata": {"name": "a"}, "default": "deny", "requires": requires, "rules": rules},
        head | {"metadata": {"name": "b"}, "default": "allow", "shadow": True, "rules": shadow},
    ]  # fmt: skip
    (folder / "policies").mkdir()
    for number, document in enumerate(documents):
        (folder / "policies" / f"{number}.json").write_text(json.dumps(document))
    result = run("explain", *ASK, "tool:x", "--context", "env=prod")
    assert "-      !context.off (not evaluated)" in result.stdout
    assert "shadow sets, not enforced: deny (not allowed)" in result.stdout
    missing = run("explain", *ASK, "tool:x").stdout
    assert "context.env is missing (a requires it)" in missing


def test_tree_text_where_lines_cannot_be_written_uses_plain_characters(monkeypatch):
    class Ascii:
        encoding = "ascii"

    tree = Tree("a", [Tree("b", [Tree("c")]), Tree("d")])
    assert tree_text(tree) == "a\n├─ b\n│  └─ c\n└─ d"
    monkeypatch.setattr("sys.stdout", Ascii())
    assert tree_text(tree) == "a\n|- b\n|  `- c\n`- d"
