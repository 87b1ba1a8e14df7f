"""A model call that was allowed: what goes to the model, and how what came of it is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from langchain.agents.middleware import ModelRequest
from langchain.agents.middleware.types import ModelResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from axonflow import AxonFlow, Request
from axonflow.audit import Usage, usage_told

__all__ = ["ModelCall", "model_name"]


@dataclass(frozen=True)
class ModelCall:
    """`request` goes to the model, as the decision with this id allowed it when it was `asked`. Begins when it is
    made."""

    flow: AxonFlow
    asked: Request
    decision_id: str
    request: ModelRequest[Any]
    _begun_ns: int = field(default_factory=perf_counter_ns)

    async def answered(self, response: ModelResponse[Any]) -> None:
        """Record the call, with what the reply says that it took. Raises AuditError."""
        await self._record(_usage(self.request.model, response))

    async def failed(self, error: Exception) -> None:
        """Record that the call failed, by the kind of error alone: its text may hold anything. Raises AuditError."""
        await self._record(Usage(provider=_kind(self.request.model)), type(error).__name__)

    async def _record(self, usage: Usage, failed: str = "") -> None:
        took_us = (perf_counter_ns() - self._begun_ns) // 1_000
        await self.flow.record(
            "model_call", self.asked, decision_id=self.decision_id, usage=usage, duration_us=took_us, failed=failed
        )


def model_name(model: BaseChatModel) -> str:
    """What the provider calls the model, or else the kind of the class that speaks to it."""
    for name in ("model_name", "model", "model_id"):
        value = getattr(model, name, None)
        if isinstance(value, str) and value:
            return value
    return _kind(model)


def _kind(model: BaseChatModel) -> str:
    return str(model._llm_type)  # noqa: SLF001  LangChain's own documented name for a model's kind


def _usage(model: BaseChatModel, response: ModelResponse[Any]) -> Usage:
    message = next((one for one in response.result if isinstance(one, AIMessage)), AIMessage(""))
    said = message.response_metadata
    name = said.get("model_name") or said.get("model")
    provider = said.get("model_provider") or _kind(model)
    return usage_told(dict(message.usage_metadata or {}), provider=provider, model=name)
