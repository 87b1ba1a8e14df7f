"""Keywords: whole words in any case, however many there are."""

import random

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import Detector, Scanner
from axonflow.detect.keywords import folded_keyword, keyword_length_chars, keyword_shapes


def found(keywords, content):
    folded = {folded_keyword(keyword) for keyword in keywords}
    detector = Detector(
        id="custom.k",
        category="custom",
        severity="low",
        description="Words.",
        shapes=tuple(keyword_shapes(folded)),
        max_span_chars=max(map(keyword_length_chars, folded)),
        examples=(),
        counter_examples=(),
    )
    scanner = Scanner([detector], compile_pattern)
    return [(one.start, one.end) for one in scanner.inspect(content).findings(("custom.k",))]


@pytest.mark.parametrize(
    ("keywords", "text", "parts"),
    [
        (["falcon"], "Falcon, FALCON and falconry, afalcon", ["Falcon", "FALCON"]),
        (["falcon"], "prod_falcon_2 falcon2", ["falcon"]),
        (["blue falcon"], "Blue \r\n falcon bluefalcon", ["Blue \r\n falcon"]),
        (["blue falcon"], "blue     falcon", []),
        (["cat", "cat food"], "cat foods, cat food", ["cat", "cat food"]),
        (["c++", ".net", "a.b"], "C++ and .NET, not c+ nor net nor axb; a.b", ["C++", ".NET", "a.b"]),
        (["café"], "CAF\u00c9, cafe", ["CAF\u00c9", "cafe"]),
        (["cafe\u0301"], "CAF\u00c9", ["CAF\u00c9"]),
        (["falcon"], "ｆａｌｃｏｎ f\u0430lcon", ["ｆａｌｃｏｎ", "f\u0430lcon"]),
        (["the 2nd one"], "the 2nd one, the 2nd  one", ["the 2nd one", "the 2nd  one"]),
        (["x" * 128], "x" * 128 + " " + "x" * 129, ["x" * 128]),
    ],
)
def test_keywords_in_a_text_are_found_as_whole_words(keywords, text, parts):
    assert [text[start:end] for start, end in found(keywords, text)] == parts


def test_keywords_in_members_and_names_are_found_in_each():
    assert len(found(["falcon"], {"falcon": ["x", "the falcon"], "f": "al con"})) == 2


@pytest.mark.slow
def test_keywords_of_thousands_are_all_found():
    rng = random.Random(20261121)
    print("seed 20261121")
    keywords = {
        " ".join("".join(rng.choices("abcdefgh", k=rng.randint(3, 9))) for _ in range(rng.randint(1, 3)))
        for _ in range(3_000)
    }
    for keyword in rng.sample(sorted(keywords), 60):
        text = f"zz, {keyword.upper()}; zz"
        assert (4, 4 + len(keyword)) in found([*rng.sample(sorted(keywords), 200), keyword], text)
    text = " zz ".join(sorted(keywords))
    covered = sum(end - start for start, end in found(keywords, text))
    assert covered == sum(map(len, keywords))


def test_keywords_without_one_of_their_words_are_not_searched_for():
    shapes = list(keyword_shapes({"blue falcon", "c++x"}))
    assert {word for shape in shapes for word in shape.words} == {"falcon", "c"}
