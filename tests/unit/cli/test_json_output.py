"""With `--json` there is one object on standard output, whatever went wrong; without it errors stay off it."""

import json
import os

import pytest

ASK = ("--principal", "user:ann", "--action", "tool.call", "--resource", "tool:shell")
REFUSED = [
    ("policy", "test", "bad.yaml"),
    ("policy", "certify", "bad.yaml"),
    ("policy", "diff", "bad.yaml", "@baseline"),
    ("policy", "import", "bad.yaml"),
    ("explain", *ASK, "--policies", "bad.yaml"),
    ("counterfactual", *ASK, "--policies", "bad.yaml"),
    ("whatif", "bad.yaml", "--from", "-"),
    ("decide", *ASK, "--policies", "bad.yaml"),
]
WRONG = [
    ("policy", "check", "--polices"),
    ("policy", "tset"),
    ("explain", "gone.json"),
    ("whatif", "@baseline", "--fail-on", "nothing"),
    ("whatif", "@baseline"),
    ("counterfactual", *ASK, "--max-edits", "99"),
]


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_json_of_a_command_that_fails_is_one_object_with_each_fault(run, folder, args):
    (folder / "bad.yaml").write_text("a: [1")
    result = run(*args, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert told["problems"][0]["at"].startswith("bad.yaml")
    assert told["problems"][0]["message"] in told["error"]
    assert result.stderr.startswith("error: ")
    assert run(*args).stdout == ""


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_json_of_wrong_usage_is_one_object_too(run, folder, args):
    result = run(*args, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert told["error"]
    assert result.stderr
    assert run(*args).stdout == ""


def test_json_that_stands_behind_two_dashes_is_a_name(run, folder):
    result = run("policy", "certify", "--", "--json")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(("command", "exit_code"), [("check", 1), ("test", 2), ("certify", 2)])
def test_json_that_names_a_file_whose_name_is_no_text_is_still_json(run, folder, command, exit_code):
    name = os.fsdecode(b"\xff.yaml")
    (folder / name).write_text("a: [1")
    result = run("policy", command, name, "--json")
    assert result.exit_code == exit_code
    assert json.loads(result.stdout)["problems"][0]["at"].startswith(name)
