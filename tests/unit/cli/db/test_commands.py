"""`axonflow db`: what the commands print and how they end. The database is a real PostgreSQL."""

import asyncio
import json

import pytest

from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.cli.bars import Bar
from tests.postgres import execute, fresh_database, new_database, postgres_dsn, whole_day
from tests.postgres_rows import add_rows
from tests.postgres_stores import audit_event, chained, opened, write_sealed

__all__ = ["new_database", "postgres_dsn", "whole_day"]

AWAY = "postgresql://ann:secret-word@/db?host=/nowhere"


@pytest.fixture(scope="module")
def database(postgres_dsn):
    """A migrated database with some rows and a trail of five records."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(add_rows(dsn, "A"))
        trail = ("event", "cut", "segment", "batch", "writer_key")
        execute(dsn, *(f"DELETE FROM axonflow.audit_{table}" for table in trail), "SELECT 1")
        with opened(dsn) as (run, pools):
            run(write_sealed(pools, chained(audit_event("A", time_us=number) for number in range(5))))
        yield dsn


def test_migrate_says_what_it_applied_and_then_that_there_is_nothing_to_do(run, new_database):
    result = run("db", "migrate", "--database-url", new_database)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"applied {migrations()[0].name}")
    assert run("db", "migrate", "--database-url", new_database).stdout == "nothing to do\n"
    assert json.loads(run("db", "migrate", "--database-url", new_database, "--json").stdout) == {"applied": []}


@pytest.mark.parametrize("command", [("db", "migrate"), ("tenant", "list"), ("policy", "history"), ("up",)])
@pytest.mark.parametrize("given", ["", " "])
def test_command_whose_database_is_an_empty_variable_is_refused_and_takes_no_other(run, database, command, given):
    result = run(*command, "--database-url", given, env={"AXONFLOW_DATABASE_URL": database})
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--database-url is empty" in result.stderr


def test_status_says_no_while_migrations_are_pending(run, new_database):
    result = run("db", "status", "--database-url", new_database)
    assert result.exit_code == 1
    assert migrations()[0].name in result.stdout
    run("db", "migrate", "--database-url", new_database)
    result = run("db", "status", "--database-url", new_database, "--json")
    assert (result.exit_code, json.loads(result.stdout)["pending"]) == (0, [])


def test_doctor_says_yes_to_a_sound_database_and_no_with_a_remedy_to_another(run, new_database):
    run("db", "migrate", "--database-url", new_database)
    result = run("db", "doctor", "--database-url", new_database, "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (0, True)
    execute(new_database, "ALTER TABLE axonflow.vault_value NO FORCE ROW LEVEL SECURITY", "SELECT 1")
    result = run("db", "doctor", "--database-url", new_database, "--replica-url", AWAY)
    assert result.exit_code == 1
    assert "problem row-level security: ALTER TABLE" in result.stdout
    assert "problem replica: Searches read from the primary" in result.stdout
    assert "secret-word" not in result.output


def test_backup_and_restore_say_what_they_wrote_and_verified(run, folder, database, new_database):
    result = run("db", "backup", "monday.zip", "--database-url", database)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "wrote monday.zip")
    result = run("db", "restore", "monday.zip", "--database-url", new_database)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "restored and verified")
    assert result.stdout.splitlines()[-1].split() == ["records", "5"]
    again = run("db", "restore", "monday.zip", "--database-url", new_database)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "the database is not empty" in again.stderr


def test_restore_into_a_schema_without_data_takes_its_place(run, folder, database, new_database):
    run("db", "backup", "monday.zip", "--database-url", database)
    run("db", "migrate", "--database-url", new_database)
    result = run("db", "restore", "monday.zip", "--database-url", new_database, "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["audit"]["records"], said["audit"]["broken"]) == (0, 5, [])
    assert {table["name"] for table in said["manifest"]["tables"]} >= {"audit_event", "tenant"}


def test_restore_of_a_trail_that_was_broken_already_says_no(run, folder, database, new_database, postgres_dsn):
    with fresh_database(postgres_dsn) as dsn:
        run("db", "backup", "whole.zip", "--database-url", database)
        run("db", "restore", "whole.zip", "--database-url", dsn)
        execute(dsn, "DELETE FROM axonflow.audit_event WHERE sequence = 2", "SELECT 1")
        made = json.loads(run("db", "backup", "broken.zip", "--database-url", dsn, "--json").stdout)
    assert made["format"] == "axonflow-backup/1"
    result = run("db", "restore", "broken.zip", "--database-url", new_database)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "restored and broken")


def test_maintain_says_what_it_did_and_when_there_is_nothing_to_do(run, whole_day, new_database):
    run("db", "migrate", "--database-url", new_database)
    assert run("db", "maintain", "--database-url", new_database).stdout == "nothing to do\n"
    partition = "SELECT relname FROM pg_class WHERE relname ~ '^audit_event_20.._.._..$' ORDER BY 1 LIMIT 1"
    name = execute(new_database, partition)[0][0]
    execute(new_database, f"DROP TABLE axonflow.{name}", "SELECT 1")
    assert run("db", "maintain", "--database-url", new_database).stdout.split() == ["made", name]
    report = json.loads(run("db", "maintain", "--database-url", new_database, "--json").stdout)
    assert report == {"made": [], "dropped": [], "removed": 0, "chains": 0, "accepted": []}


@pytest.mark.parametrize("command", ["migrate", "status", "doctor", "maintain", "backup", "restore"])
def test_command_without_a_database_is_bad_input_without_its_password(run, folder, command):
    (folder / "file.zip").write_bytes(b"")
    file = {"backup": ["new.zip"], "restore": ["file.zip"]}.get(command, [])
    result = run("db", command, *file, "--database-url", AWAY)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "secret-word" not in result.output
    assert not (folder / "new.zip").exists()


class Screen:
    """A terminal."""

    def __init__(self):
        self.said = ""

    def isatty(self):
        return True

    def write(self, text):
        self.said += text

    def flush(self):
        """Nothing is held back."""

    def fileno(self):
        raise OSError


def test_bar_on_a_terminal_shows_the_share_and_goes_away(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("axonflow.cli.bars.sys.stderr", screen)
    monkeypatch.delenv("TERM", raising=False)
    bar = Bar("rows")
    bar.clear()
    bar(50, 100)
    bar.clear()
    assert " 50%  50 rows" in screen.said
    assert screen.said.endswith("\r\x1b[K")
