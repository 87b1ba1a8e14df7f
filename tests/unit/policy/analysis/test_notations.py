"""Texts for patterns, and expressions as text again."""

import re
from itertools import islice

import pytest

from axonflow.policy.analysis.notations import addresses, globbed, versions
from axonflow.policy.analysis.sampling import samples
from axonflow.policy.analysis.writing import template_of, written
from axonflow.policy.cel.addresses import read_client
from axonflow.policy.cel.compiler import Compiler
from axonflow.policy.cel.globs import Glob
from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.versions import read_semver


class NoHost:
    """Expressions here are only read."""

    @staticmethod
    def detectors(selector):
        return (selector,)

    @staticmethod
    def pattern(pattern):
        return pattern


PATTERNS = [
    "^[A-Z]{2,5}-[0-9]+$", "(?i)^(rm|dd)\\s+-rf?", "a|b|cd", "x{3}", "[^a-z]\\d?", "\\x41\\.txt$", "(?:ab)+?c*",
    "[]a]b",     "[\\w.-]+@example", "a{2,}", "(?P<name>x)y", "\\bsecret\\b", "^$", "[a\\]]",
]  # fmt: skip
NOT_UNDERSTOOD = ["a(?=b)", "\\pL+", "(a", "[ab", "(?<!x)y", "a{", "\\"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_samples_of_a_pattern_are_found_by_it(pattern):
    texts = list(samples(pattern))
    assert texts
    assert any(re.search(pattern, text) for text in texts)


@pytest.mark.parametrize("pattern", NOT_UNDERSTOOD)
def test_samples_of_what_is_not_understood_are_none(pattern):
    assert list(samples(pattern)) == []


def test_samples_of_endless_repetition_end_soon():
    assert all(len(text) < 5_000 for text in samples("((a{1000}){1000}){1000}"))


@pytest.mark.parametrize("pattern", ["prod-*", "*", "a?c*", "\\*x", "plain"])
def test_globbed_texts_match_their_pattern(pattern):
    assert all(Glob(pattern).matches(text) for text in globbed(pattern, "zz"))


def test_addresses_are_inside_and_right_beside_each_network():
    found = list(addresses(["10.0.0.0/8", "2001:db8::/32", "nonsense"]))
    assert {"10.0.0.0", "11.0.0.0", "9.255.255.255", "2001:db8::", "2001:db9::"} <= set(found)
    assert all(read_client(text) for text in found)
    assert list(addresses(["nonsense"])) == []


def test_versions_are_at_and_behind_each_bound():
    found = list(versions([">=1.2 <2 || ^3.1-rc.1", "~0.9.1"]))
    assert {"1.2.0", "1.2.1-0", "2.0.0", "0.9.1", "0.10.0-0", "0.10.0-0.0", "0.0.0-0"} <= set(found)
    assert all(read_semver(text) for text in found)
    assert list(versions(["nonsense"])) == []


WRITTEN = [
    *[row.example for row in FUNCTIONS.values()],
    'context.?a.orValue("x") == "x" && context[?"b"].hasValue() && context["odd name"] == 1',
    '[1, ?context.?n].size() > 0 ? {"a": 1, ?"b": context.?b} == {} : !has(context.`odd field`)',
    'content.map(x, x.n > 1, x.n).exists(y, y == -1) || content.transformMap(k, v, v)["a"] == null',
    "cel.bind(x, context.a, cel.bind(y, x + 1, y > 2)) && (true || false) && 7u == uint(7) && b'a' == bytes('a')",
]  # fmt: skip


def test_expressions_written_anew_mean_the_same():
    compiler = Compiler(NoHost())
    assert len(WRITTEN) > 4
    for text in WRITTEN:
        first = compiler.read(text)
        again = compiler.read(written(template_of(first.parsed.node), first.literals))
        assert again.literals == first.literals, text
        assert list(islice(template_of(again.parsed.node), 500)) == list(islice(template_of(first.parsed.node), 500))
