"""What came of a model call that was allowed, and how that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from axonflow import AxonFlow, Request
from axonflow.audit import Usage, usage_told

__all__ = ["ModelCall"]


@dataclass(frozen=True)
class ModelCall:
    """A call to a model of the kind `provider`, as the decision with this id allowed it when it was `asked`. Begins
    when it is made."""

    flow: AxonFlow
    asked: Request
    decision_id: str
    provider: str
    _begun_ns: int = field(default_factory=perf_counter_ns)

    async def answered(self, response: ChatResponse | CompletionResponse) -> None:
        """Record the call, with what the reply says that it took. Raises AuditError."""
        raw = response.raw
        said = _member(raw, "usage") or _member(raw, "usage_metadata") or response.additional_kwargs
        model = _member(raw, "model") or _member(raw, "model_version")
        await self._record(usage_told(_named(said), provider=self.provider, model=model))

    async def failed(self, error: Exception) -> None:
        """Record that the call failed, by the kind of error alone: its text may hold anything. Raises AuditError."""
        await self._record(Usage(provider=self.provider), type(error).__name__)

    async def _record(self, usage: Usage, failed: str = "") -> None:
        took_us = (perf_counter_ns() - self._begun_ns) // 1_000
        await self.flow.record(
            "model_call", self.asked, decision_id=self.decision_id, usage=usage, duration_us=took_us, failed=failed
        )


def _member(value: Any, name: str) -> Any:
    """Raw replies are objects of each provider's library, or what was JSON."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _named(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else dict(getattr(value, "__dict__", {}))
