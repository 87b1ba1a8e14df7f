"""What is imported of Cedar decides as Cedar does, asked of Cedar's own engine."""

import json

import cedarpy
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.policy.importing.cedar.constants import constant
from axonflow.policy.importing.cedar.parser import parse_policies
from axonflow.policy.importing.cedar.policies import import_cedar, rules_of
from axonflow.policy.importing.cedar.printer import printed, printed_expression
from axonflow.policy.importing.cedar.syntax import EntityRef, Extension, Value
from axonflow.policy.importing.places import Places
from axonflow.policy.importing.report import UnsupportedError
from tests.cedar_worlds import NAMES, PRINCIPALS, RESOURCES, World, entity, policies, stored, worlds


def cedar_decides(text, world):
    answer = cedarpy.is_authorized(world.asked, text, json.dumps(world.entities))
    assert answer.decision.value in {"Allow", "Deny"}, answer.diagnostics.errors
    return answer


def imported(text, *, widen=False):
    return import_cedar(text, "drawn.cedar", "drawn", NAMES, widen=widen)


@settings(max_examples=120, deadline=None)
@given(policies(), st.lists(worlds(), min_size=1, max_size=4))
def test_imported_policies_any_request_decide_as_cedar_or_stricter(drawn, asked):
    text = printed(drawn)
    one, findings = imported(text)
    flow = AxonFlow.open(one.document)
    for world in asked:
        answer, decision = cedar_decides(text, world), flow.decide(world.request)
        said = (text, one.document["rules"], world, answer.diagnostics.errors, decision.errors)
        if not any(found.loosens for found in findings):
            assert answer.allowed or not decision.allowed, said
        if not findings and not decision.errors and world.is_plain:
            event("compared exactly")
            assert decision.allowed == answer.allowed, said


@settings(max_examples=40, deadline=None)
@given(policies(), st.lists(worlds(), min_size=1, max_size=4))
def test_widened_policies_any_request_never_allow_what_cedar_denies(drawn, asked):
    text = printed(drawn)
    one, findings = imported(text, widen=True)
    assert not any(found.loosens for found in findings)
    flow = AxonFlow.open(one.document)
    for world in asked:
        assert cedar_decides(text, world).allowed or not flow.decide(world.request).allowed, (text, one.document, world)


@settings(max_examples=60, deadline=None)
@given(policies())
def test_printed_policies_parsed_again_are_the_same(drawn):
    text = printed(drawn)
    parsed = parse_policies(text, Places("drawn", text).at)
    again = printed(parsed)
    assert again == text
    at = Places("drawn.cedar", text).at
    assert rules_of(parsed, at, "drawn", NAMES, widen=False) == imported(text)
    assert cedarpy.policies_to_json_str(text) == cedarpy.policies_to_json_str(again)


