"""What shapes say of a text that is still arriving: what matches, and up to where it is settled."""

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect.detector import Shape
from axonflow.detect.stream_shapes import StreamShapes
from tests.unit.detect.test_streaming import detector

WORDS = detector("pii.words", Shape(pattern=r"[a-z]{1,3} [a-z]{1,3} 9"))


def shapes_of(*detectors):
    return StreamShapes(detectors, compile_pattern)


def test_look_leaves_out_a_shape_of_which_the_text_has_no_trigger():
    with_trigger = detector("pii.cat", Shape(pattern=r"\d{2}(?:cat|dog)", triggers=("cat",)))
    shapes = shapes_of(with_trigger, detector("pii.dog", Shape(pattern=r"\d{2}dog")))
    assert [match.detector for match in shapes.look(b"a 12dog", 0).matches] == ["pii.dog"]
    both = shapes.look(b"a 12dog and 34cat", 0).matches
    assert [(match.detector, match.start) for match in both] == [("pii.cat", 2), ("pii.cat", 12), ("pii.dog", 2)]
    assert shapes.look(b"a cat, a dog", 0).matches == []


def test_settled_until_is_a_place_that_nothing_can_reach_beyond():
    shapes = shapes_of(WORDS)
    text = b"ABCD ABCD ab ABCD "
    assert shapes.settled_until(text, 0, 5, b"MASK") == 5
    assert shapes.settled_until(text, 0, 10, b"MASK") == 10


def test_settled_until_of_a_text_that_is_open_ever_further_back_is_its_start():
    shapes = shapes_of(WORDS)
    text = b"ABCD " + b"ab " * 30
    assert shapes.settled_until(text, 0, len(text) - 3, b"MASK") == 0
    assert shapes.settled_until(text, 5, 8, b"MASK") == 5
