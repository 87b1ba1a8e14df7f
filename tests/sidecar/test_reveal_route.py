"""`POST /v1/reveal`: what the vault has, for who may see it, and for the tenant of the key."""

import pytest

from axonflow.adapters.memory import MemoryVault
from axonflow.errors import VaultError
from tests.sidecar.doors import ACME, Doors
from tests.strategies import policy_set

RULES = policy_set(
    [
        {"id": "ask", "effect": "allow", "match": {"action": "llm.request"}},
        {"id": "r", "effect": "redact", "obligations": [{"detectors": ["pii.email"], "style": "vault"}]},
        {"id": "see", "effect": "allow", "match": {"action": "vault.reveal", "principal.roles": "support"}},
    ]
)
SUPPORT = {"id": "sam", "tenant": "acme", "roles": ["support"]}
ASKED = {"principal": {"id": "ann", "tenant": "acme"}, "action": "llm.request", "resource": "model:m"}


class ShutVault(MemoryVault):
    async def get(self, tenant_id, label):
        raise VaultError("it is shut")


def opened(vault="memory"):
    """Doors on a flow with a vault, and content that was redacted for it."""
    doors = Doors(RULES, redaction_key=b"k" * 32, vault=vault)
    content = {"to": ["ann@example.com"]}
    return doors, doors.post("/v1/decisions", ASKED | {"content": content}, ACME).json()["redacted"]


def test_reveal_gives_the_values_back_and_is_recorded():
    doors, redacted = opened()
    assert "ann@" not in str(redacted)
    response = doors.post("/v1/reveal", {"principal": SUPPORT, "content": redacted}, ACME)
    assert (response.status_code, response.json()) == (200, {"content": {"to": ["ann@example.com"]}})
    assert [event.action for event in doors.recorded("acme")] == ["llm.request", "vault.reveal"]


def test_reveal_that_policies_deny_is_403_with_the_reason():
    doors, redacted = opened()
    response = doors.post("/v1/reveal", {"principal": SUPPORT | {"roles": []}, "content": redacted}, ACME)
    assert response.status_code == 403
    assert "vault.reveal is not allowed" in response.json()["message"]
    assert "ann@" not in response.text


def test_reveal_for_another_tenant_than_that_of_the_key_is_403():
    doors, redacted = opened()
    response = doors.post("/v1/reveal", {"principal": SUPPORT | {"tenant": "beta"}, "content": redacted}, ACME)
    assert response.status_code == 403
    assert response.json()["message"] == "the key is for another tenant"


def test_reveal_where_the_vault_cannot_answer_or_is_none_is_503():
    doors, redacted = opened(ShutVault())
    assert doors.post("/v1/reveal", {"principal": SUPPORT, "content": redacted}, ACME).status_code == 503
    without = Doors().post("/v1/reveal", {"principal": SUPPORT, "content": redacted}, ACME)
    assert (without.status_code, without.json()["message"]) == (503, "no vault")


@pytest.mark.parametrize("body", [{}, {"principal": SUPPORT}, {"principal": 5, "content": 1}, {"x": 1}])
def test_reveal_of_a_body_that_is_none_is_400(body):
    doors, _ = opened()
    assert doors.post("/v1/reveal", body, ACME).status_code == 400
