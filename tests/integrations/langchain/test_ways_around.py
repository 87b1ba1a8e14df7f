"""Ways around a guard: streams, parts without text, what stands beside it, commands, hostile tool names."""

import asyncio
import threading
from dataclasses import dataclass

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.types import Command, Send

from axonflow import AxonFlow, Denied, Request
from langchain_axonflow import AxonFlowMiddleware
from langchain_axonflow.content import overlay, shown
from tests.integrations.policies import RULES, SECRET, open_flow, recorded
from tests.strategies import policy_set

MAIL = "ann@example.com"
MASK = "[REDACTED:pii.email]"


class StreamingModel(BaseChatModel):
    """Streams its answers word by word when asked to, as providers do, and remembers what it was asked."""

    replies: list
    asked: list

    @property
    def _llm_type(self):
        return "streaming"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.replies[len(self.asked) - 1])])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(messages)
        for word in self.replies[len(self.asked) - 1].text.split():
            chunk = ChatGenerationChunk(message=AIMessageChunk(word + " "))
            run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk


def agent_of(*replies, tools=(), flow=None, principal="user:ann"):
    model = StreamingModel(replies=list(replies), asked=[])
    guard = AxonFlowMiddleware(flow or open_flow(), principal=principal)
    return model, create_agent(model, tools=list(tools), middleware=[guard])


def ask(agent, message="Hi"):
    return agent.invoke({"messages": [message]})["messages"]


def search_that_returns(result, response_format="content"):
    @tool(response_format=response_format)
    def search() -> str:
        """Search."""
        return result

    return search


CALL = AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "c1"}])


def test_stream_of_messages_holds_only_the_judged_reply():
    _, agent = agent_of(AIMessage(f"write to {MAIL} now"))
    chunks = [message.text for message, _ in agent.stream({"messages": ["Hi"]}, stream_mode="messages")]
    assert "".join(chunks) == f"write to {MASK} now"


def test_async_stream_of_messages_holds_nothing_of_a_denied_reply():
    _, agent = agent_of(AIMessage("the TOP SECRET plans"))
    chunks = []

    async def run():
        async for message, _ in agent.astream({"messages": ["Hi"]}, stream_mode="messages"):
            chunks.append(message.text)

    with pytest.raises(Denied):
        asyncio.run(run())
    assert chunks == []


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage([{"type": "custom", "note": f"to {MAIL}"}]),
        HumanMessage([{"type": "text", "text": "x"}, f"to {MAIL}"]),
        HumanMessage([{"type": "image_url", "image_url": {"url": f"https://x.example/?to={MAIL}"}}]),
        HumanMessage([{"type": "file", "mime_type": "text/plain", "data": f"plain text with {MAIL}"}]),
        AIMessage("x", additional_kwargs={"reasoning_content": f"she is {MAIL}"}),
        AIMessage("x", tool_calls=[{"name": "search", "args": {"deep": [{"to": MAIL}]}, "id": "c9"}]),
        AIMessage("x", invalid_tool_calls=[{"name": "search", "args": f"to: {MAIL}", "id": "c9", "error": "no JSON"}]),
    ],
    ids=["part", "bare part", "address of an image", "text as data", "additional", "tool call", "invalid tool call"],
)
def test_model_never_reads_what_stands_beside_the_text(message):
    model, agent = agent_of(AIMessage("ok"))
    ask(agent, message)
    seen = model.asked[0][0]
    assert MAIL not in str(seen)
    assert MASK in str(seen)
    assert type(seen) is type(message)


BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "base64": BASE64, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}},
        {"type": "audio", "base64": BASE64, "mime_type": "audio/wav"},
    ],
    ids=["image", "data url", "audio"],
)
def test_binary_part_goes_on_unchanged_beside_masked_text(part):
    model, agent = agent_of(AIMessage("ok"))
    ask(agent, HumanMessage([part, {"type": "text", "text": MAIL}]))
    assert model.asked[0][0].content == [part, {"type": "text", "text": MASK}]


def test_masked_reply_loses_the_log_probabilities_and_keeps_the_rest():
    metadata = {"model_name": "m", "logprobs": {"content": [{"token": "ann@"}, {"token": "example.com"}]}}
    _, agent = agent_of(AIMessage(f"to {MAIL}", id="m1", response_metadata=metadata))
    reply = ask(agent)[-1]
    assert (reply.text, reply.id, reply.response_metadata) == (f"to {MASK}", "m1", {"model_name": "m"})


def test_masked_tool_result_loses_its_artifact():
    _, agent = agent_of(
        CALL, AIMessage("ok"), tools=[search_that_returns((f"x {MAIL}", [MAIL]), "content_and_artifact")]
    )
    result = ask(agent)[2]
    assert (result.text, result.artifact, result.tool_call_id) == (f"x {MASK}", None, "c1")


def test_artifact_is_judged_even_where_the_text_beside_it_is_harmless():
    _, agent = agent_of(CALL, AIMessage("ok"), tools=[search_that_returns(("x", [MAIL]), "content_and_artifact")])
    result = ask(agent)[2]
    assert (result.text, result.artifact) == ("x", None)
    secret = ("x", {"rows": [{b"TOP", "the TOP SECRET plans"}]})
    refusing = AxonFlow.open(policy_set([*RULES, {"id": "no", "effect": "deny", "when": SECRET}]))
    tools = [search_that_returns(secret, "content_and_artifact")]
    _, agent = agent_of(CALL, AIMessage("ok"), tools=tools, flow=refusing)
    assert ask(agent)[2].status == "error"


@dataclass(frozen=True)
class Note:
    to: str
    kept: object = None


