"""Whether a value that is called a password or a key is one, or code, a type, a place-holder or a word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from axonflow.detect.packs.key_checks import is_key, is_place_holder, is_public_name

__all__ = [
    "is_called_key",
    "is_command_password",
    "is_password",
    "is_plain_value",
    "is_unmarked_key",
    "member_key",
    "member_password",
    "trimmed",
]

_SYMBOLS = frozenset("!@#$%^*?+=~")
_REFERENCES = re.compile(
    r"\$[A-Za-z_]\w*$|%[A-Za-z_]\w*%$|%\(?\w*\)?s|@[A-Za-z_]+$"  # a variable of a shell, Windows, Python or SQL
    r"|\$(?:2[abxy]?|argon2\w*|pbkdf2\S*|[156y])\$|\{[A-Z]+\}|pbkdf2"  # a hash
    r"|(?![A-Z]\w*[0-9])[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+$"  # a member of something
    r"|[./~\\]|[A-Za-z]:[\\/]|[a-z]+://"  # a path
)
# Names of algorithms, encodings and types hold digits as passwords do.
_TECHNICAL = re.compile(
    r"(?i)(?:sha|md|aes|rsa|des|utf|base|int|uint|float|hs|rs|es|argon|ntlmv|oauth|pbkdf|bcrypt|scrypt|varchar|char|str"
    r"|step|line|row|col|key|field|input|param|arg|var|tmp|test_case|v)[-_]?[0-9]{1,4}(?:[-_]?[a-z]{0,6})?$"
)
_NAMES = re.compile(
    r"(?i)(?:new|old|user|my|the|db|confirm|current|repeat)?[-_]?(?:password|passwd|pwd|pass|pw)[-_]?[0-9]?$"
)
_TRAILING = ".!?:"


def trimmed(run: str) -> Iterator[tuple[int, int]]:
    """The value without the punctuation that ends a sentence."""
    end = len(run.rstrip(_TRAILING))
    if end:
        yield 0, end


def is_password(text: str) -> bool:
    """Whether a value is a password by its looks: letters with digits or symbols, or six digits and more."""
    if len(text) < 6 or is_place_holder(text) or len(set(text)) < 4:
        return False
    if _REFERENCES.match(text) or _TECHNICAL.match(text) or _NAMES.match(text):
        return False
    has_letter = any(char.isalpha() for char in text)
    has_digit = any(char.isdigit() for char in text)
    has_symbol = not _SYMBOLS.isdisjoint(text)
    return (has_digit or has_symbol) if has_letter else text.isdigit() or (has_digit and has_symbol)


def is_plain_value(before: str, _span: str, after: str) -> bool:
    """Whether a value is neither a call nor an element of something: ``get_password2(``, ``rows2[``."""
    return after[:1] not in {"(", "["} and before[-1:] not in {"$", "%"}


def is_command_password(before: str, span: str, after: str) -> bool:
    """Whether ``user:password`` is what curl and its like are given."""
    return is_plain_value(before, span, after) and re.search(r"(?i)\b(?:curl|wget|http|https|xh)\b", before) is not None


def member_password(before: str, _span: str, after: str) -> bool:
    """Whether a whole leaf is the value of a member whose name says that it is a password."""
    name = re.sub("[^a-z]", "", before.lower())
    words = (
        "dbpass",
        "userpass",
        "smtppass",
        "adminpass",
        "rootpass",
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "passwort",
        "kennwort",
        "contrasena",
        "senha",
    )
    is_called_so = name in {"pass", "pw"} or name.endswith((*words, "wachtwoord", "motdepasse", "haslo"))
    return before.endswith(": ") and not after and is_called_so


def is_called_key(before: str, span: str, after: str) -> bool:
    """Whether what is called a token or a key is a secret one, not one of a page, a form or a table."""
    return is_plain_value(before, span, after) and after[:1] != "_" and not is_public_name(before)


def member_key(before: str, _span: str, after: str) -> bool:
    """Whether a whole leaf is the value of a member whose name says that it is a key, a token or a secret."""
    if not before.endswith(": ") or after or is_public_name(before):
        return False
    name = re.sub("[^a-z]", "", before.lower())
    return name.endswith(
        (
            "apikey",
            "accesskey",
            "privatekey",
            "encryptionkey",
            "signingkey",
            "secretkey",
            "secret",
            "token",
            "credential",
        )
    )


def is_unmarked_key(text: str) -> bool:
    """Whether a value is a key by its looks alone."""
    return is_key(text) and not _REFERENCES.match(text)
