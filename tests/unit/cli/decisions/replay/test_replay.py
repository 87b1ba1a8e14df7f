"""`axonflow replay`: what it prints and how it ends."""

import gzip
import json

import pytest


def line(resource="tool:search", action="tool.call", expect=None, **parts):
    made = {"request": {"principal": "user:ann", "action": action, "resource": resource, **parts}}
    if expect is not None:
        made["expect"] = {"effect": expect} if isinstance(expect, str) else expect
    return json.dumps(made)


@pytest.fixture
def traffic(folder):
    def write(*lines, name="traffic.jsonl"):
        (folder / name).write_text("\n".join(lines))
        return name

    return write


def summary(result):
    return json.loads(result.stdout)


def test_replay_of_good_traffic_sums_it_up(run, policies, traffic):
    result = run("replay", traffic(line(), line("tool:shell"), line("tool:shell")), "--json")
    found = summary(result)
    assert result.exit_code == 0
    assert (found["lines"], found["decided"], found["malformed"]["count"]) == (3, 3, 0)
    assert found["effects"] == {"deny": 2, "allow": 1}
    assert found["policies"] == {"yes": 3, "no-shell": 2}
    assert found["expect"] is None
    latency = found["latency_us"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert len(found["slowest"]) == 3
    assert {slow["resource"] for slow in found["slowest"]} == {"tool:search", "tool:shell"}


def test_replay_for_people_shows_every_part(run, policies, traffic):
    name = traffic(line(expect="allow"), line("tool:shell", expect="allow"), line("tool:transfer"))
    result = run("replay", name, "--expect")
    assert result.exit_code == 1
    for part in (
        "By effect", "By policy", "Slowest", "Undecidable: 1 ", "line 3: big-payment: context.amount is missing",
        "2 labelled, 1 as expected, 1 not", "expected \\ actual", "line 2: effect: expected allow, got deny",
        "requests/s", "p95",
    ):  # fmt: skip
        assert part in result.stdout, part


def test_replay_with_all_expectations_met_succeeds(run, policies, traffic):
    name = traffic(
        line(expect="allow"),
        line("tool:shell", expect={"effect": "deny", "policies": ["yes", "no-shell"]}),
        line(
            "model:m", "llm.request", content="to ann@example.com",
            expect={"effect": "redact", "redacted": "to [REDACTED:pii.email]"},
        ),
        line("model:m", "llm.request", content="hello", expect={"effect": "allow", "redacted": None}),
        line("tool:shell"),
    )  # fmt: skip
    result = run("replay", name, "--expect", "--json")
    assert result.exit_code == 0
    assert summary(result)["expect"] == {
        "labelled": 4,
        "matched": 4,
        "mismatched": 0,
        "confusion": {"deny": {"deny": 1}, "redact": {"redact": 1}, "allow": {"allow": 2}},
        "mismatches": [],
    }


def test_replay_without_the_option_ignores_expectations(run, policies, traffic):
    result = run("replay", traffic(line(expect="deny")), "--json")
    assert (result.exit_code, summary(result)["expect"]) == (0, None)


def test_replay_with_nothing_labelled_fails_when_expectations_are_asked_for(run, policies, traffic):
    result = run("replay", traffic(line()), "--expect")
    assert result.exit_code == 1
    assert "nothing was compared" in result.stdout


def test_replay_mismatch_of_a_redaction_prints_no_content(run, policies, traffic):
    name = traffic(
        line("model:m", "llm.request", content="to ann@example.com",
             expect={"effect": "redact", "policies": ["other"], "redacted": "to ann"}),
    )  # fmt: skip
    for result in (run("replay", name, "--expect"), run("replay", name, "--expect", "--json")):
        assert result.exit_code == 1
        assert "example.com" not in result.output
        assert "REDACTED" not in result.output
        assert "the content as labelled" in result.stdout
        assert "mask, yes" in result.stdout


def test_replay_of_malformed_lines_reports_skips_and_counts_them(run, policies, traffic):
    result = run("replay", traffic(line(), "oops", "", line(extra=1), line()), "--json")
    assert result.exit_code == 0
    found = summary(result)
    assert (found["lines"], found["decided"], found["malformed"]["count"]) == (4, 2, 2)
    assert [entry["line"] for entry in found["malformed"]["first"]] == [2, 4]
    assert "line 2: not JSON" in result.stderr
    assert "line 4: " in result.stderr
    assert "unknown field 'extra'" in result.stderr


def test_replay_of_many_malformed_lines_reports_the_first_and_counts_the_rest(run, policies, traffic):
    result = run("replay", traffic(*["x"] * 50))
    assert result.stderr.count("not JSON") == 20
    assert "and 30 more malformed lines" in result.stderr


def test_replay_of_names_with_control_characters_prints_them_escaped(run, policies, traffic):
    result = run("replay", traffic(line("tool:\x1b[2J\x07evil", expect="deny")), "--expect")
    assert "\x1b" not in result.output
    assert "\\x1b[2J\\x07evil" in result.stdout


def test_replay_of_more_policies_than_fit_says_how_many_more(run, folder, traffic):
    rules = [{"id": f"r{number}", "effect": "log"} for number in range(25)]
    document = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "many"}}
    (folder / "many.json").write_text(json.dumps({**document, "default": "allow", "rules": rules}))
    name = traffic(line())
    assert "and 5 more; --json lists all" in run("replay", name, "--policies", "many.json").stdout
    assert len(summary(run("replay", name, "--policies", "many.json", "--json"))["policies"]) == 25


