"""How long a step will take, by how long those like it took."""

from axonflow.plan.sharing.estimates import MAX_KNOWN, Estimates


def test_estimates_unknown_counts_as_one_and_then_as_what_is_usual():
    estimates = Estimates()
    assert estimates.of_us("tool", "a") == 1
    estimates.learn("tool", "b", 500)
    assert estimates.of_us("tool", "a") == estimates.of_us("tool", "b") == 500


def test_estimates_average_forgets_what_was_long_ago():
    estimates = Estimates()
    for took_us in [1_000] * 5 + [100] * 30:
        estimates.learn("tool", "a", took_us)
    assert 100 <= estimates.of_us("tool", "a") < 105


def test_estimates_are_bounded_and_forget_what_was_not_seen_for_longest():
    estimates = Estimates()
    estimates.learn("tool", "old", 7_000_000)
    for number in range(MAX_KNOWN):
        estimates.learn("tool", f"t{number}", 10)
    assert len(estimates._known) == MAX_KNOWN // 2 + 1
    assert estimates.of_us("tool", "old") == 10