ALL = "permit(principal, action, resource)"
NAMED = 'forbid(principal, action in [Action::"view"], resource) when { false };'


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (f"{ALL} when {{ context.z == 1 || true }};", {}),
        (f"{ALL} when {{ context.a || true }};", {"a": "text"}),
        (f"{ALL} when {{ !(context.z == 1 && context.b == 2) }};", {"b": 3}),
        (f"{ALL} when {{ if context.z || true then true else true }};", {}),
        (f"{ALL} when {{ (context.z == 1 || true) == true }};", {}),
        (f"{ALL} unless {{ context.z && false }};", {}),
        (f"{ALL} when {{ (context.z == 1 && false) == false }};", {}),
        (f"{ALL} when {{ context has a && (context.a || true) }};", {"a": "text"}),
        (f"{ALL} when {{ context.a < context.b }};", {"a": "a", "b": "b"}),
        (f"{ALL} when {{ context.a <= context.b }};", {"a": False, "b": True}),
        (f"{ALL} when {{ context.a + context.b == context.c }};", {"a": "x", "b": "y", "c": "xy"}),
        (f"{ALL} when {{ context.a + context.b == context.c }};", {"a": [1], "b": [2], "c": [1, 2]}),
        (f"{ALL} unless {{ context.a == context.b }};", {"a": [1, 2], "b": [2, 1, 1]}),
        (f"{ALL} when {{ context.a != context.b }};", {"a": {"x": [1, 2]}, "b": {"x": [2, 1]}}),
        (f"{ALL}; forbid(principal, action, resource) when {{ context.a == context.b }};", {"a": [1, 2], "b": [2, 1]}),
        (f"{ALL} unless {{ context.a.contains(context.b) }};", {"a": [[1, 2]], "b": [2, 1]}),
        (f"{ALL} unless {{ context.a.containsAny(context.b) }};", {"a": [[1, 2]], "b": [[2, 1]]}),
        (f"{ALL} unless {{ context.a == [1, 2] }};", {"a": [2, 1]}),
        (f'{ALL} when {{ context.a.contains("x") }};', {"a": {"x": 1}}),
        (f"{ALL} when {{ context.a.isEmpty() }};", {"a": ""}),
        (f'{ALL} when {{ context.a like "*" }};', {"a": 1}),
        (f"{ALL} when {{ context.a has b || true }};", {"a": 1}),
        (f'{ALL} when {{ context.t < datetime("2030-01-01") }};', {"t": 5}),
        (f"{ALL} when {{ context has n && (context.n < 1 || true) }};", {"n": "text"}),
        (f"{ALL} when {{ context.a == 1 }};", {"a": True}),
        (f"{ALL} when {{ -context.a == context.a }};", {"a": -(2**63)}),
        (f"{ALL} when {{ context.a * context.a > 0 || true }};", {"a": 2**62}),
        (f'{ALL} when {{ action in Action::"view" && principal in Group::"h" }};', {}),
        (f'{ALL} when {{ principal.roles.contains("g") }};', {}),
    ],
)  # fmt: skip
def test_request_that_cedar_denies_is_denied(text, context):
    """What is easily got wrong: parts without a value, sets in another order, kinds that have no order or sum."""
    group = EntityRef(0, "Role", "g")
    principal, resource = PRINCIPALS[0], RESOURCES[0]
    asked = {
        "principal": entity(principal),
        "action": 'Action::"view"',
        "resource": entity(resource),
        "context": context,
    }
    world = World(asked, [stored(principal, {}, [group]), stored(resource, {}, []), stored(group, {}, [])], None, False)
    assert not cedar_decides(f"{text} {NAMED}", world).allowed
    one, findings = imported(f"{text} {NAMED}")
    assert not any(found.loosens for found in findings)
    ours = Request(
        principal={"id": principal.id, "type": "user", "roles": ["g"]},
        action="view",
        resource="photo:p",
        context=context,
    )
    assert not AxonFlow.open(one.document).decide(ours).allowed


def test_forbid_without_a_value_denies_here_and_is_skipped_by_cedar():
    text = f"{ALL}; forbid(principal, action, resource) when {{ context.z == 1 }}; {NAMED}"
    asked = {"principal": 'User::"ann"', "action": 'Action::"view"', "resource": 'Photo::"p"', "context": {}}
    assert cedar_decides(text, World(asked, [], None, is_plain=True)).allowed
    decision = AxonFlow.open(imported(text)[0].document).decide(Request("user:ann", "view", "photo:p"))
    assert (decision.allowed, decision.errors[0].message) == (False, "context.z is missing")


PIECES = st.lists(
    st.sampled_from([*"0123456789.:/-+TZ", "10.0.0.0/8", "::1", "2024-10-15", "T11:35:00", "1d", "2h", "3m", "5ms"])
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["ip", "decimal", "datetime", "duration"]), PIECES.map("".join))
def test_constant_that_cedar_refuses_is_none_here(function, text):
    node = Extension(0, function, (Value(0, text),))
    try:
        constant(node)
    except UnsupportedError:
        return
    asked = {"principal": 'User::"ann"', "action": 'Action::"view"', "resource": 'Photo::"p"', "context": {}}
    policy = f"{ALL} when {{ {printed_expression(node)} == {printed_expression(node)} }};"
    assert cedar_decides(policy, World(asked, [], None, is_plain=True)).allowed
