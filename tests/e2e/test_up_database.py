"""The database of a running `axonflow up`, the embedded one: looked over, kept in order, backed up and restored."""

import json

import pytest

from tests.postgres import execute
from tests.running import REQUEST, commanded, data_folder, eventually, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running():
    with data_folder() as folder, up(folder, "--database-connections", "1", "--log-level", "info") as running:
        yield running


def told(*arguments):
    done = commanded("db", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.embedded
def test_doctor_of_the_embedded_database_finds_all_well(running):
    checks = {check["name"]: check for check in told("doctor", "--data", running.folder, "--json")["checks"]}
    assert {check["state"] for check in checks.values()} == {"ok"}, checks
    assert {"row-level security", "views", "SECURITY DEFINER functions", "owners", "powers of roles"} <= checks.keys()


def test_services_with_one_connection_each_still_decide_record_and_search(running):
    with running.client() as client:
        for _ in range(20):
            assert client.post("/v1/decisions", json=REQUEST).status_code == 200
        found = client.post("/api/v1/audit/search", json={"limit": 5}).json()
        assert found["total"] >= 20
    dsn = (running.folder / "database-url").read_text().strip()
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'axonflow'"
    assert execute(dsn, ours)[0][0] <= 4
    heard = f"{ours[:-1]} listener'"
    eventually(lambda: execute(dsn, heard)[0][0] == 2, "one of each, for policies, tenants and keys together")


def test_upkeep_is_done_by_the_supervisor_once_it_is_up(running):
    eventually(lambda: "upkeep of the database" in running.said(), "upkeep")


def test_backup_of_a_running_installation_is_restored_elsewhere_and_verified(running, new_database, tmp_path):
    with running.client() as client:
        assert client.post("/v1/decisions", json=REQUEST).status_code == 200
        assert client.post("/api/v1/audit/search", json={}).json()["total"] >= 1
    manifest = told("backup", tmp_path / "b.zip", "--data", running.folder, "--json")
    events = {table["name"]: table["rows"] for table in manifest["tables"]}["audit_event"]
    restored = told("restore", tmp_path / "b.zip", "--database-url", new_database, "--json")
    assert (restored["audit"]["records"], restored["audit"]["broken"]) == (events, [])
    assert events >= 1
