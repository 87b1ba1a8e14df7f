"""What a parser of SQL says of a statement, and where in a text the statement around a place begins and ends.

The parser is injected (`axonflow.adapters.sql_parser`): this package names only what it asks of one. Without a parser,
and where a text does not parse, detectors judge the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from axonflow.detect.sql_tokens import is_within_quotes

__all__ = [
    "MAX_STATEMENT_CHARS",
    "ParseSql",
    "SqlStatement",
    "begins_statement",
    "is_within_literal",
    "statement_before",
    "statements_around",
    "unparsed",
]

MAX_STATEMENT_CHARS = 2_000
"""A longer statement is judged by its text: a parser takes some 10 us a character."""


class SqlStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. Names are lower-case, without quotes, with their schema before a dot where there is one."""

    verbs: frozenset[str]
    """What it and the statements inside of it do: ``select``, ``insert``, ``update``, ``delete``, ``merge``,
    ``create``, ``alter``, ``drop``, ``truncate``, ``copy``, ``grant``, ``revoke``."""
    writes_all_rows: bool = False
    """It has an update or a delete without a condition, or with one that is always true."""
    tables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()


ParseSql = Callable[[str], "tuple[SqlStatement, ...] | None"]
"""The statements of a text; None when it is not SQL, too long or nested too deep. Raises nothing."""


def unparsed(_text: str) -> tuple[SqlStatement, ...] | None:
    """Stands in for a parser where there is none."""
    return None


_VERBS = (
    "alter|begin|call|commit|copy|create|declare|delete|drop|explain"
    "|grant|insert|load|merge|replace|revoke|select|set|truncate|update|use|with"
)
# Not "execute": what stands in quotes after it is a statement too.
_BEGINNING = re.compile(rf"(?:\A|[;:\"'`(=>\n])[ \t]*(?=(?:{_VERBS})\b)", re.IGNORECASE)
_WORD_BEFORE = re.compile(r"\b(?:as|analyze|begin|do|else|explain|sql|then)\s+\Z", re.IGNORECASE)
_TO_END = re.compile(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|(?!```)[^;])*")
_MEMBER_NAME = re.compile(r"\A[\w .-]{1,64}: ")


def begins_statement(before: str, span: str) -> bool:
    """Whether a verb stands where a statement begins, not amid prose; written in capitals it may stand anywhere."""
    line = before.rstrip(" \t")
    return (
        not line
        or line[-1] in ";:\"'`(=>\n{[,|/"
        or _WORD_BEFORE.search(before) is not None
        or (span[:8].isupper() and "\n" not in span)
    )


def statement_before(before: str) -> str | None:
    """What stands in `before` from the first beginning of a statement on; None where there is none."""
    before = _MEMBER_NAME.sub("", before)
    found = _BEGINNING.search(before)
    return before[found.end() :] if found else None


def is_within_literal(before: str) -> bool:
    """Whether `before` ends in a text literal of a statement that begins in it."""
    statement = statement_before(before)
    return statement is not None and is_within_quotes(statement)


def statements_around(before: str, span: str, after: str) -> Iterator[str]:
    """The statement that the span is in, as far as quotes and semicolons tell, and the one that begins with it."""
    before = _MEMBER_NAME.sub("", before)
    text = f"{before}{span}{after}"
    earlier = _BEGINNING.search(before)
    starts = dict.fromkeys([earlier.end() if earlier else len(before), len(before)])
    for start in starts:
        end = _end_of(text, start)
        if end > len(before):
            yield text[start:end]


def _end_of(text: str, start: int) -> int:
    quote = text[start - 1 : start]
    if quote in {"'", '"', "`"} and text[max(0, start - 3) : start] != "```":
        end = text.find(quote, start)
        return end if end >= 0 else len(text)
    found = _TO_END.match(text, start)
    return found.end() if found else len(text)
