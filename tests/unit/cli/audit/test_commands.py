"""`axonflow audit`: which database is read, and what verify and search print. The store is a real PostgreSQL."""

import asyncio
import contextlib
import json
import os
import threading
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase, migrate
from axonflow.app.audit_keys import signing_keys
from axonflow.app.auditing import export_audit, opened_proofs
from axonflow.audit import AUDIT_EFFECTS, AUDIT_KINDS, NO_BATCH, AuditEvent, WriterKey, link, seal
from axonflow.cli.audit import filters
from axonflow.ids import id_at
from tests.audit_trail import signer
from tests.postgres import execute, fresh_database, postgres_dsn

__all__ = ["postgres_dsn"]

WHO = [*["user:ann"] * 4, *["user:\x1b[31mbob"] * 2]
START_US = 1_770_000_000_000_000


def events():
    for number in range(6):
        time_us = START_US + number * 1_000_000
        yield AuditEvent(
            event_id=id_at(time_us / 1_000_000), tenant_id="acme" if number % 2 else "default", writer_id="w",
            time_us=time_us, kind="decision", decision_id=f"d{number}", policy_digest="sha256:0", principal=WHO[number],
            action="tool.call", resource="tool:x", effect="deny", allowed=False, policies=("no-tools",),
            reasons=("No.",),
        )  # fmt: skip


@pytest.fixture(scope="module")
def database(postgres_dsn):
    async def fill(dsn):
        await migrate(dsn)
        store_database = await PostgresDatabase.connect(dsn)
        heads, records = {}, []
        for event in events():
            heads[event.tenant_id] = link(replace(event), heads.get(event.tenant_id))
            records.append(heads[event.tenant_id])
        store, own = PostgresAuditStore(store_database), signer("key")
        await store.register(WriterKey("w", 0, own.key_id, own.public_bytes))
        await store.write_batch(seal(records, "w", 0, NO_BATCH, START_US, own))
        await store_database.close()

    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(fill(dsn))
        yield dsn


@contextlib.contextmanager
def copied(postgres_dsn, database):
    """Another database that is the same."""
    name = urlsplit(database).path[1:]
    execute(postgres_dsn, f"DROP DATABASE IF EXISTS {name}_copy", f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    try:
        yield database.replace(name, f"{name}_copy")
    finally:
        execute(postgres_dsn, f"DROP DATABASE {name}_copy WITH (FORCE)")


def test_verify_of_whole_chains_says_so(run, database):
    result = run("audit", "verify", "--database-url", database)
    assert (result.exit_code, result.stdout.split()[0]) == (0, "verified")
    report = json.loads(run("audit", "verify", "--database-url", database, "--json").stdout)
    heads = report.pop("heads")
    writer = {"writer_id": "w", "batches": 1, "signed": 1, "sealed_us": START_US, "anchored_us": None}
    assert report == {
        "chains": 2, "records": 6, "broken": [], "removed": 0, "unsealed": 0, "shed": 0, "first_version": 0,
        "trust": "store", "writers": [writer], "cuts": [], "accepted": None,
    }  # fmt: skip
    assert [(head["tenant_id"], head["records"], len(head["hash"])) for head in heads] == [
        ("acme", 3, 64),
        ("default", 3, 64),
    ]


def test_verify_since_an_earlier_report_sees_what_was_cut_off(run, database, tmp_path):
    earlier = tmp_path / "monday.json"
    report = json.loads(run("audit", "verify", "--database-url", database, "--json").stdout)
    earlier.write_text(json.dumps(report))
    verify = ("audit", "verify", "--database-url", database, "--since-report", str(earlier))
    assert run(*verify).exit_code == 0
    report["heads"][0]["records"] += 1
    earlier.write_text(json.dumps(report))
    result = run(*verify)
    assert result.exit_code == 1
    assert "records 3 to 3 were there and are missing" in result.stdout


@pytest.mark.parametrize("text", ["{", '{"chains": 1}', "\udcff"])
def test_verify_since_what_is_no_report_is_bad_input(run, tmp_path, text):
    (tmp_path / "x.json").write_text(text, errors="surrogateescape")
    result = run("audit", "verify", "--since-report", str(tmp_path / "x.json"))
    assert result.exit_code == 2
    assert "x.json: not a report" in result.stderr


def test_verify_of_one_tenant_walks_that_one_alone(run, database):
    report = json.loads(run("audit", "verify", "--database-url", database, "--tenant", "acme", "--json").stdout)
    assert (report["chains"], report["records"]) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE axonflow.audit_event SET effect = 'allow' WHERE tenant_id = 'acme' AND sequence = 1",
        "UPDATE axonflow.audit_event SET canonical = canonical || ' '::bytea WHERE tenant_id = 'acme' AND sequence = 1",
        "DELETE FROM axonflow.audit_event WHERE tenant_id = 'acme' AND sequence = 1",
    ],
    ids=["a column", "the bytes", "a row"],
)
def test_verify_of_a_changed_trail_exits_1_and_names_the_place(run, postgres_dsn, database, change):
    with copied(postgres_dsn, database) as copy:
        execute(copy, change)
        result = run("audit", "verify", "--database-url", copy)
        report = json.loads(run("audit", "verify", "--database-url", copy, "--json").stdout)
    assert (result.exit_code, result.stdout.split()[0]) == (1, "broken")
    assert [(one["tenant_id"], one["sequence"]) for one in report["broken"]] == [("acme", 1)]


