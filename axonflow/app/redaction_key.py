"""The redaction key in a file: hexadecimal digits, as ``openssl rand -hex 32`` writes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from axonflow.detect import RedactionKey
from axonflow.errors import ConfigurationError

__all__ = ["read_redaction_key"]

_MAX_BYTES: Final = 4_096


def read_redaction_key(path: str | os.PathLike[str]) -> bytes:
    """The key in the file `path`, for :meth:`AxonFlow.open`. Raises ConfigurationError for a file that holds none."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_BYTES).decode("ascii")
        secret = bytes.fromhex(text)
        RedactionKey(secret)
    except OSError as error:
        raise ConfigurationError("the redaction key cannot be read", found=error.strerror, at=str(path)) from None
    except ValueError:  # whatever its text says, it may say the key
        raise ConfigurationError(
            "not a redaction key", expected="at least 64 hexadecimal digits", found="something else", at=str(path),
            hint="Make one with: openssl rand -hex 32 > redaction.key",
        ) from None  # fmt: skip
    return secret
