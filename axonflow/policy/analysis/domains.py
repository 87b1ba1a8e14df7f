"""The values that one variable of a request can have, as far as certain questions about it tell them apart.

Values that give the same answers are one cell. `values` holds one real value for each cell that was found, and the
answers come from the engine's own code, so nothing here can disagree with it. `groups` say which combinations of
answers there can be at most: where a group is exact they are those of the values, else there are cells that no value
is known for. So a formula that no cell of the groups satisfies is impossible, and one that only they satisfy is
undecided.

Atoms of which little is known, such as those that loop or compute, are groups of their own: any answer is thought
possible, whatever the answers of the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain, product
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from axonflow.policy.analysis.formulas import ERROR, NO, YES, Atom, Hint
from axonflow.policy.analysis.members import LISTED, Lists, Wanted, asked, lists_for, members_of
from axonflow.policy.analysis.places import unpacked
from axonflow.policy.analysis.records import Looking, values_of_record
from axonflow.policy.analysis.texts import contents, moments
from axonflow.policy.analysis.values import (
    MAX_INNER,
    MAX_LENGTH,
    MAX_LISTED,
    MAX_VALUES,
    json_values,
    names,
    of_kind,
    text_values,
)
from axonflow.policy.analysis.worlds import World
from axonflow.policy.request import ACTIONS

__all__ = ["Domain", "Group", "domain_of", "domain_with", "values_of"]

_SCALAR: Final = frozenset({"equal", "filter", "order", "member", "present", "truth"})
_TEXT: Final = frozenset({"prefix", "suffix", "inner"})
_PATTERN: Final = frozenset({"glob", "pattern", "network", "version"})
_KNOWN: Final = _SCALAR | _TEXT | _PATTERN
_MAX_PATTERNS: Final = 5
_MAX_REGIONS: Final = 6
_MAX_KEPT: Final = 20_000
_MAX_FEW_VALUES: Final = 2_000
"""Where it is known which lists are needed."""
_ANSWERS: Final = (YES, NO, ERROR)

Answers = tuple[int, ...]


class Group(Struct, frozen=True):
    """Atoms, and the combinations of answers to them that there can be; `exact`: each of these has a value."""

    atoms: tuple[Atom, ...]
    cells: tuple[Answers, ...]
    exact: bool


class Domain(Struct, frozen=True):
    """`answers` of `values`, one for each of `atoms`, in their order; so many were `tried`. `groups_of_few` are the
    groups for formulas that want members of lists as in `wanted`, or just a few where that is None; where those for
    any formula are others."""

    variable: str
    atoms: tuple[Atom, ...]
    values: tuple[Any, ...]
    answers: tuple[Answers, ...]
    groups: tuple[Group, ...]
    groups_of_few: tuple[Group, ...] | None = None
    tried: int = 0
    wanted: frozenset[tuple[Hashable, int]] | None = None

    def does_for(self, wanted: Wanted) -> bool:
        """Whether its lists do for a formula in which this is `wanted`."""
        if self.wanted is None:
            return len(wanted) <= MAX_LISTED
        return self.wanted.issuperset(map(asked, wanted))

    def groups_for(self, *, few: bool) -> tuple[Group, ...]:
        """Those for a formula that it does for, or for any."""
        return self.groups_of_few if few and self.groups_of_few is not None else self.groups

    @property
    def is_exact(self) -> bool:
        """Whether there is no combination of answers but those of the values."""
        return self.is_exact_for(few=False)

    def is_exact_for(self, *, few: bool) -> bool:
        """The same, for a formula that it does for, or for any."""
        groups = self.groups_for(few=few)
        return len(groups) <= 1 and all(group.exact for group in groups)


def domain_of(variable: str, atoms: Sequence[Atom], world: World, wanted: Wanted | None = None) -> Domain:
    """The domain of `variable` for `atoms`, which read nothing else. Many rules ask the same of a variable.

    `wanted` is what wants a member of a list in the formulas that it is for, if that is known: then the lists with a
    member for each do, and there are fewer of them than of all those with a few members.
    """
    if wanted is not None and not _asks_of_many(variable, atoms):
        wanted = None
    key = (variable, *[atom.key for atom in atoms])
    if wanted is not None:
        key = (key, *map(asked, wanted))
    known: Domain | None = world.kept.get(key)
    if known is None:
        if len(world.kept) > _MAX_KEPT:
            world.kept.clear()
        known = world.kept[key] = domain_with(variable, atoms, world, (), wanted)
    return known


def _asks_of_many(variable: str, atoms: Sequence[Atom]) -> bool:
    """Whether more is asked of what is a list than for all of whose combinations lists are tried."""
    hints = [hint for atom in atoms for hint in atom.hints]
    asked = sum(hint.kind in LISTED for hint in hints)
    return asked > MAX_LISTED and not _is_text(variable) and not any(hint.inside for hint in hints)


def domain_with(
    variable: str, atoms: Sequence[Atom], world: World, examples: Sequence[Any], wanted: Wanted | None = None
) -> Domain:
    """The same, where `examples` are values worth trying too."""
    found: dict[Answers, Any] = {}
    cut = False
    most = _most_answers(variable, atoms[0]) if len(atoms) == 1 else None
    lists = None if wanted is None else lists_for(wanted, variable, atoms, world)
    number = 0
    for number, value in enumerate(chain(examples, values_of(variable, atoms, world, lists))):
        if number == (MAX_VALUES if lists is None else _MAX_FEW_VALUES):
            cut = True
            break
        request = world.with_value(variable, value)
        if request is not None:
            found.setdefault(tuple([world.answer(atom, request) for atom in atoms]), value)
            if len(found) == most:
                break
    found = dict(sorted(found.items(), key=_is_error))  # a request that says something is the better example
    cells = tuple(found)
    kind = _Kind.of(variable, atoms, is_cut=cut)
    groups = tuple(_groups(kind, atoms, found, world))
    few = tuple(_groups(replace(kind, too_many_listed=False), atoms, found, world)) if kind.too_many_listed else None
    own = None if lists is None or wanted is None else frozenset(map(asked, wanted))
    return Domain(variable, tuple(atoms), tuple(found.values()), cells, groups, few, number, own)


def _most_answers(variable: str, atom: Atom) -> int:
    """How many answers to one question there are: none of what is declared, of a filter and of a detector fails."""
    (hint, *more) = atom.hints
    never_fails = hint.kind in {"filter", "detected"} or (hint.kind == "present" and not hint.inside)
    declared = unpacked(variable)[2] and hint.kind in _TEXT | {"equal", "member", "glob", "pattern"} and not hint.inside
    return 2 if not more and (never_fails or declared) else 3


def _is_error(cell: tuple[Answers, Any]) -> bool:
    return ERROR in cell[0]


# -- values


def values_of(variable: str, atoms: Sequence[Atom], world: World, lists: Lists | None = None) -> Iterator[Any]:
    """Values of `variable` worth trying, for what `atoms` ask of it; some may be of no request. `lists` are all that
    are needed of several members, where that is known."""
    every = [hint for atom in atoms for hint in atom.hints if hint.variable == variable]
    hints = list(dict.fromkeys(every))
    root, name, declared = unpacked(variable)
    if root == "action":
        return iter([*text_values(hints), *sorted(ACTIONS)[:1], "other.action"])
    if root == "time":
        return moments(hints)
    if root == "content":
        own = [hint for hint in hints if hint.kind not in {"detected", "size", "chars"}]
        looking = Looking(variable, tuple(atoms), world)
        records = values_of_record(looking, own, is_principal=False) if own else iter(())
        return chain(contents(hints, world.scanner), records)
    if any(hint.inside for hint in hints) or name == "on_behalf_of":
        return values_of_record(Looking(variable, tuple(atoms), world), hints, is_principal=declared)
    if not declared or name in {"roles", "groups"}:
        members = members_of(variable, atoms, hints, world)
        return names(hints, members, lists) if declared else json_values(hints, members, lists)
    if root == "principal" and name == "type":
        return iter(("user", "agent", "service"))
    return text_values(hints)


# -- what there can be at most


class _Kind(Struct, frozen=True):
    """What the atoms about one variable have in common that tells which of them belong together."""

    variable: str
    is_cut: bool
    """Whether not all values were tried."""
    is_deep: bool
    has_text: bool
    too_many_listed: bool
    too_many_patterns: bool
    too_many_inside: bool

    @classmethod
    def of(cls, variable: str, atoms: Sequence[Atom], *, is_cut: bool) -> _Kind:
        hints = [hint for atom in atoms for hint in atom.hints]
        return cls(
            variable,
            is_cut,
            any(hint.inside for hint in hints),
            any(hint.kind in _TEXT | _PATTERN for hint in hints),
            not _is_text(variable) and sum(hint.kind in LISTED for hint in hints) > MAX_LISTED,
            sum(hint.kind in _PATTERN for hint in hints) > _MAX_PATTERNS,
            len(of_kind(hints, "inner")) > MAX_INNER,
        )

    def group_of(self, atom: Atom) -> str:
        """The name of the group that `atom` belongs to; those of ``free`` are groups of their own."""
        if self.is_cut or len(atom.hints) != 1:
            return "free"
        (hint,) = atom.hints
        if self.variable == "time":
            return {"window": "windows", "moment": "moments", "instant": "moments"}.get(hint.kind, "free")
        if hint.kind == "detected":
            return "detected"
        if hint.kind in {"size", "chars"}:
            return "free" if self.is_deep or any(not _is_short(value) for value in hint.values) else hint.kind
        return "main" if hint.kind in _KNOWN and not self._is_too_much(hint) else "free"

    def _is_too_much(self, hint: Hint) -> bool:
        if hint.kind in LISTED:
            return self.too_many_listed
        if hint.kind in _PATTERN:
            return self.is_deep or self.too_many_patterns
        if hint.kind == "inner":
            return self.too_many_inside
        if hint.kind == "order":
            return self.has_text and any(value.__class__ is str for value in hint.values)
        return False


def _is_text(variable: str) -> bool:
    """Whether nothing but a text can stand there, and no list."""
    _root, name, declared = unpacked(variable)
    return variable == "action" or (declared and name not in {"roles", "groups", "on_behalf_of"})


def _is_short(size: Any) -> bool:
    return not isinstance(size, (int, float)) or size < MAX_LENGTH


def _groups(kind: _Kind, atoms: Sequence[Atom], found: dict[Answers, Any], world: World) -> Iterator[Group]:
    classes: dict[str, list[int]] = {}
    for number, atom in enumerate(atoms):
        classes.setdefault(kind.group_of(atom), []).append(number)
    _merge(classes, atoms)
    for name, numbers in classes.items():
        own = tuple([atoms[number] for number in numbers])
        seen = dict.fromkeys(tuple([answers[number] for number in numbers]) for answers in found)
        if name == "free":
            yield from _free(own)
        elif name == "detected":
            yield from _findings(own, world)
        elif name == "main":
            yield _main_group(own, numbers, found, seen)
        else:
            yield Group(own, tuple(seen), exact=True)


def _free(atoms: Iterable[Atom]) -> Iterator[Group]:
    for atom in atoms:
        yield Group((atom,), tuple((answer,) for answer in _ANSWERS), exact=False)


def _merge(classes: dict[str, list[int]], atoms: Sequence[Atom]) -> None:
    """Where sizes are asked for, and else nothing but whether it is there, these belong together."""
    main = classes.get("main", [])
    if "size" in classes and main and all(atoms[number].hints[0].kind == "present" for number in main):
        classes["size"] = sorted(classes["size"] + classes.pop("main"))
    zones = {atoms[number].hints[0].values[1:] for number in classes.get("windows", ())}
    if len(zones) > 1:
        classes.setdefault("free", []).extend(classes.pop("windows"))


def _main_group(
    atoms: tuple[Atom, ...], numbers: Sequence[int], found: dict[Answers, Any], seen: dict[Answers, None]
) -> Group:
    kinds = [atom.hints[0].kind for atom in atoms]
    patterns = [position for position, kind in enumerate(kinds) if kind in _PATTERN]
    if not patterns or _is_alone(kinds, patterns):
        return Group(atoms, tuple(seen), exact=True)
    literals = of_kind([atom.hints[0] for atom in atoms], "equal", "filter", "member")
    cells = dict(seen)
    for answers, value in found.items():
        if value.__class__ is str and value not in literals:
            own = [answers[number] for number in numbers]
            cells |= dict.fromkeys(_loosened(own, kinds, patterns))
    return Group(atoms, tuple(cells), exact=len(cells) == len(seen))


def _is_alone(kinds: Sequence[str], patterns: Sequence[int]) -> bool:
    """Whether values for the patterns are complete: of one kind, which is read as numbers are, or only one of them."""
    others = {kind for kind in kinds if kind not in _PATTERN}
    found = {kinds[position] for position in patterns}
    if found == {"network"}:
        return others <= {"present"}
    return found == {"version"} and others <= {"present"}


def _loosened(answers: Sequence[int], kinds: Sequence[str], patterns: Sequence[int]) -> Iterator[Answers]:
    """`answers` of a text with any answers of the patterns: there may be a text like it that they match, or not."""
    choices = [(YES, NO) if kinds[position] == "pattern" else _ANSWERS for position in patterns]
    for chosen in product(*choices):
        loosened = list(answers)
        for position, answer in zip(patterns, chosen, strict=True):
            loosened[position] = answer
        yield tuple(loosened)


def _findings(atoms: tuple[Atom, ...], world: World) -> Iterator[Group]:
    """Any detectors may find something, or fail; a question about two is true where either does."""
    ids: list[frozenset[str]] = [frozenset(_detectors(atom.hints[0].values, world)) for atom in atoms]
    regions: dict[tuple[bool, ...], None] = {}
    for name in sorted(frozenset[str]().union(*ids)):
        regions.setdefault(tuple([name in one for one in ids]))
    if len(regions) > _MAX_REGIONS:
        yield from _free(atoms)
        return
    cells: dict[Answers, None] = {}
    for chosen in product((False, True), repeat=len(regions)):
        on = [region for region, is_on in zip(regions, chosen, strict=True) if is_on]
        cells.setdefault(tuple([YES if any(region[at] for region in on) else NO for at in range(len(atoms))]))
    cells.setdefault((ERROR,) * len(atoms))
    yield Group(atoms, tuple(cells), exact=False)


def _detectors(selectors: Iterable[Any], world: World) -> Iterator[str]:
    for selector in selectors:
        yield from world.scanner.resolve(str(selector))
