"""What a provider's refusal means: by its status, and by the word that names the error. Its sentences are not shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from axonflow.errors import (
    ModelContextTooLong,
    ModelCredentialsRefused,
    ModelError,
    ModelFiltered,
    ModelRateLimited,
    ModelUnavailable,
)

__all__ = ["fault_of", "word_of"]

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MAX_RETRY_AFTER_MS: Final = 24 * 3600 * 1000
_UNAVAILABLE: Final = frozenset({408, 409, 425, 500, 502, 503, 504, 529})
"""409 and 425: somebody else is at it, or too early; 529: Anthropic, "Errors", `overloaded_error`."""


def word_of(value: object) -> str:
    """`value`, if it is a word that may stand in a message, as names of errors are; else nothing."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def fault_of(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    word: str,
    *,
    is_too_long: bool = False,
    is_filtered: bool = False,
) -> ModelError:
    """The error that `status` and the error's name `word` stand for."""
    found = f"status {status}" + (f", {word}" if word else "")
    if is_too_long or status == 413:
        return ModelContextTooLong(
            "the messages are too long for the model",
            found=found,
            at=provider,
            hint="Send less, or ask a larger model.",
        )
    if is_filtered:
        return ModelFiltered("the provider declines to answer", found=found, at=provider)
    if status in {401, 403}:
        return ModelCredentialsRefused(
            "the provider refuses the credentials", found=found, at=provider,
            hint="Look whether the key is that of this provider, and may use this model.",
        )  # fmt: skip
    if status == 429:
        return ModelRateLimited(
            "the provider wants to be asked later", found=found, at=provider, retry_after_ms=_retry_after_ms(headers)
        )
    if status in _UNAVAILABLE:
        return ModelUnavailable("the provider cannot answer now", found=found, at=provider)
    return ModelError(
        "the provider refuses the request", found=found, at=provider,
        hint="Look whether the name of the model and the address are right, and the model takes what is asked of it.",
    )  # fmt: skip


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """RFC 9110, section 10.2.3, in seconds; its form as a date is not used by these providers and needs a clock.
    `retry-after-ms` is OpenAI's own."""
    for name, factor in (("retry-after-ms", 1), ("retry-after", 1000)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII):
            return min(round(float(text) * factor), _MAX_RETRY_AFTER_MS)
    return None
