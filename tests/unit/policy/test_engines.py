"""An engine for each tenant that has one, in everything that a control plane does."""

import asyncio

import pytest

from axonflow import AxonFlow, Request, RequestError
from axonflow.policy.compiling.scopes import FILES, Scope
from axonflow.policy.engines import Engines
from tests.strategies import policy_set

DETECTOR = {"id": "custom.badge", "description": "A badge.", "patterns": [r"BDG-\d{4}"], "examples": ["BDG-1234"]}
MASK = {"id": "mask", "effect": "redact", "obligations": [{"detectors": ["custom.badge"]}]}


def ask(tenant, **parts):
    return Request({"id": "ann", "tenant": tenant}, "tool.call", "tool:x", **parts)


@pytest.fixture
def flow():
    """Tenant acme masks badges; all others may do everything."""
    flow = AxonFlow.open(policy_set([], default="allow"))
    own = AxonFlow.open(policy_set([MASK], default="allow", detectors=[DETECTOR]))
    flow.serve(Engines(flow.policies, {"acme": own.policies}))
    flow.acme = own.policy_digest
    return flow


def test_engines_decide_and_enforce_for_each_tenant_by_its_own(flow):
    for decision in (
        flow.decide(ask("acme", content="BDG-1234")),
        asyncio.run(flow.enforce(ask("acme", content="BDG-1234"))),
    ):
        assert (decision.policies, decision.policy_digest) == (("mask",), flow.acme)
        assert "BDG" not in decision.redacted
    assert flow.decide(ask("other", content="BDG-1234")).policies == ()
    assert flow.policy_digest != flow.acme


def test_engines_guard_a_stream_by_the_tenants_own_detectors(flow):
    async def pieces(tenant):
        return "".join([piece async for piece in flow.enforce_stream(ask(tenant), ["to BDG-", "1234."])])

    assert "BDG-1234" not in asyncio.run(pieces("acme"))
    assert "BDG-1234" in asyncio.run(pieces("other"))
    redactor = flow.stream_redactor(flow.decide(ask("acme", content="BDG-1234")))
    assert "BDG-1234" not in redactor.feed("BDG-1234 ") + redactor.finish()


def test_engines_record_under_the_digest_of_the_tenants_own(flow):
    event = asyncio.run(flow.record("model_call", ask("acme"), decision_id="d", details={}))
    assert event.policy_digest == flow.acme


def test_engines_asked_for_what_is_no_request_refuse_it(flow):
    with pytest.raises(RequestError):
        flow.decide("nonsense")
    assert Engines(flow.policies).of(ask("acme")) is flow.policies


def test_engines_give_way_to_others_as_a_whole(flow):
    flow.serve(Engines(flow.compiled([Scope(FILES, None, [])])))
    assert not flow.decide(ask("acme")).allowed
    assert flow.reload(policy_set([], default="allow")) == flow.policy_digest
