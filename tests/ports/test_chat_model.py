"""What every chat model must do, whoever provides it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from axonflow.adapters.memory import MemoryChatModel
from axonflow.audit import Usage
from axonflow.chat import ChatMessage, ChatReply, ChatRequest, ChatTool, ToolCall
from axonflow.errors import ModelReplyMalformed, ModelUnavailable
from tests.model_server import PROVIDERS, ModelServer, streamed, whole

HELLO = ChatRequest(messages=(ChatMessage("system", "Be brief."), ChatMessage("user", "Hello é \U0001f600")))
SEARCH = ChatTool("search", "Finds.", {"type": "object", "properties": {"for": {"type": "string"}}})
CALLS = (("c1", "search", {"for": 'a "b"'}), ("c2", "search", {}))
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
STREAMS = pytest.mark.parametrize("streams", [False, True], ids=["complete", "stream"])


class Memory:
    """The scripted model as a provider: it is its own server."""

    name = "memory"

    @asynccontextmanager
    async def speaking(self, text, calls=(), finish="stop", *, is_answer, streams):
        called = tuple(ToolCall(*call) for call in calls)
        usage = Usage(provider="memory", model="m-1", input_tokens=7, output_tokens=5)
        yield MemoryChatModel([ChatReply(text, called, finish, usage)], "m-1")


class Remote:
    def __init__(self, provider):
        self.name = provider.name
        self._provider = provider

    @asynccontextmanager
    async def speaking(self, text, calls=(), finish="stop", *, is_answer, streams):
        say = streamed if streams else whole
        async with ModelServer(say(self._provider, text, calls, finish, is_answer=is_answer)) as server:
            model = self._provider.model(server.url)
            try:
                yield model
            finally:
                await model.close()


@pytest.fixture(params=[Memory(), *map(Remote, PROVIDERS)], ids=lambda provider: provider.name)
def provider(request):
    return request.param


def answered(provider, request, *said, streams, is_answer=False):
    """The reply, and the pieces of text that came before it."""

    async def main():
        async with provider.speaking(*said, streams=streams, is_answer=is_answer) as model:
            if not streams:
                return await model.complete(request), None
            deltas = [delta async for delta in model.stream(request)]
            assert all(delta.reply is None and delta.text for delta in deltas[:-1])
            return deltas[-1].reply, [delta.text for delta in deltas[:-1]]

    return asyncio.run(main())


@STREAMS
def test_model_that_says_something_gives_text_and_usage(provider, streams):
    reply, pieces = answered(provider, HELLO, "Good day é \U0001f600, Ann!", streams=streams)
    assert (reply.text, reply.calls, reply.finish) == ("Good day é \U0001f600, Ann!", (), "stop")
    assert (reply.usage.provider, reply.usage.input_tokens, reply.usage.output_tokens) == (provider.name, 7, 5)
    assert reply.usage.model.startswith("m-1")
    if streams:
        assert "".join(pieces) == reply.text
        assert len(pieces) > 1


@STREAMS
def test_model_that_wants_tools_gives_calls_with_their_arguments(provider, streams):
    request = ChatRequest(messages=HELLO.messages, tools=(SEARCH,))
    reply, _ = answered(provider, request, "Let me see.", CALLS, "tool_calls", streams=streams)
    assert reply.calls == tuple(ToolCall(*call) for call in CALLS)
    assert (reply.text, reply.finish) == ("Let me see.", "tool_calls")


@STREAMS
def test_model_that_is_given_a_schema_answers_json_as_text(provider, streams):
    request = ChatRequest(messages=HELLO.messages, schema=SCHEMA)
    reply, pieces = answered(provider, request, '{"n": 1234567890}', streams=streams, is_answer=True)
    assert (json.loads(reply.text), reply.calls, reply.finish) == ({"n": 1234567890}, (), "stop")
    if streams:
        assert "".join(pieces) == reply.text


@STREAMS
def test_model_that_reaches_its_bound_says_so(provider, streams):
    reply, _ = answered(provider, HELLO, "Once upon a", (), "length", streams=streams)
    assert (reply.text, reply.finish) == ("Once upon a", "length")


def test_model_says_which_one_it_is(provider):
    async def main():
        async with provider.speaking("x", is_answer=False, streams=False) as model:
            return model.name

    assert asyncio.run(main()) == "m-1"


def test_memory_model_at_the_end_of_its_script_is_unavailable():
    with pytest.raises(ModelUnavailable):
        asyncio.run(MemoryChatModel([]).complete(HELLO))


def test_memory_model_raises_the_error_in_its_script():
    model = MemoryChatModel([ModelReplyMalformed("no"), "four"])
    with pytest.raises(ModelReplyMalformed, match="no"):
        asyncio.run(model.complete(HELLO))
    assert asyncio.run(model.complete(HELLO)).usage.output_tokens == 1
    assert model.requests == [HELLO, HELLO]
    asyncio.run(model.close())
