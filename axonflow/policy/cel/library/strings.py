"""The extension of cel-go for strings. Positions are in characters, from 0."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["STRINGS"]

STRINGS: Final = (
    method(
        "charAt", ("string", "int"), "string", "char_at({0}, {1})",
        "The character at a position; empty at the very end.", '"sql".charAt(1) == "q"',
    ),
    method(
        "indexOf", ("string", "string"), "int", "index_of({0}, {1})",
        "Where a string is first found in another, -1 if nowhere.", '"sql".indexOf("q") == 1', cost="linear",
    ),
    method(
        "indexOf", ("string", "string", "int"), "int", "index_of({0}, {1}, {2})", "The same from a position on.",
        '"abab".indexOf("a", 1) == 2', cost="linear",
    ),
    method(
        "lastIndexOf", ("string", "string"), "int", "last_index_of({0}, {1})",
        "Where a string is last found in another, -1 if nowhere.", '"abab".lastIndexOf("a") == 2', cost="linear",
    ),
    method(
        "lastIndexOf", ("string", "string", "int"), "int", "last_index_of({0}, {1}, {2})",
        "The same at a position or before it.", '"abab".lastIndexOf("a", 1) == 0', cost="linear",
    ),
    method(
        "lowerAscii", ("string",), "string", "lower_ascii({0})", "With a to z for A to Z.",
        '"SQL".lowerAscii() == "sql"', cost="linear", grows="argument",
    ),
    method(
        "upperAscii", ("string",), "string", "upper_ascii({0})", "With A to Z for a to z.",
        '"sql".upperAscii() == "SQL"', cost="linear", grows="argument",
    ),
    method(
        "trim", ("string",), "string", "trim({0})", "Without Unicode's white space at the ends.", '" a ".trim() == "a"',
        cost="linear", grows="argument",
    ),
    method(
        "substring", ("string", "int"), "string", "substring({0}, {1})", "The characters from a position on.",
        '"sql".substring(1) == "ql"', cost="linear", grows="argument",
    ),
    method(
        "substring", ("string", "int", "int"), "string", "substring({0}, {1}, {2})",
        "The same as far as a second position, which is not included.", '"sql".substring(1, 2) == "q"',
        cost="linear", grows="argument",
    ),
    method(
        "replace", ("string", "string", "string"), "string", "replace({0}, {1}, {2})",
        "With another string for each occurrence of one.", '"a-b-c".replace("-", "") == "abc"',
        cost="linear", grows="product",
    ),
    method(
        "replace", ("string", "string", "string", "int"), "string", "replace({0}, {1}, {2}, {3})",
        "The same for so many occurrences at most; a negative number is no limit.",
        '"a-b-c".replace("-", "", 1) == "ab-c"', cost="linear", grows="product",
    ),
    method(
        "split", ("string", "string"), "list(string)", "split({0}, {1})",
        "The parts of a string between those of another; its characters if that is empty.",
        '"a,b".split(",") == ["a", "b"]', cost="linear", grows="argument",
    ),
    method(
        "split", ("string", "string", "int"), "list(string)", "split({0}, {1}, {2})",
        "The same in so many parts at most, the rest in the last; a negative number is no limit.",
        '"a,b,c".split(",", 2) == ["a", "b,c"]', cost="linear", grows="argument",
    ),
    method(
        "join", ("list(string)",), "string", "join({0})", "The strings of a list as one.", '["a", "b"].join() == "ab"',
        cost="linear", grows="product",
    ),
    method(
        "join", ("list(string)", "string"), "string", "join({0}, {1})", "The same with another string between them.",
        '["a", "b"].join("-") == "a-b"', cost="linear", grows="product",
    ),
    method(
        "reverse", ("string",), "string", "{0}[::-1]", "The characters from the last to the first.",
        '"sql".reverse() == "lqs"', cost="linear", grows="argument",
    ),
    method(
        "format", ("string", "list(dyn)"), "string", "format_text({0}, {1})",
        "With each clause (%s, %d...) replaced by the next element of the list: see below.",
        '"%s: %d of %.1f".format(["a", 1, 2.55]) == "a: 1 of 2.5"', cost="slow", grows="product",
    ),
    Function(
        "strings.quote", ("string",), "string", "quote({0})",
        "In double quotes, with backslashes where a literal needs them.", r"""strings.quote("a\n") == '"a\\n"'""",
        cost="linear", grows="argument",
    ),
)  # fmt: skip
