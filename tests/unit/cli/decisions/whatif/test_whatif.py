"""`axonflow whatif`: what it prints of recorded decisions, and how it ends."""

import asyncio
import gzip
import json
import signal

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditProofs
from axonflow.app.auditing import export_audit, export_parquet
from axonflow.ids import now_us
from tests.strategies import policy_set
from tests.unit.cli.conftest import RULES

STRICTER = [rule for rule in RULES if rule["id"] != "yes"] + [
    {"id": "yes", "effect": "allow", "match": {"action": ["tool.call", "llm.request"]}},
    {"id": "no-search", "effect": "deny", "match": {"resource.id": "search", "context.env": "prod"}},
]


def ask(resource="tool:search", action="tool.call", **parts):
    return Request(principal="user:ann", action=action, resource=resource, **parts)


ASKED = [
    ask(context={"env": "prod"}),
    ask("tool:shell"),
    ask("tool:transfer", context={"amount": 900}),
    ask("model:m", "llm.request", content="to ann@example.com"),
    ask("model:m", "llm.request", content="hello"),
]


@pytest.fixture
def stricter(folder):
    (folder / "next").mkdir()
    (folder / "next" / "next.json").write_text(json.dumps(policy_set(STRICTER)))
    return "next"


@pytest.fixture
def trail(folder, policies):
    """A store with the decisions on `ASKED`."""

    async def record():
        log, store = MemoryAuditLog(), MemoryAuditProofs()
        flow = AxonFlow.open(policies, audit=log)
        for request in ASKED:
            await flow.enforce(request)
        await store.write_batch(await log.sealed(100))
        return store

    return asyncio.run(record())


@pytest.fixture
def exported(folder, trail):
    async def lines():
        return [line async for line in export_audit(trail, "default")]

    (folder / "trail.jsonl").write_bytes(b"".join(asyncio.run(lines())))
    return folder / "trail.jsonl"


def report(result):
    return json.loads(result.stdout)


def changes(found):
    return {(one["before"], one["after"]): one["count"] for one in found["effects"]}


def test_whatif_of_an_export_with_the_policies_in_force_decides_all(run, exported, stricter):
    result = run("whatif", stricter, "--export", str(exported), "--against", "policies", "--json")
    found = report(result)
    assert result.exit_code == 0, "env was not read by those policies, so nothing flips for certain"
    assert changes(found) == {
        ("allow", "allow"): 1, ("deny", "deny"): 1, ("redact", "redact"): 1, ("require_approval", "require_approval"): 1
    }  # fmt: skip
    assert found["undecidable"]["count"] == 1
    assert found["undecidable"]["missing"] == {"context.env": 1}
    assert found["undecidable"]["policies"] == {"no-search": 1}


def test_whatif_without_the_policies_in_force_does_not_take_silence_for_nothing_found(run, exported, stricter):
    found = report(run("whatif", stricter, "--export", str(exported), "--json"))
    assert found["undecidable"]["missing"] == {"context.env": 1, "detector pii.email": 1}
    assert (found["compared"], found["flips"], found["other_events"]) == (3, 0, 0)


def test_whatif_of_policies_that_deny_tells_flips_by_rule_and_fails(run, exported, folder):
    rules = [*RULES, {"id": "stop", "effect": "deny", "match": {"action": "llm.request"}}]
    (folder / "next.json").write_text(json.dumps(policy_set(rules)))
    result = run("whatif", "next.json", "--export", str(exported), "--limit-shown", "1")
    assert result.exit_code == 1
    for part in ("flips        2 (2 tightened, 0 loosened)", "redact", "Flips (the first 1)", "redact -> deny", "stop"):
        assert part in result.stdout, part
    assert "ann@example.com" not in result.output
    for fails, code in (("loosened", 0), ("tightened", 1), ("undecidable", 0), ("never", 0)):
        assert run("whatif", "next.json", "--export", str(exported), "--fail-on", fails).exit_code == code


