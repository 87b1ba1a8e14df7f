"""Text as ASCII, one character for one, so that patterns are simple and offsets need no conversion.

Digits of every script become 0-9, Latin letters lose their marks, typographic quotes, dashes and spaces become
the ASCII ones, look-alike letters and invisible tag characters become what a reader (or a model) takes them for.
Any other character becomes `STAND_IN`, which belongs to no word: scripts written without spaces would
otherwise glue an address to the sentence around it.
"""

from __future__ import annotations

import codecs
import unicodedata

__all__ = ["STAND_IN", "fold"]

STAND_IN = "\x1a"
"""ASCII SUBSTITUTE: neither a word character nor white space."""

_ERROR_HANDLER = "axonflow.detect.folding"
_MAX_CACHED = 8192
_TAGS = range(0xE0020, 0xE007F)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
# The letters of Unicode's confusables.txt (UTS 39) that pass for ASCII ones in common typefaces.
_LOOK_ALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаесіјѕорухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονι",  # noqa: RUF001  look-alikes are the point
        "ABESIJKMHOPCTYXaecijsopyxdhqwABEZHIKMNOPTYXovi",
        strict=True,
    )
)
_PUNCTUATION = dict(
    zip("\u2018\u2019\u201a\u201b\u2032\u02bc\u201c\u201d\u201e\u201f\u2033\xab\xbb", "''''''" + '"' * 7, strict=True)
) | dict(zip("\u2028\u2029\x85\u2044\u2215\u2212\u2024", "\n\n\n//-.", strict=True))


def fold(text: str) -> str:
    """`text` in ASCII; as long as `text`, every character at its place."""
    if text.isascii():
        return text
    return text.encode("ascii", _ERROR_HANDLER).decode("ascii")


def _ascii_for(char: str) -> str:
    code = ord(char)
    if code in _TAGS:
        return chr(code - 0xE0000)
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    known = _LOOK_ALIKES.get(char) or _PUNCTUATION.get(char)
    if known:
        return known
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    if category[0] == "L" or code in _FULL_WIDTH:
        return _base_letter(char)
    return STAND_IN


def _base_letter(char: str) -> str:
    first = unicodedata.normalize("NFKD", char)[0]
    if first.isascii() and not first.isspace():
        return first
    # Letters such as o with stroke have no decomposition, but a name that says what they are.
    words = unicodedata.name(char, "").split()
    if words[:1] != ["LATIN"]:
        return STAND_IN
    letter = words[3] if len(words) > 3 and len(words[3]) == 1 else "x"
    return letter if char.isupper() else letter.lower()


class _Table(dict[int, str]):
    def __missing__(self, code: int) -> str:
        if len(self) >= _MAX_CACHED:
            self.clear()
        folded = self[code] = _ascii_for(chr(code))
        return folded


_TABLE = _Table()


def _fold_run(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_TABLE), error.end


# str.translate looks every character up (140 us for 2 KB); the codec calls back for the non-ASCII runs only (18 us).
codecs.register_error(_ERROR_HANDLER, _fold_run)
