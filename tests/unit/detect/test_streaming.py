"""A stream, however it is cut, comes out as the whole text does."""

import random
from functools import cache
from itertools import pairwise, zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Detector, Scanner
from axonflow.detect.checks.cards import card_numbers_in
from axonflow.detect.detector import Shape
from axonflow.detect.redaction import mask_of
from axonflow.detect.scanner import MAX_ROUNDS
from axonflow.detect.stream_shapes import unbounded
from axonflow.detect.streaming import StreamRedaction
from axonflow.detect.validators import luhn
from axonflow.errors import DetectionError


def detector(id_, *shapes, severity="low", batch_only=False):
    return Detector(
        id=id_,
        category=id_.partition(".")[0],
        severity=severity,
        description="A test.",
        shapes=shapes,
        max_span_chars=100,
        batch_only=batch_only,
        examples=(),
        counter_examples=(),
    )


def far_from(word):
    return lambda before, _span, after: word not in before and word not in after


# Between them: checks on both sides, runs of which parts are meant, groups, lines, overlaps, matches that hide others.
BOUNDED = (
    detector("pii.mail", Shape(pattern=r"[a-z0-9][a-z0-9.]{0,20}@(?:[a-z0-9]{1,9}\.){1,3}[a-z]{2,4}\b")),
    detector(
        "pii.card",
        Shape(
            pattern=r"\b\d[\d -]{10,40}\d\b",
            min_digit_run=12,
            carve=card_numbers_in,
            in_context=lambda before, _span, after: before[-1:] != "." and after[:1] != ".",
            window_chars=8,
        ),
        severity="high",
    ),
    detector("pii.luhn", Shape(pattern=r"\d{8}", validate=luhn, in_context=far_from("no"), window_chars=6)),
    detector("secret.token", Shape(pattern=r"\btok_[a-z0-9]{8,30}\b", triggers=("tok_",)), severity="critical"),
    detector("secret.word", Shape(pattern=r"(?i)\bpass(?:word)?[ =:]{1,3}([!-~]{3,12})", group=1, triggers=("pass",))),
    detector("injection.line", Shape(pattern=r"(?m:^ ?(?:SYS|sys): {1,3}\w{2,6}$)")),
    detector("injection.pair", Shape(pattern="abab"), Shape(pattern=r"ba\W{1,3}ba", confidence=0.5)),
    detector("injection.tail", Shape(pattern=r"\\n?t\b"), Shape(pattern="x\\\\")),
)  # fmt: skip
LIMITED = tuple(one for one in BUILTIN_DETECTORS if not unbounded([one]))
DETECTORS = {"own": BOUNDED, "builtin": LIMITED}


@cache
def scanner_of(name):
    return Scanner(DETECTORS[name], compile_pattern)


@cache
def redaction_of(name, stride):
    scanner = scanner_of(name)
    return StreamRedaction(scanner, [one.id for one in scanner.detectors], compile_pattern, stride_chars=stride)


def streamed(redaction, chunks):
    redactor = redaction.begin()
    return "".join([*(redactor.feed(chunk) for chunk in chunks), redactor.finish()])


def cut_at(text, places):
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


OWN_PIECES = [
    "ann@example.com", "bob@x.y.org", "@", "a.b", "4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444",
    "4111", "18", "00000000", "79927398713", "no", "tok_", "tok_a1b2c3d4", "e5f6g7h8", "password: hunter2", "PASS=",
    "abc", "SYS: go", "\nsys:  stop\n", "abab", "ba", " - ", "\\n", "\\", "\\\\nt", "\\u0041", "\\x4", "1",
    mask_of("pii.mail"), mask_of("pii.card")[:9], "[", "]", "[REDACTED:other]",
    " ", "\n", ". ", "\u00e9", "\u90ae\u7bb1", "\uff14\uff11", "\U0001f600", " and so on ",
]  # fmt: skip
MARKS = [
    "%20", "%2", "%", "%25", "%2520", "%40", "%2E", "%C3%A9", "%E2%80%8B", "%E2", "%80", "%5c", "%1b", "[0m",
    "31m", "\u200b",    "\u0301", "\xad" * 65, "\x1b[31m", "\x1b[0m", "\x1b]8;;x\x07", "\x1b]8;;x\x1b\\", "\x1b",
    "\\x1b[0m",    "\\u001b", "^[[0m",    "^", "\\e", "\x1b]",
]  # fmt: skip
EXAMPLES = [text for one in LIMITED for text in (*one.examples, *one.counter_examples)]
TEXTS = {
    "own": st.lists(st.sampled_from(OWN_PIECES) | st.text("ab1 @.\\", max_size=4), max_size=14).map("".join),
    "builtin": st.lists(
        st.sampled_from(EXAMPLES) | st.sampled_from(OWN_PIECES)
        | st.tuples(st.sampled_from(EXAMPLES), st.integers(0, 30), st.integers(1, 40)).map(lambda t: t[0][t[1] : t[2]]),
        max_size=6,
    ).map("".join),
}  # fmt: skip


