"""The statistics of a replay, against exact ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Decision, Effect, Request, RequestError
from axonflow.cli.decisions.replay.tally import (
    MAX_MALFORMED_SHOWN,
    MAX_MISMATCHES_SHOWN,
    MAX_UNDECIDABLE_SHOWN,
    Comparison,
    LatencyHistogram,
    Slowest,
    Tally,
)
from axonflow.policy import RuleError
from axonflow.policy.documents.checking import Expectation

DURATIONS = st.lists(st.integers(0, 1000) | st.integers(0, 2**40), min_size=1, max_size=200)
REQUEST = Request("user:ann", "tool.call", "tool:search")


def decision(effect=Effect.ALLOW, policies=("yes",), errors=()):
    return Decision(effect, effect is Effect.ALLOW, (), (), policies, "id", "digest", None, errors)


def histogram(durations):
    made = LatencyHistogram()
    for duration in durations:
        made.add(duration)
    return made


def exact(durations, fraction):
    return sorted(durations)[max(1, math.ceil(fraction * len(durations))) - 1]


@given(DURATIONS, st.sampled_from([0.0, 0.25, 0.5, 0.95, 0.99, 1.0]))
def test_histogram_quantile_is_within_its_stated_error(durations, fraction):
    wanted = exact(durations, fraction)
    found = histogram(durations).quantile_ns(fraction)
    assert abs(found - wanted) <= wanted * LatencyHistogram.MAX_RELATIVE_ERROR


@given(st.lists(st.integers(0, 127), min_size=1))
def test_histogram_of_short_durations_is_exact(durations):
    assert histogram(durations).quantile_ns(0.5) == exact(durations, 0.5)


@given(DURATIONS)
def test_histogram_maximum_and_count_are_exact(durations):
    made = histogram(durations)
    assert (made.max_ns, made.count) == (max(durations), len(durations))


@given(DURATIONS, DURATIONS, st.floats(0, 1))
def test_histogram_merge_equals_counting_all_in_one(first, second, fraction):
    merged = histogram(first)
    merged.merge(histogram(second))
    together = histogram(first + second)
    assert (merged.count, merged.max_ns) == (together.count, together.max_ns)
    assert merged.quantile_ns(fraction) == together.quantile_ns(fraction)


def test_histogram_without_durations_answers_zero():
    assert LatencyHistogram().quantile_ns(0.99) == 0


def test_histogram_beyond_its_range_counts_in_the_last_bucket():
    made = histogram([2**60, -1])
    assert (made.count, made.max_ns) == (2, 2**60)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 6))
def test_slowest_of_any_traffic_are_those_of_a_full_sort(durations, most):
    slowest = Slowest(most)
    for line, duration in enumerate(durations, start=1):
        slowest.add(duration, line, REQUEST)
    wanted = sorted(((duration, line) for line, duration in enumerate(durations, start=1)), key=lambda e: (-e[0], e[1]))
    assert [entry[:2] for entry in slowest.ranked()] == wanted[:most]


def test_tally_counts_by_effect_and_by_every_matching_policy():
    tally = Tally()
    tally.add(1, REQUEST, decision(policies=("a", "b")), 10)
    tally.add(2, REQUEST, decision(Effect.DENY, ("b",)), 20)
    tally.add(3, REQUEST, decision(Effect.DENY, ()), 30)
    assert tally.decided == 3
    assert tally.by_effect == {Effect.ALLOW: 1, Effect.DENY: 2}
    assert tally.by_policy == {"a": 1, "b": 2}
    assert tally.unmatched == 1


def test_tally_of_undecidable_requests_counts_all_and_keeps_the_first():
    tally = Tally()
    for line in range(1, 31):
        tally.add(line, REQUEST, decision(errors=(RuleError("rule", "context.x is missing"),)), 1)
    assert tally.undecidable == 30
    assert tally.undecidable_first[0] == (1, "rule", "context.x is missing")
    assert len(tally.undecidable_first) == MAX_UNDECIDABLE_SHOWN


def test_tally_of_malformed_lines_counts_all_and_keeps_the_first():
    tally = Tally()
    shown = [tally.reject(line, RequestError("not JSON")) for line in range(1, 31)]
    assert tally.malformed == 30
    assert shown == [True] * MAX_MALFORMED_SHOWN + [False] * (30 - MAX_MALFORMED_SHOWN)
    assert len(tally.malformed_first) == MAX_MALFORMED_SHOWN


def test_tally_of_a_long_message_keeps_its_beginning():
    tally = Tally()
    tally.reject(1, RequestError("x" * 10_000))
    assert tally.malformed_first == [(1, "x" * 500)]


def test_comparison_of_many_mismatches_counts_all_and_keeps_the_first():
    comparison = Comparison()
    comparison.add(1, Expectation(Effect.ALLOW), decision())
    for line in range(2, 42):
        comparison.add(line, Expectation(Effect.DENY, ("no",)), decision())
    assert (comparison.labelled, comparison.matched, comparison.mismatched) == (41, 1, 40)
    assert comparison.confusion == {(Effect.ALLOW, Effect.ALLOW): 1, (Effect.DENY, Effect.ALLOW): 40}
    assert len(comparison.mismatches) == MAX_MISMATCHES_SHOWN
    assert [(line, found.field) for line, found in comparison.mismatches[:3]] == [
        (2, "effect"),
        (2, "policies"),
        (3, "effect"),
    ]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_tally_of_any_traffic_holds_no_more_than_its_bounds(size):
    tally = Tally()
    for line in range(size):
        tally.add(line, REQUEST, decision(), line)
    assert len(tally.slowest.ranked()) <= 5
    assert tally.latency.count == size
