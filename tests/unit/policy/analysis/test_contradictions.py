"""Rules that contradict each other where what they ask is about several attributes at once: told with a request."""

import pytest

from tests.unit.policy.analysis.small_world import analysed, found
from tests.unit.policy.analysis.test_jointly import NOW_S, rule


@pytest.mark.parametrize(
    ("refused", "is_conflict"),
    [
        ("context.n < 6", True),
        ("context.n > 6", False),
        ("context.n > 2", False),
        ("context.a < context.b && context.n < 6", True),
        ("context.a < context.b || context.n < 6", False),
    ],
)
def test_denial_contradicts_where_each_of_the_two_matches_without_the_other(refused, is_conflict):
    """What is allowed asks about two attributes together, for which no values are known beforehand."""
    allowed = "context.a < context.b && context.n > 3"
    engine, analysis = analysed(rule("yes", "allow", when=allowed), rule("no", "deny", when=refused))
    assert found(analysis, "conflict") == ({("yes", "no")} if is_conflict else set())
    for one in analysis.findings:
        decision = engine.decide(one.witness, "", NOW_S)
        assert (decision.effect, set(decision.policies)) == ("deny", {"yes", "no"})
