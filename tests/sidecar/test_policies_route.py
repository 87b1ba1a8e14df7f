"""What an agent says of the policies it decides by: to anybody in /health, to holders of keys in /v1/policies."""

import asyncio

import httpx
import pytest

from axonflow.app.durable import Trouble
from axonflow.app.following import PolicyStatus, Refusal
from axonflow.ids import now_us
from axonflow_sidecar.http.agent import create_agent
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import KeyRing
from axonflow_sidecar.http.services import AgentServices
from tests.sidecar.doors import ACME, BETA, HEADERS, KEYS, SIGNER, Doors

FOR_ALL = Refusal("*", {"main": 3}, ("a.yaml: nonsense", "b.yaml: more"), 1_000_000)
OF_ACME = Refusal("acme", {"main": 7}, ("secret-rule: nonsense",), 2_000_000)
SOUND = PolicyStatus("sha256:d", {"acme": "sha256:a"}, 3_000_000, None, None, (), None)
AWAY = PolicyStatus(
    "sha256:d", {"acme": "sha256:a"}, None, 4_000_000, "PostgreSQL at db.internal", (FOR_ALL, OF_ACME), "full"
)


@pytest.fixture
def get():
    doors = Doors()

    def get(path, status, headers=HEADERS, unwell=None, troubles=()):
        services = AgentServices(
            flow=doors.flow, signer=SIGNER, metrics=doors.metrics, clock_us=now_us, policies=lambda: status,
            unwell=lambda: unwell, troubles=lambda: troubles,
        )  # fmt: skip

        async def main():
            transport = httpx.ASGITransport(create_agent(services, Identities(KeyRing(KEYS))))
            async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(main())

    get.digest = doors.flow.policy_digest
    return get


def test_health_with_policies_from_the_database_says_which_and_as_of_when(get):
    response = get("/health", SOUND, {})
    assert (response.status_code, response.json()["status"]) == (200, "healthy")
    assert response.json()["policies"] == {
        "source": "database", "digest": "sha256:d", "tenants": 1, "refused": 0, "refused_for_all": [],
        "as_of": "1970-01-01T00:00:03.000000Z",
    }  # fmt: skip


def test_health_without_the_store_is_degraded_and_tells_nothing_of_tenants_or_the_network(get):
    response = get("/health", AWAY, {})
    found = response.json()
    assert (response.status_code, found["status"]) == (200, "degraded")
    assert found["policies"]["degraded_since"] == "1970-01-01T00:00:04.000000Z"
    assert found["policies"]["kept_on_disk"] is False
    assert found["policies"]["refused"] == 2
    assert [one["errors"] for one in found["policies"]["refused_for_all"]] == [["a.yaml: nonsense", "b.yaml: more"]]
    assert [(one["part"], one["since"]) for one in found["degraded"]] == [("policies", "1970-01-01T00:00:04.000000Z")]
    for secret in ("acme", "secret-rule", "db.internal"):
        assert secret not in response.text


def test_health_of_an_agent_that_cannot_record_is_unhealthy_whatever_its_policies(get):
    response = get("/health", AWAY, {}, unwell="the audit spool is full")
    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")


@pytest.mark.parametrize("status", [SOUND, None])
def test_health_with_a_part_in_trouble_is_degraded_and_says_which_and_since_when(get, status):
    response = get("/health", status, {}, troubles=[Trouble("replica", 5_000_000, "it is away")])
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["degraded"] == [
        {"part": "replica", "since": "1970-01-01T00:00:05.000000Z", "reason": "it is away"}
    ]


def test_health_that_is_sound_names_no_part(get):
    assert "degraded" not in get("/health", SOUND, {}).json()


def test_policies_for_a_key_for_any_tenant_are_everything(get):
    found = get("/v1/policies", AWAY).json()
    assert found["tenants"] == {"acme": "sha256:a"}
    assert [one["scope"] for one in found["refused"]] == ["*", "acme"]
    assert (found["reason"], found["unkept"], found["as_of"]) == ("PostgreSQL at db.internal", "full", None)


def test_policies_for_a_tenants_key_are_its_own_and_nobody_elses(get):
    acme, beta = (get("/v1/policies", AWAY, headers).json() for headers in (ACME, BETA))
    assert (acme["digest"], [one["scope"] for one in acme["refused"]]) == ("sha256:a", ["acme"])
    assert (beta["digest"], beta["refused"]) == ("sha256:d", [])
    assert "acme" not in str(beta)


def test_policies_of_files_are_named_by_their_digest(get):
    for path in ("/v1/policies", "/health"):
        found = get(path, None).json()
        assert found.get("policies", found) == {"source": "files", "digest": get.digest}


def test_policies_without_a_key_are_not_told(get):
    assert get("/v1/policies", AWAY, {}).status_code == 401
