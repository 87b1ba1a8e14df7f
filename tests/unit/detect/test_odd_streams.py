"""Streams in every style and with odd detectors come out as the whole text does."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import RedactionKey, RedactionMeans, Redactor, Scanner
from axonflow.detect.detector import Shape
from axonflow.detect.redaction import mask_of
from axonflow.detect.streaming import StreamRedaction
from axonflow.detect.styles import STYLES, Replacing
from axonflow.errors import DetectionError
from tests.unit.detect.test_streaming import (
    BOUNDED,
    DISGUISED,
    MARKS,
    TEXTS,
    cut_at,
    detector,
    far_from,
    redaction_of,
    scanner_of,
    streamed,
)


def sevens(run):
    return [(1, 3)] if "7" in run else []


# Negated classes, edges of all kinds, lines, empty groups, overlaps, checks that see one character or forty.
ODD = (
    detector("pii.neg", Shape(pattern=r"[^\s]{2,5}!", in_context=far_from("a"), window_chars=1)),
    detector("pii.any", Shape(pattern=r"k.{0,6}z", in_context=far_from("no"), window_chars=40)),
    detector("pii.edge", Shape(pattern=r"\Bb{1,3}\b")),
    detector("pii.line", Shape(pattern=r"(?m:^)\W{1,3}a"), Shape(pattern=r"1\S?(?m:$)")),
    detector("pii.even", Shape(pattern="[a1]{2,9}", validate=lambda span: len(span) % 2 == 0)),
    detector("secret.part", Shape(pattern=r"\d{4,20}", carve=sevens), severity="high"),
    detector("secret.pass", Shape(pattern="(?i:pass)( ?)(?:[a-z]{2} ?){0,3}([0-9]{0,9})x", group=2)),
)  # fmt: skip
ODD_SCANNER = Scanner(ODD, compile_pattern)
ODD_REDACTIONS = [
    StreamRedaction(ODD_SCANNER, [one.id for one in ODD], compile_pattern, stride_chars=stride) for stride in (1, 7, 60)
]
ODD_PIECES = [
    "a", "b", "bb", "1", "1234", "77", "!", "k", "z", "no", "pass", "PASS ab 12", "x", " ", "  ", "\n", "\r\n", "_",
    "\u00e9", "e\u0301", "a\u200bb", "\U0001f600", "\udc80", "\u2003", '{"a": "b\\n1"}', "[", mask_of("pii.neg"),
    ".", ", and so on ", *MARKS,
]  # fmt: skip


@given(
    st.lists(st.sampled_from(ODD_PIECES), max_size=40).map("".join), st.integers(1, 50), st.sampled_from(ODD_REDACTIONS)
)
def test_stream_with_odd_detectors_comes_out_as_the_whole_does(text, size, redaction):
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    try:
        whole = ODD_SCANNER.inspect(text).redact(redaction.ids)
    except DetectionError:
        with pytest.raises(DetectionError):
            streamed(redaction, chunks)
        return
    assert streamed(redaction, chunks) == whole


class NamedStyles(NamedTuple):
    styles: dict[str, str]
    redactor: Redactor

    def replacing(self):
        return self.redactor.replacing(self.styles, "acme")


STYLED = st.lists(st.sampled_from(STYLES), min_size=len(BOUNDED), max_size=len(BOUNDED)).map(
    lambda styles: NamedStyles(
        dict(zip([one.id for one in BOUNDED], styles, strict=True)),
        Redactor(scanner_of("own"), RedactionMeans(RedactionKey(b"k" * 32), has_vault=True)),
    )
)


@given(st.data())
def test_stream_in_any_styles_comes_out_as_the_whole_does(data):
    text, styled = data.draw(TEXTS["own"] | DISGUISED), data.draw(STYLED)
    redaction = redaction_of("own", 1)
    expected = styled.replacing()
    try:
        whole = scanner_of("own").inspect(text).redact(redaction.ids, expected)
    except DetectionError:
        whole = None
    for chunks in (text, cut_at(text, data.draw(st.lists(st.integers(0, 300), max_size=8)))):
        replacing = styled.replacing()
        redactor = redaction.begin(replacing)
        if whole is None:
            with pytest.raises(DetectionError):
                "".join([*map(redactor.feed, chunks), redactor.finish()])
        else:
            assert "".join([*map(redactor.feed, chunks), redactor.finish()]) == whole
            assert replacing.done == expected.done


def streamed_in(redaction, chunks, replacing):
    redactor = redaction.begin(replacing)
    return "".join([*map(redactor.feed, chunks), redactor.finish()])


def test_stream_with_what_is_left_of_a_finding_found_again_comes_out_as_the_whole_does():
    scanner = Scanner((detector("pii.n", Shape(pattern="[0-9*]{8}")),), compile_pattern)
    redaction = StreamRedaction(scanner, ["pii.n"], compile_pattern, stride_chars=1)
    text = "it is 12345678 and no 1234567 "
    assert streamed_in(redaction, text, Replacing({"pii.n": "partial"})) == "it is ******78 and no 1234567 "
