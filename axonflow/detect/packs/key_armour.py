"""Private keys in their armour: what of a match is the key, and whether there is one in it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

from axonflow.detect.context_words import mentions
from axonflow.detect.escapes import blank_escapes
from axonflow.detect.folding import STAND_IN

__all__ = ["in_service_account", "is_encoded_pem", "pem_keys_in"]

_KEY_TEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"
_KEY_CHARS = frozenset(_KEY_TEXT)
_MIN_PEM_RUN = 16
_LINE_ENDS = str.maketrans({"\\": "\n", STAND_IN: "\n"})


def pem_keys_in(match: str) -> Iterator[tuple[int, int]]:
    """The armoured key: whole when its end is there, else as far as its body goes."""
    header_end = match.index("-----", 5) + 5
    if match.endswith("-----") and len(match) > header_end:
        body_end = match.rindex("-----END")
        if _longest_key_run(match[header_end:body_end]) >= _MIN_PEM_RUN:
            yield 0, len(match)
        return
    end = _body_end(match, header_end)
    if _longest_key_run(match[header_end:end]) >= _MIN_PEM_RUN:
        yield 0, end


def _body_end(match: str, start: int) -> int:
    """Where lines of base 64 give way to other text."""
    end = at = start
    for line in _lines_of(match[start:]):
        words = line.split()
        if any(len(word) < _MIN_PEM_RUN or not _KEY_CHARS.issuperset(word) for word in words) and not _is_header(line):
            run = len(line) - len(line.lstrip(_KEY_TEXT))
            return at + run if run >= _MIN_PEM_RUN else end
        at += len(line)
        if words:
            end = at - (len(line) - len(line.rstrip()))
    return end


def _lines_of(body: str) -> list[str]:
    """The lines, also of a key in a string literal, where escapes end them; no character is lost."""
    return blank_escapes(body).translate(_LINE_ENDS).splitlines(keepends=True)


def _is_header(line: str) -> bool:
    name, colon, _ = line.partition(":")
    return bool(colon) and name.replace("-", "").isalnum()


def _longest_key_run(body: str) -> int:
    words = [word for line in _lines_of(body) for word in line.split()]
    return max((len(word) for word in words if _KEY_CHARS.issuperset(word)), default=0)


def in_service_account(before: str, _span: str, _after: str) -> bool:
    """Whether a key is the value of the member ``private_key`` (Google's name for it)."""
    return mentions(before[-24:], "private_key")


def is_encoded_pem(text: str) -> bool:
    """Whether the base 64 of ``-----BEGIN`` goes on to say that a private key follows."""
    head = text[:60].partition("=")[0]
    return b"PRIVATE KEY" in b64decode(head[: len(head) // 4 * 4])  # the rest of a cut group says nothing
