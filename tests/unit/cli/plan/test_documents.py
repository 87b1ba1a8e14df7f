"""`axonflow plan check`, `show`, `run` and `trace` on documents: what they tell, and how they end."""

import json
import sys
from xml.etree import ElementTree as ET

import pytest

TRIP = """
apiVersion: axonflow.dev/v1
kind: Plan
metadata: {name: trip}
deadline_ms: 60000
budget: {tokens: 5000, usd_micros: 20000}
mode: balanced
steps:
  - {name: flights, kind: tool, target: search, inputs: {to: {$ref: $.city}}}
  - {name: hotels, kind: tool, target: search, inputs: {to: {$ref: $.city}}}
  - {name: offer, kind: agent, target: writer, needs: [hotels], inputs: {price: {$ref: flights.0.price}}}
"""
TOOLS = """
async def search(to):
    return [{"price": 70 + len(to)}]

async def write(price, hotels):
    return f"{price} and {hotels[0]['price']}"

calls = {"tool:search": search, "agent:writer": write}
number = 3
"""


@pytest.fixture
def trip(folder, monkeypatch):
    (folder / "trip.yaml").write_text(TRIP)
    (folder / "some_tools.py").write_text(TOOLS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    sys.modules.pop("some_tools", None)


def ran(run, *args):
    return run(
        "plan", "run", "trip.yaml", "--bind", "some_tools.py:calls", "--input", "city=AMS", "--policies", "@baseline",
        "--principal", "user:ann", *args,
    )  # fmt: skip


def test_plan_run_of_a_document_bound_to_a_mapping_completes(run, trip):
    (trip / "trip.yaml").write_text(TRIP.replace("search,", "search, context: {env: dev},"))
    result = ran(run)
    assert result.exit_code == 0, result.output
    assert '"73 and 73"' in result.stdout


def test_plan_run_that_is_watched_tells_how_it_goes(run, trip):
    (trip / "trip.yaml").write_text(TRIP.replace("search,", "search, context: {env: dev},"))
    told = [line.split()[-2:] for line in ran(run, "--watch", "--json").stderr.splitlines()]
    assert sorted(told) == sorted(
        [state, name] for name in ("flights", "hotels", "offer") for state in ("running", "succeeded")
    )
    assert ran(run).stderr == ""


def test_plan_run_of_a_document_with_nothing_bound_names_the_step(run, trip):
    result = run("plan", "run", "trip.yaml", "--policies", "@baseline", "--input", "city=AMS")
    assert result.exit_code == 2
    assert "plan 'trip', step 'flights': nothing is bound to the step" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--bind", "some_tools.py:number"), "a mapping of kind:target to callables"),
        (("--bind", "some_tools.py:missing"), "There is: calls."),
        (("--input", "city"), "not an input: expected NAME=VALUE, found 'city'"),
        ((), "a missing input: expected an input 'city'"),
    ],
)
def test_plan_run_of_a_document_wrongly_prepared_is_bad_input(run, trip, args, message):
    result = run("plan", "run", "trip.yaml", "--policies", "@baseline", *args)
    assert result.exit_code == 2
    assert message in result.stderr


def test_plan_check_of_a_document_tells_what_it_needs_to_run(run, trip):
    result = run("plan", "check", "trip.yaml")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "valid trip.yaml: trip, 3 steps", "  to bind  agent:writer", "           tool:search", "  to give  city",
    ]  # fmt: skip


def test_plan_check_of_faults_tells_each_with_its_line(run, trip):
    (trip / "trip.yaml").write_text(TRIP.replace("needs:", "need:").replace("target: search", "target: ''", 1))
    result = run("plan", "check", "trip.yaml", "axonflow.samples.trip_plan:plan")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "failed trip.yaml: 2 problems"
    assert lines[1] == "  9:5 ($.steps[0]): step 'flights': not a target"
    assert lines[2:4] == ["    expected  1 to 512 characters", "    found     0"]
    assert lines[4].startswith("  11:54 ($.steps[2].need): an unknown member")
    assert "Did you mean 'needs'?" in lines[7]
    assert lines[-1] == "valid axonflow.samples.trip_plan:plan: weekend trip, 4 steps"


