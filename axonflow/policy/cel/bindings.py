"""What the source of one shape calls c0, c1...: for each, how its value comes from the literals of an expression.

Expressions that differ in their literals alone have one shape, and the shape is compiled once. So whatever is made
from a literal when an expression is compiled (a pattern, a set of strings) is registered as a recipe, to be followed
again for the next expression of the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from axonflow.policy.cel.syntax import Constant

__all__ = ["Binding", "Bindings"]

Recipe = Callable[[Sequence[Any]], Any]
"""The values of an expression's literals, in the order of its text, to the value of one name."""


class Bindings:
    """The constants of one shape, in the order of their names.

    `inspects`: whether the source uses the evaluation, for findings, time or loops. `pinned` are the slots of literals
    that the source itself depends on: expressions that differ there do not share it.
    """

    def __init__(self) -> None:
        self.inspects = False
        self.pinned: Final[set[int]] = set()
        self._sources: Final[list[tuple[str, int]]] = []
        self._fixed: Final[list[Any]] = []
        self._recipes: Final[list[Recipe]] = []
        self._temporaries = 0

    def fixed(self, value: Any) -> str:
        """The name of a value that is the same in every expression of the shape, such as a field's name."""
        self._fixed.append(value)
        return self._name("fixed", len(self._fixed) - 1)

    def literal(self, constant: Constant) -> str:
        """The name of a literal's own value."""
        return self.fixed(constant.value) if constant.slot is None else self._name("literal", constant.slot)

    def derived(self, make: Callable[..., Any], *constants: Constant) -> str:
        """The name of ``make(*values)`` of some literals. It may raise ValueError for values that it cannot take."""
        fixed = {position: constant.value for position, constant in enumerate(constants) if constant.slot is None}
        slots = [constant.slot for constant in constants]

        def recipe(literals: Sequence[Any]) -> Any:
            return make(*[fixed[at] if slot is None else literals[slot] for at, slot in enumerate(slots)])

        self._recipes.append(recipe)
        return self._name("derived", len(self._recipes) - 1)

    def pin(self, constant: Constant) -> None:
        """Say that what is emitted depends on the value of this literal, not only on its kind."""
        if constant.slot is not None:
            self.pinned.add(constant.slot)

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _name(self, kind: str, number: int) -> str:
        self._sources.append((kind, number))
        return f"c{len(self._sources) - 1}"

    def binding(self, literals: int) -> Binding:
        """How to make the values of all names, for expressions of so many literals."""
        starts = {"literal": 0, "fixed": literals, "derived": literals + len(self._fixed)}
        return Binding([starts[kind] + number for kind, number in self._sources], self._fixed, self._recipes)


class Binding:
    """The values of c0, c1... for the literals of one expression. Called once a rule: most of it is one C function."""

    __slots__ = ("_fixed", "_pick", "_recipes", "names")

    def __init__(self, picks: Sequence[int], fixed: Sequence[Any], recipes: Sequence[Recipe]) -> None:
        self.names = [f"c{position}" for position in range(len(picks))]
        self._fixed = tuple(fixed)
        self._recipes = tuple(recipes)
        self._pick: Callable[[Sequence[Any]], Any] | None = itemgetter(*picks) if len(picks) > 1 else None
        if len(picks) == 1:
            (only,) = picks
            self._pick = lambda pool: (pool[only],)

    def values(self, literals: tuple[Any, ...]) -> Sequence[Any]:
        """Raises ValueError when a literal cannot be what the expression needs, such as a pattern."""
        if self._pick is None:
            return ()
        pool = literals + self._fixed
        if self._recipes:
            pool += tuple([recipe(literals) for recipe in self._recipes])
        values: Sequence[Any] = self._pick(pool)
        return values
