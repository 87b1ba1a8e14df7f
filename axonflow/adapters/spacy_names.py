"""Names by spaCy (`axonflow[names]`); the trained pipeline is installed apart.

spaCy 3.8 takes 320 MB on disk with what it needs, a small pipeline 15 MB more. See docs/how-to/names.md for times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from axonflow.detect.names import NameKind, NameSpan
from axonflow.errors import ConfigurationError

__all__ = ["SpacyNames"]

# The labels of OntoNotes (English pipelines) and of WikiNER (most others).
_KINDS: dict[str, NameKind] = {
    "PERSON": "person",
    "PER": "person",
    "GPE": "place",
    "LOC": "place",
    "FAC": "place",
    "ORG": "organisation",
}


class _Pipeline(Protocol):
    """What is used of a `spacy.language.Language`."""

    def __call__(self, text: str) -> Any: ...


class SpacyNames:
    """A `axonflow.detect.names.NameRecogniser`. Safe to share among threads as far as the pipeline is."""

    __slots__ = ("_pipeline",)

    def __init__(self, pipeline: _Pipeline) -> None:
        self._pipeline = pipeline

    @classmethod
    def load(cls, name: str = "en_core_web_sm") -> SpacyNames:
        """The installed pipeline of that name or at that path, without what names do not need.

        Raises ConfigurationError when spaCy or the pipeline is not installed.
        """
        try:
            import spacy
        except ImportError:
            raise ConfigurationError(
                "names need spaCy", expected="the package spacy", found="none", hint="pip install 'axonflow[names]'"
            ) from None
        try:
            return cls(spacy.load(name, exclude=["parser", "tagger", "attribute_ruler", "lemmatizer"]))
        except OSError:
            raise ConfigurationError(
                "no such spaCy pipeline",
                expected="the name of an installed pipeline, or a path",
                found=ascii(name[:64]),
                hint="Install it, for example: python -m spacy download en_core_web_sm",
            ) from None

    def find(self, text: str) -> Iterator[NameSpan]:
        """The names in `text`; those of times, sums and works of art are left out."""
        for entity in self._pipeline(text).ents:
            kind = _KINDS.get(entity.label_)
            if kind is not None:
                yield NameSpan(entity.start_char, entity.end_char, kind)
