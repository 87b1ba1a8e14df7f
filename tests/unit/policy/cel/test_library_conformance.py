"""The cases of cel-spec for the extension libraries: each holds, or is listed here with the reason."""

import json
from pathlib import Path

import pytest

from axonflow.errors import ExpressionError
from axonflow.policy.cel.runtime import equal
from axonflow.policy.cel.values import CelError, kind_of
from tests.unit.policy.cel.expressions import value
from tests.unit.policy.cel.test_conformance import value_of

DATA = Path(__file__).parents[5] / "shared" / "data" / "cel_conformance.jsonl"
FILES = {"encoders_ext", "math_ext", "network_ext", "string_ext"}
KNOWN = {}
"""By ``file/section/name``, the reason."""


def cases():
    for line in DATA.read_text("utf-8").strip().split("\n"):
        case = json.loads(line)
        if case["file"] in FILES and not case["protobuf"]:
            yield case


def outcome(case):
    """The value in a list, or the error. What a case binds is bound by a macro, as a value of any kind."""
    expression = case["expr"]
    for name, bound in case["bindings"].items():
        expression = f"[{json.dumps(value_of(bound))}].map({name}, {expression})[0]"
    try:
        return [value(expression)]
    except (ExpressionError, CelError) as error:
        return error


def agrees(case, found):
    if case.get("error") or isinstance(found, Exception):
        return bool(case.get("error")) and isinstance(found, Exception)
    expected = value_of(case["value"])
    return kind_of(found[0]) == kind_of(expected) and equal(found[0], expected)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/cel_conformance.jsonl is not here")
def test_library_conformance_cases_hold_or_are_listed_with_the_reason():
    wrong, held = {}, 0
    for case in cases():
        found = outcome(case)
        if agrees(case, found):
            held += 1
        else:
            wrong["{file}/{section}/{name}".format(**case)] = (case["expr"], str(found))
    assert set(wrong) == set(KNOWN), wrong
    assert held + len(KNOWN) == 321
