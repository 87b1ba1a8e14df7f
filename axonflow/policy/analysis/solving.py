"""Is there a request for which a formula holds? A request, a proof that there is none, or neither.

The atoms of one variable depend on each other, those of different variables do not. So a formula is about a few
variables, each with a few cells (see domains), and a literal is a set of the cells of one: bits of a number. What is
left is a search with backtracking, which most rules never need, for they are conjunctions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.analysis.arithmetic import proposal, understands
from axonflow.policy.analysis.domains import Domain, Group, domain_of, domain_with, values_of
from axonflow.policy.analysis.formulas import ERROR, NO, YES, Atom, Every, Formula, Literal, atoms_in
from axonflow.policy.analysis.members import Wanted, wanted_in
from axonflow.policy.analysis.worlds import ABSENT, World, value_in
from axonflow.policy.request import Request

__all__ = ["MAX_STEPS", "Impossible", "Outcome", "Space", "Unknown", "Witness"]

MAX_STEPS: Final = 5_000
"""Choices that one search may try, unless it is told otherwise."""
_MAX_SOLUTIONS: Final = 24
_MAX_TRIED: Final = 96
_TRIED_A_VARIABLE: Final = 5
_ANSWERS: Final = (YES, NO, ERROR)


class Witness(Struct, frozen=True):
    """A request for which the formula holds, by the engine's own code. Its `time` is set where it matters."""

    request: Request


class Impossible(Struct, frozen=True):
    """The formula holds for no request."""


class Unknown(Struct, frozen=True):
    """Neither was found: `why` is ``steps`` when the search was cut short, else ``theory``."""

    why: str


Outcome = Witness | Impossible | Unknown


class _OutOfStepsError(Exception):
    """A search has tried all it may."""


class _Leaf(Struct, frozen=True):
    """The cell of a domain, by its number, is one of those in `cells`."""

    domain: int
    cells: int


class _Node(Struct, frozen=True):
    """All of `parts`, or one of them."""

    parts: tuple[_Leaf | _Node, ...]
    is_every: bool


_Tree = _Leaf | _Node
_Cells = list[int]


class _Table:
    """The cells of all domains, and for each atom those in which it has a certain answer. KeyError for any other."""

    def __init__(self, columns: Iterable[tuple[Sequence[Atom], Sequence[Sequence[int]]]]) -> None:
        self.full: _Cells = []
        self._where: dict[Hashable, tuple[int, dict[int, int]]] = {}
        for number, (atoms, cells) in enumerate(columns):
            self.full.append((1 << len(cells)) - 1)
            for position, atom in enumerate(atoms):
                masks = dict.fromkeys(_ANSWERS, 0)
                for bit, answers in enumerate(cells):
                    masks[answers[position]] |= 1 << bit
                self._where[atom.key] = number, masks

    def tree(self, formula: Formula) -> _Tree:
        """`formula` over these cells."""
        if isinstance(formula, Literal):
            number, masks = self._where[formula.atom.key]
            return _Leaf(number, sum(masks[answer] for answer in _ANSWERS if formula.accepts & answer))
        is_every = isinstance(formula, Every)
        return _Node(tuple(_joined(map(self.tree, formula.parts), is_every=is_every)), is_every=is_every)


def _joined(parts: Iterable[_Tree], *, is_every: bool) -> Iterator[_Tree]:
    """`parts` with one leaf for each domain."""
    leaves: dict[int, int] = {}
    for part in parts:
        if not isinstance(part, _Leaf):
            yield part
        elif part.domain in leaves:
            known = leaves[part.domain]
            leaves[part.domain] = known & part.cells if is_every else known | part.cells
        else:
            leaves[part.domain] = part.cells
    yield from (_Leaf(number, cells) for number, cells in leaves.items())


