"""What may be asked of a trail: what no event can be is refused, for finding nothing looks like an
answer."""

from typing import get_args

import pytest

from axonflow import Effect, RequestError
from axonflow.audit import AUDIT_EFFECTS, AUDIT_KINDS, AuditKind, AuditQuery
from axonflow.audit.query import check_period, check_short_form, check_words, page_after

EVENT_ID = "01a20275-0601-7493-a25c-202214055027"


def refusal(call, *arguments, **named):
    with pytest.raises(RequestError) as caught:
        call(*arguments, **named)
    error = caught.value
    assert isinstance(error, ValueError)
    return error.at, error.expected, error.found


def test_audit_words_are_those_of_events_and_decisions():
    assert get_args(AuditKind) == AUDIT_KINDS
    assert set(AUDIT_EFFECTS) == {*Effect} - {Effect.WARN}  # which annotates, and is no decision's


@pytest.mark.parametrize("kind", [None, *AUDIT_KINDS])
@pytest.mark.parametrize("effect", [None, *AUDIT_EFFECTS])
def test_query_of_a_known_kind_and_effect_asks_for_them(kind, effect):
    query = AuditQuery(tenant_id="t", kind=kind, effect=effect)
    assert (query.kind, query.effect) == (kind, effect)


@pytest.mark.parametrize("word", ["nonsense", "", "Decision", "tool.call", "a\0b", "\ud800"])
def test_query_of_an_unknown_kind_or_effect_names_what_there_is(word):
    kinds = "decision or model_call or tool_call or plan_step or admin or login"
    effects = "deny or require_approval or redact or limit or allow or log"
    assert refusal(AuditQuery, tenant_id="t", kind=word) == ("$.kind", kinds, ascii(word))
    assert refusal(AuditQuery, tenant_id="t", effect=word) == ("$.effect", effects, ascii(word))
    assert refusal(check_words, None, word, at="")[0] == "effect"


def test_query_of_a_long_word_shows_the_beginning_of_it():
    assert len(refusal(AuditQuery, tenant_id="t", kind="x" * 10_000)[2]) == 80


@pytest.mark.parametrize(("start_us", "end_us"), [(5, 5), (5, 4), (0, -1), (2**70, 0)])
def test_query_of_a_time_that_ends_before_it_begins_is_refused(start_us, end_us):
    assert refusal(AuditQuery, tenant_id="t", start_us=start_us, end_us=end_us)[0] == "$.end_us"
    assert refusal(check_period, start_us, end_us, "--until")[0] == "--until"


@pytest.mark.parametrize(("start_us", "end_us"), [(None, None), (5, None), (None, 5), (4, 5), (-1, 2**70)])
def test_query_of_a_time_that_may_hold_events_asks_for_it(start_us, end_us):
    query = AuditQuery(tenant_id="t", start_us=start_us, end_us=end_us)
    assert (query.start_us, query.end_us) == (start_us, end_us)


@pytest.mark.parametrize(
    ("field", "number"), [("limit", 0), ("limit", -1), ("limit", 10**9), ("offset", -1), ("offset", 10**9)]
)
def test_query_of_a_number_out_of_range_says_what_it_may_be(field, number):
    at, expected, found = refusal(AuditQuery, tenant_id="t", **{field: number})
    assert (at, found) == (f"$.{field}", str(number))
    assert expected.split(" to ")[1] in ("1000", "1000000")


def test_short_form_without_a_type_is_refused_and_with_one_is_not():
    assert refusal(check_short_form, "ann", "principal") == (
        "principal", "type:id, such as user:ann or tool:shell", "'ann'"
    )  # fmt: skip
    for name in (None, "user:ann", "tool:a:b", "user:"):
        check_short_form(name, "principal")


def test_page_after_an_event_is_that_and_after_nothing_the_first():
    assert page_after(EVENT_ID) == EVENT_ID
    assert (page_after(None), page_after("")) == (None, None)
    assert refusal(page_after, EVENT_ID[:-1], "$.before")[0] == "$.before"
