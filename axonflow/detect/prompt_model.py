"""How much a text reads like an attack on a model's instructions: a linear model of words and of what stands by what.

A word counts as itself (its first `_STEM_CHARS`), as a pair with its neighbour, and by its sense: `prompt_words.txt`
has words of one sense in seven languages together, so that "disregard your directives" and "vergiss deine Vorgaben"
are one relation of senses, and an attack in other words than those of the training is still known.

The weights come from texts written for this project (`tests/data/prompt`, trained by
`tests/benchmarks/train_prompt_model.py`). What is in none of them weighs nothing.
"""

from __future__ import annotations

import math
import pkgutil
from functools import cache
from itertools import accumulate, pairwise, repeat
from operator import add, sub
from typing import Final, NamedTuple

from axonflow.detect.folding import STAND_IN

__all__ = [
    "FLAT",
    "MAX_WINDOW_CHARS",
    "MIN_WORDS",
    "SCALES",
    "Features",
    "evidence",
    "features",
    "probability",
    "words_of_senses",
]

MAX_WINDOW_CHARS: Final = 700
"""Characters judged at once by the detector, around a telling word."""
SCALES: Final = (20, 50, 120)
"""Words in the windows that are judged, at every place: an attack is seldom all of a document."""
FLAT: Final = 0.3
"""Sums are divided by the number of words to this power: less than a mean, else a page around it hides an attack."""
MIN_WORDS: Final = 6
_STEM_CHARS: Final = 7
_NEAR_WORDS: Final = 7
"""How far apart two senses may be to be related."""
_GATE_WORDS: Final = 40
_DULL: Final = 3.6
_DULL_WHEN_SHORT: Final = 2.0
"""Windows of ordinary text seldom weigh so much, and attacks hardly ever less; a short one has fewer words to weigh."""
_MIN_PREFIX: Final = 2
_MAX_CACHED: Final = 8_192
_DROPPED = b"'" + STAND_IN.encode()
_MARKS = (b".", b"?", b":", b'"')
_TO_MARKS = {"!": ".", ";": ".", "\n": ".", "?": "?", ".": ".", ":": ":", '"': '"'}


def _byte_for(char: str) -> str:
    if char.isdigit():
        return "0"
    return char.lower() if char.isalpha() else _TO_MARKS.get(char, " ")


_TO_WORDS = bytes(ord(_byte_for(chr(byte))) if byte < 128 else 32 for byte in range(256))


class Features(NamedTuple):
    """What is in a text, place by place."""

    words: list[bytes]
    """The beginning of each word, or a mark (``.?:"``); every digit is 0."""
    pairs: list[bytes]
    """Each with the next."""
    senses: list[tuple[int, bytes]]
    """``@a`` where a word of that sense stands."""
    relations: list[tuple[int, bytes]]
    """Of senses near each other: ``@a@b``, ``@a@b-`` (one between) and ``@a@b@c``, where the last of them stands."""


def features(text: str) -> Features:
    """The features of `text`, which is to be folded (`axonflow.detect.folding`)."""
    return _features(_split(text))


def probability(text: str) -> float:
    """0 to 1; from 0.5 on it is a finding. Looks at the worst window of each of `SCALES`.

    A text whose words by themselves say little is not looked at further. Time is linear in the length of `text`, which
    is to be folded (`axonflow.detect.folding`).
    """
    model = _model()
    words = _split(text)
    alone = list(map(model.words.__getitem__, words))
    by_words = _worst(list(accumulate(alone, initial=0.0)), _GATE_WORDS)
    dull = _DULL if len(words) > _GATE_WORDS else _DULL_WHEN_SHORT
    if by_words < dull:
        return _squashed(by_words - dull + model.biases[0])
    found, get = _features(words), model.weights.get
    alone[1:] = map(add, alone[1:], map(get, found.pairs, repeat(0.0)))
    for place, relation in found.relations:
        alone[place] += get(relation, 0.0)
    sums = list(accumulate(alone, initial=0.0))
    return _squashed(max(map(add, model.biases, map(_worst, repeat(sums), SCALES))))


def _split(text: str) -> list[bytes]:
    # Bytes: their `translate` is one look-up a character, that of a str a call.
    data = text.encode("ascii", "replace").translate(_TO_WORDS, _DROPPED)
    for mark in _MARKS:
        data = data.replace(mark, b" " + mark + b" ")
    return [b".", *data.split()]


