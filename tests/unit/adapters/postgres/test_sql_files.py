"""The SQL files: numbered without gaps, named without doubles, hashed alike on every system."""

from importlib.resources import files

from msgspec.structs import replace

from axonflow.adapters.postgres import audit_store, backup, doctor, logins, migrating, plan_store, retention, vault
from axonflow.adapters.postgres.sql_files import migrations, named_queries


def test_migrations_in_their_folder_are_numbered_without_gaps():
    assert [one.version for one in migrations()] == list(range(1, len(migrations()) + 1))


def test_migration_hash_when_the_text_changes_is_another():
    first = migrations()[0]
    assert "\r" not in first.sql
    assert replace(first, sql=first.sql + "\n").sha256 != first.sha256


def test_named_queries_of_every_file_are_found_and_used():
    folder = files("axonflow.adapters.postgres") / "sql"
    for name, loaded in {
        "audit.sql": audit_store._SQL,
        "plans.sql": plan_store._SQL,
        "migration.sql": migrating._SQL,
        "roles.sql": logins._SQL,
        "vault.sql": vault._SQL,
        "backup.sql": backup._SQL,
        "doctor.sql": doctor._SQL,
        "retention.sql": retention._SQL,
    }.items():
        text = (folder / name).read_text("utf-8")
        assert text.count("-- name: ") == len(named_queries(name)) == len(loaded)
        assert all(sql.endswith(";") for sql in loaded.values())
