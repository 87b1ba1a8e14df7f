"""Mail between agents: what policy denies is not delivered, and what it redacts is delivered redacted."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.adapters.memory import MemoryMailbox
from axonflow.app.mail import AgentMail
from axonflow.detect.content import leaves
from axonflow.errors import AuditError, Denied, RequestError
from axonflow.flows.send_message import send_message
from axonflow.policy.request import Principal
from tests.unit.flows.plan_runs import Policy, decision

RULES = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "mail"},
    "default": "allow",
    "rules": [
        {"id": "no-mail", "effect": "redact", "obligations": [{"detectors": ["pii.email"]}], "reason": "None."},
        {
            "id": "not-outside", "effect": "deny", "match": {"action": "agent.message", "resource.id": "outside"},
            "reason": "It stays here.",
        },
        {
            "id": "ask", "effect": "require_approval", "match": {"action": "agent.message", "resource.id": "bank"},
            "reason": "Ask first.",
        },
    ],
}  # fmt: skip
FLOW = AxonFlow.open(RULES)
ANN = {"id": "ann", "type": "agent", "tenant": "acme"}
BOB = {"id": "bob", "type": "agent", "tenant": "acme"}
MAIL = "ann@example.com"


def sent(body, recipient="bob", **parts):
    """What was sent, and what then is there."""

    async def main():
        mail = AgentMail(FLOW)
        message = await mail.send(body, sender=ANN, recipient=recipient, **parts)
        return message, await mail.receive(BOB)

    return asyncio.run(main())


def test_message_that_is_allowed_is_delivered_as_it_was_judged():
    message, (delivery,) = sent({"text": f"Mail {MAIL}", "n": [1]})
    assert message.body == {"text": "Mail [REDACTED:pii.email]", "n": [1]}
    assert delivery.message == message
    assert (message.sender, message.tenant_id) == ("ann", "acme")


@pytest.mark.parametrize(
    ("recipient", "reason"), [("outside", "is denied: It stays here"), ("bank", "held for approval")]
)
def test_message_that_is_not_allowed_is_not_delivered(recipient, reason):
    async def main():
        mail = AgentMail(FLOW)
        with pytest.raises(Denied, match=reason):
            await mail.send("x", sender=ANN, recipient=recipient)
        return await mail.receive({**BOB, "id": recipient}), await mail.dead({**BOB, "id": recipient})

    assert asyncio.run(main()) == ([], [])


def test_message_is_dealt_with_once_and_sent_once():
    async def main():
        mail = AgentMail(FLOW)
        assert await mail.send("x", sender=ANN, recipient="bob", dedup_key="k")
        assert await mail.send("x", sender=ANN, recipient="bob", dedup_key="k") is None
        (delivery,) = await mail.receive(BOB)
        return await mail.ack(delivery), await mail.receive(BOB)

    assert asyncio.run(main()) == (True, [])


@pytest.mark.parametrize("who", ["user:ann", "service:ann"])
def test_mail_is_for_agents_alone(who):
    with pytest.raises(RequestError, match="not an agent"):
        asyncio.run(AgentMail(FLOW).receive(who))


def test_message_that_cannot_be_recorded_is_not_delivered():
    async def away(_request):
        raise AuditError("away")

    async def main():
        box = MemoryMailbox(lambda: 1_800_000_000_000_000)
        with pytest.raises(AuditError):
            await send_message(
                "x", sender=Principal("ann", "agent"), recipient="bob", mailbox=box, enforce=away, clock_us=lambda: 1
            )
        return await box.receive("default", "bob", 9)

    assert asyncio.run(main()) == []


def test_message_is_judged_in_its_senders_name_with_all_that_it_says():
    async def main():
        policy = Policy(lambda _request: decision())
        box = MemoryMailbox(lambda: 1_800_000_000_000_000)
        await send_message(
            ["x"], sender=Principal("ann", "agent", "acme"), recipient="bob", mailbox=box, enforce=policy,
            clock_us=lambda: 1, context={"env": "prod"},
        )  # fmt: skip
        return policy.requests[0]

    request = asyncio.run(main())
    assert (request.action, request.resource.id, request.resource.attributes) == (
        "agent.message", "bob", {"tenant": "acme"},
    )  # fmt: skip
    assert (request.context, request.content) == ({"env": "prod"}, ["x"])


BODIES = st.recursive(
    st.sampled_from([MAIL, f"to {MAIL}.", "plain", 7, None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(BODIES, st.sampled_from(["bob", "outside", "bank"]))
def test_message_never_arrives_with_what_policy_keeps_back(body, recipient):
    async def main():
        mail = AgentMail(FLOW)
        try:
            await mail.send(body, sender=ANN, recipient=recipient)
        except Denied:
            assert recipient != "bob"
        return await mail.receive({**BOB, "id": recipient})

    arrived = asyncio.run(main())
    assert len(arrived) == (recipient == "bob")
    assert not any(MAIL in str(leaf.text) for one in arrived for leaf in leaves(one.message.body))


def test_message_that_its_sender_changes_afterwards_is_delivered_as_it_was_judged():
    async def main():
        mail, body = AgentMail(FLOW), {"to": ["bob"]}
        await mail.send(body, sender=ANN, recipient="bob")
        body["to"].append(MAIL)
        return await mail.receive(BOB)

    assert asyncio.run(main())[0].message.body == {"to": ["bob"]}


def test_message_that_its_sender_changes_while_it_is_judged_is_delivered_as_it_was_judged():
    body = {"to": ["bob"]}

    def changes(_request):
        body["to"].append(MAIL)

    async def main():
        box = MemoryMailbox(lambda: 1)
        await send_message(
            body, sender=Principal.of(ANN), recipient="bob", mailbox=box, enforce=Policy(changes), clock_us=lambda: 1
        )
        return await box.receive("acme", "bob", 1)

    assert asyncio.run(main())[0].message.body == {"to": ["bob"]}
