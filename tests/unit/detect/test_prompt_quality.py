"""What holds for prompt shapes on many texts: triggers are complete, lengths bounded, quality kept."""

import random

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect.folding import fold
from axonflow.detect.packs.injection import INJECTION
from tests.benchmarks.prompt_texts import draw, halves, parted, read_grammar, source, texts_of

PROMPT = next(detector for detector in INJECTION if detector.id == "injection.prompt")
ATTACKS = source("attacks").texts(31, 300, 1)
INNOCENTS = source("innocents").texts(32, 500, 1)
TEXT = fold("\n\n".join([*ATTACKS, *INNOCENTS, *PROMPT.examples, *PROMPT.counter_examples]))
LOCATED_BY_TRIGGERS = [shape for shape in PROMPT.shapes if shape.validate is None]


@pytest.mark.parametrize("shape", LOCATED_BY_TRIGGERS, ids=range(len(LOCATED_BY_TRIGGERS)))
def test_prompt_shape_match_holds_a_trigger_and_is_short(shape):
    for start, end in compile_pattern(shape.pattern).all_from(TEXT.encode(), 0):
        matched = TEXT[start:end].lower()
        assert any(trigger in matched for trigger in shape.triggers)
        assert len(matched) <= PROMPT.max_span_chars


def test_prompt_shapes_have_triggers_every_one():
    assert all(shape.triggers for shape in PROMPT.shapes)


def test_prompt_detector_on_drawn_texts_keeps_its_quality(scanner):
    found = sum(scanner.inspect(text).any((PROMPT.id,)) for text in ATTACKS)
    taken = sum(scanner.inspect(text).any((PROMPT.id,)) for text in INNOCENTS)
    assert found >= 0.8 * len(ATTACKS)
    assert taken <= 0.03 * len(INNOCENTS)


def test_grammar_halves_of_a_long_list_share_no_line():
    kept, held = halves(read_grammar("innocents.txt"), 1)
    assert not set(kept["topic"]) & set(held["topic"])
    assert texts_of(kept, 5, 3) == texts_of(kept, 5, 3)


def test_source_parted_in_two_shares_no_line_and_loses_none():
    whole = source("attacks")
    kept, held = parted(whole, held=False), parted(whole, held=True)
    assert sorted(kept.lines + held.lines) == sorted(whole.lines)
    assert not set(kept.lines) & set(held.lines)


def test_grammar_list_that_calls_itself_is_refused_by_name():
    with pytest.raises(ValueError, match="calls itself"):
        draw({"loop": ["{$loop}"]}, random.Random(1))
