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
_SIZED: Final = (
    ("string", "Characters of a string.", '"abc"'),
    ("bytes", "Bytes.", 'b"abc"'),
    ("list(A)", "Elements of a list.", "[1, 2, 3]"),
    ("map(A, B)", "Entries of a map.", "{1: 1, 2: 2, 3: 3}"),
)
_MOMENT: Final = 'timestamp("2026-11-21T09:30:05Z")'
_SHOWN: Final = (
    ("string", "The same text.", 'string("a") == "a"'),
    ("bytes", "Bytes that are UTF-8 as text.", 'string(b"a") == "a"'),
    ("bool", "true or false.", 'string(true) == "true"'),
    ("int", "The number in digits.", 'string(7) == "7"'),
    ("uint", "The number in digits.", 'string(7u) == "7"'),
    ("double", "The number in as few digits as tell it from others.", 'string(1.5) == "1.5"'),
    ("timestamp", "RFC 3339 text.", f'string({_MOMENT}) == "2026-11-21T09:30:05Z"'),
    ("duration", "Its seconds.", 'string(duration("90m")) == "5400s"'),
    ("ip", "The address.", 'string(ip("::1")) == "::1"'),
    ("cidr", "The block.", 'string(cidr("10.0.0.0/8")) == "10.0.0.0/8"'),
    ("semver", "The version.", 'string(semver("1.2.3")) == "1.2.3"'),
)
_CONVERSIONS: Final = (
    ("int", "int", "The same number.", "int(42) == 42"),
    ("int", "uint", "The number, if it is no larger than an int.", "int(42u) == 42"),
    ("int", "double", "Cut towards zero.", "int(-1.9) == -1"),
    ("int", "string", "The number that is written there.", 'int("42") == 42'),
    ("int", "timestamp", "Seconds since 1970.", 'int(timestamp("1970-01-01T00:01:00Z")) == 60'),
    ("uint", "uint", "The same number.", "uint(42u) == 42u"),
    ("uint", "int", "The number, if it is not negative.", "uint(42) == 42u"),
    ("uint", "double", "Cut towards zero.", "uint(1.9) == 1u"),
    ("uint", "string", "The number that is written there.", 'uint("42") == 42u'),
    ("double", "double", "The same number.", "double(1.5) == 1.5"),
    ("double", "int", "The nearest double.", "double(2) == 2.0"),
    ("double", "uint", "The nearest double.", "double(2u) == 2.0"),
    ("double", "string", "The number that is written there.", 'double("1.5") == 1.5'),
    ("bool", "bool", "The same.", "bool(true)"),
    ("bool", "string", "Text such as true or f.", '!bool("f")'),
    ("timestamp", "timestamp", "The same moment.", f"timestamp({_MOMENT}) == {_MOMENT}"),
    ("timestamp", "string", "RFC 3339 text as a moment.", f"{_MOMENT} > timestamp(0)"),
    ("timestamp", "int", "So many seconds since 1970.", 'timestamp(60) == timestamp("1970-01-01T00:01:00Z")'),
    ("duration", "duration", "The same duration.", 'duration(duration("1h")) == duration("60m")'),
    ("duration", "string", "Text such as 1h30m.", 'duration("90m") == duration("1h30m")'),
)

STANDARD: Final = (
    *(
        Function("size", (kind,), "int", "size({0})", summary, f"size({example}) == 3")
        for kind, summary, example in _SIZED
    ),
    *(
        method("size", (kind,), "int", "size({0})", "The same as a method.", f"{example}.size() == 3")
        for kind, _, example in _SIZED
    ),
    *(
        Function(name, (kind,), name, f"to_{name}({{0}})", summary, example)
        for name, kind, summary, example in _CONVERSIONS
    ),
    *(
        Function(
            "bytes", (kind,), "bytes", "to_bytes({0})", summary, 'bytes("a") == b"a"', cost="linear", grows="argument",
        )
        for kind, summary in (("string", "Text in UTF-8."), ("bytes", "The same bytes."))
    ),
    Function("type", ("dyn",), "type", "type_of({0})", "The type of a value.", "type(1) == int"),
    *(
        Function("string", (kind,), "string", "to_string({0})", summary, example, cost="linear", grows="argument")
        for kind, summary, example in _SHOWN
    ),
    Function("dyn", ("dyn",), "dyn", "{0}", "The value, its kind left open.", "dyn(1) == 1.0", grows="held"),
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
