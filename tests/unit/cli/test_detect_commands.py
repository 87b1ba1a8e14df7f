"""`axonflow detect` and `axonflow detectors`: findings, and never what was found."""

import json

import pytest

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


def test_detectors_lists_them_in_order(run):
    listed = json.loads(run("detectors", "--json").stdout)
    ids = [one["id"] for one in listed]
    assert ids == sorted(ids)
    assert {"pii.email", "pii.credit_card", "injection.sql"} <= set(ids)
    assert set(listed[0]) == {"id", "category", "severity", "description"}
    text = run("detectors").stdout
    assert all(name in text for name in ids)
