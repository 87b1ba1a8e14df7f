"""What the source of one shape calls c0, c1...: for each, how its value comes from the literals of an expression.

Expressions that differ in their literals alone have one shape, and the shape is compiled once. So whatever is made
from a literal when an expression is compiled (a pattern, a set of strings) is registered as a recipe, to be followed
again for the next expression of the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from axonflow.policy.cel.syntax import Constant

__all__ = ["Bindings", "Recipe"]

Recipe = Callable[[Sequence[Any]], Any]
"""The values of an expression's literals, in the order of its text, to the value of one name."""


class Bindings:
    """The constants of one shape, in the order of their names.

    `inspects`: whether the source uses the evaluation, for findings, time or loops. `pinned` are the slots of literals
    that the source itself depends on: expressions that differ there do not share it.
    """

    def __init__(self) -> None:
        self.recipes: Final[list[Recipe]] = []
        self.inspects = False
        self.pinned: Final[set[int]] = set()
        self._temporaries = 0

    def fixed(self, value: Any) -> str:
        """The name of a value that is the same in every expression of the shape, such as a field's name."""
        return self._name(lambda _literals: value)

    def literal(self, constant: Constant) -> str:
        """The name of a literal's own value."""
        slot = constant.slot
        if slot is None:
            return self.fixed(constant.value)
        return self._name(lambda literals: literals[slot])

    def derived(self, make: Callable[..., Any], *constants: Constant) -> str:
        """The name of ``make(*values)`` of some literals. It may raise ValueError for values that it cannot take."""
        fixed = {position: constant.value for position, constant in enumerate(constants) if constant.slot is None}
        slots = [constant.slot for constant in constants]

        def recipe(literals: Sequence[Any]) -> Any:
            return make(*[fixed[at] if slot is None else literals[slot] for at, slot in enumerate(slots)])

        return self._name(recipe)

    def pin(self, constant: Constant) -> None:
        """Say that what is emitted depends on the value of this literal, not only on its kind."""
        if constant.slot is not None:
            self.pinned.add(constant.slot)

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _name(self, recipe: Recipe) -> str:
        self.recipes.append(recipe)
        return f"c{len(self.recipes) - 1}"