@pytest.mark.parametrize(
    ("options", "decisions"),
    [
        ((), ["d4", "d2", "d0"]),
        (("--tenant", "acme"), ["d5", "d3", "d1"]),
        (("--principal", "user:ann"), ["d2", "d0"]),
        (("--decision", "d2"), ["d2"]),
        (("--policy", "other"), []),
        (("--limit", "1", "--offset", "1"), ["d2"]),
        (("--since", "2026-02-02T02:40:02Z"), ["d4", "d2"]),
        (("--until", "2026-02-02 02:40:02"), ["d0"]),
        (("--effect", "deny", "--action", "tool.call", "--kind", "decision"), ["d4", "d2", "d0"]),
        (("--client", "nobody"), []),
    ],
)
def test_search_finds_what_was_asked_for_newest_first(run, database, options, decisions):
    result = run("audit", "search", "--database-url", database, "--json", *options)
    assert result.exit_code == 0
    assert [event["decision_id"] for event in json.loads(result.stdout)["events"]] == decisions


def test_search_as_a_table_steers_no_terminal(run, database):
    result = run("audit", "search", "--database-url", database)
    assert "\x1b[31m" not in result.stdout
    assert "3 of 3" in result.stdout
    nothing = run("audit", "search", "--database-url", database, "--kind", "login")
    assert (nothing.exit_code, "nothing found" in nothing.stdout) == (0, True)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--since", "yesterday"), "is not a time: expected RFC 3339"), (("--until", "2026-02-30"), "is not a time"),
        (("--limit", "0"), "range 1<=x<=1000"), (("--limit", "-1"), "range 1<=x<=1000"),
        (("--limit", "1000000000"), "range 1<=x<=1000"), (("--offset", "-1"), "range 0<=x<=1000000"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "--until: the time ends before it begins"),
        (("--since", "2026-02-01", "--until", "2026-02-01"), "--until: the time ends before it begins"),
        (("--kind", "nonsense"), "'nonsense' is not one of 'decision', 'model_call'"),
        (("--effect", "denied"), "'denied' is not one of 'deny'"), (("--kind", ""), "is not one of"),
        (("--principal", "ann"), "'ann' has no type: expected type:id"), (("--resource", "shell"), "has no type"),
        (("--principal", ""), "it is empty"), (("--before", ""), "it is empty"), (("--policy", " "), "it is empty"),
    ],
)  # fmt: skip
def test_search_with_a_wrong_option_is_bad_input(run, option, says):
    result = run("audit", "search", *option)
    assert (result.exit_code, says in " ".join(result.stderr.split())) == (2, True), result.stderr


def test_search_options_offer_the_words_that_events_have():
    assert (filters.EFFECTS, filters.KINDS) == (AUDIT_EFFECTS, AUDIT_KINDS)


def test_search_before_what_is_no_event_says_so(run, database):
    result = run("audit", "search", "--before", "zzz", "--database-url", database)
    assert (result.exit_code, "--before: not the id of an event" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["verify", "search"])
def test_audit_without_a_database_says_how_to_name_one(run, command, tmp_path):
    result = run("audit", command, "--data", str(tmp_path))
    assert result.exit_code == 2
    assert "axonflow up" in result.stderr


@pytest.mark.parametrize("command", ["verify", "search"])
def test_audit_with_a_database_that_is_away_says_so_without_its_password(run, command):
    result = run("audit", command, "--database-url", "postgresql://me:hunter2@127.0.0.1:1/x")
    assert result.exit_code == 2
    assert "PostgreSQL" in result.stderr
    assert "hunter2" not in result.stderr


def test_audit_database_of_the_data_folder_is_found(run, database, tmp_path):
    (tmp_path / "database-url").write_text(database + "\n")
    assert run("audit", "verify", "--data", str(tmp_path)).exit_code == 0


@pytest.fixture
def key(tmp_path):
    """The file of the writer's public key."""
    (tmp_path / "w.pem").write_bytes(signer("key").public_pem)
    return str(tmp_path / "w.pem")


