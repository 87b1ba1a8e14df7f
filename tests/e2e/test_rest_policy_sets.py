"""Policy sets that are published to one agent over HTTP, on a real database: in force there at once, elsewhere soon."""

import asyncio
import base64

import httpx
import pytest

from axonflow.adapters.postgres import migrate
from axonflow.app.bundles import build_bundle
from axonflow_sidecar.http.asgi import MAX_BODY_BYTES
from tests.agents import HEADERS, agents
from tests.postgres import execute
from tests.publishing import answering, key_pair
from tests.running import PLAIN, eventually

pytestmark = pytest.mark.slow

TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
    " VALUES ('acme', 'Acme', 'enterprise', 1, 'user:ann', 1)"
)


def call(agent, verb, **body):
    headers = HEADERS | {"x-tenant-id": "acme"}
    url = f"{agent.url}/v1/policy-sets/{verb}"
    return httpx.post(url, json={"reason": "A test."} | body, headers=headers, **PLAIN)


def test_set_published_to_one_agent_is_in_force_on_both_and_goes_back(tmp_path, new_database):
    private, public = key_pair(tmp_path / "keys")
    asyncio.run(migrate(new_database))
    execute(new_database, TENANT, "SELECT 1")
    with agents(2, tmp_path, new_database, public, policy_key=str(private)) as (one, other):
        allowed = call(one, "publish", documents=[answering("allow")], activate=True, expected_sequence=0)
        assert allowed.status_code == 201, allowed.text
        assert one.decide()["effect"] == "allow"
        eventually(lambda: other.decide()["effect"] == "allow", "the set on the other agent")
        bundle = base64.b64encode(build_bundle(answering("deny"), private, scope="acme")).decode()
        assert call(other, "publish", bundle=bundle).json()["version"]["version"] == 2
        assert call(other, "activate", version=2, expected_sequence=0).status_code == 409
        assert call(other, "activate", version=2, expected_sequence=1).status_code == 200
        assert other.decide()["effect"] == "deny"
        eventually(lambda: one.decide()["effect"] == "deny", "the second version on the first agent")
        assert call(one, "rollback").json()["in_force"]["version"] == 1
        assert one.decide()["effect"] == "allow"
        strange, _ = key_pair(tmp_path / "strange")
        unknown = base64.b64encode(build_bundle(answering("deny"), strange, scope="acme")).decode()
        assert call(one, "publish", bundle=unknown).status_code == 400
        assert call(one, "publish", bundle="A" * (MAX_BODY_BYTES + 1)).status_code == 413
        assert call(one, "publish", scope="nobody", documents=[answering("deny", "nobody")]).status_code == 404
        history = httpx.get(f"{one.url}/v1/policy-sets/history?scope=acme", headers=HEADERS, **PLAIN).json()
        assert [row["kind"] for row in history["activations"]] == ["rollback", "activate", "activate"]
