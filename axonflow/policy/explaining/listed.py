"""Edits of lists: a member more, a member less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from axonflow.policy.analysis.worlds import is_same
from axonflow.policy.explaining.edits import Edit

__all__ = ["MAX_DROPPED", "list_edits"]

MAX_DROPPED: Final = 32


def list_edits(variable: str, members: Sequence[Any], values: Sequence[Any], named: Sequence[Any]) -> Iterator[Edit]:
    """What could be taken out of a list of `members` and is `named` by rules; what could be added to it, of what lists
    among `values` have; what else could be taken out."""
    held = sorted(_distinct(members), key=lambda member: not _has(named, member))
    drops = [Edit("drop", variable, (), member) for member in held[:MAX_DROPPED]]
    known = sum(_has(named, drop.value) for drop in drops)
    yield from drops[:known]
    for member in _distinct(one for value in values if isinstance(value, (list, tuple)) for one in value):
        if not _has(members, member):
            yield Edit("add", variable, (), member, example=not _has(named, member))
    yield from drops[known:]


def _distinct(members: Iterable[Any]) -> list[Any]:
    out: list[Any] = []
    for member in members:
        if not _has(out, member):
            out.append(member)
    return out


def _has(members: Iterable[Any], wanted: Any) -> bool:
    return any(is_same(member, wanted) for member in members)
