"""What tells a generated key from a place-holder, a hash and a word."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable
from math import log2

from axonflow.detect.validators import shannon_entropy

__all__ = [
    "discord_token",
    "ends_its_base64",
    "has_password",
    "is_aws_id",
    "is_aws_secret",
    "is_basic_credentials",
    "is_key",
    "is_named_otherwise",
    "is_place_holder",
    "is_public_name",
    "is_random",
    "is_uuid",
    "looks_generated",
    "not_longer",
]

# What writers of documentation put where a key goes. AWS's own examples end in EXAMPLE and EXAMPLEKEY.
_PLACE_HOLDERS = (
    *(
        spelling
        for word in "your xxxx here placeholder changeme change_me redacted dummy insert replace example".split()
        for spelling in (word, word.upper(), word.title())
    ),
    "<",
    "....",
    "****",
)
_KEY_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+")
_SEGMENT = re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PUBLIC = re.compile(
    r"(?i)(?:(?:page|next|continuation|csrf|xsrf|sync|resume|max|num|stop|eos|bos|pad|mask|unk|start|end|public|primary"
    r"|foreign|cache|sort|partition|idempotency|sequence|design|cancellation|anti.?forgery|request.?verification)"
    r"[\w -]{0,8}(?:token|key)s?|(?:token|key|secret|credential)s?[_ -]?"
    r"(?:id|name|type|path|file|arn|ref|ur[il]|version|count|hash|at|ttl|size|length|index|digest|fingerprint|prefix))"
    r"[^A-Za-z]{0,8}$"
)
_ASSIGNED = re.compile(r"([A-Za-z][\w.-]{0,40})[\\\"'\])]{0,8}\s{0,4}(?:=>|:=|=|:)\s{0,4}[\\\"'(]{0,8}$")
_IS_MODEL_URL = re.compile(
    r"://(?:(?:db_?)?user(?:name)?|USER(?:NAME)?):(?:(?:db_?)?pass(?:word)?|pwd|PASS(?:WORD)?|secret)@"
    r"(?:host(?:name)?|HOST(?:NAME)?|localhost|server|127\.0\.0\.1|(?:[\w-]{1,32}\.)?example)(?:[:./]|\Z)"
)
"""Of manuals: every part of it says what goes there. A password that is bad on another host is one."""
_MIN_WORD_CHARS = 3.3
_MIN_VOWELS = 0.28
_MAX_NUMBER_DIGITS = 8


def is_place_holder(text: str) -> bool:
    """Whether `text` says of itself that it stands for something else. Case is kept, so that chance rarely does."""
    return any(word in text for word in _PLACE_HOLDERS)


def is_random(text: str) -> bool:
    """Whether `text` has the spread of characters of a generated key.

    3.0 bits a character, which 20 random hexadecimal digits have; less for a shorter text, which cannot have as many.
    """
    return len(text) > 1 and shannon_entropy(text) >= min(3.0, 0.75 * log2(len(text)))


def looks_generated(token: str) -> bool:
    """Whether a token of an issuer's form is a key, not a place-holder made of words or of one character."""
    if is_place_holder(token):
        return False
    body = token[len(token) // 4 :]  # the mark says nothing about the rest
    has_digit = any(char.isdigit() for char in body)
    # Hugging Face tokens are letters only: then both cases must be there, and not as the first letters of words.
    is_mixed = min(sum(map(str.islower, body)), sum(map(str.isupper, body))) >= 5
    return (has_digit or is_mixed) and is_random(body)


def is_key(text: str) -> bool:
    """Whether a value that is called a key is one: letters and digits in no order, not words, a name or a path."""
    has_digit = any(char.isdigit() for char in text)
    has_letter = any(char.isalpha() for char in text)
    if not (has_digit and has_letter) or is_place_holder(text) or text[0] in "./" or text.startswith("sha"):
        return False
    return is_random(text) and not _is_readable(text)


def _is_readable(text: str) -> bool:
    """Whether `text` is made of words and numbers: long runs of one kind of character, with vowels among them."""
    segments = _SEGMENT.findall(text)
    if any(len(segment) > _MAX_NUMBER_DIGITS for segment in segments if segment.isdigit()):
        return False
    letters = [char for char in text.lower() if char.isalpha()]
    vowels = sum(char in "aeiou" for char in letters)
    mean_chars = sum(map(len, segments)) / len(segments)
    return mean_chars >= _MIN_WORD_CHARS and vowels >= _MIN_VOWELS * len(letters)


def is_uuid(text: str) -> bool:
    """Whether `text`, which has the form of a UUID, is not one that somebody typed."""
    return len(set(text)) >= 8


def is_public_name(before: str) -> bool:
    """Whether the name that ends `before` is of a token or a key that is no secret: of a page, a form, a table."""
    return _PUBLIC.search(before) is not None


def is_named_otherwise(before: str, stems: Iterable[str]) -> bool:
    """Whether the value after `before` is assigned to a name without any of `stems`, so is another thing."""
    if is_public_name(before):
        return True
    assigned = _ASSIGNED.search(before)
    return assigned is not None and not any(stem in assigned.group(1).lower() for stem in stems)


def is_aws_id(text: str) -> bool:
    """Whether 16 characters of base 32 after a mark of AWS were drawn: seven different ones of 32 or fewer are none."""
    return not is_place_holder(text) and len(set(text[4:])) >= 8


def is_aws_secret(text: str) -> bool:
    """Whether 40 characters of base 64 are a key: both cases and high entropy, which no hexadecimal hash has."""
    has_both_cases = text.lower() != text and text.upper() != text
    return has_both_cases and not is_place_holder(text) and shannon_entropy(text) >= 4.0


def not_longer(before: str, _span: str, after: str) -> bool:
    """Whether the token stands alone: what has more letters or digits around it is another thing."""
    return before[-1:] not in _KEY_CHARS and after[:1] not in _KEY_CHARS and after[:1] != "_"


def ends_its_base64(before: str, span: str, after: str) -> bool:
    """Whether the base 64 is no part of a longer one."""
    return not_longer(before, span, after) and before[-1:] != "/" and after[:1] not in {"/", "="}


def discord_token(text: str) -> bool:
    """Whether the first part is the base 64 of a user's number, as it is in the tokens of bots."""
    head = text.partition(".")[0]
    try:
        return urlsafe_b64decode(head + "=" * (-len(head) % 4)).isdigit() and looks_generated(text)
    except ValueError:
        return False


def is_basic_credentials(text: str) -> bool:
    """Whether `text` is the base 64 of ``user:password`` (RFC 7617 section 2)."""
    try:
        user, colon, password = b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8").partition(":")
    except ValueError:
        return False
    return bool(user and colon and password) and (user + password).isprintable() and not is_place_holder(password)


def has_password(url: str) -> bool:
    """Whether the password in `url` is one, not a place-holder or a variable."""
    url = url.replace("\\", "")  # JSON may escape slashes
    user_info = url.partition("://")[2].rpartition("@")[0]
    password = user_info.partition(":")[2]
    if not password or password[0] in "<{[$%*" or set(password) <= set("*xX.") or _IS_MODEL_URL.search(url):
        return False
    return not is_place_holder(password) and "${" not in password and "{{" not in password
