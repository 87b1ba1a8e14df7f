"""The functions that cel-spec defines. Source: doc/langdef.md, List of Standard Definitions."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["STANDARD"]

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
_DURATION_PARTS: Final = (
    ("getHours", "{0}.hour", "Whole hours, cut towards zero.", 1),
    ("getMinutes", "{0}.minute", "Whole minutes, cut towards zero.", 90),
    ("getSeconds", "{0}.second", "Whole seconds, cut towards zero.", 5400),
    ("getMilliseconds", "millisecond({0})", "The milliseconds of the last second, cut towards zero.", 0),
)
_MOMENT: Final = 'timestamp("2026-11-21T09:30:05Z")'

STANDARD: Final = (
    Function(
        "size", ("dyn",), "int", "size({0})", "Characters of a string, bytes, items of a list or map.",
        'size("abc") == 3',
    ),
    method("size", ("dyn",), "int", "size({0})", "The same as a method.", "[1, 2].size() == 2"),
    Function("int", ("dyn",), "int", "to_int({0})", "A number, text or timestamp as integer.", 'int("42") == 42'),
    Function("uint", ("dyn",), "uint", "to_uint({0})", "A number or text as unsigned.", 'uint("42") == 42u'),
    Function(
        "bytes", ("dyn",), "bytes", "to_bytes({0})", "Text as bytes, in UTF-8.", 'bytes("a") == b"a"',
        cost="linear", grows="argument",
    ),
    Function("type", ("dyn",), "type", "type_of({0})", "The type of a value.", "type(1) == int"),
    Function("double", ("dyn",), "double", "to_double({0})", "A number or text as double.", 'double("1.5") == 1.5'),
    Function(
        "string", ("dyn",), "string", "to_string({0})", "A scalar as text, bytes as UTF-8.", 'string(7) == "7"',
        cost="linear", grows="argument",
    ),
    Function("bool", ("dyn",), "bool", "to_bool({0})", "Text such as true or f as bool.", 'bool("true")'),
    Function("dyn", ("dyn",), "dyn", "{0}", "The value, its kind left open.", "dyn(1) == 1.0", grows="held"),
    Function(
        "timestamp", ("dyn",), "timestamp", "to_timestamp({0})", "RFC 3339 text as a moment.",
        f"{_MOMENT} > timestamp(0)",
    ),
    Function(
        "duration", ("dyn",), "duration", "to_duration({0})", "Text such as 1h30m.",
        'duration("90m") == duration("1h30m")',
    ),
    method(
        "contains", ("string", "string"), "bool", "({1} in {0})", "Whether a string holds another.",
        '"sql".contains("q")', cost="linear",
    ),
    method(
        "startsWith", ("string", "string"), "bool", "{0}.startswith({1})", "Whether it starts so.",
        '"sql".startsWith("s")', cost="linear",
    ),
    method(
        "endsWith", ("string", "string"), "bool", "{0}.endswith({1})", "Whether it ends so.",
        '"sql".endsWith("ql")', cost="linear",
    ),
    method(
        "matches", ("string", "string"), "bool", "patterns.search(evaluation, {0}, {1})",
        "Whether an RE2 pattern is found in a string.", '"sql".matches("^s.l$")', cost="linear",
    ),
    Function(
        "matches", ("string", "string"), "bool", "patterns.search(evaluation, {0}, {1})", "The same as a function.",
        'matches("sql", "q")', cost="linear",
    ),
    *(
        method(name, ("timestamp",), "int", template, summary, f"{_MOMENT}.{name}() == {value}")
        for name, template, summary, value in _TIME_PARTS
    ),
    *(
        method(
            name, ("timestamp", "string"), "int", template.replace("{0}", "in_zone({0}, {1})"),
            summary + " In a time zone.", f'{_MOMENT}.{name}("UTC") == {value}', prepares=((1, "to_zone"),),
        )
        for name, template, summary, value in _TIME_PARTS
    ),
    *(
        method(
            name, ("duration",), "int", template.replace("{0}", "as_moment({0})"), summary,
            f'duration("90m").{name}() == {value}',
        )
        for name, template, summary, value in _DURATION_PARTS
    ),
)  # fmt: skip
