"""What may be asked of a model, and replies put together from pieces."""

import math

import pytest

from axonflow.chat import ChatMessage, ChatRequest, ChatTool, Gathering, ToolCall
from axonflow.chat.gathering import MAX_CALLS
from axonflow.errors import ModelReplyMalformed, RequestError

HELLO = (ChatMessage("user", "Hello"),)
TOOL = ChatTool("search", "Finds.", {"type": "object"})


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ({"messages": ()}, "$.messages"),
        ({"messages": list(HELLO)}, "$.messages"),
        ({"messages": ("hello",)}, "$.messages[0]"),
        ({"messages": (ChatMessage("poet", "x"),)}, "$.messages[0]"),
        ({"messages": (*HELLO, ChatMessage("user", calls=(ToolCall("c", "t", {}),)))}, "$.messages[1]"),
        ({"messages": (ChatMessage("tool", "x"),)}, "$.messages[0]"),
        ({"messages": (ChatMessage("user", "x", call_id="c"),)}, "$.messages[0]"),
        ({"tools": (ChatTool("no name", "", {}),)}, "$.tools[0]"),
        ({"tools": ("search",)}, "$.tools[0]"),
        ({"tools": (TOOL,), "schema": {}}, "$.schema"),
        ({"max_output_tokens": 0}, "$.max_output_tokens"),
        ({"max_output_tokens": True}, "$.max_output_tokens"),
        ({"max_output_tokens": "9"}, "$.max_output_tokens"),
        ({"temperature": -1}, "$.temperature"),
        ({"temperature": math.nan}, "$.temperature"),
        ({"temperature": True}, "$.temperature"),
        ({"temperature": "hot"}, "$.temperature"),
        ({"stop": ("a",) * 5}, "$.stop"),
        ({"messages": (ChatMessage("user", "x" * 17_000_000),)}, "$"),
        ({"messages": (ChatMessage("user", "\ud800"),)}, "$"),
        ({"schema": {"type": object()}}, "$"),
    ],
)
def test_request_that_nobody_could_answer_is_refused_at_its_place(parts, at):
    with pytest.raises(RequestError) as raised:
        ChatRequest(**{"messages": HELLO} | parts)
    assert raised.value.at == at


def test_request_with_all_parts_is_one():
    request = ChatRequest(messages=HELLO, tools=(TOOL,), max_output_tokens=1, temperature=0.5, stop=("x",))
    assert request.temperature == 0.5


def gathered(**parts):
    reply = Gathering("test", **parts)
    reply.finish, reply.is_complete = "stop", True
    return reply


def test_gathering_whose_end_has_not_come_is_no_reply():
    for missing in ("finish", "is_complete"):
        reply = gathered()
        setattr(reply, missing, None)
        with pytest.raises(ModelReplyMalformed, match="half-way"):
            reply.reply()


@pytest.mark.parametrize("finish", ["tool_calls", "length"])
@pytest.mark.parametrize("text", ["[1]", '{"a"', "\ud800"])
def test_gathering_of_a_call_without_an_object_is_no_reply(text, finish):
    reply = gathered()
    reply.call(0, "c", "search")
    reply.arguments(0, text)
    reply.finish = finish
    with pytest.raises(ModelReplyMalformed, match="a call without arguments"):
        reply.reply()


def test_gathering_of_arguments_that_belong_to_no_call_is_refused():
    with pytest.raises(ModelReplyMalformed, match="of no call"):
        gathered().arguments(3, "{}")


def test_gathering_of_calls_without_number_is_refused():
    reply = gathered()
    for index in range(MAX_CALLS):
        reply.call(index, "c", "search")
    with pytest.raises(ModelReplyMalformed, match="too many calls"):
        reply.call(MAX_CALLS, "c", "search")


@pytest.mark.parametrize("tokens", [-1, 2**63])
def test_gathering_of_what_is_no_number_of_tokens_is_refused(tokens):
    with pytest.raises(ModelReplyMalformed, match="number of tokens"):
        gathered().usage(1, tokens)


def test_gathering_keeps_the_last_usage_that_was_said():
    reply = gathered()
    reply.usage(7, 1)
    reply.usage(None, 5, 12)
    usage = reply.reply().usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 5, 12)


def test_gathering_of_an_answer_by_tool_is_its_arguments_alone():
    reply = gathered(answers_by_tool=True)
    assert reply.text("Sure: ") == ""
    reply.call(0, "c", "answer")
    assert reply.arguments(0, '{"a":') == '{"a":'
    reply.arguments(0, "1}")
    reply.call(1, "d", "search")
    assert reply.arguments(1, "{}") == ""
    assert (reply.reply().text, len(reply.reply().calls)) == ('{"a":1}', 1)


def test_gathering_of_calls_that_end_in_none_just_stopped():
    reply = gathered()
    reply.finish = "tool_calls"
    assert reply.reply().finish == "stop"
