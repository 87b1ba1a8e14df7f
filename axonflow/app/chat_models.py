"""Language models by the name of their provider. Needs httpx: ``axonflow[http]``, for Bedrock ``axonflow[bedrock]``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from typing import Any, Final

from axonflow.app.flow import AxonFlow
from axonflow.audit import IN_PROCESS, AuditEvent, Origin, Usage
from axonflow.chat import ChatDelta, ChatReply, ChatRequest
from axonflow.errors import ConfigurationError
from axonflow.flows.complete import Overseen, complete, stream
from axonflow.flows.guard_stream import StreamGuard
from axonflow.flows.record import Outcome
from axonflow.plan.running.step_call import CURRENT_CALL
from axonflow.plugins import CHAT_MODELS, load
from axonflow.policy import Decision, Principal, Request
from axonflow.ports import ChatModel

__all__ = ["GovernedModel", "open_chat_model"]

_BUILT_IN: Final = {
    "openai": ("axonflow.adapters.chat_models.openai", "openai_model", "axonflow[http]"),
    "anthropic": ("axonflow.adapters.chat_models.anthropic", "anthropic_model", "axonflow[http]"),
    "bedrock": ("axonflow.adapters.chat_models.bedrock", "bedrock_model", "axonflow[bedrock]"),
}


def open_chat_model(provider: str, model: str, **options: Any) -> ChatModel:
    """The model `model` of `provider`: ``openai`` (and all that are asked like it), ``anthropic``, ``bedrock``, or the
    name of an entry point in the group ``axonflow.chat_models``, a callable. `options` are that one's own: a key, a
    `base_url`, `limits`.

    Raises ConfigurationError for a provider that is not there, or options that it cannot use.
    """
    if provider in _BUILT_IN:
        module, name, distribution = _BUILT_IN[provider]
        try:
            make = getattr(import_module(module), name)
        except ImportError as error:
            raise ConfigurationError(
                "the provider cannot be used", expected=distribution, found=f"no module {error.name}", at=provider,
                hint=f"Install it with all that it needs: pip install '{distribution.replace('axonflow', '.')}'.",
            ) from None  # fmt: skip
    else:
        make = load(CHAT_MODELS, provider, distribution=f"axonflow-{provider}")
    try:
        opened: ChatModel = make(model, **options)
    except TypeError:  # whose message names the options: one of them may be misspelt, none is shown
        raise ConfigurationError(
            "options that the provider does not know", expected="those that its documentation names",
            found=", ".join(sorted(options))[:200] or "none", at=provider,
        ) from None  # fmt: skip
    return opened


class GovernedModel:
    """`model`, as `principal` may use it: policy is asked what it may be sent and what may come back, and each call is
    recorded with what it took. See `flows.complete`. It is a ChatModel itself, whose methods raise Denied as well.

    `context` goes into the context of every request to policy, `origin` is recorded with each.
    """

    def __init__(
        self,
        flow: AxonFlow,
        model: ChatModel,
        *,
        principal: Principal | dict[str, Any] | str,
        context: dict[str, Any] | None = None,
        origin: Origin = IN_PROCESS,
    ) -> None:
        self._model = model

        async def enforced(request: Request) -> Decision:
            return await flow.enforce(request, origin=origin)

        async def guarded(request: Request) -> StreamGuard:
            return await flow.guard_stream(request, origin=origin)

        async def recorded(request: Request, decision_id: str, outcome: Outcome) -> AuditEvent:
            if outcome.usage is not None:
                _charge_step(outcome.usage)
            return await flow.record(
                "model_call", request, decision_id=decision_id, details=outcome.details, usage=outcome.usage,
                duration_us=outcome.duration_us, failed=outcome.failed, origin=origin,
            )  # fmt: skip

        self._overseen = Overseen(Principal.of(principal), enforced, guarded, recorded, dict(context or {}))

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        return await complete(self._model, request, self._overseen)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        async with aclosing(stream(self._model, request, self._overseen)) as deltas:
            async for delta in deltas:
                yield delta

    async def close(self) -> None:
        await self._model.close()


def _charge_step(usage: Usage) -> None:
    """Where a step of a plan calls the model, that is what the step has used."""
    call = CURRENT_CALL.get(None)
    if call is not None:
        known = [count for count in (usage.input_tokens, usage.output_tokens) if count is not None]
        tokens = sum(known) if usage.total_tokens is None and known else usage.total_tokens
        call.use(tokens=tokens, usd_micros=usage.cost_usd_micros)
