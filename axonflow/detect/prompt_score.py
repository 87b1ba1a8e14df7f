"""One score for a prompt, with its parts: known phrasings, the word model, what is encoded, and a classifier of yours.

A detector says whether and where; the score says how sure, and why. Each part sees attacks that the others do not, so
the total is the strongest part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, Protocol

import msgspec

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.disguises import decoded, joined, reversed_text, rot13, unleet, visible
from axonflow.detect.finding import Severity
from axonflow.detect.folding import fold
from axonflow.detect.packs.prompt_windows import SURE
from axonflow.detect.prompt_model import MAX_WINDOW_CHARS, evidence, probability
from axonflow.errors import DetectionError

__all__ = ["Classifier", "Part", "PromptScore", "classifier_detector", "score_prompt"]

PartName = Literal["phrases", "model", "disguised", "encoded", "classifier"]

MAX_SCORED_CHARS: Final = 1_000_000
MAX_ENCODED_RUNS: Final = 64
"""Runs of codes that are decoded; an attack in a later one is not seen."""
_RUN = re.compile(r"(?:[0-9A-Fa-f]{2}[ :,]){12,400}|[A-Za-z0-9+/_\-%\\]{16,4096}={0,2}")
_DISGUISES: tuple[Callable[[str], str], ...] = (unleet, rot13, reversed_text, joined)


class Classifier(Protocol):
    """A model that judges texts, such as a transformer behind a port of yours. It must be safe to share."""

    def probability(self, text: str) -> float:
        """0 to 1: how likely `text` is an attack on a model's instructions. May raise anything."""
        ...


class Part(msgspec.Struct, frozen=True):
    """What one way of looking made of a text."""

    name: PartName
    score: float
    """0 to 1."""
    because: tuple[str, ...] = ()
    """What spoke for an attack: phrases of the model that are in the text, or the way it was disguised."""


class PromptScore(msgspec.Struct, frozen=True):
    """How much a text reads like an attack."""

    total: float
    """The highest score of the parts, 0 to 1. From 0.5 on the built-in detector would call it a finding."""
    parts: tuple[Part, ...]
    """Every part that was asked, the strongest first."""


def score_prompt(text: str, *, found: Iterable[float] = (), classifier: Classifier | None = None) -> PromptScore:
    """The score of `text`, every window of it judged: nothing is skipped for speed as in the detector.

    `found` are the confidences of `injection.prompt` findings in it, if you have them. Some 100 us a 1,000 characters
    for each of five readings. Raises DetectionError for more than `MAX_SCORED_CHARS` characters and for a classifier
    that raises or answers with anything but 0 to 1: who asks must not take a broken judge for a yes.
    """
    if len(text) > MAX_SCORED_CHARS:
        raise DetectionError("text too long", expected=f"at most {MAX_SCORED_CHARS} characters", found=str(len(text)))
    seen = fold(visible(text))
    parts = [
        Part("phrases", max(found, default=0.0)),
        Part("model", probability(seen), tuple(name for name, _ in evidence(seen))),
        max((Part("disguised", probability(undo(seen)), (undo.__name__,)) for undo in _DISGUISES), key=_by_score),
        max(_encoded_parts(seen), key=_by_score, default=Part("encoded", 0.0)),
    ]
    if classifier is not None:
        parts.append(Part("classifier", _asked(classifier, text)))
    parts.sort(key=_by_score, reverse=True)
    return PromptScore(parts[0].score, tuple(parts))


def classifier_detector(
    classifier: Classifier,
    *,
    detector_id: str = "injection.classifier",
    severity: Severity = "high",
    threshold: float = SURE,
) -> Detector:
    """A detector that asks `classifier` about every `MAX_WINDOW_CHARS` characters; hand it to whatever takes detectors.

    The classifier sees folded text (ASCII), and is asked once for each window of each content: expect its latency.
    Inspection raises DetectionError when the classifier raises or answers with anything but 0 to 1.
    """

    def is_attack(span: str) -> bool:
        return not span.isspace() and _asked(classifier, span) >= threshold

    return Detector(
        id=detector_id,
        category="injection",
        severity=severity,
        description="What a classifier of yours takes for an attack on a model's instructions.",
        shapes=(Shape(pattern=rf"(?s:.{{1,{MAX_WINDOW_CHARS}}})", validate=is_attack, confidence=threshold),),
        max_span_chars=MAX_WINDOW_CHARS,
        examples=(),
        counter_examples=(),
    )


def _encoded_parts(text: str) -> Iterator[Part]:
    for count, run in enumerate(_RUN.finditer(text)):
        if count == MAX_ENCODED_RUNS:
            return
        inside = decoded(run[0])
        if inside:
            yield Part("encoded", probability(inside), tuple(name for name, _ in evidence(inside)))


def _by_score(part: Part) -> float:
    return part.score


def _asked(classifier: Classifier, text: str) -> float:
    try:
        answer = classifier.probability(text)
    except Exception as error:
        raise DetectionError(
            "the classifier failed", expected="a probability", found=type(error).__name__, hint="See the cause."
        ) from error
    if not 0 <= answer <= 1:
        raise DetectionError("the classifier's answer is no probability", expected="0 to 1", found=repr(answer))
    return answer
