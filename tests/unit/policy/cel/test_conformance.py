"""The cases of cel-spec that need no protobuf messages: each holds, or is listed here with the reason."""

import base64
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.elements import equal
from axonflow.policy.cel.scope import Root, Scope
from axonflow.policy.cel.types import DYN
from axonflow.policy.cel.values import CelError, CelType, Uint

DATA = Path(__file__).parents[5] / "shared" / "data" / "cel_conformance.jsonl"

ROUNDED = "Python compares an int with a double exactly; the case expects the int rounded to a double first."
UNCHECKED = (
    "Expressions are checked when the policy loads: what can have no value is refused, whatever stands beside it."
)
NANOSECONDS = "Times are in microseconds."
BACKSLASH = "The expected bytes hold a backslash that the expression does not."
KNOWN = {
    "basic/variables/unbound_is_runtime_error": UNCHECKED,
    "basic/functions/unbound_is_runtime_error": UNCHECKED,
    "comparisons/lte_literal/lte_dyn_big_double_int": ROUNDED,
    "comparisons/gte_literal/gte_dyn_int_big_lossy_double": ROUNDED,
    "logic/AND/short_circuit_type_left": UNCHECKED,
    "parse/bytes_literals/triple_single_quoted_unescaped_punctuation": BACKSLASH,
    "parse/receiver_function_names/as": UNCHECKED,
    "parse/receiver_function_names/break": UNCHECKED,
    "parse/receiver_function_names/const": UNCHECKED,
    "parse/receiver_function_names/continue": UNCHECKED,
    "parse/receiver_function_names/else": UNCHECKED,
    "parse/receiver_function_names/for": UNCHECKED,
    "parse/receiver_function_names/let": UNCHECKED,
    "parse/receiver_function_names/loop": UNCHECKED,
    "parse/receiver_function_names/return": UNCHECKED,
    "parse/receiver_function_names/var": UNCHECKED,
    "parse/receiver_function_names/void": UNCHECKED,
    "parse/receiver_function_names/while": UNCHECKED,
    "timestamps/timestamp_conversions/toString_timestamp_nanos": NANOSECONDS,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_negative": NANOSECONDS,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_positive": NANOSECONDS,
    "timestamps/timestamp_range/add_duration_nanos_under": NANOSECONDS,
}


class Host:
    def detectors(self, selector):
        return (selector,)

    def pattern(self, pattern):
        return compile_pattern(pattern)


class Unbounded:
    def spend(self, steps):
        assert steps >= 0


def value_of(typed):
    ((kind, value),) = typed.items()
    return {
        "int": int,
        "uint": lambda text: Uint(int(text)),
        "type": CelType,
        "double": lambda text: float(str(text).replace("Infinity", "inf")),
        "bytes": base64.b64decode,
        "list": lambda items: [value_of(item) for item in items],
        "map": lambda entries: {value_of(key): value_of(item) for key, item in entries},
        "null": lambda _: None,
        "timestamp": datetime.fromisoformat,
        "duration": lambda text: timedelta(seconds=float(text.removesuffix("s"))),
    }.get(kind, lambda plain: plain)(value)


def cases():
    if not DATA.exists():
        return
    for line in DATA.read_text("utf-8").strip().split("\n"):
        case = json.loads(line)
        if not case["protobuf"]:
            yield case


def outcome(case):
    """The value in a list, or the error."""
    roots = {name: Root(f"request[{name!r}]", DYN) for name in case["bindings"]}
    values = {name: value_of(typed) for name, typed in case["bindings"].items()}
    try:
        return [Compiler(Host(), scope=Scope(roots, case["container"])).value(case["expr"])(values, Unbounded())]
    except (ExpressionError, CelError) as error:
        return error


def agrees(case, found):
    if case.get("error") or isinstance(found, Exception):
        return bool(case.get("error")) and isinstance(found, Exception)
    expected = value_of(case["value"])
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found[0], float) and math.isnan(found[0])
    return type(found[0]) is type(expected) and equal(found[0], expected)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/cel_conformance.jsonl is not here")
def test_cel_conformance_cases_hold_or_are_listed_with_the_reason():
    wrong, held = {}, 0
    for case in cases():
        found = outcome(case)
        if agrees(case, found):
            held += 1
        else:
            wrong["{file}/{section}/{name}".format(**case)] = (case["expr"], str(found))
    assert set(wrong) == set(KNOWN), wrong
    assert held + len(KNOWN) == 1_138
