"""What is one thing here and two in Cedar is told apart, and what would be endless here is named."""

import json

import cedarpy
import pytest

from axonflow import AxonFlow, Request
from axonflow.policy.cel.lexer import MAX_EXPRESSION_CHARS
from axonflow.policy.importing.cedar.naming import Names
from axonflow.policy.importing.cedar.policies import import_cedar

ALL = "permit(principal, action, resource)"
NAMED = 'forbid(principal, action == Action::"view", resource) when { false };'
ASKED = {"principal": 'User::"ann"', "action": 'Action::"view"', "resource": 'Photo::"p"'}
KINDS = {"a": "datetime", "b": "datetime", "c": "duration", "d": "duration"}
TIMES = Names(types={f"context.{name}": kind for name, kind in KINDS.items()})


def extension(function, text):
    return {"__extn": {"fn": function, "arg": text}}


def allowed(text, *, names=None, resource="photo:p", **context):
    one, findings = import_cedar(text, "f.cedar", "f", names or Names(), widen=False)
    assert not any(found.loosens for found in findings)
    return AxonFlow.open(one.document).decide(Request("user:ann", "view", resource, context=context)).allowed


@pytest.mark.parametrize(
    "text",
    [
        f'{ALL} when {{ ["user:ann"].contains(principal) }};',
        f'{ALL} when {{ [principal].contains("user:ann") }};',
        f'{ALL} when {{ [principal] == ["user:ann"] }};',
        f'{ALL} when {{ [principal, "user:ann"] == [principal] }};',
        f'{ALL} when {{ {{x: principal}} == {{x: "user:ann"}} }};',
        f'{ALL} when {{ ["user:ann", "b"].containsAll([principal]) }};',
        f'{ALL} when {{ [principal].containsAny(["user:ann"]) }};',
        f'{ALL} when {{ (if true then [principal] else ["x"]).contains("user:ann") }};',
        f'{ALL} when {{ (if true then principal else "x") == "user:ann" }};',
        f'{ALL} when {{ (if true then principal else context.z) == "user:ann" }};',
        f'{ALL} when {{ (if true then principal else 1) like "user:*" }};',
        f'{ALL} when {{ resource.o == (if true then "user:ann" else context.z) }};',
        f'{ALL} when {{ [if true then "user:ann" else context.z].contains(principal) }};',
        f'{ALL} when {{ (if true then "10.0.0.1" else context.z) == ip("10.0.0.1") }};',
        f'{ALL} when {{ (if true then "10.0.0.1" else context.z).isInRange(ip("10.0.0.0/8")) }};',
        f'{ALL} when {{ (if true then (if true then 1 else context.z) else context.z).lessThan(decimal("1.5")) }};',
        f'{ALL} when {{ (if true then "2024-01-01T00:00:00Z" else context.z) == datetime("2024-01-01") }};',
        rf'{ALL}; forbid(principal, action, resource) when {{ "text" like "\u{{2a}}" }};',
        rf'{ALL} unless {{ "text" like "t\x2at" }};',
        f"{ALL}; // a comment ends where a line does\rforbid(principal, action, resource);\n",
    ],
)
def test_request_denied_for_what_is_no_text_there_is_denied(text):
    ann = {"type": "User", "id": "ann"}
    photo = {"uid": {"type": "Photo", "id": "p"}, "attrs": {"o": {"__entity": ann}}, "parents": []}
    stored = json.dumps([photo, {"uid": ann, "attrs": {}, "parents": []}])
    assert not cedarpy.is_authorized(ASKED | {"context": {}}, f"{text} {NAMED}", stored).allowed
    names = Names(types={"resource.o": "entity"})
    assert not allowed(
        f"{text} {NAMED}", names=names, resource={"type": "photo", "id": "p", "attributes": {"o": "user:ann"}}
    )


def test_entity_that_may_be_an_attribute_compared_with_entities_is_carried_over():
    text = f'{ALL} when {{ (if context has o then context.o else principal) == User::"ann" }}; {NAMED}'
    assert (allowed(text), allowed(text, o="user:bob")) == (True, False)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("!(context.a == context.b)", False),
        ("context.a != context.b", False),
        ("context.a <= context.b", True),
        ("context.c != context.d", False),
        ("context.c.toMinutes() >= 60", True),
    ],
)
def test_declared_times_written_differently_are_equal(condition, expected):
    """Of two attributes neither says what the other is, so they were compared as texts."""
    text = f"{ALL} when {{ {condition} }}; {NAMED}"
    a, b, c, d = "2024-01-01T00:00:00Z", "2024-01-01T01:00:00.000+01:00", "1h", "60m"
    there = {"a": extension("datetime", a), "b": extension("datetime", "2024-01-01T01:00:00.000+0100")}
    there |= {"c": extension("duration", c), "d": extension("duration", d)}
    assert cedarpy.is_authorized(ASKED | {"context": there}, text, "[]").allowed == expected
    assert allowed(text, names=TIMES, a=a, b=b, c=c, d=d) == expected


@pytest.mark.parametrize("scope", ['principal in Team::"ann"', 'principal is Team in Team::"ann"'])
@pytest.mark.parametrize("lists", [{"Team": "principal.teams"}, {"Team": "principal.groups"}])
def test_principal_that_is_what_a_forbid_names_the_members_of_is_denied(scope, lists):
    """In Cedar an entity is in itself."""
    text = f'{ALL}; forbid({scope}, action == Action::"view", resource);'
    there = ASKED | {"principal": 'Team::"ann"', "context": {}}
    assert not cedarpy.is_authorized(there, text, json.dumps([])).allowed
    assert not allowed(text, names=Names(principals={"Team": "user"}, memberships=lists))


def _doubled(times):
    text = "context.d.toMilliseconds()"
    for _ in range(times):
        text = f'(if {text} > 0 then duration("1s") else duration("2s")).toMilliseconds()'
    return f"{text} > 0"


@pytest.mark.slow
@pytest.mark.parametrize("condition", [_doubled(14), " || ".join(["context.a == 1"] * 5_000)])
@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_condition_longer_than_any_of_ours_is_named_before_it_is_written(effect, condition):
    text = f"{effect}(principal, action, resource) when {{ {condition} }};"
    one, (found,) = import_cedar(text, "f.cedar", "f", Names(), widen=False)
    assert (one.rules, found.kind, found.loosens) == ((), "left out", effect == "forbid")
    assert str(MAX_EXPRESSION_CHARS) in found.why
    one, _ = import_cedar(text, "f.cedar", "f", Names(), widen=True)
    assert sum(len(rule.rule.get("when", "")) for rule in one.rules) <= 2 * MAX_EXPRESSION_CHARS


@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_principal_in_a_principal_is_carried_over_for_it_alone_and_named(effect):
    text = f'{effect}(principal in User::"boss", action == Action::"read", resource);'
    _, (found,) = import_cedar(text, "f.cedar", "f", Names(), widen=False)
    assert (found.kind, found.loosens, found.found) == ("assumed", effect == "forbid", 'principal in User::"boss"')


def test_condition_that_asks_who_is_in_a_principal_is_left_out_and_named():
    text = 'forbid(principal, action == Action::"read", resource) when { principal in User::"boss" };'
    one, (found,) = import_cedar(text, "f.cedar", "f", Names(), widen=False)
    assert (found.loosens, found.found, one.document["rules"]) == (True, 'principal in User::"boss"', [])
