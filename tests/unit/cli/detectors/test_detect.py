"""`axonflow detect` and `axonflow detectors`: findings, and never what was found."""

import json

import pytest

from tests.strategies import policy_set

CARD = "4111 1111 1111 1111"


def findings(result):
    return json.loads(result.stdout)["findings"]


def test_detect_in_a_text_names_line_and_column(run, folder):
    (folder / "t.txt").write_text(f"hello\nmail ann@example.com\ncard {CARD}\n")
    result = run("detect", "t.txt")
    assert result.exit_code == 0
    assert "pii.email        medium    2:6    11-26" in result.stdout
    assert "pii.credit_card  high      3:6" in result.stdout
    assert "ann@" not in result.output
    assert "4111" not in result.output


def test_detect_of_many_findings_in_a_long_text_places_them_all(run):
    result = run("detect", "--detectors", "pii.email", input="a@example.com\n" * 20_000)
    assert result.stdout.splitlines()[-1].split() == ["pii.email", "medium", "20000:1", "279986-279999"]


def test_detect_in_json_names_paths(run, folder):
    (folder / "t.json").write_text(json.dumps({"to": ["x", "ann@example.com"]}))
    found = findings(run("detect", "t.json", "--json"))
    assert [(one["detector"], one["path"], one["start"], one["end"]) for one in found] == [
        ("pii.email", "$.to[1]", 0, 15)
    ]
    assert "value" not in found[0]


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_detect_in_a_members_name_does_not_give_it_away_as_a_path(run, folder, args):
    (folder / "t.json").write_text(json.dumps({"ann@example.com": {"card": CARD}}))
    result = run("detect", "t.json", *args)
    assert result.exit_code == 0
    assert "pii.credit_card" in result.stdout
    assert "ann@" not in result.output


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_detect_shows_values_when_asked_to(run, folder, args):
    (folder / "t.json").write_text(json.dumps({"ann@example.com": CARD, "n": 4111111111111111}))
    result = run("detect", "t.json", "--show", *args)
    for value in ("ann@example.com", CARD, "4111111111111111"):
        assert value in result.stdout


def test_detect_of_standard_input_is_the_default(run):
    assert findings(run("detect", "--json", input="ann@example.com"))[0]["detector"] == "pii.email"


def test_detect_with_chosen_detectors_uses_no_others(run):
    result = run("detect", "--detectors", "secret, pii.credit_card", "--json", input=f"ann@example.com {CARD}")
    assert [one["detector"] for one in findings(result)] == ["pii.credit_card"]


def test_detect_of_nothing_succeeds(run):
    result = run("detect", input="hello")
    assert (result.exit_code, result.stdout) == (0, "nothing found\n")


def test_detect_redacting_a_text_changes_nothing_else(run):
    result = run("detect", "--redact", input="é\r\nann@example.com\n".encode())
    assert result.stdout_bytes.decode() == "é\r\n[REDACTED:pii.email]\n"
    assert run("detect", "--redact", input="ann@example.com").stdout == "[REDACTED:pii.email]\n"


@pytest.mark.parametrize(
    ("style", "redacted"),
    [
        ("mask", "card [REDACTED:pii.credit_card]"),
        ("partial", "card **** **** **** 1111"),
        ("drop", ""),
    ],
)
def test_detect_redacting_in_a_style_shows_what_the_style_leaves(run, style, redacted):
    result = run("detect", "--redact", "--style", style, input=f"card {CARD}")
    assert result.stdout == f"{redacted}\n"


@pytest.fixture
def key_file(folder):
    (folder / "redaction.key").write_text("5a" * 32)
    return ("--redaction-key", "redaction.key")


@pytest.mark.parametrize("style", ["pseudonym", "format"])
def test_detect_redacting_with_a_key_gives_each_tenant_its_own(run, key_file, style):
    ask = ("detect", "--redact", "--detectors", "pii.credit_card", "--style", style, *key_file)
    acme = run(*ask, "--tenant", "acme", input=CARD).stdout
    assert acme == run(*ask, "--tenant", "acme", input=CARD).stdout
    assert acme != run(*ask, "--tenant", "beta", input=CARD).stdout
    assert CARD not in acme


