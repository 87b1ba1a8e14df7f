"""Edits of lists: a member more, a member less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from axonflow.policy.analysis.worlds import is_same
from axonflow.policy.explaining.edits import Edit

__all__ = ["MAX_DROPPED", "list_edits"]

MAX_DROPPED: Final = 32
_MEMBERSHIPS: Final = frozenset({"principal.roles", "principal.groups"})


def list_edits(variable: str, held: Any, values: Sequence[Any], named: Sequence[Any]) -> list[Edit] | None:
    """What could be added to the list that is `held`, of what lists among `values` have, and taken out of it, what is
    `named` by rules first; None when it is no list, and need not be one."""
    if variable not in _MEMBERSHIPS and not isinstance(held, (list, tuple)):
        return None
    members = held if isinstance(held, (list, tuple)) else ()
    wanted = _distinct(member for value in values if isinstance(value, (list, tuple)) for member in value)
    added = [Edit("add", variable, (), member) for member in wanted if not _has(members, member)]
    held_ones = sorted(_distinct(members), key=lambda member: not _has(named, member))
    return added + [Edit("drop", variable, (), member) for member in held_ones[:MAX_DROPPED]]


def _distinct(members: Iterable[Any]) -> list[Any]:
    out: list[Any] = []
    for member in members:
        if not _has(out, member):
            out.append(member)
    return out


def _has(members: Iterable[Any], wanted: Any) -> bool:
    return any(is_same(member, wanted) for member in members)
