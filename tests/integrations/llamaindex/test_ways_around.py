"""Ways around a guard: blocks without text, bound parameters, functions handed out, and real agents on top of it."""

import asyncio
import inspect
from dataclasses import dataclass

import pytest
from llama_index.callbacks.axonflow import Guard
from llama_index.core import PromptTemplate
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms import MockLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.calling import call_tool
from llama_index.core.workflow import Context

from axonflow import Denied, RequestError
from tests.integrations.policies import open_flow, recorded

MAIL = "ann@example.com"
MASK = "[REDACTED:pii.email]"
PNG = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def guard():
    return Guard(open_flow(), principal="user:ann")


class CallingLLM(MockFunctionCallingLLM):
    """Plays back messages and remembers what it was asked."""

    replies: list
    asked: list

    def __init__(self, *replies):
        super().__init__(is_chat_model=True, replies=list(replies), asked=[])
        self.response_generator = self._play

    def _play(self, messages, **kwargs):
        self.asked.append(list(messages))
        return self.replies[len(self.asked) - 1]


def said(*blocks, **additional):
    return ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=additional)


@pytest.mark.parametrize(
    "message",
    [
        said(ToolCallBlock(tool_call_id="c1", tool_name="mail", tool_kwargs={"deep": [MAIL]})),
        said(ToolCallBlock(tool_call_id="c1", tool_name="mail", tool_kwargs=f'{{"to": "{MAIL}"}}')),
        said(ThinkingBlock(content=f"she is {MAIL}"), TextBlock(text="x")),
        said(CitableBlock(title="t", source="s", content=[TextBlock(text=MAIL)]), TextBlock(text="x")),
        said(TextBlock(text="x"), tool_calls=[{"function": {"arguments": f'{{"to": "{MAIL}"}}'}}]),
    ],
    ids=["tool call", "tool call as text", "thinking", "citable", "additional"],
)
def test_guarded_llm_never_sends_what_stands_beside_the_text(message):
    inner = CallingLLM(said(TextBlock(text="ok")))
    guard().llm(inner).chat([message])
    (seen,) = inner.asked[0]
    assert MAIL not in str(seen.model_dump())
    assert MASK in str(seen.model_dump())
    assert [type(block) for block in seen.blocks] == [type(block) for block in message.blocks]


def test_guarded_llm_sends_binary_blocks_unchanged_beside_masked_text():
    image, document = ImageBlock(image=PNG), DocumentBlock(data=b"JVBERi0xLjQK", document_mimetype="application/pdf")
    inner = CallingLLM(said(TextBlock(text="ok")))
    guard().llm(inner).chat([ChatMessage(role="user", blocks=[image, document, TextBlock(text=MAIL)])])
    assert inner.asked[0][0].blocks == [image, document, TextBlock(text=MASK)]


def test_guarded_llm_masked_reply_carries_no_raw_one():
    reply = guard().llm(CallingLLM(said(TextBlock(text=MAIL)))).chat([ChatMessage(content="hi")])
    assert reply.message.content == MASK
    assert MAIL not in str(reply.model_dump())


def test_guarded_llm_keeps_the_settings_that_are_read_from_a_model():
    assert guard().llm(MockLLM(system_prompt="Be kind.")).predict(PromptTemplate("hi")).startswith("Be kind.")


def mail_tool(called, **options):
    def mail(to: str, sender: str = "me") -> str:
        """Send a mail."""
        called.append((to, sender))
        return "sent"

    return FunctionTool.from_defaults(mail, **options)


def test_guarded_tool_judges_parameters_that_were_bound_when_it_was_made():
    called = []
    guard().tool(mail_tool(called, partial_params={"sender": MAIL})).call(to="bob")
    assert called == [("bob", MASK)]


@dataclass(frozen=True)
class Note:
    to: str


@pytest.mark.parametrize("value", [{MAIL}, frozenset({MAIL}), MAIL.encode(), bytearray(MAIL.encode()), Note(MAIL)])
def test_guarded_tool_judges_and_masks_an_argument_of_any_kind(value):
    called = []
    guard().tool(mail_tool(called)).call(to=value)
    assert MAIL not in str(called[0])
    assert "pii.email" in str(called[0])


def test_guarded_tool_refuses_bytes_that_are_no_text():
    called = []
    with pytest.raises(RequestError, match="found bytes"):
        guard().tool(mail_tool(called)).call(to=b"\xff\xfe")
    assert called == []