def disguised(text, signs, style):
    """`text` with some of its characters encoded, or with something between them that is not seen."""
    ways = {
        "percent": lambda char: "".join(f"%{byte:02x}" for byte in char.encode()),
        "twice": lambda char: "".join(f"%25{byte:02X}" for byte in char.encode()),
        "unseen": lambda char: f"{char}\u200b",
        "coloured": lambda char: f"{char}\x1b[0m",
        "literal": lambda char: f"{char}\\x1b[1;31m",
    }
    return "".join(ways[style](char) if sign else char for char, sign in zip_longest(text, signs[: len(text)]))


WAYS = st.sampled_from(["percent", "twice", "unseen", "coloured", "literal"])
DISGUISED = st.lists(
    st.sampled_from(OWN_PIECES) | st.sampled_from(MARKS)
    | st.tuples(st.sampled_from(OWN_PIECES), st.lists(st.booleans(), max_size=20), WAYS).map(lambda t: disguised(*t)),
    max_size=14,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("stride", [1, 9])
@given(st.data())
def test_stream_with_disguises_cut_in_any_way_comes_out_as_the_whole_does(stride, data):
    text = data.draw(DISGUISED)
    redaction = redaction_of("own", stride)
    whole = scanner_of("own").inspect(text).redact(redaction.ids)
    for chunks in (text, [text], cut_at(text, data.draw(st.lists(st.integers(0, 300), max_size=8)))):
        redactor = redaction.begin()
        out = ""
        for chunk in chunks:
            out += redactor.feed(chunk)
            assert whole.startswith(out), "what has gone on is what the whole comes out as"
        assert out + redactor.finish() == whole


@pytest.mark.parametrize(
    "unit",
    [
        "see%20the%20page of ",
        "\x1b[32mINFO\x1b[0m started worker 4 ",
        "caf\u0301e and so\u200bon ",
        "100 % of 5 %, ",
        "path\\users\\to ",
        "a%2520b&c=",
    ],
)
def test_stream_with_encodings_is_held_back_by_little(unit):
    text = unit * 60 + " ann%40example.com " + unit * 20
    redaction = redaction_of("own", 9)
    redactor = redaction.begin()
    out, held = "", 0
    for at in range(0, len(text), 7):
        out += redactor.feed(text[at : at + 7])
        held = max(held, redactor.held_chars)
    assert out + redactor.finish() == scanner_of("own").inspect(text).redact(redaction.ids)
    assert held < 100


def test_stream_whose_disguise_has_no_gap_is_looked_at_seldom():
    text = "%61%20" * 2_000 + "%20ann%40example.com " + "x" * 40
    redaction = redaction_of("own", 1)
    assert streamed(redaction, cut_at(text, range(0, len(text), 50))) == scanner_of("own").inspect(text).redact(
        redaction.ids
    )


@pytest.mark.parametrize("stride", [1, 9])
@pytest.mark.parametrize("name", DETECTORS)
@given(st.data())
def test_stream_cut_in_any_way_comes_out_as_the_whole_does(name, stride, data):
    text = data.draw(TEXTS[name])
    redaction = redaction_of(name, stride)
    whole = scanner_of(name).inspect(text).redact(redaction.ids)
    assert streamed(redaction, text) == whole, "one character at a time"
    assert streamed(redaction, [text]) == whole
    assert streamed(redaction, cut_at(text, data.draw(st.lists(st.integers(0, 300), max_size=8)))) == whole


MOST_CUTS = 10
"""Of one example: others in each run, where it is longer."""


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("detector_id", [one.id for one in LIMITED])
def test_stream_of_an_example_comes_out_as_the_whole_does_wherever_it_is_cut(detector_id):
    redaction = StreamRedaction(scanner_of("builtin"), [detector_id], compile_pattern, stride_chars=1)
    (found,) = (one for one in LIMITED if one.id == detector_id)
    for text in (*found.examples, *found.counter_examples):
        whole = scanner_of("builtin").inspect(text).redact(redaction.ids)
        for place in random.sample(range(len(text) + 1), min(len(text) + 1, MOST_CUTS)):
            assert streamed(redaction, [text[:place], text[place:]]) == whole, place


@given(st.data())
def test_stream_lets_nothing_go_that_redaction_would_change(data):
    text = data.draw(TEXTS["own"])
    redaction = redaction_of("own", 1)
    whole = scanner_of("own").inspect(text).redact(redaction.ids)
    redactor = redaction.begin()
    out = ""
    for char in text:
        out += redactor.feed(char)
        assert whole.startswith(out)


def test_stream_of_plain_words_is_held_back_by_the_last_word_only():
    redactor = StreamRedaction(scanner_of("own"), ["pii.mail", "pii.card"], compile_pattern, stride_chars=1).begin()
    assert redactor.feed("The quick brown fox") == "The quick brown "
    assert redactor.held_chars == 3
    assert redactor.feed(" jumps. ") == "fox "
    assert redactor.finish() == "jumps. "
    assert redactor.held_chars == 0


def test_stream_is_looked_at_again_when_enough_has_come():
    redaction = StreamRedaction(scanner_of("own"), ["pii.mail"], compile_pattern, stride_chars=10)
    redactor = redaction.begin()
    assert [redactor.feed("word ") for _ in range(4)] == ["", "word ", "", "word word "]


def test_stream_of_many_numbers_without_a_gap_is_held_back_within_the_bound():
    redaction = redaction_of("own", 1)
    redactor = redaction.begin()
    held = 0
    text = "4111 1111 1111 1112 " * 80
    out = []
    for at in range(0, len(text), 7):
        out.append(redactor.feed(text[at : at + 7]))
        held = max(held, redactor.held_chars)
    out.append(redactor.finish())
    assert "".join(out) == scanner_of("own").inspect(text).redact(redaction.ids)
    assert 0 < held <= redaction.hold_back_chars


@pytest.mark.parametrize("text", ["a" * 3000, "\\" * 3000, "x1" * 1500, "[REDACTED:pii.mail]" * 100, "\\n" * 1000])
def test_stream_of_one_long_run_comes_out_as_the_whole_does(text):
    redaction = redaction_of("own", 9)
    assert streamed(redaction, cut_at(text, range(0, 3000, 11))) == scanner_of("own").inspect(text).redact(
        redaction.ids
    )


@pytest.mark.parametrize("pattern", ["(?m:^[^b]{1,3}b)", "(?m:^ {0,3}b{1,2})"])
def test_stream_with_beginnings_of_lines_comes_out_as_the_whole_does(pattern):
    scanner = Scanner((detector("pii.line", Shape(pattern=pattern)), BOUNDED[0]), compile_pattern)
    redaction = StreamRedaction(scanner, ("pii.line", "pii.mail"), compile_pattern, stride_chars=1)
    text = ("some words  b, " * 90 + "ann@example.com\n  b" + " b. " * 9 + "\n") * 2
    assert streamed(redaction, cut_at(text, range(0, 5000, 7))) == scanner.inspect(text).redact(redaction.ids)


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com " + "4111 1111 1111 1112 " * 30 + "bob@example.com. " + "12345678 1 " * 40,
        "tok_a1b2c3d4e5 no 79927398713 " * 12 + "and " * 60 + "ann@example.com",
    ],
)
def test_stream_with_runs_of_numbers_after_a_mask_comes_out_as_the_whole_does(text):
    redaction = redaction_of("own", 1)
    for size in (1, 5, 13):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert streamed(redaction, chunks) == scanner_of("own").inspect(text).redact(redaction.ids)