def events_found(run, database):
    return json.loads(run("audit", "search", "--database-url", database, "--json").stdout)["events"]


def test_verify_with_the_writers_key_named_trusts_no_other(run, database, key, tmp_path):
    result = run("audit", "verify", "--database-url", database, "--trust", key)
    assert (result.exit_code, "with the keys you named" in result.stdout) == (0, True)
    (tmp_path / "other.pem").write_bytes(signer("other").public_pem)
    result = run("audit", "verify", "--database-url", database, "--trust", str(tmp_path / "other.pem"))
    assert (result.exit_code, "untrusted_key" in result.stdout) == (1, True)
    assert run("audit", "verify", "--database-url", database, "--trust", "pyproject.toml").exit_code == 2
    (tmp_path / "other.pem").write_text("no key")
    assert run("audit", "verify", "--database-url", database, "--trust", str(tmp_path / "other.pem")).exit_code == 2


def test_verify_says_since_when_the_tail_cannot_be_proved_without_an_anchor(run, database, tmp_path):
    said = run("audit", "verify", "--database-url", database).stdout
    assert (
        "what was cut off at the end, after 2026-02-02 02:40:00 UTC or before, does not show without an anchor" in said
    )
    (tmp_path / "anchor").mkdir()
    result = run("audit", "verify", "--database-url", database, "--anchor", f"file:{tmp_path}/anchor")
    assert (result.exit_code, "writer_unknown" in result.stdout) == (1, True)
    assert "nothing yet" in result.stdout
    result = run("audit", "verify", "--database-url", database, "--anchor", f"file:{tmp_path}/away")
    assert (result.exit_code, "anchor" in result.stderr) == (2, True)
    assert run("audit", "verify", "--database-url", database, "--anchor", "ftp://a").exit_code == 2


def test_verify_of_an_export_needs_no_database(run, database, key, tmp_path):
    async def export():
        async with opened_proofs(database) as proofs:
            return [line async for line in export_audit(proofs, "acme")]

    file = tmp_path / "acme.jsonl"
    file.write_bytes(b"".join(asyncio.run(export())))
    result = run("audit", "verify", "--export", str(file), "--trust", key)
    assert (result.exit_code, result.stdout.split()[0]) == (0, "verified")
    assert run("audit", "verify", "--export", str(file), "--tenant", "acme").exit_code == 2
    file.write_bytes(file.read_bytes().replace(b'"deny"', b'"allow"', 1))
    result = run("audit", "verify", "--export", str(file), "--trust", key)
    assert (result.exit_code, "altered" in result.stdout) == (1, True)
    file.write_bytes(file.read_bytes()[:-10])
    result = run("audit", "verify", "--export", str(file), "--trust", key)
    assert (result.exit_code, "line 7" in result.stderr) == (2, True)


def test_prove_of_an_event_makes_what_check_proof_accepts(run, database, key, tmp_path):
    event = events_found(run, database)[0]
    file = str(tmp_path / "proof.json")
    assert run("audit", "prove", event["event_id"], "--database-url", database, "--output", file).exit_code == 0
    result = run("audit", "check-proof", file, "--trust", key)
    assert (result.exit_code, result.stdout.split()[0]) == (0, "verified")
    assert event["event_id"] in result.stdout
    printed = run("audit", "prove", event["event_id"], "--database-url", database).stdout
    result = run("audit", "check-proof", "-", "--trust", key, "--json", input=printed)
    assert json.loads(result.stdout)["event"]["decision_id"] == event["decision_id"]
    result = run("audit", "check-proof", "-", "--trust", key, input=printed.replace("deny", "allow"))
    assert (result.exit_code, "the event is in the segment" in result.stderr) == (1, True)
    (tmp_path / "other.pem").write_bytes(signer("other").public_pem)
    assert run("audit", "check-proof", file, "--trust", str(tmp_path / "other.pem")).exit_code == 1


@pytest.mark.parametrize(
    "command", [("verify",), ("search",), ("search", "--kind", "login"), ("tail", "--count", "1"),
                ("show", id_at(START_US / 1_000_000)), ("prove", id_at(START_US / 1_000_000)),
                *[("export", "-o", "x.out", "--format", form) for form in ("jsonl", "csv", "parquet")]],
    ids=lambda command: "-".join(command[:1] + command[3:]),
)  # fmt: skip
@pytest.mark.parametrize("tenant", ["acmee", "Acme", "acme "])
def test_audit_of_a_tenant_that_nobody_knows_says_so(run, database, command, tenant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("audit", *command, "--database-url", database, "--tenant", tenant)
    assert (result.exit_code, "no such tenant" in result.stderr) == (2, True), result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["verify", "search", "tail", "show", "prove", "export"])
