"""What tells a generated key from a place-holder, a hash and a word."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from axonflow.detect.context_words import mentions
from axonflow.detect.escapes import blank_escapes
from axonflow.detect.folding import STAND_IN
from axonflow.detect.validators import shannon_entropy

__all__ = [
    "has_password",
    "in_service_account",
    "is_aws_secret",
    "is_random",
    "looks_generated",
    "not_longer",
    "pem_keys_in",
]

_PLACE_HOLDERS = (
    "your", "xxxx", "here", "placeholder", "changeme", "redacted", "dummy", "<", "....", "****", "insert", "replace",
)  # fmt: skip
_KEY_TEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"
_KEY_CHARS = frozenset(_KEY_TEXT)
_MIN_PEM_RUN = 16
_LINE_ENDS = str.maketrans({"\\": "\n", STAND_IN: "\n"})


def is_random(text: str) -> bool:
    """Whether `text` has the spread of characters of a generated key (3.3 bits a character at this length)."""
    return shannon_entropy(text) >= 3.3


def looks_generated(token: str) -> bool:
    """Whether a token with a vendor's prefix is a key, not a place-holder made of words or of one character."""
    if mentions(token, *_PLACE_HOLDERS):
        return False
    secret = token[4:]
    has_digit = any(char.isdigit() for char in secret)
    # Hugging Face tokens are letters only: then both cases must be mixed.
    is_mixed = sum(a.islower() != b.islower() for a, b in pairwise(secret)) >= 6
    return (has_digit or is_mixed) and shannon_entropy(secret) >= 3.0


def is_aws_secret(text: str) -> bool:
    """Whether 40 characters of base 64 are a key: both cases and high entropy, which no hexadecimal hash has."""
    has_both_cases = text.lower() != text and text.upper() != text
    return len(text) == 40 and has_both_cases and shannon_entropy(text) >= 4.0


def not_longer(before: str, _span: str, after: str) -> bool:
    """Whether the token ends where its pattern does: a longer one is another thing."""
    return before[-1:] not in _KEY_CHARS - {"=", "/", "-"} and after[:1] not in _KEY_CHARS - {"=", "/", "-"}


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


def has_password(url: str) -> bool:
    """Whether the password in `url` is one, not a place-holder or a variable."""
    user_info = url.partition("://")[2].rpartition("@")[0]
    password = user_info.partition(":")[2]
    if not password or password[0] in "<{[$%*" or set(password) <= set("*xX."):
        return False
    return not mentions(password, *_PLACE_HOLDERS) and "${" not in password and "{{" not in password