def test_plan_check_as_json_is_the_report(run, trip):
    (trip / "bad.json").write_text('{"kind": "Plan"}')
    found = json.loads(run("plan", "check", "trip.yaml", "bad.json", "--json").stdout)
    assert found["ok"] is False
    assert found["plans"][0] == {
        "place": "trip.yaml", "ok": True, "problems": [], "name": "trip", "steps": 3,
        "unbound": ["agent:writer", "tool:search"], "missing": ["city"], "labels": {}, "refused": [],
    }  # fmt: skip
    assert found["plans"][1]["problems"][0]["expected"] == "apiVersion: axonflow.dev/v1"


LABELLED = TRIP.replace("target: writer,", "target: writer, labels: [trust:generated],").replace(
    "{name: hotels, kind: tool,", "{name: hotels, kind: tool, labels: [pii:email],"
)
NO_ADDRESSES = """
apiVersion: axonflow.dev/v1
kind: PolicySet
metadata: {name: labels}
default: allow
rules:
  - {id: no-addresses, effect: deny, match: {action: agent.message, context.labels: "pii:email"}, reason: No addresses.}
"""


def test_plan_check_with_policies_tells_labels_and_by_which_way_one_is_denied(run, trip):
    (trip / "trip.yaml").write_text(LABELLED)
    (trip / "labels.yaml").write_text(NO_ADDRESSES)
    assert run("plan", "check", "trip.yaml").exit_code == 0
    result = run("plan", "check", "trip.yaml", "--policies", "labels.yaml", "--principal", "user:ann")
    assert result.exit_code == 1
    assert "denied trip.yaml: trip, 3 steps" in result.stdout
    assert "labels   offer: pii:email, source:search, tenant:default" in result.stdout
    assert "pii:email flows hotels -> offer, which is denied: No addresses." in result.stdout
    report = json.loads(run("plan", "check", "trip.yaml", "--policies", "labels.yaml", "--json").stdout)
    assert report["plans"][0]["labels"] == {"offer": ["pii:email", "source:search", "tenant:default"]}
    assert not report["ok"]


def test_plan_check_with_policies_that_read_no_labels_tells_none(run, trip):
    (trip / "trip.yaml").write_text(LABELLED)
    result = run("plan", "check", "trip.yaml", "--policies", "@baseline", "--json")
    assert (result.exit_code, json.loads(result.stdout)["plans"][0]["labels"]) == (0, {})


def test_plan_check_tells_the_labels_within_plans_by_their_names(run, trip):
    body = "body: {steps: [{name: inner, inputs: {x: {$ref: $.to}}}]}"
    (trip / "trip.yaml").write_text(
        LABELLED + f"  - {{name: sub, kind: plan, inputs: {{to: {{$ref: hotels}}}}, {body}}}"
    )
    (trip / "labels.yaml").write_text(NO_ADDRESSES)
    report = json.loads(run("plan", "check", "trip.yaml", "--policies", "labels.yaml", "--json").stdout)
    assert report["plans"][0]["labels"]["sub.inner"] == ["pii:email", "source:search", "tenant:default"]


def test_plan_check_of_no_file_is_bad_input(run, folder):
    result = run("plan", "check", "nowhere.yaml")
    assert result.exit_code == 2
    assert "there is no such file" in result.stderr


def test_plan_show_as_text_lists_steps_in_order(run, trip):
    result = run("plan", "show", "trip.yaml")
    assert result.exit_code == 0, result.output
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "plan trip", "steps 3", "mode balanced", "deadline 60,000 ms", "budget 5,000 tokens, 0.02 US dollars",
        "inputs city (to be given)", "", "step what after", "flights tool search", "hotels tool search",
        "offer agent writer hotels, flights",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("style", "beginning"),
    [("mermaid", "flowchart LR"), ("dot", 'digraph "trip"'), ("svg", "<svg"), ("yaml", "apiVersion"), ("json", "{")],
)
def test_plan_show_in_every_format_prints_or_writes_it(run, trip, style, beginning):
    printed = run("plan", "show", "trip.yaml", "--format", style)
    assert printed.stdout.startswith(beginning)
    assert run("plan", "show", "trip.yaml", "--format", style, "--output", "out.txt").stdout == ""
    assert (trip / "out.txt").read_text("utf-8") == printed.stdout


