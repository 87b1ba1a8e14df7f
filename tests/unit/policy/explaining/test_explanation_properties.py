"""An explanation says what `decide` says, and of each part of a condition what it comes to by itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.detect.secrecy import Secrecy
from axonflow.errors import PolicyError
from axonflow.policy.cel import Compiler
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.explaining import explain
from axonflow.policy.explaining.discretion import NOTHING_PRIVATE, Discretion
from axonflow.policy.explaining.parts import said
from tests.strategies import CONDITIONS, KNOWN_ACTIONS, policy_set, policy_sets, requests
from tests.unit.policy.cel import sources
from tests.unit.policy.cel.expressions import SCANNER, Host
from tests.unit.policy.explaining.explained import NOW_S, agrees, engine_of, excepted, parts_of

DISCRETION = Discretion(Secrecy(SCANNER))
REQUIRED = st.sampled_from([None, "context.env", "principal.groups"])


@given(policy_sets(), requests([*KNOWN_ACTIONS, "tool.cal"]), REQUIRED, CONDITIONS)
@settings(max_examples=40)
def test_explanation_of_any_request_agrees_with_its_decision(documents, request_, required, when):
    excepted(documents, when)
    if required:
        documents[0]["requires"] = {"tool.call": [required]}
    shadow = dict(documents[0], shadow=True, metadata={"name": "shadow"})
    engine = engine_of(*documents, shadow)
    decision = engine.decide(request_, "id", NOW_S)
    told = explain(engine, request_, NOW_S)
    agrees(told, decision)
    assert told.why
    assert (told.shadow.effect, told.shadow.policies) == (decision.shadow.effect, decision.shadow.policies)


@given(sources.sources(), sources.requests(), st.sampled_from(["deny", "allow", "log"]))
@settings(max_examples=100)
def test_explanation_of_any_condition_gives_each_part_its_own_value(source, request_, effect):
    try:
        engine = engine_of(policy_set([{"id": "r", "effect": effect, "when": source}], default="allow"))
    except PolicyError:
        return
    told = explain(engine, request_, NOW_S)
    agrees(told, engine.decide(request_, "id", NOW_S))
    for part in parts_of(told, within_loops=False):
        if part.outcome in {"value", "error"}:
            assert alone(part.text, request_) == (part.outcome, part.note, part.value), part.text


def alone(text, request):
    """What `text` comes to by itself."""
    time_us = int(NOW_S * 1_000_000) if request.time is None else request.time
    function = Compiler(Host()).value(text)
    try:
        value = function(request, Evaluation(request, time_us, SCANNER))
    except Exception as error:  # noqa: BLE001  whatever a part fails with
        return "error", said(error), None
    return "value", "", DISCRETION.shown(value, NOTHING_PRIVATE)