@pytest.mark.parametrize("form", ["gz", "parquet"])
def test_whatif_of_other_forms_of_an_export_says_the_same(run, exported, stricter, trail, folder, form):
    name = folder / f"trail.{form}"
    if form == "gz":
        name.write_bytes(gzip.compress(exported.read_bytes()))
    else:

        async def write(file):
            async for _ in export_parquet(trail, "default", file):
                pass

        with name.open("wb") as file:
            asyncio.run(write(file))
    both = [report(run("whatif", stricter, "--export", str(one), "--json")) for one in (exported, name)]
    for found in both:
        for differing in ("source", "wall_s", "decisions_per_s"):
            del found[differing]
    assert both[0] == both[1]


def test_whatif_of_lines_that_are_no_records_names_and_counts_them(run, exported, stricter):
    lines = exported.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(b'{"sequence"'))
    broken = [*lines[:at], b"nonsense\n", lines[at].replace(b'"kind"', b'"king"'), *lines[at:]]
    exported.write_bytes(b"".join(broken))
    result = run("whatif", stricter, "--export", str(exported), "--json")
    found = report(result)
    assert [one["at"] for one in found["malformed"]["first"]] == [f"line {at + 1}", f"line {at + 2}"]
    assert found["malformed"]["count"] == 2
    assert found["compared"] + found["undecidable"]["count"] == len(ASKED)
    assert f"line {at + 1}: " in result.stderr
    assert run("whatif", stricter, "--export", str(exported)).exit_code == 0
    assert run("whatif", stricter, "--export", str(exported), "--fail-on", "malformed").exit_code == 1


def traffic(folder, *lines):
    (folder / "traffic.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return "traffic.jsonl"


def test_whatif_of_traffic_compares_with_labels_or_with_other_policies(run, policies, stricter, folder):
    search = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search", "context": {"env": "prod"}}
    mail = {"principal": "user:ann", "action": "llm.request", "resource": "model:m", "content": "to ann@example.com"}
    name = traffic(folder, {"request": search, "expect": {"effect": "allow"}}, {"request": mail}, {"requests": {}})
    found = report(run("whatif", stricter, "--from", name, "--json"))
    assert changes(found) == {("allow", "deny"): 1}
    assert (found["incomparable"], found["malformed"]["count"]) == (1, 1)
    assert found["examples"][0]["id"] == "line 1"
    found = report(run("whatif", stricter, "--from", name, "--against", "policies", "--json"))
    assert changes(found) == {("allow", "deny"): 1, ("redact", "redact"): 1}
    assert found["decided_by"] == {"no-search": 1}
    assert found["no_longer_by"] == {"yes": 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "one of --from FILE, --export FILE and --database"),
        (("--database", "--from", "-"), "one of --from FILE"),
        (("--from", "-", "--effect", "deny"), "--effect is for --database"),
        (("--database", "--kind", "admin"), "only decisions are compared"),
        (("--database", "--database-url", ""), "--database-url is empty"),
    ],
)
def test_whatif_of_sources_that_make_no_sense_is_refused(run, stricter, options, said):
    result = run("whatif", stricter, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_whatif_of_nothing_does_not_pass(run, stricter):
    result = run("whatif", stricter, "--from", "-", input="")
    assert result.exit_code == 1
    assert "compared     0" in result.stdout


def test_whatif_that_is_interrupted_tells_what_it_knows_and_that_it_is_partial(run, stricter, exported, monkeypatch):
    from axonflow.policy.whatif import Comparison

    take = Comparison.take

    def interrupted(self, events):
        take(self, events)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Comparison, "take", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # of who runs in the background it is ignored
    try:
        result = run("whatif", stricter, "--export", str(exported))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    assert "(interrupted: partial)" in result.stdout
    assert "compared     3" in result.stdout


def test_whatif_of_an_exception_that_has_expired_since_goes_by_the_time_of_then(run, exported, folder):
    waiver = {"id": "drill", "rules": ["no-shell"], "reason": "A drill.", "expires": "2999-01-01T00:00:00Z"}
    (folder / "next.json").write_text(json.dumps(policy_set(RULES, exceptions=[waiver])))
    assert changes(report(run("whatif", "next.json", "--export", str(exported), "--json")))[("deny", "allow")] == 1
    gone = waiver | {"expires": "2020-01-01T00:00:00Z"}
    (folder / "next.json").write_text(json.dumps(policy_set(RULES, exceptions=[gone])))
    assert now_us() > 0
    assert ("deny", "allow") not in changes(report(run("whatif", "next.json", "--export", str(exported), "--json")))
