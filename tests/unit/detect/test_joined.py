"""One search for many patterns: what it passes over has none of them, and each of the others is told by its number."""

import re

import pytest

from axonflow.detect.joined import Joined
from axonflow.errors import PolicyError

PATTERNS = ["cat", "dog", "cow", "hen", "fox"]


class Compiled:
    def __init__(self, pattern):
        self.pattern = re.compile(pattern.encode())

    def spans(self, text, group, start, end):
        return [match.span(group) for match in self.pattern.finditer(text, start, end)]


def compiler(most, asked):
    """Compiles patterns of so many alternatives at most."""

    def compile_pattern(pattern):
        asked.append(pattern)
        if pattern.count("|") >= most:
            raise PolicyError("too large")
        return Compiled(pattern)

    return compile_pattern


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_patterns_too_large_together_are_looked_for_in_halves(most):
    asked = []
    joined = Joined(PATTERNS, compiler(most, asked))
    text = b"a cow and a fox, a cow"
    found = [{number for number, _ in joined.find(text, [(0, len(text))])} for _ in range(2)]
    assert found[0] == found[1]
    assert found[0] >= {2, 4}
    assert len(asked) == len(set(asked))  # what was too large is not tried again
    if most > 1:
        assert 0 not in found[0]


def test_pattern_is_looked_for_in_the_windows_that_have_one_of_its_group():
    joined = Joined(PATTERNS, compiler(5, []))
    found = dict(joined.find(b"a cat, nothing, a dog", [(0, 6), (6, 15), (15, 21)]))
    assert found == {0: [(0, 6), (15, 21)], 1: [(0, 6), (15, 21)]}  # the two are one group
    assert list(joined.find(b"nothing", [(0, 7)])) == []
