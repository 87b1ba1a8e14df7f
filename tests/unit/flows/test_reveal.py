"""Vaults: enforce puts values there before it answers, and nothing but an allowed, recorded reveal gets them out."""

import asyncio

import pytest

from axonflow import AxonFlow, Denied, Effect, Request, RequestError
from axonflow.adapters.memory import MemoryVault
from axonflow.errors import ConfigurationError, VaultError
from tests.strategies import policy_set

CONTENT = {"to": "ann@example.com", "text": ["write to bob@example.org", 7, None]}
VAULTED = {
    "id": "r",
    "effect": "redact",
    "match": {"action": "llm.request"},
    "obligations": [{"detectors": ["pii.email"], "style": "vault"}],
}
ASK = {"id": "ask", "effect": "allow", "match": {"action": "llm.request"}}
REVEAL = {"id": "reveal", "effect": "allow", "match": {"action": "vault.reveal", "principal.roles": "support"}}
SUPPORT = {"id": "sam", "tenant": "acme", "roles": ["support"]}


class BrokenVault(MemoryVault):
    def __init__(self, error):
        super().__init__()
        self.error = error

    async def put(self, tenant_id, label, value):
        raise self.error

    get = put


class ClosedVault(MemoryVault):
    def __init__(self, error):
        super().__init__()
        self.error = error

    async def get(self, tenant_id, label):
        raise self.error


def opened(vault="memory", rules=(VAULTED, ASK, REVEAL), default="deny"):
    return AxonFlow.open(policy_set(list(rules), default=default), redaction_key=b"k" * 32, vault=vault)


def asked(tenant="acme", **changes):
    return Request({"id": "ann", "tenant": tenant}, "llm.request", "model:m", content=CONTENT, **changes)


def enforced(flow, **changes):
    return flow.wait(flow.enforce(asked(**changes)))


def test_reveal_puts_back_what_enforce_took_out():
    flow = opened()
    redacted = enforced(flow).redacted
    assert "example" not in str(redacted)
    assert flow.wait(flow.reveal(redacted, principal=SUPPORT)) == CONTENT
    answer = f"I wrote to {redacted['to']} twice: {redacted['to']}, {{}}"
    assert flow.wait(flow.reveal(answer, principal=SUPPORT)) == "I wrote to ann@example.com twice: ann@example.com, {}"


def test_reveal_is_asked_for_and_recorded_without_values():
    flow = opened()
    redacted = enforced(flow).redacted
    flow.wait(flow.reveal(redacted, principal=SUPPORT))
    with pytest.raises(Denied):
        flow.wait(flow.reveal(redacted, principal={"id": "eve", "tenant": "acme"}))
    events = [record.event for record in flow.wait(flow.audit.records("acme"))]
    assert [(event.action, event.resource, event.allowed) for event in events[1:]] == [
        ("vault.reveal", "vault:acme", True),
        ("vault.reveal", "vault:acme", False),
    ]
    assert "example" not in str(events)


def test_reveal_is_denied_under_a_default_of_allow_unless_a_rule_names_it():
    flow = opened(rules=[VAULTED], default="allow")
    redacted = enforced(flow).redacted
    with pytest.raises(Denied, match=r"vault\.reveal is not allowed"):
        flow.wait(flow.reveal(redacted, principal=SUPPORT))


def test_reveal_gives_a_policy_the_detectors_and_the_number_of_labels():
    condition = {"when": 'context.labels <= 1 && context.detectors == ["pii.email"]'}
    flow = opened(rules=[VAULTED, ASK, REVEAL | condition])
    redacted = enforced(flow).redacted
    assert flow.wait(flow.reveal(redacted["to"], principal=SUPPORT)) == CONTENT["to"]
    with pytest.raises(Denied):
        flow.wait(flow.reveal(redacted, principal=SUPPORT))


def test_reveal_by_another_tenant_finds_nothing():
    flow = opened()
    redacted = enforced(flow).redacted
    assert flow.wait(flow.reveal(redacted, principal=SUPPORT | {"tenant": "beta"})) == redacted


def test_reveal_leaves_other_labels_and_names_of_members():
    flow = opened()
    label = enforced(flow).redacted["to"]
    content = {label: ["[REDACTED:pii.email]", label.replace("vault", "hash"), label[:-3] + "aa]"]}
    assert flow.wait(flow.reveal(content, principal=SUPPORT)) == content


def test_decide_computes_the_same_labels_and_keeps_nothing():
    flow = opened()
    decided = flow.decide(asked()).redacted
    assert flow.wait(flow.reveal(decided, principal=SUPPORT)) == decided
    assert enforced(flow).redacted == decided
    assert flow.wait(flow.reveal(decided, principal=SUPPORT)) == CONTENT


def test_enforce_where_the_vault_fails_denies_and_gives_limits_back():
    limit = {"id": "cap", "effect": "limit", "obligations": [{"unit": "requests", "maximum": 1, "window_s": 60}]}
    for error, told in ((VaultError("it is shut"), "it is shut"), (OSError("bob@example.org"), "OSError")):
        flow = opened(BrokenVault(error), rules=[VAULTED, ASK, limit])
        for _ in range(2):
            decision = enforced(flow)
            assert (decision.effect, decision.allowed, decision.redacted) == (Effect.DENY, False, None)
            assert decision.reasons[0] == f"The vault could not keep what was redacted: {told}."
            assert {getattr(due, "fulfilled_by", None) for due in decision.obligations} == {None}


def test_reveal_where_the_vault_fails_raises_without_values():
    for error, told in ((VaultError("it is shut"), "it is shut"), (OSError("bob@example.org"), "OSError")):
        flow = opened(ClosedVault(error))
        redacted = enforced(flow).redacted
        with pytest.raises(VaultError) as raised:
            flow.wait(flow.reveal(redacted, principal=SUPPORT))
        assert told in str(raised.value)
        assert "example" not in str(raised.value)


def test_enforce_with_an_engine_that_lost_its_vault_denies():
    flow = opened()
    flow._vault = None
    assert enforced(flow).reasons[0] == "The content has to be redacted with a vault, and there is none."


def test_reveal_without_a_vault_or_of_no_json_is_refused():
    flow = AxonFlow.open()
    with pytest.raises(ConfigurationError, match="nothing can be revealed"):
        flow.wait(flow.reveal("x", principal="user:ann"))
    with pytest.raises(RequestError):
        flow.wait(opened().reveal({1, 2}, principal=SUPPORT))


def test_audit_event_says_who_redacted_and_what():
    flow = opened()
    enforced(flow)
    (record,) = flow.wait(flow.audit.records("acme"))
    assert record.event.details == {"redaction_fulfilled_by": "axonflow", "redacted.pii.email.vault": 2}


def test_audit_event_of_a_caller_that_cannot_redact_says_that_nobody_did():
    flow = opened()
    decision = asyncio.run(flow.enforce(asked(), redacts=False))
    assert (decision.effect, decision.obligations[0].fulfilled_by) == ("deny", None)
    (record,) = flow.wait(flow.audit.records("acme"))
    assert record.event.details == {"decided": "redact"}


def test_audit_event_of_a_request_without_content_names_the_caller():
    flow = opened()
    flow.wait(flow.enforce(Request("user:ann", "llm.request", "model:m")))
    (record,) = flow.wait(flow.audit.records("default"))
    assert record.event.details == {"redaction_fulfilled_by": "caller"}
