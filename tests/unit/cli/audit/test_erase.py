"""`axonflow audit erase`, and what the other commands show of persons before it and after, from a real PostgreSQL."""

import asyncio
import csv
import json

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.postgres import migrate
from axonflow.app.durable import Durable, PersonSettings
from axonflow.app.persons import read_persons_key
from axonflow.errors import ConfigurationError
from tests.postgres import execute, fresh_database, postgres_dsn

__all__ = ["postgres_dsn"]

SECRET = bytes(range(32))
PERSONS = ("ann", "bob", "eve")


async def record(dsn, folder, *, seals):
    durable = await Durable.open(
        spool=folder, database_url=dsn, report=print, persons=PersonSettings(SECRET, seals=seals)
    )  # fmt: skip
    flow = AxonFlow.open("@baseline", audit=durable.audit)
    for person in PERSONS:
        await flow.enforce(Request(f"user:{person}", "tool.call", "tool:search"))
    assert await durable.close(20)


@pytest.fixture(scope="module")
def filled(postgres_dsn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installation")
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(record(dsn, folder / "plain", seals=False))
        asyncio.run(record(dsn, folder / "sealed", seals=True))
        (folder / "audit-persons.key").write_text(SECRET.hex())
        yield ("--database-url", dsn), folder


@pytest.fixture
def told(run, filled):
    """What a command printed as JSON, with the key of the data folder."""
    url, folder = filled

    def told(*arguments):
        done = run("audit", *arguments, *url, "--data", str(folder), "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    return told


def principals(page):
    return sorted(event["principal"] for event in page["events"])


def test_audit_commands_show_persons_with_the_key_of_the_installation_and_pseudonyms_without(run, filled, told):
    url, folder = filled
    found = told("search", "--principal", "user:bob")
    assert principals(found) == ["user:bob"] * 2
    sealed = next(event for event in found["events"] if event["schema_version"] == 3)
    assert told("show", sealed["event_id"])["principal"] == "user:bob"
    without = run("audit", "show", sealed["event_id"], *url)
    assert "user:~" in without.stdout
    assert "which is gone or not this installation's" in without.stdout
    other = folder / "another.key"
    other.write_text("ab" * 32)
    done = run("audit", "search", "--principal", "user:bob", "--json", *url, "--persons-key", str(other))
    assert principals(json.loads(done.stdout)) == ["user:bob"]  # what is not sealed
    done = run("audit", "tail", "--count", "6", "--since", "2020-01-01T00:00:00Z", *url, "--data", str(folder))
    assert all(done.stdout.count(f"user:{person} ") == 2 for person in PERSONS)


def test_audit_export_has_persons_in_a_spreadsheet_and_sealed_where_it_proves(run, filled, tmp_path):
    url, folder = filled
    for form in ("csv", "jsonl"):
        done = run("audit", "export", "--tenant", "default", "--format", form, "-o", str(tmp_path / form), *url,
                   "--data", str(folder))  # fmt: skip
        assert done.exit_code == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "csv").read_text().splitlines()))
    assert sorted(row["principal"] for row in rows if row["principal"].startswith("user:b")) == ["user:bob"] * 2
    assert (tmp_path / "jsonl").read_text().count("user:bob") == 1  # what is not sealed
    assert run("audit", "verify", "--export", str(tmp_path / "jsonl")).exit_code == 0


def test_audit_erase_destroys_the_keys_says_what_is_left_and_the_trail_verifies(run, filled, told):
    url, folder = filled
    assert principals(told("search", "--principal", "user:eve")) == ["user:eve"] * 2
    erased = told("erase", "user:eve", "--confirm", "user:eve")
    assert (len(erased["keys"]), erased["plain_records"]) == (1, 1)
    assert principals(told("search", "--principal", "user:eve")) == ["user:eve"]
    assert len(told("search", "--principal", f"user:~{erased['keys'][0]}")["events"]) == 1
    again = run("audit", "erase", "user:eve", "--confirm", "user:eve", *url, "--data", str(folder))
    assert again.stdout == (
        "keys of user:eve destroyed: 0; records that name them until they are past their time, for they were not "
        "sealed: 1\n"
    )
    assert run("audit", "verify", *url).exit_code == 0
    assert not execute(url[1], "SELECT FROM axonflow.audit_event WHERE kind = 'admin' "
                               "AND convert_from(canonical, 'UTF8') LIKE '%user:eve%'")  # fmt: skip


def test_audit_erase_with_a_key_that_opens_nothing_says_so_and_is_not_a_success(run, filled, tmp_path):
    url, _ = filled
    other = tmp_path / "another.key"
    other.write_text("ab" * 32)
    done = run("audit", "erase", "user:bob", "--confirm", "user:bob", *url, "--persons-key", str(other))
    assert (done.exit_code, "do not open with this key of the installation" in done.stdout) == (1, True)
    assert done.stdout.startswith("keys of user:bob destroyed: 0; ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("user:ann", "--confirm", "user:bob"), "--confirm has to be the person"),
        (("agent:x", "--confirm", "agent:x"), "not a person"),
        (("user:", "--confirm", "user:"), "not a person"),
        ((f"user:~{'0' * 32}", "--confirm", f"user:~{'0' * 32}"), "a pseudonym"),
        (("", "--confirm", ""), "it is empty"),
        (("user:\udcff", "--confirm", "user:\udcff"), "is not UTF-8"),
        (("user:ann", "--confirm", "user:ann", "--tenant", "nobody"), "no such tenant"),
    ],
)
def test_audit_erase_of_what_cannot_be_is_refused(run, filled, arguments, says):
    url, folder = filled
    done = run("audit", "erase", *arguments, *url, "--data", str(folder))
    assert (done.exit_code, says in done.stderr) == (2, True), done.stderr


def test_audit_erase_of_somebody_of_whom_there_is_nothing_asks_for_the_name(run, filled):
    url, folder = filled
    done = run("audit", "erase", "user:anne", "--confirm", "user:anne", *url, "--data", str(folder))
    assert (done.exit_code, "is the name right?" in done.stdout) == (0, True)


def test_audit_erase_without_a_key_or_with_one_that_is_none_says_what_it_needs(run, filled, tmp_path):
    url, _ = filled
    asked = ("audit", "erase", "user:ann", "--confirm", "user:ann", *url, "--data", str(tmp_path))
    assert "no key for persons: expected --persons-key" in run(*asked).stderr
    for text in ("ab" * 31, "no digits", "\N{SNOWMAN}"):
        (tmp_path / "wrong").write_text(text)
        assert "not a key for persons" in run(*asked, "--persons-key", str(tmp_path / "wrong")).stderr
    with pytest.raises(ConfigurationError, match="the key for persons cannot be read: found No such file"):
        read_persons_key(tmp_path / "absent")
