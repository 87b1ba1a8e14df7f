"""A language model that policy watches over: what it is sent, what it answers, and what is recorded of it."""

import asyncio

import pytest

from axonflow import AxonFlow
from axonflow.adapters.memory import MemoryChatModel
from axonflow.app.chat_models import GovernedModel, open_chat_model
from axonflow.audit import Usage
from axonflow.chat import ChatDelta, ChatMessage, ChatReply, ChatRequest, ChatTool, ToolCall
from axonflow.errors import AxonFlowError, ConfigurationError, Denied, ModelReplyMalformed, ModelUnavailable
from axonflow.flows.complete import Overseen, complete
from tests.unit.flows.plan_runs import Policy, decision

MAIL = "ann@example.com"
REDACTION = {"type": "redact", "detectors": ["pii.email"]}
RULES = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "models"},
    "default": "allow",
    "rules": [
        {"id": "no-mail", "effect": "redact", "obligations": [REDACTION], "reason": "No addresses."},
        {
            "id": "no-vault",
            "effect": "deny",
            "match": {"action": "llm.request", "resource.id": "vault"},
            "reason": "No.",
        },
        {
            "id": "no-wipe",
            "effect": "deny",
            "match": {"action": "llm.response"},
            "when": 'context.env == "prod" && type(content) == map && content.calls.exists(c, c.name == "wipe")',
            "reason": "No wiping.",
        },
    ],
}
ASK = ChatRequest(
    messages=(ChatMessage("system", "Be brief."), ChatMessage("user", f"Write to {MAIL}")),
    tools=(ChatTool("wipe", "Wipes.", {"type": "object"}),),
)
STREAMS = pytest.mark.parametrize("streams", [False, True], ids=["complete", "stream"])


async def asked(model, request=ASK, *, streams):
    """The reply, and the text that came before it."""
    if not streams:
        return await model.complete(request), None
    deltas = [delta async for delta in model.stream(request)]
    return deltas[-1].reply, "".join(delta.text for delta in deltas)


def governed(*replies, name="m-1", rules=RULES):
    flow, model = AxonFlow.open(rules), MemoryChatModel(replies, name)
    return flow, model, GovernedModel(flow, model, principal="user:ann", context={"env": "prod"})


def events(flow):
    return [record.event for record in asyncio.run(flow.audit.records("default"))]


@STREAMS
def test_model_is_sent_and_answers_what_policy_lets_through(streams):
    flow, model, watched = governed(f"I write to {MAIL} now.")
    reply, streamed = asyncio.run(asked(watched, streams=streams))
    assert model.requests[0].messages[1].text == "Write to [REDACTED:pii.email]"
    assert reply.text == "I write to [REDACTED:pii.email] now."
    assert streamed in (None, reply.text)
    assert reply.usage.output_tokens > 0
    call = next(event for event in events(flow) if event.usage is not None)
    assert (call.resource, call.usage.model, call.details["finish"]) == ("model:m-1", "m-1", "stop")


@STREAMS
def test_model_that_policy_denies_is_not_asked(streams):
    _, model, watched = governed("Sure.", name="vault")
    with pytest.raises(Denied, match=r"llm\.request on vault is denied: No"):
        asyncio.run(asked(watched, streams=streams))
    assert model.requests == []


@STREAMS
@pytest.mark.parametrize("name", ["send", "wipe"])
def test_model_whose_call_policy_denies_calls_nothing(streams, name):
    reply = ChatReply("", (ToolCall("c", name, {"to": MAIL}),), "tool_calls", Usage())
    _, _, watched = governed(reply)
    if name == "wipe":
        with pytest.raises(Denied, match="No wiping"):
            asyncio.run(asked(watched, streams=streams))
    else:
        answer, _ = asyncio.run(asked(watched, streams=streams))
        assert answer.calls == (ToolCall("c", "send", {"to": "[REDACTED:pii.email]"}),)


@STREAMS
def test_model_that_fails_is_recorded_by_the_class_of_its_error(streams):
    flow, _, watched = governed(ModelUnavailable(f"of {MAIL}"))
    with pytest.raises(ModelUnavailable):
        asyncio.run(asked(watched, streams=streams))
    assert [event.errors for event in events(flow) if event.kind == "model_call"] == [("ModelUnavailable",)]


def test_request_tells_how_many_tokens_it_takes_at_most_whatever_its_caller_says():
    few = {"unit": "tokens", "maximum": 3_000, "window_s": 3_600, "key": ["principal.id"]}
    limit = {"id": "few", "effect": "limit", "obligations": [few], "reason": "Few tokens."}
    rules = {**RULES, "rules": [limit]}
    flow, model = AxonFlow.open(rules), MemoryChatModel(["x"])
    watched = GovernedModel(flow, model, principal="user:ann", context={"estimated_tokens": 1})
    with pytest.raises(Denied):
        asyncio.run(watched.complete(ASK))
    assert model.requests == []


