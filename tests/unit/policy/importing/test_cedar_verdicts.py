"""What is imported of Cedar decides as Cedar does, asked of Cedar's own engine."""

import json

import cedarpy
from hypothesis import event, given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.policy.importing.cedar.parser import parse_policies
from axonflow.policy.importing.cedar.policies import import_cedar, rules_of
from axonflow.policy.importing.cedar.printer import printed
from axonflow.policy.importing.places import Places
from tests.cedar_worlds import NAMES, policies, worlds


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