def test_guarded_tool_hands_out_only_guarded_functions():
    called = []
    inner = mail_tool(called, name="shell")
    tool = guard().tool(inner)
    for function in (tool.fn, tool.real_fn):
        with pytest.raises(Denied):
            function(to="bob")
        assert inspect.signature(function) == inspect.signature(inner.real_fn)
        assert not hasattr(function, "__wrapped__")
    with pytest.raises(Denied):
        asyncio.run(tool.async_fn(to="bob"))
    assert called == []


def test_guarded_tool_keeps_an_asynchronous_function_asynchronous():
    async def mail(to: str) -> str:
        """Send a mail."""
        return f"sent to {to}"

    tool = guard().tool(FunctionTool.from_defaults(async_fn=mail))
    assert inspect.iscoroutinefunction(tool.real_fn)
    assert asyncio.run(tool.real_fn(to=MAIL)) == f"sent to {MASK}"


def test_guarded_tool_called_by_llamaindex_is_called_by_name():
    called, own = [], guard()
    assert call_tool(own.tool(mail_tool(called)), {"to": "bob"}).content == "sent"
    assert [entry[0] for entry in recorded(own.flow)] == ["tool.call", "tool.result"]


CALL = said(ToolCallBlock(tool_call_id="c1", tool_name="mail", tool_kwargs={"to": MAIL}))


@pytest.fixture(autouse=True)
def _no_download(monkeypatch):
    """Agents count tokens, for which tiktoken goes to the network if somebody set TIKTOKEN_CACHE_DIR."""
    monkeypatch.setattr("llama_index.core.global_tokenizer", str.split)


# LlamaIndex's workflows look at every attribute of an agent, pydantic's deprecated ones too.
BUILDS_AN_AGENT = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")


def run(agent, text):
    async def running():
        return await agent.run(text)

    return asyncio.run(running())


@BUILDS_AN_AGENT
@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "whole"])
def test_function_agent_calls_guarded_tools_through_a_guarded_model(streaming):
    called, own = [], guard()
    inner = CallingLLM(CALL, said(TextBlock(text=f"done, {MAIL}")))
    agent = FunctionAgent(llm=own.llm(inner, name="m"), tools=[own.tool(mail_tool(called))], streaming=streaming)
    assert str(run(agent, f"write to {MAIL}")) == f"done, {MASK}"
    assert called == [(MASK, "me")]
    assert MAIL not in str(inner.asked)
    assert [entry[0] for entry in recorded(own.flow)] == [
        "llm.request", "llm.response", "tool.call", "tool.result", "llm.request", "llm.response",
    ]  # fmt: skip


@BUILDS_AN_AGENT
def test_function_agent_goes_on_after_a_refused_tool():
    called, own = [], guard()
    call = said(ToolCallBlock(tool_call_id="c1", tool_name="shell", tool_kwargs={"to": "x"}))
    inner = CallingLLM(call, said(TextBlock(text="I could not.")))
    agent = FunctionAgent(llm=own.llm(inner), tools=[own.tool(mail_tool(called, name="shell"))])
    assert str(run(agent, "do it")) == "I could not."
    assert called == []
    assert "tool.call on shell is denied" in str(inner.asked[1][-1].content)


@BUILDS_AN_AGENT
@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
def test_react_agent_works_with_a_guarded_model_and_tool():
    called, own = [], guard()
    inner = CallingLLM(
        said(TextBlock(text='Thought: I need a tool.\nAction: mail\nAction Input: {"to": "bob"}')),
        said(TextBlock(text="Thought: I can answer.\nAnswer: done")),
    )
    agent = ReActAgent(llm=own.llm(inner), tools=[own.tool(mail_tool(called))])
    assert str(run(agent, "write to bob")) == "done"
    assert called == [("bob", "me")]


@BUILDS_AN_AGENT
def test_function_agent_gives_its_context_to_a_guarded_tool_that_wants_it():
    own = guard()

    async def mail(ctx: Context, to: str) -> str:
        """Send a mail."""
        await ctx.store.set("to", to)
        return "kept"

    inner = CallingLLM(CALL, said(TextBlock(text="done")))
    agent = FunctionAgent(llm=own.llm(inner), tools=[own.tool(FunctionTool.from_defaults(async_fn=mail))])

    async def running():
        context = Context(agent)
        await agent.run("go", ctx=context)
        return await context.store.get("to")

    assert asyncio.run(running()) == MASK
