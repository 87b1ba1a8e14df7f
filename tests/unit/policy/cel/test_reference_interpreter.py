"""What is compiled says what a plain interpreter of the language says, in the quick form and in the careful one."""

import pytest
from hypothesis import HealthCheck, given, reject, settings

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler, parse
from axonflow.policy.compiling.compiling import compile_policies
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.documents.reading import PolicySource
from tests.strategies import policy_set
from tests.unit.policy.cel.expressions import SCANNER, Host
from tests.unit.policy.cel.interpreter import Failed, evaluate
from tests.unit.policy.cel.sources import requests, sources

HOST = Host()


def expected(source, request):
    """match, no match or error, as the interpreter has it."""
    try:
        value = evaluate(parse(source).node, request)
    except Failed:
        return "error"
    return {True: "match", False: "no match"}[value] if isinstance(value, bool) else "error"


def by_the_engine(source, request):
    """The same of a warn rule: it neither decides nor counts as a match when it fails."""
    document = policy_set([{"id": "r", "effect": "warn", "when": source}], default="allow")
    source_of = PolicySource("p", document, lambda path, offset: "p")
    decision = compile_policies([source_of], SCANNER, HOST.pattern).decide(request, "id", 0)
    if decision.errors:
        assert decision.policies == ()
        return "error"
    return "match" if decision.policies else "no match"


def by_form(function, request):
    try:
        value = function(request, Evaluation(request, 0, SCANNER))
    except Exception:  # noqa: BLE001  the engine takes whatever comes, and so must this
        return "error"
    assert value in {True, False}
    return "match" if value else "no match"


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(sources(), requests())
def test_compiled_rule_on_any_request_comes_to_what_the_interpreter_says(source, request_):
    try:
        condition = Compiler(HOST).condition(source)
    except ExpressionError:
        reject()
    wanted = expected(source, request_)
    assert by_the_engine(source, request_) == wanted
    assert by_form(condition.careful, request_) == wanted
    assert by_form(condition.quick, request_) in {wanted, "error"}  # its errors are looked at again, its answers not


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("context.missing == 1 || true", "match"),
        ("true || context.missing == 1", "match"),
        ("context.missing == 1 && false", "no match"),
        ("context.missing == 1 && true", "error"),
        ("[0, 1].exists(x, 1 / x == 1)", "match"),
        ("[0, 1].all(x, 1 / x == 2)", "no match"),
        ("[0, 1].exists_one(x, 1 / x == 1)", "error"),
        ("context.risk", "error"),
        ("context.flag ? context.missing : true", "error"),
        ("9223372036854775807 + 1 > 0", "error"),
        ("{1: 2} == {dyn(1.0): 2.0}", "error"),
        ('["a"] == texts(["a"])', "match"),
    ],
)
def test_interpreter_and_engine_agree_on_what_the_standard_says(source, outcome):
    request = Request("user:ann", "tool.call", "tool:shell", {"risk": 5, "flag": True})
    assert expected(source, request) == by_the_engine(source, request) == outcome
