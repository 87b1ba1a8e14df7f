"""How much a text reads like an attack on a model's instructions: a linear model of its words and word pairs.

The weights come from texts written for this project (`tests/data/prompt`, trained by
`tests/benchmarks/train_prompt_model.py`). A word that is in none of them weighs nothing: the model judges English, a
little of eleven other languages in Latin script, and nothing else.
"""

from __future__ import annotations

import math
import pkgutil
from functools import cache
from itertools import pairwise
from typing import Final

from axonflow.detect.folding import STAND_IN

__all__ = ["FLAT", "MAX_WINDOW_CHARS", "evidence", "features", "probability"]

MAX_WINDOW_CHARS: Final = 700
"""Characters judged at once. A longer text is judged in windows: an attack is seldom all of a document."""
FLAT: Final = 0.3
"""Sums are divided by the number of features to this power: less than a mean, else a page around it hides an attack."""
_MIN_FEATURES: Final = 8
_WEIGHTS_FILE: Final = "prompt_weights.txt"
_DROPPED = b"'" + STAND_IN.encode()
_TO_WORDS = bytes(
    ord("0") if chr(byte).isdigit() else ord(chr(byte).lower()) if byte < 128 and chr(byte).isalnum() else ord(" ")
    for byte in range(256)
)


def features(text: str) -> set[bytes]:
    """The different words of `text` (folded to ASCII), every digit as 0, and the pairs of neighbours."""
    # Bytes: their `translate` is one look-up a character, that of a str a call.
    words = text.encode("ascii", "replace").translate(_TO_WORDS, _DROPPED).split()
    found = set(words)
    found.update(map(b" ".join, pairwise(words)))
    return found


def probability(text: str) -> float:
    """0 to 1; 0.5 is where the training texts divide best. Looks at the worst window of `MAX_WINDOW_CHARS`.

    Time is linear in the length of `text`, which is to be folded (`axonflow.detect.folding`).
    """
    step = MAX_WINDOW_CHARS // 2
    last = max(1, len(text) - step)
    return _squashed(max(_logit(text[at : at + MAX_WINDOW_CHARS]) for at in range(0, last, step)))


def evidence(text: str, limit: int = 5) -> tuple[tuple[str, float], ...]:
    """The features of `text` that speak most for an attack, with their weights, the heaviest first."""
    weights, _ = _model()
    heaviest = sorted(((weights.get(one, 0.0), one) for one in features(text)), key=lambda pair: (-pair[0], pair[1]))
    return tuple((one.decode(), weight) for weight, one in heaviest[:limit] if weight > 0)


def _logit(text: str) -> float:
    weights, bias = _model()
    found = features(text)
    known = sum(filter(None, map(weights.get, found)))
    return bias + known * math.pow(max(_MIN_FEATURES, len(found)), -FLAT)


def _squashed(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


@cache
def _model() -> tuple[dict[bytes, float], float]:
    """Weights by feature, and the bias. The file: scale and bias, then a line for each step with its features."""
    data = pkgutil.get_data(__package__, _WEIGHTS_FILE)
    assert data is not None, f"{_WEIGHTS_FILE} is part of the package"
    first, *lines = data.splitlines()
    scale, bias = map(float, first.split())
    weights: dict[bytes, float] = {}
    for line in lines:
        step, joined = line.split(b"\t")
        weights.update(dict.fromkeys(joined.split(b","), int(step) * scale))
    return weights, bias