SENT = Command(update={"a": "fine"}, goto=[Send("writer", {"to": MAIL})])
NOTED = Command(update={"a": [Note(f"to {MAIL}", b"\xff")]})


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (SENT, Command(update={"a": "fine"}, goto=[Send("writer", {"to": MASK})])),
        (Command(resume={"x": MAIL}), Command(resume={"x": MASK})),
        (NOTED, Command(update={"a": [Note(f"to {MASK}", b"\xff")]})),
        (Command(update={"a": {f"to {MAIL}"}}), Command(update={"a": {f"to {MASK}"}})),
        (Command(update=[("a", MAIL.encode())]), Command(update=[("a", MASK.encode())])),
        ([Command(update={"a": MAIL})], [Command(update={"a": MASK})]),
        (Command(update={"a": ToolMessage("x", tool_call_id="c1", artifact=MAIL)}), None),
    ],
    ids=["goto", "resume", "dataclass", "set", "bytes", "list", "artifact inside"],
)
def test_tool_result_of_any_shape_is_masked_where_it_stands(result, expected):
    guard = AxonFlowMiddleware(open_flow(), principal="user:ann")
    call = ToolCallRequest(tool_call=CALL.tool_calls[0], tool=None, state={}, runtime=None)
    masked = guard.wrap_tool_call(call, lambda _request: result)
    assert MAIL not in str(masked)
    if expected is not None:
        assert masked == expected
    assert asyncio.run(guard.awrap_tool_call(call, returning(result))) == masked


def returning(result):
    async def handler(_request):
        return result

    return handler


@pytest.mark.parametrize("value", [{MAIL}, frozenset({MAIL}), MAIL.encode(), bytearray(MAIL.encode()), Note(MAIL)])
def test_tool_argument_of_any_kind_is_masked_where_it_stands(value):
    guard, seen = AxonFlowMiddleware(open_flow(), principal="user:ann"), []
    call = {"name": "search", "args": {"to": value}, "id": "c1"}
    request = ToolCallRequest(tool_call=call, tool=None, state={}, runtime=None)
    guard.wrap_tool_call(request, lambda allowed: seen.append(allowed.tool_call["args"]["to"]))
    assert MAIL not in str(seen[0])
    assert "pii.email" in str(seen[0])


def test_tool_argument_of_bytes_that_are_no_text_is_refused():
    guard = AxonFlowMiddleware(open_flow(), principal="user:ann")
    call = {"name": "search", "args": {"to": b"\xff\xfe"}, "id": "c1"}
    request = ToolCallRequest(tool_call=call, tool=None, state={}, runtime=None)
    refusal = guard.wrap_tool_call(request, None)
    assert refusal.status == "error"
    assert "found bytes" in refusal.text


def test_binary_bytes_and_other_objects_are_shown_by_their_kind_in_results():
    value = {"png": b"\x89PNG", "code": b"iVBORw0KGgo=", "type": Note, "other": object()}
    before = shown(value, stored=True)
    assert before == {"png": "[bytes]", "code": "[bytes]", "type": "[type]", "other": "[object]"}
    assert overlay(value, before, before) is value


def test_untouched_tool_result_keeps_its_artifact():
    _, agent = agent_of(CALL, AIMessage("ok"), tools=[search_that_returns(("x", ["raw"]), "content_and_artifact")])
    assert ask(agent)[2].artifact == ["raw"]


def test_command_of_a_tool_is_judged_with_every_message_in_it():
    command = Command(update={"messages": [ToolMessage("ok", tool_call_id="c1"), HumanMessage(f"ask {MAIL}")]})
    model, agent = agent_of(CALL, AIMessage("ok"), tools=[search_that_returns(command)])
    assert MAIL not in str(ask(agent))
    assert model.asked[1][-1].text == f"ask {MASK}"


@pytest.mark.parametrize("name", ["x" * 600, "a\x00b"], ids=["long", "NUL"])
def test_tool_name_that_no_request_can_hold_is_answered_as_a_failure(name):
    call = AIMessage("", tool_calls=[{"name": name, "args": {}, "id": "c1"}])
    _, agent = agent_of(call, AIMessage("Sorry."), tools=[search_that_returns("x")])
    messages = ask(agent)
    assert messages[2].status == "error"
    assert messages[-1].text == "Sorry."


def test_structured_reply_that_would_have_to_be_masked_is_denied():
    schema = {"title": "Contact", "type": "object", "properties": {"mail": {"type": "string"}}, "description": "One."}
    reply = AIMessage("", tool_calls=[{"name": "Contact", "args": {"mail": MAIL}, "id": "c1"}])
    model = StreamingModel(replies=[reply], asked=[])
    guard = AxonFlowMiddleware(open_flow(), principal="user:ann")
    with pytest.raises(Denied, match="structured"):
        ask(create_agent(model, middleware=[guard], response_format=schema))


def test_principal_function_runs_in_the_thread_of_the_call_and_may_enforce_itself():
    flow, threads = open_flow(), []

    def who(runtime):
        threads.append(threading.current_thread())
        flow.wait(flow.enforce(Request("service:login", "tool.call", "tool:search")))
        return "user:ann"

    _, agent = agent_of(AIMessage("ok"), flow=flow, principal=who)
    assert ask(agent)[-1].text == "ok"
    assert set(threads) == {threading.current_thread()}
    assert len(recorded(flow)) == 4


def test_denied_of_a_tool_of_its_own_is_not_mistaken_for_ours():
    @tool
    def search() -> str:
        """Search."""
        raise Denied("another guard", decision=None)

    _, agent = agent_of(CALL, AIMessage("ok"), tools=[search])
    with pytest.raises(Denied, match="another guard"):
        ask(agent)
