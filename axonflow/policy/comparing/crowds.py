"""Rules taken together where only one thing is asked of them: whether any of them matches.

A verdict asks about all rules that there are, but of most of them no more than this. So they stand in it as one
question, and which of them matter is found out only where an answer hangs on it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from axonflow.policy.analysis.formulas import ANY, YES, Atom, Every, Formula, Literal, Some, every, negated
from axonflow.policy.comparing.sides import Written
from axonflow.policy.deciding.matching import STRING_FIELDS

__all__ = ["Case", "Crowd", "Meaning", "cases", "standing_for"]


class Crowd:
    """Rules of one effect and layer that both sides have, or only one: `is_old` if that is the first. Those `left_out`
    are none of it, though they are among its `members`."""

    def __init__(self, members: Sequence[Written], *, is_old: bool) -> None:
        self.is_old: Final = is_old
        self.members = members
        self._left_out: frozenset[str] = frozenset()

    def without(self, names: frozenset[str]) -> Crowd:
        """The same but for the rules with these ids."""
        fewer = Crowd(self.members, is_old=self.is_old)
        fewer._left_out = names
        fewer._filed = self._filed
        fewer._by_id = self._by_id
        return fewer

    def among(self, names: Iterable[str]) -> list[Written]:
        """Its members that have one of these ids."""
        return [self._by_id[name] for name in names if name in self._by_id and name not in self._left_out]

    @cached_property
    def _by_id(self) -> Mapping[str, Written]:
        return {one.rule.id: one for one in self.members}

    @cached_property
    def _filed(self) -> Mapping[str | None, Mapping[str, Sequence[Written]]]:
        """Its members by a field that they demand a text of, and by that text; under None those without any."""
        tables: dict[str | None, dict[str, list[Written]]] = {}
        for one in self.members:
            paths = [path for path in one.keys if path in STRING_FIELDS]
            path = min(paths, key=lambda path: (len(one.keys[path]), path)) if paths else None
            table = tables.setdefault(path, {})
            for text in one.keys[path] if path is not None else ("",):
                table.setdefault(text, []).append(one)
        return tables

    def meeting(self, others: Sequence[Written] | None) -> Iterator[Written]:
        """Those that may match where one of `others` does, each once; all of them for None."""
        seen: set[str] = set(self._left_out)
        for other in (None,) if others is None else others:
            for one in self.members if other is None else self._near(other):
                if one.rule.id not in seen and (other is None or one.may_meet(other)):
                    seen.add(one.rule.id)
                    yield one

    def _near(self, other: Written) -> Iterator[Written]:
        for path, table in self._filed.items():
            if path in other.keys:
                for text in other.keys[path]:
                    yield from table.get(text, ())
            else:
                for crowd in table.values():
                    yield from crowd


Meaning = Crowd | Formula


def standing_for(key: Hashable) -> Formula:
    """A literal for what is looked at later: that a rule matches, or one of a crowd. Nothing is ever asked of it."""
    return Literal(Atom(key, _never, (), lambda: str(key)), YES)


def _never(_request: object, _evaluation: object) -> bool:
    raise NotImplementedError("what stands for a rule is asked of no request")


class Case(NamedTuple):
    """One way in which a formula may hold: of some crowds one matches, of others none does, and `rest` holds."""

    wanted: tuple[Crowd, ...]
    unwanted: tuple[Crowd, ...]
    rest: Formula


def cases(formula: Formula, meanings: Mapping[Hashable, Meaning]) -> Iterator[Case]:
    """The ways in which `formula` may hold: where it does, one of them does, and the other way round. What contradicts
    itself is left out. `meanings` has what stands for something else; other literals are what they are."""
    seen: set[tuple[tuple[Hashable, int], ...]] = set()
    for known in _ways({}, [formula]):
        way = tuple([(key, literal.accepts) for key, literal in known.items()])
        if way not in seen:
            seen.add(way)
            yield _case(known.values(), meanings)


def _case(literals: Iterable[Literal], meanings: Mapping[Hashable, Meaning]) -> Case:
    wanted: list[Crowd] = []
    unwanted: list[Crowd] = []
    rest: list[Formula] = []
    for literal in literals:
        meaning = meanings.get(literal.atom.key, literal)
        if isinstance(meaning, Crowd):
            (wanted if literal.accepts & YES else unwanted).append(meaning)
        elif meaning is literal:
            rest.append(literal)
        else:
            rest.append(meaning if literal.accepts & YES else negated(meaning))
    return Case(tuple(wanted), tuple(unwanted), every(rest))


_Known = dict[Hashable, Literal]


def _ways(known: _Known, todo: list[Formula]) -> Iterator[_Known]:
    choices: list[Some] = []
    while todo:
        part = todo.pop()
        if isinstance(part, Literal):
            before = known.get(part.atom.key)
            accepts = part.accepts & (ANY if before is None else before.accepts)
            if not accepts:
                return
            known[part.atom.key] = Literal(part.atom, accepts)
        elif isinstance(part, Every):
            todo += part.parts
        else:
            choices.append(part)
    left = [choice for choice in choices if not any(_holds(option, known) for option in choice.parts)]
    if not left:
        yield known
        return
    first = min(left, key=lambda choice: len(choice.parts))
    rest: list[Formula] = [choice for choice in left if choice is not first]
    for option in first.parts:
        yield from _ways(dict(known), [*rest, option])


def _holds(option: Formula, known: _Known) -> bool:
    """Whether what is `known` already says it."""
    if isinstance(option, Literal):
        before = known.get(option.atom.key)
        return before is not None and not before.accepts & ~option.accepts
    return isinstance(option, Every) and all(_holds(part, known) for part in option.parts)