def test_detect_redacting_by_hashes_is_the_same_for_every_tenant(run, key_file):
    ask = ("detect", "--redact", "--style", "hash", *key_file)
    assert run(*ask, "--tenant", "acme", input=CARD).stdout == run(*ask, input=CARD).stdout


def test_detect_with_a_style_but_nothing_to_redact_is_refused(run):
    result = run("detect", "--style", "partial", input=CARD)
    assert result.exit_code == 2
    assert "--redact" in result.stderr


def test_detect_redacting_without_the_key_that_the_style_needs_says_so(run):
    result = run("detect", "--redact", "--style", "hash", input=CARD)
    assert result.exit_code == 2
    assert "--redaction-key FILE" in result.stderr
    assert CARD not in result.output


def test_detect_redacting_by_tokens_that_a_detector_cannot_have_says_which(run, key_file):
    result = run("detect", "--redact", "--style", "format", "--detectors", "pii.email", *key_file, input="x")
    assert result.exit_code == 2
    assert "pii.email" in result.stderr


@pytest.mark.parametrize("command", [("detect", "-"), ("detectors", "list", "pii.email")])
@pytest.mark.parametrize("style", ["pseudonym", "vault"])
def test_detect_with_policies_that_redact_by_a_key_needs_none(run, folder, command, style):
    rule = {
        "id": "redact", "effect": "redact", "match": {"action": "llm.request"},
        "obligations": [{"detectors": ["pii.email"], "style": style}],
    }  # fmt: skip
    (folder / "p.yaml").write_text(json.dumps(policy_set([rule])))
    result = run(*command, "--policies", "p.yaml", input="ann@example.com")
    assert result.exit_code == 0, result.output
    assert "pii.email" in result.stdout


def test_detect_redacting_json_keeps_its_shape(run, folder):
    (folder / "t.json").write_text('{"to": ["ann@example.com", 1]}')
    assert json.loads(run("detect", "t.json", "--redact").stdout) == {"to": ["[REDACTED:pii.email]", 1]}
    assert json.loads(run("detect", "t.json", "--redact", "--json").stdout)["redacted"] == {
        "to": ["[REDACTED:pii.email]", 1]
    }


