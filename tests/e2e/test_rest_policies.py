"""Policies that are written to one agent over REST, on a real database: in force there at once, elsewhere soon, and
still when that agent starts again while the database is away."""

import asyncio
import json

import httpx
import pytest

from axonflow.adapters.postgres import migrate
from tests.agents import HEADERS, agents
from tests.postgres import execute, own_server, temporary_data_folder
from tests.publishing import key_pair
from tests.running import PLAIN, eventually
from tests.strategies import policy_set

pytestmark = pytest.mark.slow

TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
    " VALUES ('acme', 'Acme', 'enterprise', 1, 'user:ann', 1)"
)
POLICY = {
    "name": "No searches", "type": "user", "category": "dynamic-access",
    "conditions": [{"field": "tool", "operator": "equals", "value": "search"}], "actions": [{"type": "block"}],
}  # fmt: skip
ALLOWING = policy_set([], "files", default="allow")
PATH = "/api/v1/dynamic-policies"


def call(agent, method, path, **parts):
    headers = HEADERS | {"x-tenant-id": "acme"}
    return httpx.request(method, f"{agent.url}{path}", headers=headers, **PLAIN, **parts)


def test_policy_written_to_one_agent_is_followed_by_the_others_and_outlives_the_database(tmp_path):
    private, public = key_pair(tmp_path / "keys")
    files = tmp_path / "files.json"
    files.write_text(json.dumps(ALLOWING))
    with temporary_data_folder() as folder:
        server = own_server(folder)
        try:
            dsn = server.start()
            asyncio.run(migrate(dsn))
            execute(dsn, TENANT, "SELECT 1")
            parts = {"policies": str(files), "stand_in": True, "policy_key": str(private)}
            with agents(2, tmp_path, dsn, public, **parts) as (one, other):
                made = call(one, "POST", PATH, json=POLICY)
                assert made.status_code == 201, made.text
                assert one.decide()["effect"] == "deny"
                eventually(lambda: other.decide()["effect"] == "deny", "the policy on the other agent")
                assert one.decide("default")["effect"] == "allow"
                changed = call(other, "PUT", f"{PATH}/{made.json()['id']}", json={"enabled": False})
                assert (changed.status_code, other.decide()["effect"]) == (200, "allow")
                eventually(lambda: one.decide()["effect"] == "allow", "the change on the first agent")
                call(one, "PUT", f"{PATH}/{made.json()['id']}", json={"enabled": True})
                server.stop()
                assert call(one, "GET", PATH).status_code == 503
                one.kill()
                one.launch()
                assert one.ready().decide()["effect"] == "deny"
        finally:
            server.stop()
