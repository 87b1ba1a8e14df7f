"""Exceptions and required attributes against what was recorded: judged as they would have been, or not at all."""

import pytest

from tests.unit.policy.whatif.test_evidence import MAIL, ask, opened, recorded, tallied

EVER, PAST = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
READS = {"effect": "warn", "when": "context.env == 'prod' || context.env == 'dev'"}


def outcome(context, *, exception, reads=READS, content=None):
    """What becomes of a request that was allowed, under a denial of everything with an `exception`."""
    before, log = opened(reads)
    events = recorded(before, log, ask(context, content))
    parts = {"id": "e", "rules": ["r0"], "reason": "Known.", "expires": EVER} | exception
    after, _ = opened({"effect": "deny"}, exceptions=[parts])
    tally = tallied(events, after, before)
    return "undecidable" if tally.undecidable else next(iter(tally.effects))[1]


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ({}, "allow"),
        ({"expires": PAST}, "deny"),
        ({"match": {"action": "llm.request"}}, "deny"),
        ({"match": {"action": "tool.call"}}, "allow"),
        ({"when": "context.env == 'dev'"}, "allow"),
        ({"when": "context.env == 'prod'"}, "deny"),
        ({"when": "context.env > 5"}, "deny"),
        ({"when": "context.other == 1"}, "undecidable"),
        ({"when": "has(context.other) && context.other == 1"}, "undecidable"),
    ],
)
def test_exception_holds_for_a_recorded_decision_as_it_would_have_then(exception, expected):
    assert outcome({"env": "dev", "other": 2}, exception=exception) == expected


def test_exception_that_asks_a_detector_that_nobody_asked_then_is_undecidable():
    assert outcome({"env": "dev"}, exception={"when": MAIL}, content="ann@example.com") == "undecidable"


@pytest.mark.parametrize(
    ("required", "context", "expected"),
    [
        ("context.env", {"env": "dev"}, "allow"),
        ("context.env", {}, "deny"),
        ("context.other", {"env": "dev", "other": 1}, "undecidable"),
    ],
)
def test_required_attribute_of_a_recorded_decision_is_there_or_not_or_unknown(required, context, expected):
    before, log = opened(READS | {"effect": "log", "when": "has(context.env) && context.env == 'dev'"})
    after, _ = opened(requires={"tool.call": [required]})
    tally = tallied(recorded(before, log, ask(context)), after, before)
    found = "undecidable" if tally.undecidable else next(iter(tally.effects))[1]
    assert found == expected