class Space:
    """What there is to know of some atoms together: their variables' domains. Formulas over them are solved in it."""

    def __init__(
        self,
        atoms: Iterable[Atom],
        world: World,
        steps: int = MAX_STEPS,
        examples: Sequence[Request] = (),
        wanted: Mapping[str, Wanted] | None = None,
    ) -> None:
        """`examples`: requests whose values are worth trying. `wanted`: what wants a member of a list in the formulas
        that will be asked for, where that is known (see domains)."""
        self._world = world
        self._steps = steps
        self._atoms = {atom.key: atom for atom in atoms}
        by_variable: dict[str, dict[Hashable, Atom]] = {}
        self._loose: list[Atom] = []
        """Atoms about several variables, or about none that is known."""
        for atom in self._atoms.values():
            variable = atom.variable
            if variable is None:
                self._loose.append(atom)
            else:
                by_variable.setdefault(variable, {})[atom.key] = atom
        self.domains: list[Domain] = [
            domain_with(variable, tuple(own.values()), world, [value_in(one, variable) for one in examples])
            if examples
            else domain_of(variable, tuple(own.values()), world, None if wanted is None else wanted.get(variable, ()))
            for variable, own in by_variable.items()
        ]
        self._real = _Table([*((domain.atoms, domain.answers) for domain in self.domains), *self._unbound])
        self._possible: dict[tuple[bool, ...], _Table] = {}
        self._searches: list[_Steps] = []

    @property
    def effort(self) -> int:
        """Answers that its domains were made of, and choices that its searches tried."""
        asked = sum(domain.tried * len(domain.atoms) for domain in self.domains)
        return asked + sum(search.taken for search in self._searches)

    def may_hold(self, formula: Formula) -> bool:
        """Whether there are values for which `formula` holds, as far as these are all known to be independent: that is
        quicker to see than to make a request of them. False says nothing."""
        if self._loose:
            return False
        try:
            return any(True for _ in self._solutions(self._real, formula))
        except (KeyError, _OutOfStepsError):
            return False

    def solve(self, formula: Formula) -> Outcome:
        """A request for which `formula`, whose atoms are better among those of the space, holds."""
        try:
            return self._solve(formula)
        except KeyError:
            return Space([*self._atoms.values(), *atoms_in(formula)], self._world, self._steps).solve(formula)

    def _solve(self, formula: Formula) -> Outcome:
        try:
            for cells in islice(self._solutions(self._real, formula), _MAX_SOLUTIONS):
                request = self._request(cells, formula)
                if request is not None:
                    return Witness(request)
            few = self._few(formula)
            if self._is_exact(few) or not any(self._solutions(self._table(few), formula)):
                return Impossible()
        except _OutOfStepsError:
            return Unknown("steps")
        return self._proposed(formula) if any(map(understands, self._loose)) else Unknown("theory")

    def _solutions(self, table: _Table, formula: Formula) -> Iterator[_Cells]:
        """For each domain the cells in which `formula` holds: one way after the other. Raises _OutOfStepsError."""
        search = _Steps(self._steps)
        self._searches.append(search)
        return _ways(list(table.full), [table.tree(formula)], search)

    def _proposed(self, formula: Formula) -> Outcome:
        """What the solver for questions about several attributes says, as far as the engine confirms it."""
        if not self._world.questions_left:
            return Unknown("steps")
        self._world.questions_left -= 1
        cells = [(group.atoms, group.cells) for domain in self.domains for group in domain.groups]
        found = proposal(formula, cells, self._atoms.values())
        if isinstance(found, bool):
            return Unknown("theory") if found else Impossible()
        values: dict[str, Any] = {}
        for domain in self.domains:
            values[domain.variable] = _fitting(domain, tuple([found.answers[atom.key] for atom in domain.atoms]))
        request = self._confirmed({**values, **found.values}, formula)
        return Unknown("theory") if request is None else Witness(request)

    def _few(self, formula: Formula) -> tuple[bool, ...]:
        """For each domain whether its lists do for `formula`."""
        if all(domain.groups_of_few is None for domain in self.domains):
            return (False,) * len(self.domains)
        wanted = wanted_in(formula)
        return tuple([domain.does_for(wanted.get(domain.variable, ())) for domain in self.domains])

    def _is_exact(self, few: tuple[bool, ...]) -> bool:
        known = zip(self.domains, few, strict=True)
        return not self._loose and all(domain.is_exact_for(few=does) for domain, does in known)

    def _table(self, few: tuple[bool, ...]) -> _Table:
        table = self._possible.get(few)
        if table is None:
            known = zip(self.domains, few, strict=True)
            groups: list[Group] = [group for domain, does in known for group in domain.groups_for(few=does)]
            columns: list[tuple[Sequence[Atom], Sequence[Sequence[int]]]] = [
                (group.atoms, group.cells) for group in groups
            ]
            table = self._possible[few] = _Table([*columns, *self._unbound])
        return table

    @property
    def _unbound(self) -> Iterator[tuple[Sequence[Atom], Sequence[Sequence[int]]]]:
        """Any answer to what is asked about several variables is thought possible."""
        return (((atom,), tuple((answer,) for answer in _ANSWERS)) for atom in self._loose)

    # -- requests

    def _request(self, cells: Sequence[int], formula: Formula) -> Request | None:
        """A request whose variables are in `cells`, if `formula` holds for it."""
        asked = {atom.variable for atom in atoms_in(formula)}
        choices = [
            (domain.variable, _chosen(domain, cells[number], 1))
            for number, domain in enumerate(self.domains)
            if domain.variable in asked
        ]
        request = self._confirmed({variable: values[0] for variable, values in choices}, formula)
        if request is not None or not self._loose:
            return request
        return self._tried(cells, formula)

    def _confirmed(self, values: Mapping[str, Any], formula: Formula) -> Request | None:
        request = self._world.request(values)
        return request if request is not None and self._world.holds(formula, request) else None

    def _tried(self, cells: Sequence[int], formula: Formula) -> Request | None:
        """The same, where some atoms are about several variables: combinations of their values are tried."""
        choices: dict[str, list[Any]] = {}
        for variable, atoms in self._read_together(formula).items():
            choices[variable] = list(islice(values_of(variable, atoms, self._world), _TRIED_A_VARIABLE))
        for number, domain in enumerate(self.domains):
            known = choices.get(domain.variable, [])
            choices[domain.variable] = [*_chosen(domain, cells[number], _TRIED_A_VARIABLE), *known]
        for values in islice(product(*choices.values()), _MAX_TRIED):
            request = self._confirmed(dict(zip(choices, values, strict=True)), formula)
            if request is not None:
                return request
        return None

    @staticmethod
    def _read_together(formula: Formula) -> dict[str, list[Atom]]:
        found: dict[str, list[Atom]] = {}
        for atom in atoms_in(formula):
            if atom.variable is None:
                for variable in dict.fromkeys(hint.variable for hint in atom.hints):
                    found.setdefault(variable, []).append(atom)
        return found