def test_stream_with_a_long_match_holds_back_no_more_than_each_pattern_needs():
    many = [detector(f"pii.n{count}", Shape(pattern=rf"\d{{{count}}}x")) for count in range(3, 12)]
    scanner = Scanner([*many, detector("pii.long", Shape(pattern="[ab]{0,400}c"))], compile_pattern)
    redaction = StreamRedaction(scanner, [one.id for one in scanner.detectors], compile_pattern, stride_chars=1)
    text = "ab" * 400 + "c 123x " + "b" * 500
    redactor = redaction.begin()
    redactor.feed(text[:790])
    assert 390 < redactor.held_chars <= redaction.hold_back_chars
    assert streamed(redaction, cut_at(text, range(0, 2000, 17))) == scanner.inspect(text).redact(redaction.ids)


def test_hold_back_is_that_of_the_detectors_in_force():
    one = StreamRedaction(scanner_of("own"), ["injection.pair"], compile_pattern)
    more = StreamRedaction(scanner_of("own"), ["injection.pair", "pii.card"], compile_pattern)
    assert 0 < one.hold_back_chars < more.hold_back_chars


def test_detector_without_a_bound_redacts_a_stream_when_it_has_ended():
    runs = Scanner((detector("pii.run", Shape(pattern="a+b")),), compile_pattern)
    redaction = StreamRedaction(runs, ["pii.run"], compile_pattern, max_buffered_chars=50)
    assert redaction.batch_only == ("pii.run",)
    assert redaction.hold_back_chars == 50
    redactor = redaction.begin()
    assert redactor.feed("x aa") == redactor.feed("aab") == ""
    assert redactor.held_chars == 7
    assert redactor.finish() == "x [REDACTED:pii.run]"