def test_replay_of_requests_that_no_rule_matches_counts_them_apart(run, policies, traffic):
    result = run("replay", traffic(line("plan:p", "plan.start")))
    assert "(no rule matched)" in result.stdout


def test_replay_of_standard_input_reads_it(run, policies):
    result = run("replay", "-", "--json", input=line() + "\n" + line())
    assert summary(result)["decided"] == 2
    assert result.stderr == ""


def test_replay_of_an_empty_file_succeeds_with_zeros(run, policies, traffic):
    result = run("replay", traffic(""))
    assert result.exit_code == 0
    assert "lines        0" in result.stdout


def test_replay_of_a_packed_file_unpacks_it(run, policies, folder):
    (folder / "t.jsonl.gz").write_bytes(gzip.compress("\n".join([line()] * 3).encode()))
    assert summary(run("replay", "t.jsonl.gz", "--json"))["decided"] == 3


@pytest.mark.parametrize("cut", [slice(0, 40), slice(0, 0, -1)])
def test_replay_of_a_broken_packed_file_is_bad_input(run, policies, folder, cut):
    whole = gzip.compress("\n".join([line()] * 3).encode())
    (folder / "t.gz").write_bytes(whole[cut] or b"no gzip")
    result = run("replay", "t.gz")
    assert result.exit_code == 2
    assert "the traffic cannot be read" in result.stderr


def test_replay_without_policies_offers_the_baseline(run, folder, traffic):
    result = run("replay", traffic(line()))
    assert result.exit_code == 2
    assert "axonflow policy init policies/" in result.stderr
    assert "--policies @baseline" in result.stderr
    assert result.stdout == ""


def test_replay_with_an_empty_folder_of_policies_denies_and_says_so(run, folder, traffic):
    (folder / "policies").mkdir()
    result = run("replay", traffic(line()), "--json")
    assert summary(result)["effects"] == {"deny": 1}
    assert "axonflow policy init policies/" in result.stderr


@pytest.mark.parametrize(
    "args",
    [("missing.jsonl",), (".",), (), ("t.jsonl", "--policies", "nowhere"), ("t.jsonl", "--policies", "t.jsonl")],
)
def test_replay_with_bad_arguments_is_bad_input(run, folder, traffic, args):
    traffic("{not a policy", name="t.jsonl")
    result = run("replay", *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_replay_interrupted_prints_what_it_has(run, policies, traffic, monkeypatch):
    from axonflow.cli.decisions.replay import replaying

    def stopping(stream):
        yield 1, line().encode()
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "numbered_lines", stopping)
    name = traffic(line(), line())
    result = run("replay", name, "--json")
    assert result.exit_code == 130
    assert (summary(result)["decided"], summary(result)["interrupted"]) == (1, True)
    assert "(interrupted)" in run("replay", name).stdout
