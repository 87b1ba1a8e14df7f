"""Whose policies are in force together, and that what one of them writes never stops those of another.

A scope is named as in the database: a tenant; an organization that tenants belong to (``@`` and its name); ``*``, the
system, which every tenant is part of. Files are a scope too, the outermost, and have no name. For a tenant those of
all that it belongs to are in force, each scope's layers evaluated by themselves, and the strictest result wins.

Scopes are written by people who do not see each other's. So whatever loads by itself loads beside any others: a rule
whose id an outer scope has as well is told apart by a prefix, of two detectors with one id the outer one's counts, what
an outer scope has redacted by category leaves out detectors that it cannot know, an allowlist has no effect on what
outer scopes look for, and an exception reaches the rules of its own scope only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from axonflow.errors import PolicyError
from axonflow.policy.compiling.bundle import BundleSource
from axonflow.policy.compiling.program import ExceptionRow, PolicyProgram, RuleRow
from axonflow.policy.documents.document import LAYERS
from axonflow.policy.documents.reading import PolicySource

__all__ = ["FILES", "SYSTEM", "Level", "Scope", "Source", "distinguished", "layer_of", "level_of", "placed"]

FILES: Final = ""
SYSTEM: Final = "*"

Source = PolicySource | BundleSource

Level = tuple[int, int]
"""A scope by its number, and a layer by its: the order in which levels are outer to others."""


class Scope(NamedTuple):
    """The sources of one scope. `layer` is the only one that they may speak for; None: any."""

    name: str
    layer: str | None
    sources: Sequence[Source]


def layer_of(scope: str) -> str:
    """The layer that the sets published for `scope` are of."""
    if scope == SYSTEM:
        return "system"
    return "organization" if scope.startswith("@") else "tenant"


def level_of(program: PolicyProgram) -> Level:
    """Where `program` is evaluated."""
    return program.scope, LAYERS.index(program.head.layer)


def placed(
    programs: Iterable[PolicyProgram], number: int, scope: Scope, problems: list[PolicyError]
) -> list[PolicyProgram]:
    """`programs` as those of the scope with this number. What is of a layer that it may not speak for is a problem."""
    own = [program._replace(scope=number) for program in programs]
    problems += [
        PolicyError(
            f"set {program.head.name} is of another layer than where it is published",
            expected=f"layer: {scope.layer}", found=program.head.layer, at=program.at(("layer",), 0),
            hint="'*' is for the system layer, '@NAME' for an organization's, all else for a tenant's.",
        )
        for program in own
        if scope.layer not in {None, program.head.layer}
    ]  # fmt: skip
    return own


def distinguished(programs: Sequence[PolicyProgram]) -> list[PolicyProgram]:
    """`programs`, outermost scope first, with no rule of two scopes under one id: a decision, an audit record and the
    counter of a limit name a rule by its id alone. An exception goes with the rules that it names."""
    if len({program.scope for program in programs}) < 2:
        return list(programs)
    taken: dict[bool, set[str]] = {False: set(), True: set()}
    renamed: dict[tuple[int, bool], dict[str, str]] = {}
    for scope in sorted({program.scope for program in programs}):
        own = [program for program in programs if program.scope == scope]
        for is_shadow in (False, True):
            ids = [row.id for program in own if program.head.shadow is is_shadow for row, _ in program.rules]
            renamed[scope, is_shadow] = _new_names(ids, taken[is_shadow], own[0].head.layer)
    return [_renamed(program, renamed[program.scope, program.head.shadow]) for program in programs]


def _new_names(ids: Sequence[str], taken: set[str], prefix: str) -> dict[str, str]:
    """New ids for those of `ids` that are `taken`; what is taken afterwards is added there."""
    own = set(ids)
    names: dict[str, str] = {}
    for name in sorted(own & taken):
        new = f"{prefix}:{name}"
        while new in taken or new in own:
            new = f"{prefix}:{new}"
        names[name] = new
    taken |= own - names.keys()
    taken.update(names.values())
    return names


def _renamed(program: PolicyProgram, names: dict[str, str]) -> PolicyProgram:
    if not names:
        return program
    return program._replace(
        rules=[(_renamed_rule(row, names), expression) for row, expression in program.rules],
        exceptions=[(_renamed_exception(row, names), expression) for row, expression in program.exceptions],
    )


def _renamed_rule(row: RuleRow, names: dict[str, str]) -> RuleRow:
    new = names.get(row.id)
    if new is None:
        return row
    obligations = tuple([msgspec.structs.replace(obligation, policy=new) for obligation in row.obligations])
    return msgspec.structs.replace(row, id=new, obligations=obligations)


def _renamed_exception(row: ExceptionRow, names: dict[str, str]) -> ExceptionRow:
    return msgspec.structs.replace(row, rules=tuple([names.get(name, name) for name in row.rules]))