def test_audit_of_a_tenant_without_a_name_is_bad_input(run, database, command):
    arguments = {"show": ["x"], "prove": ["x"], "export": ["-o", "x"]}.get(command, [])
    for tenant, says in (("", "it is empty"), ("\udcff", "is not UTF-8")):
        result = run("audit", command, *arguments, "--database-url", database, "--tenant", tenant)
        assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def test_audit_of_a_tenant_of_which_nothing_is_recorded_yet_finds_nothing(run, postgres_dsn, database, tmp_path):
    with copied(postgres_dsn, database) as copy:
        execute(
            copy,
            "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
            " VALUES ('beta', 'Beta', 'community', 1, 'x', 1)",
        )
        options = ("--database-url", copy, "--tenant", "beta")
        verified, searched = run("audit", "verify", *options, "--json"), run("audit", "search", *options)
        exported = run("audit", "export", *options, "-o", str(tmp_path / "beta.jsonl"))
    assert [one.exit_code for one in (verified, searched, exported)] == [0, 0, 0]
    assert (json.loads(verified.stdout)["records"], exported.stdout[:14]) == (0, "wrote 0 events")


def test_audit_of_a_tenant_whose_records_are_past_their_time_still_exports(run, postgres_dsn, database, tmp_path):
    with copied(postgres_dsn, database) as copy:
        execute(copy, "DELETE FROM axonflow.audit_event WHERE tenant_id = 'acme'")
        exported = run("audit", "export", "--database-url", copy, "--tenant", "acme", "-o", str(tmp_path / "a.jsonl"))
    assert (exported.exit_code, exported.stdout[:14]) == (0, "wrote 0 events")


def test_prove_of_no_event_is_bad_input(run, database):
    result = run("audit", "prove", "nothing", "--database-url", database)
    assert (result.exit_code, "no such event" in result.stderr) == (2, True)


@pytest.mark.parametrize("place", ["folder", "nowhere/proof", ""])
def test_prove_into_what_cannot_be_written_is_bad_input(run, database, tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (found,) = json.loads(run("audit", "search", "--database-url", database, "--limit", "1", "--json").stdout)["events"]
    result = run("audit", "prove", found["event_id"], "--database-url", database, "--output", place)
    assert (result.exit_code, place in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"\xff\x00"])
def test_check_proof_of_what_is_no_proof_is_bad_input_and_not_a_proof_that_fails(run, key, tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    result = run("audit", "check-proof", str(tmp_path / "x"), "--trust", key)
    assert (result.exit_code, "not a proof of an audit event" in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--export", "FILE", "--spool", "FOLDER"), "two trails to verify"),
     (("--export", "FILE", "--database-url", "postgresql://h/x"), "two trails to verify"),
     (("--spool", "FOLDER", "--data", "FOLDER"), "two trails to verify"),
     (("--since-report", "-", "--data", "FOLDER"), "<stdin>: not a report")],
)  # fmt: skip
def test_verify_of_two_trails_at_once_is_bad_input(run, tmp_path, arguments, says):
    (tmp_path / "file").touch()
    names = {"FILE": str(tmp_path / "file"), "FOLDER": str(tmp_path)}
    result = run("audit", "verify", *[names.get(one, one) for one in arguments])
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def _written(pipe, data):
    with contextlib.suppress(BrokenPipeError), open(pipe, "wb") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("form", "code", "says"), [("jsonl", 0, ""), ("parquet", 2, "Parquet cannot be read from a pipe")]
)
def test_verify_of_an_export_through_a_pipe_loses_nothing_of_it(run, database, key, tmp_path, form, code, says):
    export = ("--tenant", "acme", "--format", form, "-o", str(tmp_path / form), "--database-url", database)
    assert run("audit", "export", *export).exit_code == 0
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=_written, args=(pipe, (tmp_path / form).read_bytes()))
    writing.start()
    result = run("audit", "verify", "--export", str(pipe), "--trust", key)
    writing.join()
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr


def test_audit_rotate_key_asks_every_writer_of_an_installation_and_once_only(run, tmp_path):
    for name in ("agent", "orchestrator"):
        place = tmp_path / "spool" / name
        place.mkdir(parents=True)
        signing_keys(place, "w", 0)
    done = run("audit", "rotate-key", "--data", str(tmp_path))
    assert (done.exit_code, done.output.count("signs from the next start on")) == (0, 2)
    again = run("audit", "rotate-key", str(tmp_path / "spool" / "agent"))
    assert (again.exit_code, "a rotation was asked for already" in again.output) == (2, True)
    nothing = run("audit", "rotate-key", "--data", str(tmp_path / "elsewhere"))
    assert (nothing.exit_code, "no writer of an audit trail" in nothing.output) == (2, True)
