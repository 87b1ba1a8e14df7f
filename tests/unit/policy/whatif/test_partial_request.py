"""What a recorded decision knows of its request: what stands there, what does not, and what nobody can tell."""

import pytest

from axonflow import Request
from axonflow.policy.whatif.partial_request import PartialRequest, UnrecordedError
from tests.unit.policy.whatif.test_evidence import DECODE, event, opened, recorded, tallied


def told(rules, request, *reads, **parts):
    """What denials by these `rules` do to a `request` that was allowed by policies that read these conditions: the
    effect, or the names of what was not recorded."""
    before, log = opened(*[{"effect": "log", "when": one} for one in reads])
    after, _ = opened(*[{"effect": "deny", **rule} for rule in rules], **parts)
    tally = tallied(recorded(before, log, request), after, before)
    if tally.undecidable:
        assert (tally.undecidable, tally.effects) == (1, {})
        return list(tally.missing)
    ((pair, count),) = tally.effects.items()
    assert (pair[0], count) == ("allow", 1)
    return pair[1]


def ask(principal="user:ann", content=None, **context):
    return Request(principal, "tool.call", "tool:x", context, content)


DEEP, SEEN_DEEP = "context.extra.deep == 1", "context.?extra.deep.orValue(0) == 1"


@pytest.mark.parametrize(
    ("rule", "extra", "expected"),
    [
        ({"when": DEEP}, {"deep": 1}, "deny"),
        ({"when": DEEP}, {"deep": 2}, "allow"),
        ({"when": SEEN_DEEP}, {}, ["context.extra"]),
        ({"when": "has(context.extra)"}, {"deep": 1}, ["context.extra"]),
        ({"when": "has(context.extra)"}, {}, ["context.extra"]),
        ({"when": "has(context.extra.deep)"}, {"deep": 1}, "deny"),
        ({"when": "context.extra == {'deep': 1}"}, {"deep": 1}, ["context.extra"]),
        ({"match": {"context.extra.deep": 1}}, {"deep": 1}, "deny"),
        ({"match": {"context.extra.deep": 1}}, {"deep": 2}, "allow"),
        ({"match": {"context.extra.deep": 1}}, {}, "allow"),
        ({"match": {"context.extra.deep": 1}}, "prod", "allow"),
        ({"match": {"context.extra": 1}}, {"deep": 1}, ["context.extra"]),
        ({"match": {"context.extra": 1}, "when": DEEP}, {"deep": 1}, "allow"),
        ({"match": {"context.extra": 1}, "when": DEEP}, {"deep": 2}, "allow"),
        ({"when": DEEP + " && context.extra.other == 2"}, {"deep": 1}, ["context.extra.other"]),
        ({"when": DEEP + " && context.extra.other == 2"}, {"deep": 2}, "allow"),
        ({"match": {"context.extra.deep": 1, "context.extra.other": 2}}, {"deep": 1}, ["context.extra.other"]),
    ],
)
def test_member_of_an_object_is_known_alone_and_not_what_stands_around_it(rule, extra, expected):
    assert told([rule], ask(extra=extra), SEEN_DEEP) == expected


@pytest.mark.parametrize(
    ("condition", "extra", "expected"),
    [
        ("context.extra.a.b == 1", {"a": {"b": 1}}, "deny"),
        ("context.extra.a.b == 1", {"a": {"b": 2}}, "allow"),
        ("context.?extra.?a.?b.orValue(2) == 1", {"a": {"b": 1}}, "deny"),
        ("context.extra.a.b == 1 && context.extra.a.c == 2", {"a": {"b": 1, "c": 2}}, "deny"),
    ],
)
def test_member_of_a_member_is_known_where_both_were_read(condition, extra, expected):
    assert told([{"when": condition}], ask(extra=extra), condition) == expected


def test_member_of_what_was_recorded_as_a_whole_is_taken_from_the_whole():
    rule = {"when": "context.extra.deep == 1"}
    reads = ("context.extra == {'deep': 1}", SEEN_DEEP)
    assert told([rule], ask(extra={"deep": 1}), *reads) == "deny"
    assert told([rule], ask(extra={}), *reads) == "deny", "without it the condition fails, and a denial is closed then"
    assert told([{"match": {"context.extra.deep": 1}}], ask(extra={}), *reads) == "allow"


CHAIN = {"id": "bot", "type": "agent", "on_behalf_of": {"id": "ann", "roles": ["ops"], "attributes": {"level": 3}}}
BEHIND = "has(principal.on_behalf_of) && principal.on_behalf_of"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{BEHIND}.id == 'ann'", "deny"),
        (f"{BEHIND}.id == 'bob'", "allow"),
        (f"{BEHIND}.level == 3", "deny"),
        (f"{BEHIND}.attributes.level == 4", "allow"),
        (f"{BEHIND}.roles == ['ops']", "deny"),
        ("'clerk' in principal.on_behalf_of.roles", "allow"),
        (f"{BEHIND}.groups == ['red']", ["principal.on_behalf_of.groups"]),
        (f"{BEHIND}.tenant == 'acme'", ["principal.on_behalf_of.tenant"]),
    ],
)
def test_principal_that_another_acts_for_is_known_as_far_as_it_was_read(condition, expected):
    reads = [f"{BEHIND}.level == 3", f"{BEHIND}.roles == ['ops']"]
    assert told([{"when": condition}], ask(CHAIN), *reads) == expected


def test_principal_that_acts_for_nobody_has_nothing_behind_it():
    assert told([{"when": f"{BEHIND}.level == 3"}], ask(), f"{BEHIND}.level == 3") == "allow"
    assert told([{"match": {"principal.on_behalf_of.level": 3}}], ask(), f"{BEHIND}.level == 3") == "allow"


@pytest.mark.parametrize("condition", ["content == 'hello'", "size(content) > 3", "context.n == 1 && content != null"])
def test_content_is_recorded_of_no_request(condition):
    assert told([{"when": condition}], ask(content="hello", n=1), "context.n == 1") == ["content"]


def test_content_that_nothing_depends_on_is_not_missed():
    assert (
        told([{"when": "context.n == 2 && content == 'hello'"}], ask(content="hello", n=1), "context.n == 2") == "allow"
    )


@pytest.mark.parametrize("look", [len, bool, list, lambda one: one.copy(), lambda one: one == {}, lambda one: {**one}])
def test_object_of_which_a_part_is_known_is_given_to_nobody_as_a_whole(look):
    whole = PartialRequest(DECODE(event(attributes={"context.n": 1})), frozenset(), {"context.n"})
    with pytest.raises(UnrecordedError):
        look(whole.context)
    assert whole.unseen.asked == ["context"]
    assert whole.context["n"] == 1
