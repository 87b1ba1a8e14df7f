"""A rule as it is analysed: the parts of its condition as formulas, what it reads, and which texts it demands."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from axonflow.policy.analysis.findings import RulePlace
from axonflow.policy.analysis.formulas import ANY, MATCHES, YES, Atom, Formula, Literal, atoms_in, every
from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.analysis.solving import Outcome, Space, Unknown
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.cel.syntax import Node
from axonflow.policy.deciding.rules import FAILS_CLOSED, CompiledRule
from axonflow.policy.request import Request

__all__ = ["Conjunct", "Origin", "Subject"]


_MAX_EXAMPLES: Final = 8


class Origin(NamedTuple):
    """Where a rule stands, asked for only when it is told, the keys of its `match`, and the requests of its tests:
    examples that a person chose, for what no value is known for."""

    at: Callable[[], str]
    match: frozenset[str]
    requests: Callable[[], Sequence[Request]] = tuple


class Conjunct:
    """A part that has to hold for a rule to match. ``that(mask)`` says that its answer is one of those in the mask;
    `node` is None for a key of `match`."""

    def __init__(self, that: Callable[[int], Formula], node: Node | None) -> None:
        self.that = that
        self.node = node
        self.holds = that(YES)
        self.atoms: list[Atom] = list(atoms_in(self.holds))
        self.reads: frozenset[Hashable] = frozenset([atom.variable or atom.key for atom in self.atoms])

    @cached_property
    def paths(self) -> frozenset[Hashable]:
        """The attributes that it asks about, each by its whole path; for what is not understood, the question."""
        found: set[Hashable] = set()
        for atom in self.atoms:
            understood = atom.hints and all(hint.kind != "other" for hint in atom.hints)
            found |= {(hint.variable, hint.inside) for hint in atom.hints} if understood else {atom.key}
        return frozenset(found)


class Subject:
    """One rule of `theory`'s engine. What is not needed is not worked out."""

    def __init__(self, theory: Theory, rule: CompiledRule, origin: Origin | None) -> None:
        self.theory = theory
        self.rule = rule
        self.origin = origin
        self.accepts = MATCHES if rule.effect in FAILS_CLOSED else YES

    @cached_property
    def place(self) -> RulePlace:
        """Where the rule stands. To find a line takes longer than to analyse a rule, so only what is told is placed."""
        return RulePlace(self.rule.id, "" if self.origin is None else self.origin.at())

    @cached_property
    def filters(self) -> list[Conjunct]:
        """What its `match` asks for."""
        filters = self.theory.filters(self.rule)
        if self.rule.filed is not None and self._is_tested(*self.rule.filed):
            filters = filters[:-1]  # looked up by what `when` says, which stands among its conjuncts
        return [Conjunct(_filtering(one), None) for one in filters]

    def _is_tested(self, path: str, literals: Sequence[str]) -> bool:
        """Whether the rule is looked up by what its `when` says; where its `match` is not known, whether that says the
        same."""
        if self.origin is not None:
            return path not in self.origin.match
        place, holds = place_of_path(path), [one.holds for one in self.tested]
        asked = [hint for one in holds if isinstance(one, Literal) for hint in one.atom.hints]
        says_so = any((hint.variable, hint.inside) == place and set(hint.values) == set(literals) for hint in asked)
        return says_so and path not in self.rule.condition.shape.filtered

    @cached_property
    def tested(self) -> list[Conjunct]:
        """The conjuncts of its `when`."""
        return [Conjunct(that, node) for node, that in self.theory.conjuncts(self.rule)]

    @cached_property
    def conjuncts(self) -> list[Conjunct]:
        """All that has to hold."""
        return [*self.filters, *self.tested]

    @cached_property
    def formula(self) -> Formula:
        """That the rule counts as a match, exceptions apart."""
        return every([one.that(self.accepts) for one in self.conjuncts])

    @cached_property
    def matching(self) -> Formula:
        """That the rule matches, and no exception takes it out."""
        return self.theory.matches(self.rule) if self.rule.waivers else self.formula

    @cached_property
    def shown(self) -> Outcome:
        """A request that the rule matches, exceptions and all."""
        return self.solved(self.theory.space([self.matching]), self.matching)

    @cached_property
    def atoms(self) -> dict[Hashable, Atom]:
        """All atoms in it, by what they ask."""
        return {atom.key: atom for atom in atoms_in(self.formula)}

    @cached_property
    def reads(self) -> frozenset[Hashable]:
        """The variables that it asks about; of what asks about several, the question itself."""
        return frozenset([atom.variable or atom.key for atom in self.atoms.values()])

    @cached_property
    def paths(self) -> frozenset[Hashable]:
        """The attributes that it asks about."""
        return frozenset().union(*[one.paths for one in self.conjuncts])

    @cached_property
    def demands(self) -> Mapping[str, frozenset[str]]:
        """By variable, texts one of which must stand there, or be in the list that does."""
        found: dict[str, frozenset[str]] = {}
        for one in self.conjuncts:
            literal = one.holds
            if isinstance(literal, Literal) and (texts := self._demanded(literal.atom)):
                variable = literal.atom.hints[0].variable
                found[variable] = found.get(variable, texts) & texts or texts
        return found

    def _demanded(self, atom: Atom) -> frozenset[str] | None:
        if len(atom.hints) != 1 or atom.hints[0].kind not in {"filter", "equal"} or atom.hints[0].inside:
            return None
        (hint,) = atom.hints
        values = hint.values
        if not values or not all(value.__class__ is str for value in values):
            return None
        if hint.kind == "equal":  # it may be !=
            request = self.theory.world.with_value(hint.variable, values[0])
            if request is None or self.theory.world.answer(atom, request) != YES:
                return None
        return frozenset(values)

    def solved(self, space: Space, formula: Formula) -> Outcome:
        """A request for which `formula` holds, made of values of its tests where the theory knows none."""
        outcome = space.solve(formula)
        if isinstance(outcome, Unknown) and self.origin is not None:
            examples = self.origin.requests()[:_MAX_EXAMPLES]
            if examples:
                return Space(atoms_in(formula), self.theory.world, examples=examples).solve(formula)
        return outcome


def _filtering(formula: Formula) -> Callable[[int], Formula]:
    """A key of `match` never fails, so an error is no answer of it."""
    assert isinstance(formula, Literal)

    def that(mask: int) -> Formula:
        return formula if mask & YES else Literal(formula.atom, ANY & ~YES)

    return that