def test_detector_that_says_batch_only_is_taken_at_its_word():
    whole = detector("pii.x", Shape(pattern="ab"), batch_only=True)
    assert unbounded([whole, BOUNDED[0]]) == ["pii.x"]


def test_stream_that_would_be_held_back_beyond_the_limit_is_refused():
    runs = Scanner((detector("pii.run", Shape(pattern="a+b")),), compile_pattern)
    redactor = StreamRedaction(runs, ["pii.run"], compile_pattern, max_buffered_chars=50).begin()
    with pytest.raises(DetectionError, match=r"held back.*at most 50.*pii\.run"):
        redactor.feed("a" * 51)
    with pytest.raises(DetectionError, match="has ended"):
        redactor.feed("b")


def test_stream_without_a_place_to_cut_is_refused_beyond_the_limit():
    long = Scanner((detector("pii.run", Shape(pattern="a{0,99}b")),), compile_pattern)
    redactor = StreamRedaction(long, ["pii.run"], compile_pattern, max_buffered_chars=50, stride_chars=1).begin()
    with pytest.raises(DetectionError, match="no place at which it could be cut"):
        redactor.feed("a" * 60)


def test_stream_that_has_ended_takes_nothing_more():
    redactor = redaction_of("own", 1).begin()
    redactor.finish()
    assert redactor.held_chars == 0
    with pytest.raises(DetectionError, match="has ended"):
        redactor.finish()


def test_stream_of_words_that_all_may_begin_a_match_comes_out_as_the_whole_does():
    scanner = Scanner((detector("pii.w", Shape(pattern="(?:[a-z]{2} ){2,9}[0-9]")),), compile_pattern)
    redaction = StreamRedaction(scanner, ["pii.w"], compile_pattern, stride_chars=1)
    text = "ab cd ef gh ij kl mn op qr st uv wx yz " * 2
    assert streamed(redaction, text) == text
    assert streamed(redaction, f"{text}1.") == scanner.inspect(f"{text}1.").redact(("pii.w",)) != f"{text}1."


def test_stream_whose_matches_lie_otherwise_after_a_mask_comes_out_as_the_whole_does():
    threes = Shape(pattern=r"\d{3}", validate=lambda span: span == "234")
    scanner = Scanner((detector("pii.x", Shape(pattern="x1")), detector("pii.three", threes)), compile_pattern)
    redaction = StreamRedaction(scanner, ("pii.x", "pii.three"), compile_pattern, stride_chars=1)
    text = f"x1{'2' * 700}34 and x1234"
    assert streamed(redaction, text) == scanner.inspect(text).redact(redaction.ids) != text


def test_stream_with_a_check_that_fails_amid_a_match_comes_out_as_the_whole_does():
    whole_only = Shape(pattern="k[0-9]{1,8}", validate=lambda span: bool(bytes.fromhex(span[1:])))
    scanner = Scanner((detector("pii.k", whole_only),), compile_pattern)
    redaction = StreamRedaction(scanner, ["pii.k"], compile_pattern, stride_chars=1)
    assert (
        streamed(redaction, "a k1234 b") == scanner.inspect("a k1234 b").redact(("pii.k",)) == f"a {mask_of('pii.k')} b"
    )
    with pytest.raises(ValueError, match="fromhex"):
        streamed(redaction, "a k123 b")


def test_stream_that_cannot_be_redacted_is_refused_as_the_whole_is():
    first = Shape(pattern="a", in_context=lambda before, _span, _after: "a" not in before, window_chars=400)
    scanner = Scanner((detector("pii.a", first),), compile_pattern)
    redaction = StreamRedaction(scanner, ["pii.a"], compile_pattern, stride_chars=1)
    assert streamed(redaction, "aaa") == scanner.inspect("aaa").redact(("pii.a",))
    with pytest.raises(DetectionError, match=f"after {MAX_ROUNDS} rounds"):
        streamed(redaction, "a" * 40)


def test_redaction_of_an_unknown_detector_is_refused():
    with pytest.raises(DetectionError, match="unknown detector"):
        StreamRedaction(scanner_of("own"), ["pii.male"], compile_pattern)


def test_redaction_without_detectors_lets_everything_go():
    redaction = StreamRedaction(scanner_of("own"), [], compile_pattern, stride_chars=1)
    assert streamed(redaction, "ann@example.com") == "ann@example.com"
    assert redaction.begin().feed("ann") == "ann"
