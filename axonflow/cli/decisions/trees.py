"""Trees for people: each line below the one that it belongs to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

__all__ = ["Tree", "tree_text"]

_LINES: Final = ("├─ ", "│  ", "└─ ", "   ")
_PLAIN: Final = ("|- ", "|  ", "`- ", "   ")
"""For a terminal that cannot write the others."""


class Tree(NamedTuple):
    """One line, which may be coloured, and what stands below it."""

    line: str
    below: Sequence[Tree] = ()


def tree_text(top: Tree) -> str:
    """`top` and all below it as lines."""
    return "\n".join([top.line, *_below(top.below, "", _LINES if _can_draw() else _PLAIN)])


def _below(trees: Sequence[Tree], indent: str, lines: tuple[str, str, str, str]) -> Iterator[str]:
    fork, past, last, blank = lines
    for number, tree in enumerate(trees, 1):
        is_last = number == len(trees)
        yield f"{indent}{last if is_last else fork}{tree.line}"
        yield from _below(tree.below, indent + (blank if is_last else past), lines)


def _can_draw() -> bool:
    try:
        "".join(_LINES).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