ONE = {"text": "x", "calls": [{"name": "send", "arguments": {}}]}


@pytest.mark.parametrize(
    "redacted",
    [
        [], "x", {"messages": [ONE, ONE]}, {"messages": "x", "tools": []}, {"messages": [ONE], "tools": []},
        {"messages": [ONE, ONE], "tools": [1]}, {"messages": [1, 2], "tools": []},
        {"messages": [{"text": 1, "calls": []}] * 2, "tools": []}, {"messages": [{"text": "x"}] * 2, "tools": []},
        {"messages": [{"text": "x", "calls": []}] * 2, "tools": []},
        {"messages": [{"text": "x", "calls": [1]}] * 2, "tools": []},
        {"messages": [{"text": "x", "calls": [{"name": "other", "arguments": {}}]}] * 2, "tools": []},
    ],
)  # fmt: skip
def test_redaction_of_another_shape_is_not_sent(redacted):
    calling = ChatMessage("assistant", "", (ToolCall("c", "send", {}),))
    request = ChatRequest(messages=(calling, calling), tools=ASK.tools)
    policy = Policy(lambda _request: decision("redact", redacted=redacted))
    model = MemoryChatModel(["x"])
    watched = GovernedModel(AxonFlow.open(RULES), model, principal="user:ann")._overseen
    with pytest.raises(AxonFlowError, match="does not fit"):
        asyncio.run(complete(model, request, Overseen(watched.principal, policy, watched.guard, watched.recorded, {})))
    assert model.requests == []


def test_request_that_is_changed_while_it_is_judged_is_sent_as_it_was_judged():
    arguments = {"to": "bob"}
    calling = ChatMessage("assistant", "", (ToolCall("c", "send", arguments),))
    policy, model = Policy(lambda _request: arguments.update(to=MAIL)), MemoryChatModel(["x"])
    watched = GovernedModel(AxonFlow.open(RULES), model, principal="user:ann")._overseen
    overseen = Overseen(watched.principal, policy, watched.guard, watched.recorded, {})
    asyncio.run(complete(model, ChatRequest(messages=(calling,)), overseen))
    assert model.requests[0].messages[0].calls[0].arguments == {"to": "bob"}


def test_tools_and_schemas_are_judged_as_messages_are():
    tool = ChatTool("send", f"Sends to {MAIL}.", {"type": "object", "description": MAIL})
    _, model, watched = governed("x", '{"a": 1}')
    asyncio.run(watched.complete(ChatRequest(messages=ASK.messages, tools=(tool,))))
    asyncio.run(watched.complete(ChatRequest(messages=ASK.messages, schema={"description": MAIL})))
    assert model.requests[0].tools[0].description == "Sends to [REDACTED:pii.email]."
    assert MAIL not in str(model.requests)


@STREAMS
def test_texts_to_stop_at_are_judged_as_messages_are(streams):
    _, model, watched = governed("x")
    asyncio.run(asked(watched, ChatRequest(messages=ASK.messages, stop=("END", MAIL)), streams=streams))
    assert model.requests[0].stop == ("END", "[REDACTED:pii.email]")


def test_stream_that_nobody_listens_to_any_more_is_recorded():
    async def main():
        flow, _, watched = governed("Once upon a time. " * 2_000, rules={**RULES, "rules": []})
        deltas = watched.stream(ASK)
        await anext(deltas)
        await deltas.aclose()
        return [record.event for record in await flow.audit.records("default")]

    assert [event.errors for event in asyncio.run(main()) if event.kind == "model_call"] == [("GeneratorExit",)]


def test_stream_without_an_end_is_no_reply():
    class Endless(MemoryChatModel):
        async def stream(self, request):
            yield ChatDelta("Once")

    flow = AxonFlow.open({**RULES, "rules": []})
    watched = GovernedModel(flow, Endless([]), principal="user:ann")
    with pytest.raises(ModelReplyMalformed, match="without its end"):
        asyncio.run(asked(watched, streams=True))
    assert [event.errors for event in events(flow) if event.kind == "model_call"] == [("ModelReplyMalformed",)]


def test_governed_model_is_a_model_like_any_other():
    _, _, watched = governed("x")
    asyncio.run(watched.close())
    assert watched.name == "m-1"


def test_chat_model_is_opened_by_its_provider():
    assert open_chat_model("openai", "m", api_key="k", base_url="http://localhost").name == "m"
    assert open_chat_model("anthropic", "m", api_key="k").name == "m"


@pytest.mark.parametrize(
    ("provider", "options", "message"),
    [
        ("parrot", {}, "not installed"),
        ("openai", {"key": "sk-secret"}, "options that the provider does not know"),
        ("openai", {"api_key": ""}, "not an API key"),
    ],
)
def test_chat_model_that_cannot_be_opened_says_why_and_shows_no_key(provider, options, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        open_chat_model(provider, "m", **options)
    assert "sk-secret" not in str(raised.value)
