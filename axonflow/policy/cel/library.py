"""The functions of the language, one row each. docs/reference/expressions.md is generated from this table.

A template is Python source with ``{0}``, ``{1}``... for the arguments (a method's target first). Templates are ours;
nothing that a policy says ever becomes source.
"""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel import extensions
from axonflow.policy.cel.rows import Function, method

__all__ = ["FUNCTIONS", "GROUPS"]

_TIME_PARTS: Final = (
    ("getFullYear", "{0}.year", "The year.", 2026),
    ("getMonth", "({0}.month - 1)", "The month, January is 0.", 10),
    ("getDate", "{0}.day", "The day of the month, the first is 1.", 21),
    ("getDayOfMonth", "({0}.day - 1)", "The day of the month, the first is 0.", 20),
    ("getDayOfWeek", "day_of_week({0})", "The day of the week, Sunday is 0.", 6),
    ("getDayOfYear", "day_of_year({0})", "The day of the year, the first is 0.", 324),
    ("getHours", "{0}.hour", "The hour, 0 to 23.", 9),
    ("getMinutes", "{0}.minute", "The minute.", 30),
    ("getSeconds", "{0}.second", "The second.", 5),
    ("getMilliseconds", "({0}.microsecond // 1000)", "The millisecond.", 0),
)
_DURATION_PARTS: Final = frozenset({"getHours", "getMinutes", "getSeconds", "getMilliseconds"})
_MOMENT: Final = 'timestamp("2026-11-21T09:30:05Z")'

_ROWS: Final = (
    Function(
        "size",
        ("dyn",),
        "int",
        "size({0})",
        "Characters of a string, items of a list or map.",
        'size("abc") == 3',
        work="fixed",
    ),
    method("size", ("dyn",), "int", "size({0})", "The same as a method.", "[1, 2].size() == 2", work="fixed"),
    Function(
        "int",
        ("dyn",),
        "int",
        "to_int({0})",
        "A number, text or timestamp as integer.",
        'int("42") == 42',
        work="fixed",
    ),
    Function(
        "uint", ("dyn",), "uint", "to_uint({0})", "A number or text as unsigned.", 'uint("42") == 42u', work="fixed"
    ),
    Function("bytes", ("dyn",), "bytes", "to_bytes({0})", "Text as bytes, in UTF-8.", 'bytes("a") == b"a"'),
    Function("type", ("dyn",), "type", "type_of({0})", "The type of a value.", "type(1) == int", work="fixed"),
    Function(
        "double",
        ("dyn",),
        "double",
        "to_double({0})",
        "A number or text as double.",
        'double("1.5") == 1.5',
        work="fixed",
    ),
    Function("string", ("dyn",), "string", "to_string({0})", "A scalar as text.", 'string(7) == "7"'),
    Function("bool", ("dyn",), "bool", "to_bool({0})", "Text such as true or f as bool.", 'bool("true")', work="fixed"),
    Function("dyn", ("dyn",), "dyn", "{0}", "The value, its kind left open.", "dyn(1) == 1.0", work="fixed"),
    Function(
        "timestamp",
        ("dyn",),
        "timestamp",
        "to_timestamp({0})",
        "RFC 3339 text as a moment.",
        f"{_MOMENT} > timestamp(0)",
        work="fixed",
    ),
    Function(
        "duration",
        ("dyn",),
        "duration",
        "to_duration({0})",
        "Text such as 1h30m.",
        'duration("90m") == duration("1h30m")',
        work="fixed",
    ),
    method(
        "contains",
        ("string", "string"),
        "bool",
        "({1} in {0})",
        "Whether a string holds another.",
        '"sql".contains("q")',
    ),
    method(
        "startsWith",
        ("string", "string"),
        "bool",
        "{0}.startswith({1})",
        "Whether it starts so.",
        '"sql".startsWith("s")',
    ),
    method(
        "endsWith", ("string", "string"), "bool", "{0}.endswith({1})", "Whether it ends so.", '"sql".endsWith("ql")'
    ),
    *(
        Function(
            "matches",
            ("string", "string"),
            "bool",
            "patterns.search(evaluation, {0}, {1})",
            "Whether an RE2 pattern is found in a string." if is_method else "The same as a function.",
            example,
            is_method,
        )
        for is_method, example in ((True, '"sql".matches("^s.l$")'), (False, 'matches("sql", "q")'))
    ),
    method("lowerAscii", ("string",), "string", "lower_ascii({0})", "Lower case.", '"SQL".lowerAscii() == "sql"'),
    method("upperAscii", ("string",), "string", "upper_ascii({0})", "Upper case.", '"sql".upperAscii() == "SQL"'),
    method("trim", ("string",), "string", "{0}.strip()", "Without white space at the ends.", '" a ".trim() == "a"'),
    method(
        "join",
        ("list", "string"),
        "string",
        "join({0}, {1})",
        "The strings of a list as one.",
        '["a", "b"].join("-") == "a-b"',
        grows="product",
    ),
    Function(
        "texts", ("dyn",), "strings", "texts({0})", "All strings in a JSON value.", 'texts({"a": ["b"]}) == ["a", "b"]'
    ),
    Function(
        "chars", ("dyn",), "int", "chars({0})", "Characters in all strings of a value.", 'chars(["ab", "c"]) == 3'
    ),
    *(
        method(
            name,
            ("moment" if name in _DURATION_PARTS else "timestamp",),
            "int",
            template,
            summary + (" Of a duration: in all." if name in _DURATION_PARTS else ""),
            f"{_MOMENT}.{name}() == {value}",
        )
        for name, template, summary, value in _TIME_PARTS
    ),
    *(
        method(
            name,
            ("timestamp", "string"),
            "int",
            template.replace("{0}", "in_zone({0}, {1})"),
            summary + " In a time zone.",
            f'{_MOMENT}.{name}("UTC") == {value}',
        )
        for name, template, summary, value in _TIME_PARTS
    ),
)

