"""One bounded input, from a file or from standard input."""

from __future__ import annotations

import sys
from typing import Final

import click

from axonflow.errors import ConfigurationError, RequestError

__all__ = ["INPUT_FILE", "STANDARD_INPUT", "decoded", "read_bytes"]

STANDARD_INPUT: Final = "-"
INPUT_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)


def read_bytes(place: str, max_bytes: int) -> bytes:
    """What is in the file `place`, or on standard input. Raises for more than `max_bytes`, of which no more is read."""
    try:
        if place == STANDARD_INPUT:
            data = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with open(place, "rb") as stream:
                data = stream.read(max_bytes + 1)
    except OSError as error:
        raise ConfigurationError("the input cannot be read", found=error.strerror, at=place) from None
    if len(data) > max_bytes:
        raise RequestError("too large", expected=f"at most {max_bytes} bytes", found="more", at=place)
    return data


def decoded(data: bytes, place: str) -> str:
    """`data` as text, without a byte order mark. Raises RequestError for what is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RequestError(
            "not UTF-8", expected="UTF-8 text", found=f"byte 0x{data[error.start]:02x}", at=f"{place}:{line}"
        ) from None
