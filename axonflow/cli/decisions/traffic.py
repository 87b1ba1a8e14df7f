"""Traffic: one request a line, with what it should come to. Lines are bounded, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from axonflow.errors import RequestError
from axonflow.policy import Request
from axonflow.policy.documents.checking import Expectation
from axonflow.policy.json_text import check_members, hint_on

__all__ = ["MAX_LINE_BYTES", "TrafficLine", "decode_line", "numbered_lines"]

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_SKIP_BYTES: Final = 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class TrafficLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a traffic file. `note` is for people."""

    request: Request
    expect: Expectation | None = None
    note: str | None = None


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines of `stream` that are not blank, with their numbers from 1; None in place of a line that is too long.

    Never holds more than one line, and of one that is too long no more than the limit.
    """
    readline = stream.readline
    number = 0
    while line := readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            del line
            _skip_line(stream)
            yield number, None
        elif line and not line.isspace():
            yield number, line


def _skip_line(stream: BinaryIO) -> None:
    while part := stream.readline(_SKIP_BYTES):
        if part.endswith(b"\n"):
            return


def decode_line(line: bytes | None) -> TrafficLine:
    """`line` as a request and its expectation. Raises RequestError that says what is wrong with it and where."""
    if line is None:
        raise RequestError("the line is too long", expected=f"at most {MAX_LINE_BYTES} bytes", found="more")
    try:
        decoded = _decode(line)
    except msgspec.ValidationError as error:
        raise _misshapen(error) from None
    except msgspec.DecodeError as error:
        found = str(error).removeprefix("JSON is malformed: ")
        raise RequestError("not JSON", found=found, hint=hint_on(error, line)) from None
    except UnicodeError as error:
        raise RequestError("not UTF-8", expected="UTF-8 text", found=str(error).rpartition(": ")[2]) from None
    except RecursionError:
        raise RequestError("nested too deep", expected="fewer levels", found="too many to decode") from None
    check_members(line)
    return decoded


def _misshapen(error: msgspec.ValidationError) -> RequestError:
    cause = error.__cause__
    if isinstance(cause, RequestError):  # its place is within the request
        at = f"$.request{cause.at[1:]}" if cause.at else "$.request"
        return RequestError(cause.message, expected=cause.expected, found=cause.found, at=at, hint=cause.hint)
    message, _, where = str(error).partition(" - at `")
    return RequestError(message.replace("`", "'"), at=where.rstrip("`") or "$")


_decode = msgspec.json.Decoder(TrafficLine).decode
