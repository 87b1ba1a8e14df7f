"""The extension of cel-go for optional values. ``optMap`` and ``optFlatMap`` are macros."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["OPTIONALS"]

OPTIONALS: Final = (
    Function(
        "optional.of", ("A",), "optional(A)", "some({0})", "An optional that has a value.",
        "optional.of(1).hasValue()", grows="held",
    ),
    Function(
        "optional.none", (), "optional(dyn)", "no_value", "An optional without a value.", "!optional.none().hasValue()",
    ),
    Function(
        "optional.ofNonZeroValue", ("A",), "optional(A)", "non_zero({0})",
        'Without a value if it is null, false, 0, "", [] or {}.', 'optional.ofNonZeroValue("") == optional.none()',
        grows="held",
    ),
    Function(
        "optional.unwrap", ("list(optional(A))",), "list(A)", "unwrapped({0})", "The values that are there.",
        "optional.unwrap([optional.of(1), optional.none()]) == [1]", cost="linear", grows="held",
    ),
    method(
        "unwrapOpt", ("list(optional(A))",), "list(A)", "unwrapped({0})", "The same as a method.",
        "[optional.of(1), optional.none()].unwrapOpt() == [1]", cost="linear", grows="held",
    ),
    method("hasValue", ("optional(A)",), "bool", "has_value({0})", "Whether it has a value.", '{"a": 1}.?a.hasValue()'),
    method(
        "value", ("optional(A)",), "A", "value_of({0})", "The value; an error if there is none.",
        '{"a": 1}.?a.value() == 1', grows="held",
    ),
    method(
        "or", ("optional(A)", "optional(A)"), "optional(A)", "or_optional({0}, lambda: {1})",
        "The first of the two that has a value.", "optional.none().or(optional.of(1)).value() == 1", grows="held",
    ),
    method(
        "orValue", ("optional(A)", "A"), "A", "or_value({0}, lambda: {1})",
        "The value, or another if there is none.", '{"a": 1}.?b.orValue(2) == 2', grows="held",
    ),
)  # fmt: skip
