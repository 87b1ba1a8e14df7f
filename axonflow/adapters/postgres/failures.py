"""What asyncpg and the network raise, as errors of ours. No message holds a password, a statement or a row's values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from axonflow.errors import AxonFlowError, ConfigurationError

__all__ = ["DRIVER_ERRORS", "described", "is_storable", "translated"]

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# Classes of SQLSTATE (PostgreSQL, appendix A) whose messages name objects and states, never values: connection,
# transaction state, authorization, catalog name, rollback, access, resources, object state, intervention, system.
_SPEAKING_CLASSES: Final = frozenset({"08", "25", "28", "3D", "40", "42", "53", "55", "57", "58"})
# Data exception, integrity constraint violation, program limit exceeded: the row is at fault and always will be.
_REFUSING_CLASSES: Final = frozenset({"22", "23", "54"})
_MAX_SHOWN_CHARS: Final = 200


@contextmanager
def translated(
    error: type[AxonFlowError], doing: str, *, refusal: type[AxonFlowError] | None = None, hint: str | None = None
) -> Iterator[None]:
    """Turn whatever the database raises inside into `error`; a cancelled call stays cancelled.

    `refusal` is what it becomes when the database answers that it can never keep this row. `hint` says what to do about
    any other failure: that of a write may have come after it was done.
    """
    try:
        yield
    except ConfigurationError as failure:  # a database that was away, and has not the schema it should have
        if isinstance(failure, error):
            raise
        raise error(failure.message, expected=failure.expected, found=failure.found, hint=failure.hint) from None
    except DRIVER_ERRORS as failure:
        if refusal and _is_refusal(failure):
            raise refusal(f"PostgreSQL could not {doing}", found=described(failure)) from None
        raise error(f"PostgreSQL could not {doing}", found=described(failure), hint=hint) from None


def _is_refusal(failure: BaseException) -> bool:
    return isinstance(failure, asyncpg.PostgresError) and (failure.sqlstate or "")[:2] in _REFUSING_CLASSES


def described(failure: BaseException) -> str:
    """What went wrong, in words that may be logged."""
    kind = type(failure).__name__
    if isinstance(failure, asyncpg.PostgresError):  # also what the driver has no encoding for, as class 22
        state = failure.sqlstate or ""
        text = f": {failure.args[0]}" if state[:2] in _SPEAKING_CLASSES else ""
        text = ": a value that PostgreSQL cannot hold" if state[:2] == "22" else text
        return f"{kind} (SQLSTATE {state}){text}"[:_MAX_SHOWN_CHARS]
    if isinstance(failure, TimeoutError):
        return "no answer in time"
    if isinstance(failure, OSError):
        return f"{kind}: {failure}"[:_MAX_SHOWN_CHARS]
    return kind


def is_storable(*texts: str | None) -> bool:
    """Whether PostgreSQL has such text at all: no NUL, no lone surrogate. No row matches what it cannot hold."""
    try:
        return not any("\0" in text.encode().decode() for text in texts if text is not None)
    except UnicodeEncodeError:
        return False
