"""Engines share what they have in common: the detectors and the patterns of those that are in use are made once."""

import gc
import weakref

from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.scanning import builtin_scanner
from axonflow.errors import PolicyError
from axonflow.policy import PolicySource
from axonflow.policy.api.rules import document_of
from axonflow.policy.compiling.compiling import compile_policies
from tests.api_policies import PATTERNS, api_policy, pattern

TEXTS = ("EMP-12345 or 1=1", "aa drop table", "", "123-45-6789 in 日本", "union  select", "x" * 40)
IDS = ("01", "02", "03")
POLICIES = st.builds(
    lambda id_, text, action, severity: api_policy(pattern(text, action), id=id_, severity=severity),
    st.sampled_from(IDS),
    PATTERNS,
    st.sampled_from(["block", "redact", "warn"]),
    st.sampled_from(["low", "high"]),
)


def anew(text):
    """The same engine of patterns under another name, so that nothing is found that was made with it before."""
    return compile_pattern(text)


def engine_of(policies, engine):
    document = document_of("default", policies, [], engine)
    source = PolicySource("drawn", document, lambda path, offset: f"{path} {offset}")
    return compile_policies([source] if document else [], builtin_scanner(), engine)


def outcome(policies, engine):
    try:
        made = engine_of(policies, engine)
    except PolicyError as error:
        return str(error), None
    asked = (Request("user:ann", "llm.request", "model:m", content=text, time=1) for text in TEXTS)
    return (made.digest, [made.decide(request, "", 0.0) for request in asked]), made


@settings(max_examples=40)
@given(st.lists(st.lists(POLICIES, max_size=3, unique_by=lambda one: one.id), min_size=2, max_size=4))
def test_engine_made_beside_others_decides_as_one_made_anew(changes):
    in_use = []
    for policies in changes:
        kept, engine = outcome(policies, compile_pattern)
        in_use.append(engine)
        fresh = outcome(policies, lambda text: anew(text))  # noqa: PLW0108  a function of its own each time
        assert kept == fresh[0]


def detector_in(engine, name):
    (found,) = [detector for detector in engine.scanner.detectors if detector.id == f"custom.api_{name}"]
    return found


def test_detector_and_pattern_in_use_are_those_of_the_next_engine():
    policy = api_policy(pattern("kept-[0-9]{4}"), id="kept")
    first, second = (engine_of([policy], compile_pattern) for _ in range(2))
    assert detector_in(first, "kept") is detector_in(second, "kept")
    found = compile_pattern("kept-[0-9]{4}")
    assert compile_pattern("kept-[0-9]{4}") is found


def test_detector_that_no_engine_has_any_more_is_let_go():
    engine = engine_of([api_policy(pattern("gone-[0-9]{4}"), id="gone")], compile_pattern)
    kept = weakref.ref(detector_in(engine, "gone"))
    del engine
    gc.collect()
    assert kept() is None
