"""The extension of cel-go for numbers, ``math``."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Cost, Function

__all__ = ["MATH"]

_NUMBERS: Final = ("int", "uint", "double")
_EXTREMES: Final = (
    ("math.greatest", "greatest", "The greatest of some numbers", "math.greatest(1, 3, 2)", 3),
    ("math.least", "least", "The least of some numbers", "math.least(2, 1, 3)", 1),
)
_DOUBLES: Final = (
    ("math.ceil", "ceiling", "double", "Rounded up.", "math.ceil(1.2) == 2.0"),
    ("math.floor", "floor", "double", "Rounded down.", "math.floor(1.8) == 1.0"),
    ("math.round", "rounded", "double", "Rounded to the nearest, halves away from zero.", "math.round(2.5) == 3.0"),
    ("math.trunc", "truncated", "double", "Rounded towards zero.", "math.trunc(-1.8) == -1.0"),
    ("math.isNaN", "is_nan", "bool", "Whether it is not a number.", "math.isNaN(0.0 / 0.0)"),
    ("math.isInf", "is_infinite", "bool", "Whether it is infinite.", "math.isInf(1.0 / 0.0)"),
    ("math.isFinite", "is_finite", "bool", "Whether it is a number and finite.", "math.isFinite(1.0)"),
)
_SIGNED: Final = (
    ("math.abs", "absolute", "Without its sign.", {"int": "-1", "uint": "1u", "double": "-1.0"}),
    ("math.sign", "sign", "-1, 0 or 1, of its own kind.", {"int": "7", "uint": "7u", "double": "7.0"}),
)
_BITS: Final = (
    ("math.bitAnd", "bit_and", "The bits that are set in both.", "6{u}, 3{u}", "2"),
    ("math.bitOr", "bit_or", "The bits that are set in either.", "6{u}, 3{u}", "7"),
    ("math.bitXor", "bit_xor", "The bits that are set in one of both.", "6{u}, 3{u}", "5"),
)
_SHIFTS: Final = (
    ("math.bitShiftLeft", "shift_left", "The bits moved up, zeros after them.", "1{u}, 4", "16"),
    ("math.bitShiftRight", "shift_right", "The bits moved down, zeros before them, no sign.", "16{u}, 4", "1"),
)


def _extremes(name: str, function: str, summary: str, example: str, value: int) -> tuple[Function, ...]:
    call = f"{function}_of({{*}})"
    of_one = f"{function}_of({{0}})"
    listed = example.replace("(", "([").replace(")", "])")
    linear: Cost = "linear"
    each = [
        Function(name, (kind,), kind, call, f"{summary}.", f"{_as(example, kind)} == {value}", variadic=True)
        for kind in _NUMBERS
    ]
    of_lists = [
        Function(
            name,
            (f"list({kind})",),
            kind,
            of_one,
            f"{summary} in a list.",
            f"{_as(listed, kind)} == {value}",
            cost=linear,
        )
        for kind in _NUMBERS
    ]
    mixed = Function(
        name, ("list(dyn)",), "dyn", of_one, f"{summary} of any kinds in a list.", f"{listed} == {value}.0", cost=linear
    )
    any_kinds = Function(
        name, ("dyn",), "dyn", call, f"{summary} of any kinds.", f"{example} == {value}.0", variadic=True, cost=linear
    )
    return (*each, *of_lists, mixed, any_kinds)


def _as(example: str, kind: str) -> str:
    """`example` with its integers as numbers of another kind."""
    suffix = {"int": "", "uint": "u", "double": ".0"}[kind]
    return "".join(f"{character}{suffix}" if character.isdigit() else character for character in example)


MATH: Final = (
    *(row for names in _EXTREMES for row in _extremes(*names)),
    *(
        Function(name, ("double",), result, f"{function}({{0}})", summary, example)
        for name, function, result, summary, example in _DOUBLES
    ),
    *(
        Function(name, (kind,), kind, f"{function}({{0}})", summary, f"{name}({examples[kind]}) == 1")
        for name, function, summary, examples in _SIGNED
        for kind in _NUMBERS
    ),
    *(
        Function("math.sqrt", (kind,), "double", "square_root({0})", "The square root; NaN below 0.", example)
        for kind, example in (
            ("int", "math.sqrt(9) == 3.0"), ("uint", "math.sqrt(9u) == 3.0"), ("double", "math.sqrt(2.25) == 1.5"),
        )
    ),
    *(
        Function(
            name, (kind, kind), kind, f"{function}({{0}}, {{1}})", summary,
            f"{name}({numbers.replace('{u}', suffix)}) == {result}{suffix}",
        )
        for name, function, summary, numbers, result in _BITS
        for kind, suffix in (("int", ""), ("uint", "u"))
    ),
    Function("math.bitNot", ("int",), "int", "bit_not({0})", "With each bit turned.", "math.bitNot(1) == -2"),
    Function(
        "math.bitNot", ("uint",), "uint", "bit_not({0})", "With each bit turned.",
        "math.bitNot(0u) == 18446744073709551615u",
    ),
    *(
        Function(
            name, (kind, "int"), kind, f"{function}({{0}}, {{1}})", summary,
            f"{name}({numbers.replace('{u}', suffix)}) == {result}{suffix}",
        )
        for name, function, summary, numbers, result in _SHIFTS
        for kind, suffix in (("int", ""), ("uint", "u"))
    ),
)  # fmt: skip
