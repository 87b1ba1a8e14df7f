"""What is wrong with a detector that somebody wrote: every fault, each with the way to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from axonflow.detect.context_words import words_of
from axonflow.detect.custom import CustomDetector, Fault
from axonflow.detect.folding import STAND_IN, fold
from axonflow.detect.keywords import folded_keyword
from axonflow.detect.matching import TOGETHER
from axonflow.detect.named_validators import validator_of
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.patterns import CompilePattern
from axonflow.errors import AxonFlowError

__all__ = ["MAX_MATCH_CHARS", "MAX_PATTERNS", "faults_of", "faults_of_pattern"]

MAX_PATTERNS: Final = 32
MAX_PATTERN_CHARS: Final = 4_096
MAX_GROUPS: Final = 200
"""Each match is asked for all of its groups."""
MAX_MATCH_CHARS: Final = 1_000
MAX_KEYWORDS: Final = 20_000
MAX_KEYWORD_CHARS: Final = 128
MAX_CONTEXT_WORDS: Final = 200
MAX_WINDOW_CHARS: Final = 256
MAX_EXAMPLES: Final = 50
MAX_EXAMPLE_CHARS: Final = 4_096
_MAX_DESCRIPTION_CHARS: Final = 1_000
_MAX_VALIDATORS: Final = 8
_ID: Final = re.compile(r"custom\.[a-z][a-z0-9_]{0,63}")


def faults_of(custom: CustomDetector, compile_pattern: CompilePattern) -> Iterator[Fault]:
    """Everything that is wrong with `custom` by itself: an unknown check, a pattern without a longest match, ..."""
    if not _ID.fullmatch(custom.id):
        yield Fault(("id",), "not an id for a detector", "custom. and a name in lower case", f"{custom.id!a}"[:80])
    yield from _faults_of_sizes(custom)
    if not (custom.patterns or custom.keywords):
        yield Fault((), "a detector has nothing to look for", "patterns or keywords", "neither")
    for position, pattern in enumerate(custom.patterns[:MAX_PATTERNS]):
        for fault in faults_of_pattern(pattern, compile_pattern, MAX_MATCH_CHARS):
            yield fault._replace(path=("patterns", position))
    for position, keyword in enumerate(custom.keywords[:MAX_KEYWORDS]):
        yield from _faults_of_words(("keywords", position), keyword)
    yield from _faults_of_checks(custom)


def _faults_of_checks(custom: CustomDetector) -> Iterator[Fault]:
    for position, written in enumerate(custom.validators[:_MAX_VALIDATORS]):
        try:
            validator_of(written)
        except ValueError as error:
            yield Fault(("validators", position), "no such validator", str(error), f"{written!a}"[:80])
    for field in ("required", "forbidden"):
        for position, word in enumerate(getattr(custom, field)[:MAX_CONTEXT_WORDS]):
            if not words_of(fold(word)):
                yield Fault(("context", field, position), "not a word", "letters a to z", f"{word!a}"[:80])


def _faults_of_sizes(custom: CustomDetector) -> Iterator[Fault]:
    for path, values, least, most in (
        (("patterns",), custom.patterns, 0, MAX_PATTERNS),
        (("keywords",), custom.keywords, 0, MAX_KEYWORDS),
        (("validators",), custom.validators, 0, _MAX_VALIDATORS),
        (("context", "required"), custom.required, 0, MAX_CONTEXT_WORDS),
        (("context", "forbidden"), custom.forbidden, 0, MAX_CONTEXT_WORDS),
        # What is written through the REST routes says none: there is a route to try a pattern on texts.
        (("examples",), custom.examples, 0 if custom.id.startswith(TOGETHER) else 1, MAX_EXAMPLES),
        (("counter_examples",), custom.counter_examples, 0, MAX_EXAMPLES),
    ):
        if not least <= len(values) <= most:
            yield Fault(path, f"{path[-1]}: how many", f"{least} to {most}", str(len(values)))
    for field in ("examples", "counter_examples"):
        for position, example in enumerate(getattr(custom, field)[:MAX_EXAMPLES]):
            if len(example) > MAX_EXAMPLE_CHARS:
                most_chars = f"at most {MAX_EXAMPLE_CHARS} characters"
                yield Fault((field, position), "an example too long", most_chars, str(len(example)))
    if not 0 < len(custom.description) <= _MAX_DESCRIPTION_CHARS:
        sentence = f"a sentence of at most {_MAX_DESCRIPTION_CHARS} characters"
        yield Fault(("description",), "a detector says what it finds", sentence, str(len(custom.description)))
    if not 1 <= custom.window_chars <= MAX_WINDOW_CHARS:
        most_chars = f"1 to {MAX_WINDOW_CHARS} characters"
        yield Fault(("context", "window_chars"), "how much is near", most_chars, str(custom.window_chars))
    if not 0 < custom.confidence <= 1:
        yield Fault(("confidence",), "how sure a finding is", "above 0, at most 1", str(custom.confidence))


def _faults_of_words(path: tuple[str | int, ...], keyword: str) -> Iterator[Fault]:
    folded = folded_keyword(keyword)
    if len(folded) > MAX_KEYWORD_CHARS:
        yield Fault(path, "a keyword too long", f"at most {MAX_KEYWORD_CHARS} characters", str(len(folded)))
    elif STAND_IN in folded or not folded.isascii():
        yield Fault(path, "a keyword that content never shows", "letters of the Latin script", *_not_latin(keyword))
    elif not any(char.isalnum() for char in folded):
        yield Fault(path, "a keyword without a word", "a letter or a digit", f"{keyword!a}"[:80])


def _not_latin(text: str) -> tuple[str, str]:
    """What of `text` is no letter in folded content, and why that matters."""
    lost = next(char for char in text if fold(char) == STAND_IN)
    hint = "Detectors see content folded to ASCII: é is e there, and what resembles no such letter is lost."
    return ascii(lost), hint


def faults_of_pattern(pattern: str, compile_pattern: CompilePattern, max_match_chars: int | None) -> Iterator[Fault]:
    """Why `pattern` cannot be searched for in folded content; without `max_match_chars`, matches may be any length."""
    if len(pattern) > MAX_PATTERN_CHARS:
        yield Fault((), "a pattern too long", f"at most {MAX_PATTERN_CHARS} characters", str(len(pattern)))
        return
    strange = next((char for char in pattern if not char.isascii() and not fold(char).isalnum()), None)
    if strange is not None:
        hint = "Detectors see content folded to ASCII, with plain quotes, dashes and spaces."
        yield Fault((), "a pattern that content never matches", "ASCII", ascii(strange), hint)
        return
    if pattern.count("(") > MAX_GROUPS:
        yield Fault((), "a pattern with too many groups", f"at most {MAX_GROUPS}", str(pattern.count("(")))
        return
    try:
        compile_pattern(fold(pattern))
    except AxonFlowError as error:
        yield Fault((), error.message, error.expected or "RE2 syntax", error.found or "another", error.hint)
        return
    try:
        compile_pattern(f"(?:{fold(pattern)})")
    except AxonFlowError:
        hint = "It is searched for together with others, which it would swallow."
        yield Fault((), "a pattern with an open quotation", r"\E after \Q", "none", hint)
        return
    if max_match_chars is not None:
        yield from _faults_of_extent(pattern, max_match_chars)


def _faults_of_extent(pattern: str, max_match_chars: int) -> Iterator[Fault]:
    extent = extent_of(fold(pattern))
    if extent.anchored:
        hint = r"A text is searched in parts and with others: end a word with \b."
        yield Fault((), "a pattern that asks where a text begins or ends", r"none of ^ $ \A \z", "one", hint)
    if extent.shortest == 0:
        yield Fault((), "a pattern that matches nothing at all", "at least one character", "the empty text")
    if extent.longest is None or extent.longest > max_match_chars:
        expected = f"a longest match of at most {max_match_chars} characters"
        found = "none" if extent.longest is None else str(extent.longest)
        yield Fault((), "a pattern whose matches can be too long", expected, found, "Write {1,64} for +, {0,64} for *.")
