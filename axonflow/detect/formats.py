"""Tokens that look like what they stand for: a digit for a digit, a letter for a letter of its case, the rest kept.

A keyed permutation of all texts of one format: a Feistel network of ten rounds, as FF1 of NIST SP 800-38G has, over
positions of different alphabets, with HMAC-SHA-256 in place of AES. It is not FF1 and no encryption: nothing here or
elsewhere reads a value back from its token. docs/decisions/0012 says why.

A token has to differ from what its detector finds, or it would be taken for a value the next time it is seen. So the
permutation is applied until it does: with a check digit mostly once. What is found whatever its letters are, such as
an address, can have no token.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from axonflow.detect.folding import STAND_IN, fold

__all__ = ["FormatTokens", "permuted", "suits"]

MAX_STEPS: Final = 256
"""Where one in nine texts of a format is no finding (US social security numbers), it fails once in 10**13 values."""
MAX_STEPS_A_CONTENT: Final = 20_000
"""About a second. What is left over is masked."""

_ROUNDS: Final = 10
_SPARE_BYTES: Final = 16
"""Beyond what a half needs, so that the remainder by its size is even to 2**-128."""
_BLOCK_BYTES: Final = 32
_ALPHABETS: Final = {char: alphabet for alphabet in (digits, ascii_lowercase, ascii_uppercase) for char in alphabet}


def permuted(key: bytes, text: str) -> str:
    """`text` with other digits and letters in place of its own: a permutation of all texts of this format."""
    places = [at for at, char in enumerate(text) if char in _ALPHABETS]
    alphabets = [_ALPHABETS[text[at]] for at in places]
    numbers = [alphabet.index(text[at]) for at, alphabet in zip(places, alphabets, strict=True)]
    radices = [len(alphabet) for alphabet in alphabets]
    middle = len(places) // 2
    halves = [numbers[:middle], numbers[middle:]]
    sizes = [radices[:middle], radices[middle:]]
    for count in range(_ROUNDS):
        turn = count % 2
        message = bytes([count, len(radices) >> 8 & 255, len(radices) & 255, *radices, *halves[1 - turn]])
        halves[turn] = _shifted(halves[turn], sizes[turn], key, message)
    chars = list(text)
    for at, alphabet, number in zip(places, alphabets, halves[0] + halves[1], strict=True):
        chars[at] = alphabet[number]
    return "".join(chars)


def _shifted(numbers: Sequence[int], radices: Sequence[int], key: bytes, message: bytes) -> list[int]:
    """`numbers`, read as one number of mixed radix, plus what `key` makes of `message`."""
    value, size = 0, 1
    for number, radix in zip(numbers, radices, strict=True):
        value, size = value * radix + number, size * radix
    value = (value + _stretched(key, message, size.bit_length() // 8 + 1 + _SPARE_BYTES)) % size
    shifted: list[int] = []
    for radix in reversed(radices):
        value, number = divmod(value, radix)
        shifted.append(number)
    return shifted[::-1]


def _stretched(key: bytes, message: bytes, length_bytes: int) -> int:
    blocks = range(-(-length_bytes // _BLOCK_BYTES))
    stream = b"".join(hmac.digest(key, block.to_bytes(4, "big") + message, "sha256") for block in blocks)
    return int.from_bytes(stream[:length_bytes], "big")


class FormatTokens:
    """The tokens of one content. `is_found(detector_id, text)` says whether a text alone is a finding, in whatever
    context it stands; `is_taken(detector_id, text)`, whether a detector akin to that one takes it for something else: a
    taxpayer number is a token of a social security number no more. A token that is found all the same, for what stands
    around it, gets no token of its own."""

    __slots__ = ("_given", "_is_found", "_is_taken", "_steps_left")

    def __init__(
        self,
        is_found: Callable[[str, str], bool],
        is_taken: Callable[[str, str], bool] = lambda _detector, _text: False,
    ) -> None:
        self._is_found = is_found
        self._is_taken = is_taken
        self._given: set[str] = set()
        self._steps_left = MAX_STEPS_A_CONTENT

    def token(self, key: bytes, detector_id: str, text: str) -> str | None:
        """What stands for `text`: the same for the same digits and letters under the same key; None if nothing can."""
        token = folded = fold(text)
        if STAND_IN in folded or "\\" in folded:
            return None  # a character of no alphabet would tell something of the value, and another escape be none
        if text in self._given or not self._is_found(detector_id, folded):
            return None  # only with its surroundings is it one, so nothing tells what of its format would be none
        for _ in range(min(MAX_STEPS, self._steps_left)):
            self._steps_left -= 1
            token = permuted(key, token)
            if token == folded:
                return None  # around the whole orbit, and everything on it is a finding
            if not (self._is_found(detector_id, token) or self._is_taken(detector_id, token)):
                self._given.add(token)
                return token
        return None


def suits(is_found: Callable[[str, str], bool], detector_id: str, values: Iterable[str]) -> bool:
    """Whether each of `values`, findings of a detector, can have a token."""
    tokens = FormatTokens(is_found)
    return all(tokens.token(bytes(_BLOCK_BYTES), detector_id, value) is not None for value in values)
