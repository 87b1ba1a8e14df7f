"""What a model call took is in the trail, in whichever words the raw reply of a provider says it."""

import asyncio
from types import SimpleNamespace

import pytest
from llama_index.callbacks.axonflow import Guard
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata
from llama_index.core.llms import CustomLLM, MockLLM
from pydantic import Field

from axonflow.audit import Usage
from tests.integrations.policies import model_calls, open_flow, recorded


class CountingLLM(CustomLLM):
    """Answers with the raw reply of a provider, or fails."""

    raw: object = None
    more: dict = Field(default_factory=dict)
    answer: str = "fine"

    @property
    def metadata(self):
        return LLMMetadata(model_name="scripted-1")

    @classmethod
    def class_name(cls):
        return "counting"

    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text=self._answered(), raw=self.raw, additional_kwargs=self.more)

    def stream_complete(self, prompt, formatted=False, **kwargs):
        raise AssertionError("a guarded stream is made of a whole reply")

    def chat(self, messages, **kwargs):
        message = ChatMessage(role="assistant", content=self._answered())
        return ChatResponse(message=message, raw=self.raw, additional_kwargs=self.more)

    def _answered(self):
        if not self.answer:
            raise ConnectionError("the key sk-123 is not valid")
        return self.answer


MESSAGES = [ChatMessage(role="user", content="hello")]
WAYS = {
    "complete": lambda llm: llm.complete("hello"),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("hello")),
    "chat": lambda llm: llm.chat(MESSAGES),
    "achat": lambda llm: asyncio.run(llm.achat(MESSAGES)),
}
EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def guarded(**fields):
    flow = open_flow()
    return flow, Guard(flow, principal="user:ann").llm(CountingLLM(**fields))


@EACH_WAY
def test_model_call_is_recorded_with_the_tokens_and_the_model_of_the_raw_reply(way):
    flow, llm = guarded(raw={"model": "m-2", "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}})
    way(llm)
    (call,) = model_calls(flow)
    assert call.usage == Usage(provider="counting", model="m-2", input_tokens=3, output_tokens=4, total_tokens=9)
    assert (call.action, call.resource) == ("llm.request", "model:scripted-1")


@pytest.mark.parametrize(
    "said",
    [
        {"raw": SimpleNamespace(usage=SimpleNamespace(input_tokens=3, output_tokens=4))},
        {"raw": {"usage_metadata": {"prompt_token_count": 3, "candidates_token_count": 4}}},
        {"raw": {"usage": None}, "more": {"prompt_tokens": 3, "completion_tokens": 4}},
    ],
    ids=["an object", "other names", "beside the raw reply"],
)
def test_model_call_is_recorded_with_its_tokens_wherever_they_are_said(said):
    flow, llm = guarded(**said)
    llm.complete("hello")
    assert [one.usage for one in model_calls(flow)] == [Usage(provider="counting", input_tokens=3, output_tokens=4)]


@EACH_WAY
def test_model_call_that_fails_is_recorded_by_the_kind_of_its_error_alone(way):
    flow, llm = guarded(answer="")
    with pytest.raises(ConnectionError):
        way(llm)
    (call,) = model_calls(flow)
    assert (call.errors, call.usage) == (("ConnectionError",), Usage(provider="counting"))
    assert [one[0] for one in recorded(flow)] == ["llm.request"]


def test_model_call_of_a_model_that_says_nothing_is_recorded_with_its_duration():
    flow = open_flow()
    Guard(flow, principal="user:ann").llm(MockLLM(), name="mock").complete("hello")
    (call,) = model_calls(flow)
    assert (call.usage, call.resource) == (Usage(provider="MockLLM"), "model:mock")
