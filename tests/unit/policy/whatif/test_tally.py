"""What is counted of outcomes, and what is shown of them."""

from axonflow.policy.whatif.ruling import Ruling
from axonflow.policy.whatif.tally import Outcome, Tally


def outcome(before, after, rule="r", missing=()):
    return Outcome("tool.call", before, "old", Ruling(after, rule, missing))


def test_tally_tells_what_is_tightened_from_what_is_loosened_and_from_what_stays_allowed():
    tally = Tally(5)
    for before, after, count in (("allow", "deny", 3), ("redact", "require_approval", 4), ("deny", "limit", 5),
                                 ("allow", "redact", 6), ("deny", "deny", 7)):  # fmt: skip
        tally.add(outcome(before, after), count)
    assert (tally.tightened, tally.loosened, tally.flips, tally.decided) == (7, 5, 18, 25)
    assert (tally.by_rule, tally.no_longer) == ({"r": 18}, {"old": 18})


def test_tally_of_nothing_has_nothing_tightened_or_loosened():
    assert (Tally(5).tightened, Tally(5).loosened, Tally(5).flips) == (0, 0, 0)


def test_tally_shows_no_more_than_its_limit_of_each_kind_and_says_when_it_is_full():
    tally = Tally(2)
    assert [tally.show(outcome("allow", "deny"), name) for name in "abc"] == [True, False, False]
    assert [tally.show(outcome("allow", None, missing=("x",)), name) for name in "de"] == [True, False]
    assert tally.show(outcome("deny", "deny"), "f") is False
    assert [name for name, _ in tally.shown] == ["a", "b"]
    assert [name for name, _ in tally.shown_undecidable] == ["d", "e"]


def test_tally_of_more_rules_than_it_counts_adds_the_rest_up(monkeypatch):
    monkeypatch.setattr("axonflow.policy.whatif.tally._MOST_COUNTED", 2)
    tally = Tally(5)
    for rule, count in (("r1", 1), ("r2", 2), ("r3", 3), ("r4", 4), ("r1", 5)):
        tally.add(outcome("allow", "deny", rule), count)
    assert tally.by_rule == {"r1": 6, "r2": 2, "(others)": 7}
    assert tally.flips == 15
