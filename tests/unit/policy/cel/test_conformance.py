"""The cases of cel-spec, as far as the language is supported. What is not is refused when compiled, never guessed."""

import base64
import json
import math
from pathlib import Path

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import ExpressionError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.runtime import equal
from axonflow.policy.cel.values import CelError, CelType, Uint

DATA = Path(__file__).parents[5] / "shared" / "data" / "cel_conformance.jsonl"

CORE = {
    "basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists", "logic", "macros", "parse",
    "plumbing", "string", "timestamps",
}  # fmt: skip
KNOWN = {
    # Python compares int with double exactly; these two expect the int rounded to a double first.
    ("comparisons", "lte_dyn_big_double_int"),
    ("comparisons", "gte_dyn_int_big_lossy_double"),
    # Refused when it is compiled: 32 is no bool, whatever stands beside it.
    ("logic", "short_circuit_type_left"),
    # The expected bytes hold a backslash that the expression does not.
    ("parse", "triple_single_quoted_unescaped_punctuation"),
    # Times are in microseconds here, not nanoseconds.
    ("timestamps", "toString_timestamp_nanos"),
    ("timestamps", "add_time_to_duration_nanos_negative"),
    ("timestamps", "add_time_to_duration_nanos_positive"),
    ("timestamps", "add_duration_nanos_under"),
    # 10,000 years less a day fit into our duration.
    ("timestamps", "sub_time_duration_over"),
    ("timestamps", "sub_time_duration_under"),
}
UNSUPPORTED = ("unknown function", "unknown name", "is not called like this", "matches() takes a literal")


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
    }.get(kind, lambda plain: plain)(value)


def cases():
    if not DATA.exists():
        return
    for line in DATA.read_text("utf-8").strip().split("\n"):
        case = json.loads(line)
        plain = case["file"] in CORE and not case["protobuf"] and not case["bindings"] and not case["container"]
        value = json.dumps(case.get("value"))
        unsupported_value = any(kind in value for kind in ("timestamp", "duration"))
        if plain and not unsupported_value and not case["disable_macros"]:
            yield case


def outcome(expression):
    """ok and the value, error, or unsupported."""
    try:
        function = Compiler(Host()).value(expression)
    except ExpressionError as error:
        return ("unsupported" if any(word in str(error) for word in UNSUPPORTED) else "error"), str(error)
    try:
        return "ok", function(None, Unbounded())
    except CelError as error:
        return "error", str(error)


def agrees(case, kind, value):
    if case.get("error"):
        return kind in {"error", "unsupported"}
    if kind != "ok":
        return kind == "unsupported"
    expected = value_of(case["value"])
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(value, float) and math.isnan(value)
    return equal(value, expected)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/cel_conformance.jsonl is not here")
def test_cel_conformance_cases_hold_or_are_refused():
    wrong, held = {}, 0
    for case in cases():
        kind, value = outcome(case["expr"])
        if not agrees(case, kind, value):
            wrong[case["file"], case["name"]] = (case["expr"], kind, value)
        held += kind == "ok"
    assert held >= 400
    assert set(wrong) == KNOWN, wrong
