"""The spools of a running `axonflow up`: modes of recording, how they stand, and a damaged one."""

import json

import httpx
import pytest

from tests.running import PLAIN, REQUEST, commanded, data_folder, eventually, up, verified

pytestmark = pytest.mark.slow


def health(running):
    return httpx.get(f"{running.endpoints['agent']}/health", **PLAIN).json()


def told(running, *arguments):
    done = commanded(*arguments, "--data", running.folder, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def found(client, decision):
    return client.post("/api/v1/audit/search", json={"decision_id": decision}).json()["total"]


def test_up_in_async_mode_records_every_decision_and_one_tenant_may_ask_for_more():
    with data_folder() as folder, up(folder, "--audit-mode", "async", "--audit-when-full", "shed") as running:
        eventually(lambda: health(running)["audit"]["mode"] == "async", "the modes of tenants to be known")
        with running.client() as client:
            decisions = [client.post("/v1/decisions", json=REQUEST).json()["decision_id"] for _ in range(20)]
            assert [found(client, decision) for decision in decisions] == [1] * 20
        told(running, "tenant", "create", "acme", "--audit-mode", "durable")
        eventually(lambda: health(running)["audit"]["tenants_durable"] == 1, "the tenant's mode to be heard of")
        told(running, "tenant", "change", "acme", "--audit-mode", "default")
        eventually(lambda: health(running)["audit"]["tenants_durable"] == 0, "the tenant's mode to be heard of")
        assert {view["quarantined"] for view in told(running, "audit", "spool")["spools"]} == {0}
        assert verified(folder)["broken"] == []


def test_up_with_a_small_spool_says_how_much_may_wait_for_the_database():
    with data_folder() as folder, up(folder, "--audit-spool-mib", "3") as running:
        assert health(running)["audit"]["max_bytes"] == 3 << 20
        with running.client() as client:
            assert "axonflow_spool_max_bytes 3.145728e+06" in client.get("/metrics").text


def test_up_with_a_damaged_spool_starts_drains_what_can_be_read_and_says_so():
    with data_folder() as folder:
        with up(folder) as running, running.client() as client:
            decision = client.post("/v1/decisions", json=REQUEST).json()["decision_id"]
            assert found(client, decision) == 1
        file = folder / "spool" / "agent" / "spool.sqlite3"
        file.write_bytes(file.read_bytes()[:5_000])
        with up(folder) as running, running.client() as client:
            said = health(running)
            assert said["status"] == "degraded"
            assert [one["part"] for one in said["degraded"]] == ["spool"]
            assert said["audit"]["damaged_files"] == 1
            again = client.post("/v1/decisions", json=REQUEST).json()["decision_id"]
            assert (found(client, decision), found(client, again)) == (1, 1)
            assert "axonflow_spool_damaged 1.0" in client.get("/metrics").text
            assert verified(folder)["broken"] == []


def test_up_with_sealed_persons_shows_them_until_they_are_erased_and_knows_them_again_afterwards():
    def by_ann(client):
        return client.post("/api/v1/audit/search", json={"user_email": "ann"}).json()["entries"]

    with data_folder() as folder, up(folder, "--audit-persons", "sealed") as running, running.client() as client:
        client.post("/v1/decisions", json=REQUEST)
        assert [entry["user_email"] for entry in by_ann(client)] == ["ann"]
        erased = told(running, "audit", "erase", "user:ann", "--confirm", "user:ann")
        assert (len(erased["keys"]), erased["plain_records"], by_ann(client)) == (1, 0, [])

        def is_known_again():
            client.post("/v1/decisions", json=REQUEST)
            return by_ann(client)

        eventually(is_known_again, "the agent to have heard that the key is gone")
        erased = client.post("/v1/audit/persons/erase", json={"person": "user:ann", "confirm": "user:ann"}).json()
        assert (len(erased["keys"]), by_ann(client)) == (1, [])
        assert verified(folder)["broken"] == []
