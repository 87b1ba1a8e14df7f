"""Peppers in a file: a line each, a name and hexadecimal digits. The first is what new keys are hashed with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError, TenancyError
from axonflow.tenancy import Pepper

__all__ = ["parse_peppers", "read_peppers"]

_MAX_BYTES: Final = 16_384
_FORM: Final = "lines of a name and at least 64 hexadecimal digits"


def parse_peppers(text: str, at: str) -> list[Pepper]:
    """The peppers of `text`, which stands in `at`. Raises ConfigurationError, which never shows one."""
    peppers: list[Pepper] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, _, digits = line.strip().partition(" ")
        try:
            peppers.append(Pepper(name, bytes.fromhex(digits)))
        except TenancyError as error:
            raise ConfigurationError(error.message, expected=error.expected, at=f"{at}:{number}") from None
        except ValueError:  # its text may say the pepper
            raise ConfigurationError("not a pepper", expected=_FORM, at=f"{at}:{number}") from None
    names = [pepper.pepper_id for pepper in peppers]
    if not names or len(set(names)) < len(names):
        found = "none" if not names else "a name twice"
        raise ConfigurationError(
            "no peppers", expected=_FORM, found=found, at=at,
            hint='Make one with: echo "1 $(openssl rand -hex 32)" > pepper',
        )  # fmt: skip
    return peppers


def read_peppers(path: str | os.PathLike[str]) -> str:
    """The text of the file `path`, when it has peppers in it. Raises ConfigurationError."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_BYTES).decode("ascii")
    except OSError as error:
        raise ConfigurationError("the peppers cannot be read", found=error.strerror, at=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigurationError("not a file of peppers", expected=_FORM, at=str(path)) from None
    parse_peppers(text, str(path))
    return text