@pytest.mark.parametrize(
    ("name", "data", "args", "message"),
    [
        ("t.txt", b"\xff", (), "t.txt:1: not UTF-8"),
        ("t.json", b"{", (), "not JSON"),
        ("t.json", b"[" * 200_000 + b"]" * 200_000, (), "nested too deep"),
        ("t.json", b"[" * 90 + b"]" * 90, (), "nested too deep"),
        ("t.txt", b"x" * (4 * 1024 * 1024 + 1), (), "too large"),
        ("t.txt", b"x", ("--detectors", "pii.mail"), "Did you mean"),
        ("t.txt", b"x", ("--detectors", " , "), "names of detectors"),
    ],
)
def test_detect_with_bad_input_says_so(run, folder, name, data, args, message):
    (folder / name).write_bytes(data)
    result = run("detect", name, *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_detect_of_a_file_that_is_not_there_is_bad_input(run):
    assert run("detect", "missing.txt").exit_code == 2


CUSTOM = {
    "id": "custom.badge",
    "description": "A badge of ours.",
    "patterns": [r"\bEMP-\d{6}\b"],
    "examples": ["badge EMP-123456", "two\nEMP-000001"],
    "counter_examples": ["EMP-12"],
}
ALLOWED = {"detectors": ["pii.email"], "values": ["help@example.com"], "reason": "Public."}


@pytest.fixture
def own(folder):
    """The name of a policy file with a detector and an allowlist."""
    document = policy_set([], default="allow") | {"detectors": [CUSTOM], "allowlists": [ALLOWED]}
    (folder / "own.json").write_text(json.dumps(document))
    return "own.json"


def test_detect_with_policies_uses_their_detectors_and_allowlists(run, own):
    result = run("detect", "--policies", own, "--json", input="EMP-123456 help@example.com ann@example.com")
    assert [(one["detector"], one["category"], one["start"]) for one in findings(result)] == [
        ("custom.badge", "custom", 0),
        ("pii.email", "pii", 28),
    ]
    chosen = run("detect", "--policies", own, "--detectors", "custom", "--redact", input="EMP-123456 a@example.com")
    assert chosen.stdout == "[REDACTED:custom.badge] a@example.com\n"


def test_detect_with_policies_that_do_not_load_is_bad_input(run, folder):
    wrong = policy_set([]) | {"detectors": [CUSTOM | {"examples": ["none"]}]}
    (folder / "own.json").write_text(json.dumps(wrong))
    result = run("detect", "--policies", "own.json", input="x")
    assert result.exit_code == 2
    assert "custom.badge does not find its example" in result.stderr


def test_detect_of_json_from_standard_input_names_paths_when_told(run):
    result = run("detect", "--input", "json", "--json", input='{"to": ["ann@example.com"]}')
    assert findings(result)[0]["path"] == "$.to[0]"
    assert run("detect", "--input", "json", input="{").exit_code == 2


def test_detect_of_a_json_file_as_text_names_lines(run, folder):
    (folder / "t.json").write_text('{"to":\n "ann@example.com"}')
    assert "2:3" in run("detect", "t.json", "--input", "text").stdout


@pytest.mark.parametrize(("text", "exit_code"), [("ann@example.com", 1), ("hello", 0)])
def test_detect_that_checks_ends_with_the_answer(run, text, exit_code):
    assert run("detect", "--check", input=text).exit_code == exit_code
    assert run("detect", "--check", "--json", input=text).exit_code == exit_code


def test_detect_of_a_long_json_finds_what_is_in_it(run, folder):
    (folder / "t.json").write_text(json.dumps(["nothing here " * 20_000, 7, None, "ann@example.com"]))
    result = run("detect", "t.json", "--detectors", "pii.email", "--json")
    assert [one["path"] for one in findings(result)] == ["$[3]"]
    assert result.stderr == ""


def test_detectors_list_shows_them_in_order(run):
    listed = json.loads(run("detectors", "list", "--json").stdout)
    ids = [one["id"] for one in listed]
    assert ids == sorted(ids)
    assert {"pii.email", "pii.credit_card", "injection.sql"} <= set(ids)
    assert set(listed[0]) == {"id", "category", "severity", "description"}
    text = run("detectors", "list").stdout
    assert all(name in text for name in ids)


def test_detectors_list_of_names_shows_no_others(run, own):
    listed = json.loads(run("detectors", "list", "custom", "pii.email", "--policies", own, "--json").stdout)
    assert [one["id"] for one in listed] == ["custom.badge", "pii.email"]


def test_detectors_list_of_an_unknown_name_is_bad_input(run):
    result = run("detectors", "list", "pii.emial")
    assert (result.exit_code, "Did you mean pii.email" in result.stderr) == (2, True)


def test_detectors_show_gives_its_examples(run, own):
    shown = json.loads(run("detectors", "show", "custom.badge", "--policies", own, "--json").stdout)
    assert shown == {
        "id": "custom.badge",
        "category": "custom",
        "severity": "medium",
        "description": "A badge of ours.",
        "max_span_chars": 10,
        "examples": CUSTOM["examples"],
        "counter_examples": CUSTOM["counter_examples"],
    }
    text = run("detectors", "show", "custom.badge", "--policies", own).stdout
    assert "severity  medium" in text
    assert "found in  badge EMP-123456\n          two\\nEMP-000001\nnot in    EMP-12\n" in text


def test_detectors_show_of_a_category_says_how_to_list_it(run):
    result = run("detectors", "show", "pii")
    assert (result.exit_code, "axonflow detectors list pii" in result.stderr) == (2, True)
