"""Texts in disguise: letters as digits or apart, reversed, rot13, and runs of base64, hexadecimal and percent codes.

Every function is pure and takes time linear in its text. Decoding is bounded: a run of at most `MAX_RUN_CHARS`
characters, undone at most `MAX_DEPTH` times.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Callable, Iterable
from typing import Final

from axonflow.detect.folding import fold

__all__ = [
    "MAX_DEPTH",
    "MAX_RUN_CHARS",
    "base64_forms",
    "decoded",
    "hex_forms",
    "joined",
    "leet_forms",
    "reversed_text",
    "rot13",
    "unleet",
    "visible",
]

MAX_RUN_CHARS: Final = 4096
MAX_DEPTH: Final = 2
_MIN_DECODED_CHARS = 12
_MIN_TEXT_SHARE = 0.9
_LEET = str.maketrans("013457@$!|", "oieastasii")
_LEET_KEYS = tuple(
    str.maketrans(letters, signs)
    for letters, signs in (
        ("o", "0"),
        ("e", "3"),
        ("i", "1"),
        ("i", "!"),
        ("s", "5"),
        ("s", "$"),
        ("eo", "30"),
        ("io", "10"),
        ("ioe", "103"),
        ("aeios", "43105"),
        ("aeiost", "431057"),
        ("aeios", "@310$"),
    )
)
# Unicode 15.1 chapter 23.2 and general category Cf: drawn as nothing. Marks over a letter (Mn) hide it from a pattern.
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+"
)
_APART = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9](?:[ ._*\-][A-Za-z0-9](?![A-Za-z0-9])){2,400}")
_BETWEEN = re.compile(r"[ ._*\-]")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_HEX_SIGNS = re.compile(r"\\x|0x|[\s:,-]")


def visible(text: str) -> str:
    """`text` without characters that are drawn as nothing and without combining marks."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def unleet(text: str) -> str:
    """`text` with the digits and signs that pass for letters as these letters; of the same length."""
    return text.translate(_LEET)


def leet_forms(word: str) -> tuple[str, ...]:
    """The usual spellings of a lower-case word with digits or signs for some of its letters."""
    forms = (word.translate(key) for key in _LEET_KEYS)
    return tuple(dict.fromkeys(form for form in forms if form != word))


def rot13(text: str) -> str:
    """`text` with every Latin letter moved by thirteen; of the same length."""
    return codecs.encode(text, "rot13")


def reversed_text(text: str) -> str:
    """`text` from its last character to its first."""
    return text[::-1]


def joined(text: str) -> str:
    """`text` with three or more letters that stand apart ("i g n o r e", "i.g.n.o.r.e") together."""
    return _APART.sub(lambda run: _BETWEEN.sub("", run[0]), text)


def base64_forms(word: str) -> tuple[str, ...]:
    """What of a word is the same in the base64 of every text around it, in lower case: a form for each of 3 places."""
    forms = []
    for before in range(3):
        encoded = binascii.b2a_base64(b"\0" * before + word.encode(), newline=False).rstrip(b"=").decode()
        first = (before * 8 + 5) // 6
        last = (before + len(word)) * 8 // 6
        forms.append(encoded[first:last].lower())
    return tuple(dict.fromkeys(forms))


def hex_forms(word: str) -> tuple[str, ...]:
    r"""A word in hexadecimal: digits alone, apart by spaces, after ``%`` and after ``\x``."""
    digits = [f"{byte:02x}" for byte in word.encode()]
    return tuple(sign.join(digits) for sign in ("", " ", "%", "\\x"))


def decoded(run: str) -> str:
    """The text inside of an encoded run, folded to ASCII; empty when there is none that a reader would call text."""
    text = run[:MAX_RUN_CHARS]
    for _ in range(MAX_DEPTH):
        found = next((one for one in (_undone(decode, text) for decode in _DECODERS) if one), "")
        if not found:
            break
        text = found
    return "" if text == run[:MAX_RUN_CHARS] else fold(visible(text))


def _undone(decode: Callable[[str], bytes], text: str) -> str:
    try:
        found = decode(text).decode("utf-8", "replace")
    except ValueError:  # binascii.Error is one
        return ""
    readable = sum(char.isalnum() or char in " \n,.;:!?'\"-_/=+%()<>" for char in found)
    return found if len(found) >= _MIN_DECODED_CHARS and readable >= _MIN_TEXT_SHARE * len(found) else ""


def _from_percent(text: str) -> bytes:
    if "%" not in text:
        raise ValueError("no percent code")
    spaced = text.replace("+", " ")
    return _PERCENT.sub(
        lambda codes: bytes.fromhex(codes[0].replace("%", "")).decode("utf-8", "replace"), spaced
    ).encode()


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(_HEX_SIGNS.sub("", text.strip()))


def _from_base64(text: str) -> bytes:
    clean = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    # A run that was cut off ends within a group; what is left of the group is dropped.
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    return binascii.a2b_base64(clean + "=" * (-len(clean) % 4), strict_mode=True)


_DECODERS: Iterable[Callable[[str], bytes]] = (_from_percent, _from_hex, _from_base64)
