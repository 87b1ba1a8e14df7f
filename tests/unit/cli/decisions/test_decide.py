"""`axonflow decide`: one request, from a file or from options."""

import json

import pytest

ASK = ("--principal", "user:ann", "--action", "tool.call", "--resource")


def decision(result):
    return json.loads(result.stdout)


def test_decide_of_an_allowed_request_succeeds(run, policies):
    result = run("decide", *ASK, "tool:search")
    assert result.exit_code == 0
    assert result.stdout.startswith("allow (allowed)\n")
    assert "policies  yes" in result.stdout


def test_decide_of_a_denied_request_fails_and_says_why(run, policies):
    result = run("decide", *ASK, "tool:shell")
    assert result.exit_code == 1
    assert result.stdout.startswith("deny (not allowed)\n")
    assert "No shell." in result.stdout


def test_decide_of_a_held_request_fails_and_names_the_approvers(run, policies):
    result = run("decide", *ASK, "tool:transfer", "--context", "amount=900")
    assert result.exit_code == 1
    assert "require_approval (not allowed)" in result.stdout
    assert "ask lead first (big-payment)" in result.stdout


def test_decide_of_an_undecidable_request_shows_the_error(run, policies):
    assert "big-payment: context.amount is missing" in run("decide", *ASK, "tool:transfer").stdout


def test_decide_as_json_is_the_decision(run, policies):
    result = run("decide", *ASK, "tool:shell", "--json")
    assert result.exit_code == 1
    assert decision(result)["effect"] == "deny"
    assert decision(result)["policies"] == ["no-shell", "yes"]


def test_decide_with_content_shows_it_redacted(run, policies):
    ask = ("--principal", "user:ann", "--action", "llm.request", "--resource", "model:m")
    result = run("decide", *ask, "--content", '{"to": "ann@example.com"}')
    assert result.exit_code == 0
    assert '{"to":"[REDACTED:pii.email]"}' in result.stdout
    assert "redact pii.email (mask)" in result.stdout


def test_decide_with_json_objects_takes_roles_and_attributes(run, folder):
    document = {
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "roles"}, "default": "deny",
        "rules": [{
            "id": "lead", "effect": "allow",
            "match": {"principal.roles": "lead", "resource.level": 3, "context.flag": True, "context.name": "a=b"},
        }],
    }  # fmt: skip
    (folder / "p.json").write_text(json.dumps(document))
    result = run(
        "decide", "--policies", "p.json", "--action", "tool.call",
        "--principal", '{"id": "ann", "roles": ["lead"]}', "--context", "flag=true", "--context", "name=a=b",
        "--resource", '{"type": "tool", "id": "x", "attributes": {"level": 3}}',
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_decide_with_limits_and_shadow_sets_shows_both(run, folder):
    limit = {"id": "few", "effect": "limit", "obligations": [{"unit": "requests", "maximum": 5, "window_s": 60}]}
    base = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "default": "allow"}
    for name, shadow, rules in (("now", False, [limit]), ("next", True, [{"id": "no", "effect": "deny"}])):
        text = json.dumps({**base, "metadata": {"name": name}, "shadow": shadow, "rules": rules})
        (folder / f"{name}.json").write_text(text)
    (folder / "policies").mkdir()
    for name in ("now", "next"):
        (folder / f"{name}.json").rename(folder / "policies" / f"{name}.json")
    text = run("decide", *ASK, "tool:x").stdout
    assert "at most 5 requests in 60 s for each principal.tenant, principal.id (few)" in text
    assert "deny by no (not enforced)" in text


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_decide_of_a_request_file_reads_it(run, policies, folder, source):
    text = '\ufeff{"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}'
    (folder / "r.json").write_text(text, "utf-8")
    result = run("decide", "r.json") if source == "file" else run("decide", "-", input=text)
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "Give a request file, or --principal, --action, --resource"),
        (("--principal", "user:ann", "--action", "tool.call"), "--resource"),
        (("r.json", "--action", "tool.call"), "not both"),
        (("r.json", "--context", "a=b"), "not both"),
        (("missing.json",), "does not exist"),
        (("r.json",), "r.json: $"),
        ((*ASK, "tool:a", "--context", "novalue"), "NAME=VALUE"),
        ((*ASK, "tool:a", "--content", '{"a": 1, "a": 2}'), "$.a: repeated member"),
        ((*ASK, "shell"), "short form"),
        ((*ASK, "tool:a\x00b"), "NUL"),
        ((*ASK, "tool:a", "--content", "\udcff"), "UTF-8"),
        ((*ASK, "tool:a", "--context", "n=" + "[" * 100 + "]" * 100), "nested too deep"),
        ((*ASK, "tool:a", "--content", "[" * 200_000 + "]" * 200_000), "nested too deep"),
        (("--principal", "user:ann", "--action", "Tool", "--resource", "tool:a"), "$.action"),
        ((*ASK, "tool:a", "--policies", "nowhere"), "no such file or folder"),
    ],
)
def test_decide_with_bad_input_says_so(run, policies, folder, args, message):
    (folder / "r.json").write_text("[]")
    result = run("decide", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_decide_of_a_file_that_is_not_utf8_names_the_line(run, policies, folder):
    (folder / "r.json").write_bytes(b'{\n"principal": "\xff"}')
    result = run("decide", "r.json")
    assert result.exit_code == 2
    assert "r.json:2: not UTF-8" in result.stderr


def test_decide_of_a_file_that_is_too_large_is_refused(run, policies, folder):
    with (folder / "r.json").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert "too large" in run("decide", "r.json").stderr