def _fitting(domain: Domain, answers: Sequence[int]) -> Any:
    """The value with these answers; nothing if there is none."""
    known = zip(domain.values, domain.answers, strict=True)
    return next((value for value, own in known if own == answers), ABSENT)


def _chosen(domain: Domain, cells: int, most: int) -> list[Any]:
    """The values of the first `most` of these cells."""
    return list(islice((value for bit, value in enumerate(domain.values) if cells >> bit & 1), most))


# -- search


class _Steps:
    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def take(self) -> None:
        self.taken += 1
        if self.taken > self._most:
            raise _OutOfStepsError


def _ways(cells: _Cells, todo: list[_Tree], steps: _Steps) -> Iterator[_Cells]:
    left = [(cells, todo)]  # no recursion: there may be more choices than the stack takes
    while left:
        steps.take()
        cells, todo = left.pop()
        choices = _narrowed(cells, todo)
        if choices is None:
            continue
        if not choices:
            yield cells
            continue
        first = min(choices, key=lambda choice: len(choice[1]))
        rest: list[_Tree] = [choice for choice, _ in choices if choice is not first[0]]
        left += [(list(cells), [*rest, option]) for option in reversed(first[1])]


def _narrowed(cells: _Cells, todo: list[_Tree]) -> list[tuple[_Node, list[_Tree]]] | None:
    """The choices that are open when all is taken into `cells` of which there is no choice; None if nothing is left."""
    choices: list[_Node] = []
    while todo:
        while todo:
            part = todo.pop()
            if isinstance(part, _Leaf):
                cells[part.domain] &= part.cells
                if not cells[part.domain]:
                    return None
            elif part.is_every:
                todo += part.parts
            else:
                choices.append(part)
        found = [(choice, options) for choice in choices if (options := _options(choice, cells)) is not None]
        todo = [options[0] for _, options in found if len(options) == 1]
        if not all(options for _, options in found):
            return None
        choices = [choice for choice, options in found if len(options) > 1]
    return [(choice, options) for choice, options in found if len(options) > 1]


def _options(choice: _Node, cells: _Cells) -> list[_Tree] | None:
    """What is still possible of `choice`; None when one part of it holds already."""
    options: list[_Tree] = []
    for part in choice.parts:
        if isinstance(part, _Leaf):
            left = cells[part.domain] & part.cells
            if left == cells[part.domain]:
                return None
            if left:
                options.append(part)
        else:
            options.append(part)
    return options