def test_plan_show_with_a_run_tells_how_each_step_went(run, trip):
    steps = {"flights": {"name": "flights", "state": "failed"}}
    (trip / "run.json").write_text(json.dumps({"plan": "p", "status": "failed", "steps": steps}))
    assert "failed" in run("plan", "show", "trip.yaml", "--run", "run.json", "--format", "mermaid").stdout


def test_plan_show_into_a_file_that_cannot_be_written_is_bad_input(run, trip):
    result = run("plan", "show", "trip.yaml", "--output", "nowhere/out.txt")
    assert result.exit_code == 2
    assert "the file cannot be written: found No such file or directory" in result.stderr


def test_plan_trace_of_a_run_draws_it(run, trip):
    (trip / "trip.yaml").write_text(TRIP.replace("search,", "search, context: {env: dev},"))
    (trip / "run.json").write_text(ran(run, "--json").stdout)
    text = run("plan", "trace", "run.json").stdout
    assert text.startswith("completed\n")
    assert "-> offer" in text
    assert "* offer" in text
    picture = run("plan", "trace", "run.json", "--format", "svg").stdout
    assert ET.fromstring(picture).find("{http://www.w3.org/2000/svg}title").text == "Run of trip"


def test_plan_trace_of_steps_that_never_ended_shows_them(run, folder):
    steps = {
        "a": {"name": "a", "state": "failed", "started_us": 1000, "finished_us": 3000},
        "b": {"name": "b", "state": "skipped"},
        "c": {"name": "c", "state": "running", "started_us": 2500},
    }
    (folder / "run.json").write_text(json.dumps({"plan": "p", "status": "failed", "steps": steps}))
    lines = [" ".join(line.split()) for line in run("plan", "trace", "run.json").stdout.splitlines()]
    assert lines[:3] == ["failed", "plan p", "took 2.0 ms"]
    assert lines[-3:] == [f"* a failed 0.0 2.0 {'█' * 40}", f"c running 1.5 {'·' * 30}█", "b skipped"]
    assert json.loads(run("plan", "trace", "run.json", "--json").stdout) == {
        "plan": "p",
        "status": "failed",
        "took_us": 2000,
        "critical_path": ["a"],
        "steps": [
            {"name": "a", "state": "failed", "critical": True, "started_us": 0, "took_us": 2000},
            {"name": "c", "state": "running", "critical": False, "started_us": 1500, "took_us": None},
            {"name": "b", "state": "skipped", "critical": False, "started_us": None, "took_us": None},
        ],
    }


def test_plan_show_as_json_is_the_document_however_it_is_said(run, trip):
    said = run("plan", "show", "trip.yaml", "--json").stdout
    assert json.loads(said)["metadata"] == {"name": "trip"}
    assert said == run("plan", "show", "trip.yaml", "--format", "json", "--json").stdout


@pytest.mark.parametrize("command", ["show", "trace"])
def test_plan_picture_as_json_is_refused(run, trip, command):
    (trip / "run.json").write_text('{"plan": "p", "status": "failed", "steps": {}}')
    result = run("plan", command, {"show": "trip.yaml", "trace": "run.json"}[command], "--format", "svg", "--json")
    assert result.exit_code == 2
    assert "--json is --format json, and not svg" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not the result of a run"),
        ('{"plan": 3}', "not the result of a run"),
        (
            json.dumps(
                {"plan": "p", "status": "x", "steps": {f"s{n}": {"name": "s", "state": "x"} for n in range(10_001)}}
            ),
            "too many steps: expected at most 10000, found 10001",
        ),
        (
            '{"plan": "p", "status": "x", "steps": {"a": {"name": "a", "state": "x", "started_us": 1%s}}}'
            % ("0" * 400),
            "not the result of a run",
        ),
    ],
)
def test_plan_trace_of_something_else_is_bad_input(run, folder, content, message):
    (folder / "run.json").write_text(content)
    result = run("plan", "trace", "run.json")
    assert result.exit_code == 2
    assert message in result.stderr


def test_plan_schema_is_printed_as_json(run, folder):
    assert json.loads(run("plan", "schema").stdout)["required"] == ["apiVersion", "kind", "metadata", "steps"]
