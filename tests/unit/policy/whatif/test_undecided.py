"""Where one rule is known and another is not, what is said of the decision, and which of the two is named for it."""

import pytest

from tests.unit.policy.whatif.test_evidence import MAIL, opened, recorded, tallied
from tests.unit.policy.whatif.test_partial_request import DEEP, SEEN_DEEP, ask, told

A, B = {"match": {"context.a": "x"}}, {"match": {"context.b": "y"}}


@pytest.mark.parametrize(
    ("a", "expected"),
    [("x", "deny"), (["z", "x"], "deny"), ("z", ["context.b"]), (["z"], ["context.b"]), (7, ["context.b"])],
)
def test_rules_looked_up_by_two_attributes_are_told_by_the_one_that_was_recorded(a, expected):
    assert told([A, B], ask(a=a, b="y"), "context.a == 'x'") == expected


def test_rules_looked_up_by_an_attribute_and_by_a_member_of_it_are_not_told_where_only_the_member_was_read():
    rules = [{"match": {"context.extra": "prod"}}, {"match": {"context.extra.deep": "x"}}]
    assert told(rules, ask(extra="prod"), SEEN_DEEP) == ["context.extra"]
    assert told(rules, ask(extra={"deep": "x"}), SEEN_DEEP) == "deny"
    assert told(rules, ask(extra={"deep": "y"}), SEEN_DEEP) == "allow"


def test_rule_looked_up_by_a_member_of_roles_matches_nobody_for_roles_are_texts():
    odd, request = {"match": {"principal.roles.x": "ops"}}, ask({"id": "ann", "roles": ["ops"]})
    assert told([odd], request, "principal.roles == ['ops']") == "allow"
    before, log = opened({"effect": "log"} | odd)
    after, _ = opened({"effect": "deny"} | odd)
    events = recorded(before, log, request)
    assert tallied(events, after, before).missing == {"principal.roles": 1}, "that nothing stands there is all it tells"


def test_rule_looked_up_by_what_may_be_an_object_is_not_told():
    rules = [{"match": {"context.extra": "prod"}}, {"when": DEEP + " && context.n == 1"}]
    assert told(rules, ask(extra="prod", n=2), SEEN_DEEP, "context.n == 1") == ["context.extra"]


def test_rule_that_takes_steps_beside_an_unknown_one_that_does_is_not_known_either():
    """All conditions of a decision share their steps: what the one took may have been missing for the other."""
    known, unknown = "context.some.exists(one, one == 3)", "context.other.exists(one, one == 3)"
    request = ask(some=[1, 2, 3], other=[3])
    before, log = opened({"effect": "log", "when": known})
    events = recorded(before, log, request)
    after, _ = opened({"effect": "deny", "when": known}, {"effect": "warn", "when": unknown})
    tally = tallied(events, after, before)
    assert tally.missing == {"context.other": 1, "steps": 1}
    alone, _ = opened({"effect": "deny", "when": known}, {"effect": "warn", "when": "context.other == 3"})
    assert tallied(events, alone, before).effects == {("allow", "deny"): 1}


def test_rule_that_takes_no_steps_is_known_whatever_the_others_take():
    unknown = "context.other.exists(one, one == 3)"
    assert told([{"when": "context.n == 1"}, {"when": unknown}], ask(n=1, other=[3]), "context.n == 1") == "deny"


def test_exception_that_takes_the_context_as_a_whole_is_not_known():
    waived = {"id": "e", "rules": ["r0"], "reason": "Known.", "expires": "2099-01-01T00:00:00Z"}
    rule = {"when": "context.n == 1"}

    def found(condition, n=1):
        return told([rule], ask(n=n), "context.n == 1", exceptions=[waived | {"when": condition}])

    assert found("size(context) > 5") == ["context"]
    assert found("size(context) > 5", n=2) == "allow", "what does not match needs no exception"
    assert found("context.n > 5") == "deny"


@pytest.mark.parametrize(
    ("required", "extra", "expected"),
    [
        ("context.extra", {"deep": 2}, "allow"),
        ("context.extra", {}, ["context.extra"]),
        ("context.extra.deep", {"deep": 2}, "allow"),
        ("context.extra.deep", {"deep": None}, "deny"),
        ("context.extra.deep", {}, "deny"),
        ("context.other", {"deep": 2}, ["context.other"]),
        ("principal.roles", {"deep": 2}, ["principal.roles"]),
        ("content", {"deep": 2}, ["content"]),
    ],
)
def test_required_attribute_is_there_as_far_as_a_part_of_it_was_recorded(required, extra, expected):
    rule = {"match": {"context.extra.deep": 1}, "when": SEEN_DEEP}
    assert told([rule], ask(extra=extra), SEEN_DEEP, requires={"tool.call": [required]}) == expected


def test_required_attribute_that_is_unknown_names_the_set_that_asks_for_it():
    before, log = opened()
    after, _ = opened(requires={"tool.call": ["context.ticket"]})
    tally = tallied(recorded(before, log, ask(ticket=1)), after, before)
    assert (tally.missing, tally.asked_by) == ({"context.ticket": 1}, {"(required by test)": 1})


@pytest.mark.parametrize(
    ("condition", "content", "expected"),
    [
        ("size(findings) == 0", "hello", "deny"),
        ("size(findings) > 0", "hello", "allow"),
        ("size(findings) > 0", "ann@example.com", ["findings"]),
        ("size(findings) > 0", None, "allow"),
        (MAIL, "ann@example.com", "deny"),
    ],
)
def test_findings_are_known_where_nothing_was_found_and_not_what_was_found(condition, content, expected):
    assert told([{"when": condition}], ask(content=content), "size(findings) > 0") == expected


def test_findings_for_which_not_all_detectors_looked_name_some_that_did_not():
    missing = told([{"when": "size(findings) > 0"}], ask(content="hello"), MAIL)
    assert len(missing) > 1
    assert all(one.startswith("detector ") for one in missing)
    assert "detector pii.email" not in missing