def _features(words: list[bytes]) -> Features:
    stems, senses = zip(*map(_words().__getitem__, words), strict=True)
    at = [(place, sense) for place, sense in enumerate(senses) if sense]
    return Features(list(stems), list(map(b" ".join, pairwise(stems))), at, _related(at))


def _related(at: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    near = [(last, one + other) for (first, one), (last, other) in pairwise(at) if last - first <= _NEAR_WORDS]
    for (first, one), (_, middle), (last, other) in zip(at, at[1:], at[2:], strict=False):
        if last - first <= _NEAR_WORDS:
            near += (last, one + other + b"-"), (last, one + middle + other)
    return near


def _worst(sums: list[float], span_words: int) -> float:
    """What `span_words` neighbours weigh at most, evened out. `sums` are of all before each place."""
    last = len(sums) - 1
    worst = max(map(sub, sums[span_words:], sums)) if last > span_words else sums[-1]
    return worst * math.pow(max(MIN_WORDS, min(last, span_words)), -FLAT)


def evidence(text: str, limit: int = 5) -> tuple[tuple[str, float], ...]:
    """The features of `text` that speak most for an attack, with their weights, the heaviest first."""
    weights, found = _model().weights, features(text)
    names = {*found.words, *found.pairs, *[name for _, name in found.senses + found.relations]}
    heaviest = sorted(((weights.get(one, 0.0), one) for one in names), key=lambda pair: (-pair[0], pair[1]))
    return tuple((one.decode(), weight) for weight, one in heaviest[:limit] if weight > 0)


def words_of_senses(*senses: str) -> tuple[str, ...]:
    """The words, or beginnings of words, that `prompt_words.txt` has for these senses."""
    wanted = {b"@" + sense.encode() for sense in senses}
    words = _words()
    return tuple(
        sorted(word.decode() for known in (words.exact, words.prefixes) for word, one in known.items() if one in wanted)
    )


def _squashed(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


class _Words(dict[bytes, tuple[bytes, bytes]]):
    """A word's beginning and its sense (empty when it has none), remembered."""

    def __init__(self, exact: dict[bytes, bytes], prefixes: dict[bytes, bytes]) -> None:
        super().__init__()
        self.exact = exact
        self.prefixes = prefixes
        self._longest = max(map(len, prefixes))

    def __missing__(self, word: bytes) -> tuple[bytes, bytes]:
        if len(self) >= _MAX_CACHED:
            self.clear()
        sense = self.exact.get(word, b"")
        for end in range(min(len(word), self._longest), _MIN_PREFIX, -1):
            sense = sense or self.prefixes.get(word[:end], b"")
        found = self[word] = (word[:_STEM_CHARS], sense)
        return found


@cache
def _words() -> _Words:
    exact: dict[bytes, bytes] = {}
    prefixes: dict[bytes, bytes] = {}
    for line in _data("prompt_words.txt").splitlines():
        sense, _, words = line.partition(b"\t")
        for word in words.split():
            (prefixes if word.endswith(b"*") else exact).setdefault(word.removesuffix(b"*"), b"@" + sense)
    return _Words(exact, prefixes)


class _Alone(dict[bytes, float]):
    """What a word weighs by itself and by its sense, remembered."""

    def __init__(self, weights: dict[bytes, float]) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, word: bytes) -> float:
        if len(self) >= _MAX_CACHED:
            self.clear()
        stem, sense = _words()[word]
        found = self[word] = self._weights.get(stem, 0.0) + self._weights.get(sense, 0.0)
        return found


class _Model(NamedTuple):
    weights: dict[bytes, float]
    """By feature."""
    biases: tuple[float, ...]
    """One for each of `SCALES`."""
    words: _Alone


@cache
def _model() -> _Model:
    """The file: scale and biases, then a line for each step with its features."""
    first, *lines = _data("prompt_weights.txt").splitlines()
    scale, *biases = map(float, first.split())
    weights: dict[bytes, float] = {}
    for line in lines:
        step, joined = line.split(b"\t")
        weights.update(dict.fromkeys(joined.split(b","), int(step) * scale))
    return _Model(weights, tuple(biases), _Alone(weights))


def _data(name: str) -> bytes:
    data = pkgutil.get_data(__package__, name)
    assert data is not None, f"{name} is part of the package"
    return data
