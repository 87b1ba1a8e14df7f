"""What is sent to each provider, and streams cut anywhere."""

import asyncio
from collections import deque

import pytest

from axonflow.adapters.chat_models.anthropic import anthropic_model
from axonflow.adapters.chat_models.bedrock import bedrock_model
from axonflow.adapters.chat_models.event_stream import ServerSentEvents
from axonflow.adapters.chat_models.openai import openai_model
from axonflow.chat import ChatMessage, ChatRequest, ChatTool, ToolCall
from axonflow.errors import ConfigurationError, ModelReplyMalformed
from tests.model_server import PROVIDERS, SECRET, Anthropic, Bedrock, ModelServer, OpenAi, streamed, whole

SCHEMA = {"type": "object"}
TALK = ChatRequest(
    messages=(
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Where?"),
        ChatMessage("assistant", "", (ToolCall("c1", "search", {"for": "it"}), ToolCall("c2", "search", {}))),
        ChatMessage("tool", "here", call_id="c1"),
        ChatMessage("tool", "there", call_id="c2"),
    ),
    tools=(ChatTool("search", "Finds.", SCHEMA),),
    max_output_tokens=99,
    temperature=1.5,
    stop=("END",),
)
ASKED = ChatRequest(messages=(ChatMessage("user", "Count."),), schema=SCHEMA)


def sent(provider, request, **parts):
    async def main():
        async with ModelServer(whole(provider, '{"a": 1}', is_answer=request.schema is not None)) as server:
            model = provider.model(server.url, **parts)
            await model.complete(request)
            await model.close()
            return server.asked[0]

    return asyncio.run(main())


def test_openai_request_says_all_that_was_asked():
    asked = sent(OpenAi(), TALK)
    assert (asked.path, asked.headers["authorization"]) == ("/chat/completions", f"Bearer {SECRET}")
    function = {"name": "search", "arguments": '{"for":"it"}'}
    assert asked.body["messages"][2]["tool_calls"][0] == {"id": "c1", "type": "function", "function": function}
    assert asked.body["messages"][2]["content"] is None
    assert asked.body["messages"][4] == {"role": "tool", "tool_call_id": "c2", "content": "there"}
    assert asked.body["tools"][0]["function"]["parameters"] == SCHEMA
    assert (asked.body["max_completion_tokens"], asked.body["temperature"], asked.body["stop"]) == (99, 1.5, ["END"])
    assert sent(OpenAi(), ASKED).body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_openai_request_for_an_older_server_bounds_the_reply_in_its_words():
    body = sent(OpenAi(), TALK, tokens_field="max_tokens").body
    assert (body["max_tokens"], "max_completion_tokens" in body) == (99, False)


def test_openai_model_without_a_key_sends_none():
    async def main():
        async with ModelServer(whole(OpenAi(), "x")) as server:
            model = openai_model("m", base_url=f"{server.url}/v1/")
            await model.complete(TALK)
            await model.close()
            return server.asked[0]

    asked = asyncio.run(main())
    assert (asked.path, "authorization" in asked.headers) == ("/v1/chat/completions", False)


def test_anthropic_request_says_all_that_was_asked():
    asked = sent(Anthropic(), TALK)
    assert (asked.path, asked.headers["x-api-key"]) == ("/v1/messages", SECRET)
    assert asked.body["system"] == [{"type": "text", "text": "Be brief."}]
    assert [turn["role"] for turn in asked.body["messages"]] == ["user", "assistant", "user"]
    assert asked.body["messages"][1]["content"][0] == {
        "type": "tool_use", "id": "c1", "name": "search", "input": {"for": "it"},
    }  # fmt: skip
    assert [block["tool_use_id"] for block in asked.body["messages"][2]["content"]] == ["c1", "c2"]
    assert (asked.body["max_tokens"], asked.body["temperature"], asked.body["stop_sequences"]) == (99, 1, ["END"])
    assert sent(Anthropic(), ASKED).body["tool_choice"] == {"type": "tool", "name": "answer"}


def test_bedrock_request_is_signed_and_says_all_that_was_asked():
    asked = sent(Bedrock(), TALK)
    assert asked.path == "/model/m-1/converse"
    assert "/eu-west-1/bedrock/aws4_request" in asked.headers["authorization"]
    assert SECRET not in str(asked)
    assert asked.body["inferenceConfig"] == {"maxTokens": 99, "temperature": 1, "stopSequences": ["END"]}
    assert asked.body["messages"][2]["content"][1]["toolResult"]["content"] == [{"text": "there"}]
    assert asked.body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    assert sent(Bedrock(), ASKED).body["toolConfig"]["toolChoice"] == {"tool": {"name": "answer"}}


def test_bedrock_model_of_an_arn_is_asked_at_its_quoted_name():
    arn = "arn:aws:bedrock:eu-west-1:1:inference-profile/x"

    async def main():
        async with ModelServer(whole(Bedrock(), "x")) as server:
            model = bedrock_model(arn, region="eu-west-1", access_key=("A", "b"), base_url=server.url)
            await model.complete(TALK)
            await model.close()
            return server.asked[0].path

    assert asyncio.run(main()) == f"/model/{arn.replace(':', '%3A').replace('/', '%2F')}/converse"


@pytest.mark.parametrize("size", [1, 2, 3, 17, 10_000])
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_stream_that_is_cut_anywhere_is_the_same_reply(provider, size):
    async def main():
        answer = streamed(provider, "Some é text", (("c", "search", {"a": [1]}),), "tool_calls", size=size)
        async with ModelServer(answer) as server:
            model = provider.model(server.url)
            deltas = [delta async for delta in model.stream(TALK)]
            await model.close()
            return deltas[-1].reply

    reply = asyncio.run(main())
    assert (reply.text, reply.calls[0].arguments) == ("Some é text", {"a": [1]})


STREAM = b"\xef\xbb\xbf: hi\r\ndata: one\r\ndata:two\n\nevent: x\rdata\rdata: \xc3\xa9\r\r\nid: 7\n\ndata: rest"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1_000])
def test_events_however_they_are_cut_are_the_same(size):
    events = ServerSentEvents()
    found = [one for start in range(0, len(STREAM), size) for one in events.feed(STREAM[start : start + size])]
    assert found == [b"one\ntwo", b"\n\xc3\xa9"]


@pytest.mark.parametrize("line", [b"data: xxxxxxxx\n", b"xxxxxxxxxxxxxxx"])
def test_event_without_an_end_is_refused(line):
    events = ServerSentEvents(max_event_bytes=100)
    with pytest.raises(ModelReplyMalformed, match="without an end"):
        deque(map(events.feed, [line] * 12), 0)


@pytest.mark.parametrize("key", ["", "a\nb", "é", 7])
def test_model_with_what_is_no_key_is_refused_without_showing_it(key):
    for make in (openai_model, anthropic_model):
        with pytest.raises(ConfigurationError, match="not an API key"):
            make("m", key)


@pytest.mark.parametrize("name", ["", "é", "x" * 300, None])
def test_model_without_a_name_is_refused(name):
    with pytest.raises(ConfigurationError, match="name of a model"):
        openai_model(name)


def test_bedrock_model_outside_of_any_region_or_without_credentials_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ConfigurationError, match="region"):
        bedrock_model("m", region="moon/../x")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        bedrock_model("m", region="eu-west-1")
