"""Text in columns for people. Names come from traffic and policies, so nothing is printed that steers a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click

__all__ = ["COLOURS", "MAX_CELL_CHARS", "coloured", "fields", "printable", "table"]

COLOURS: Final = {
    "allow": "green",
    "completed": "green",
    "deny": "red",
    "denied": "red",
    "failed": "red",
    "critical": "red",
    "high": "yellow",
    "held": "yellow",
    "limit": "yellow",
    "redact": "yellow",
    "require_approval": "yellow",
    "succeeded": "green",
    "valid": "green",
}
"""By word: an effect, a state or a severity."""

MAX_CELL_CHARS: Final = 80
MAX_LAST_CELL_CHARS: Final = 300


def printable(text: str, max_chars: int | None = None) -> str:
    """`text` on one line without control characters, cut where it is longer than `max_chars`."""
    if max_chars is not None and len(text) > max_chars:
        text = f"{text[: max_chars - 3]}..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def table(rows: Iterable[Sequence[object]], headers: Sequence[str], *, right: frozenset[int] = frozenset()) -> str:
    """`rows` under `headers`, indented by two; the columns in `right` are aligned to the right."""
    limits = [*[MAX_CELL_CHARS] * (len(headers) - 1), MAX_LAST_CELL_CHARS]
    cells = [[printable(str(cell), limit) for cell, limit in zip(row, limits, strict=True)] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(headers, *cells, strict=True)]

    def padded(cell: str, column: int) -> str:
        return cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])

    head = "  ".join(padded(header, column) for column, header in enumerate(headers)).rstrip()
    lines = [f"  {click.style(head, bold=True)}"]
    for row in cells:
        shown = [_coloured(cell, padded(cell, column)) for column, cell in enumerate(row)]
        lines.append(f"  {'  '.join(shown)}".rstrip())
    return "\n".join(lines)


def _coloured(word: str, text: str) -> str:
    return click.style(text, fg=COLOURS[word]) if word in COLOURS else text


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """`name  value` lines; a value may have several lines, and without one the pair is left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    lines: list[str] = []
    for name, value in shown:
        first, *rest = value.split("\n")
        lines.append(f"{name.ljust(width)}  {printable(first)}")
        lines.extend(f"{'':{width}}  {printable(line)}" for line in rest)
    return "\n".join(lines)


def coloured(word: str) -> str:
    """`word` in its colour, where it has one."""
    return _coloured(word, word)
