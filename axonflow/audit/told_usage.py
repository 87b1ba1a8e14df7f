"""What the library of a provider says that a call took, in whatever words, as far as an event can keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from axonflow.audit.event import Usage
from axonflow.audit.storable import storable_text

__all__ = ["usage_told"]

_INPUT: Final = ("input_tokens", "prompt_tokens", "prompt_token_count")
_OUTPUT: Final = ("output_tokens", "completion_tokens", "candidates_token_count")
_TOTAL: Final = ("total_tokens", "total_token_count")
_MAX_COUNT: Final = 2**63 - 1


def usage_told(told: Mapping[str, object], *, provider: object = "", model: object = "") -> Usage:
    """The usage in `told`, by any of the names that providers have for tokens in, out and in all; `provider` and
    `model`, the one that answered, where they are texts. What is no count is taken for not said: a call that was made
    is recorded, whatever is said of it."""
    return Usage(
        provider=_name(provider), model=_name(model), input_tokens=_count(told, _INPUT),
        output_tokens=_count(told, _OUTPUT), total_tokens=_count(told, _TOTAL),
    )  # fmt: skip


def _count(told: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    said = next((told[name] for name in names if told.get(name) is not None), None)
    return said if type(said) is int and 0 <= said <= _MAX_COUNT else None


def _name(value: object) -> str:
    return storable_text(value) if isinstance(value, str) else ""