_OPTIONALS: Final = (
    Function(
        "optional.of", ("A",), "optional(A)", "some({0})", "An optional that has a value.",
        "optional.of(1).hasValue()",
        work="fixed",
    ),
    Function(
        "optional.none", (), "optional(dyn)", "no_value", "An optional without a value.", "!optional.none().hasValue()",
        work="fixed",
    ),
    Function(
        "optional.ofNonZeroValue", ("A",), "optional(A)", "non_zero({0})",
        'Without a value if it is null, false, 0, "", [] or {}.', 'optional.ofNonZeroValue("") == optional.none()',
        work="fixed",
    ),
    Function(
        "optional.unwrap", ("list(optional(A))",), "list(A)", "unwrapped({0})", "The values that are there.",
        "optional.unwrap([optional.of(1), optional.none()]) == [1]",
    ),
    method(
        "unwrapOpt", ("list(optional(A))",), "list(A)", "unwrapped({0})", "The same as a method.",
        "[optional.of(1), optional.none()].unwrapOpt() == [1]",
    ),
    method(
        "hasValue", ("optional(A)",), "bool", "has_value({0})", "Whether it has a value.",
        '{"a": 1}.?a.hasValue()',
        work="fixed",
    ),
    method(
        "value", ("optional(A)",), "A", "value_of({0})", "The value; an error if there is none.",
        '{"a": 1}.?a.value() == 1',
        work="fixed",
    ),
    method(
        "or", ("optional(A)", "optional(A)"), "optional(A)", "or_optional({0}, lambda: {1})",
        "The first of the two that has a value.", "optional.none().or(optional.of(1)).value() == 1",
        work="fixed",
    ),
    method(
        "orValue", ("optional(A)", "A"), "A", "or_value({0}, lambda: {1})",
        "The value, or another if there is none.", '{"a": 1}.?b.orValue(2) == 2',
        work="fixed",
    ),
)  # fmt: skip

GROUPS: Final[dict[str, tuple[Function, ...]]] = {"Standard": _ROWS, "Optionals": _OPTIONALS, **extensions.ROWS}
"""The functions under the headings of the reference."""

FUNCTIONS: Final = tuple(row for rows in GROUPS.values() for row in rows)
