"""What the table of functions says of each."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from msgspec import Struct

__all__ = ["Cost", "Function", "Grows", "method"]

Cost = Literal["constant", "linear", "sorting", "slow"]
"""How the work of a call grows with the sizes of its arguments (characters of a text, values in a list or map): not at
all, with their sum, with n log n of it (or what is as dear: each value is made a key); or with their sum, and slowly,
where each character is looked at by itself."""

Grows = Literal["scalar", "held", "argument", "sum", "product", "count"]
"""How large a result may be: of a fixed size; one of the arguments or in them, so that nothing is made; as large as
one argument, a few times over; as all of them together; as the others are, once for each element or character of the
first; as the number that an argument is. Whatever it says here, no result is larger than functions/limits.py allows."""


class Function(Struct, frozen=True):
    """One way to call a function.

    `name` may have a namespace before a dot. `parameters` and `result` are types in CEL's notation, a single capital
    letter standing for any; a method's first parameter is its target. Of a variadic function the last parameter may be
    given any number of times, from once. `example` evaluates to true.

    `template` is Python source with ``{0}``, ``{1}``... for the arguments, or ``{*}`` for all of a variadic one.
    Templates are ours; nothing that a policy says ever becomes source. Several rows may be ways to call one function
    with as many arguments. Where the types of the arguments leave more than one possible, the template of the last
    has to do for all of these, and its function looks at the kinds that it is given.

    `prepares` names, by the position of an argument, the function that makes of its value what the template takes; for
    a literal that happens when the expression is compiled. It raises CelError for a value that it does not take.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    template: str
    summary: str
    example: str
    is_method: bool = False
    variadic: bool = False
    cost: Cost = "constant"
    grows: Grows = "scalar"
    prepares: tuple[tuple[int, str], ...] = ()

    def parameter(self, position: int) -> str:
        return self.parameters[min(position, len(self.parameters) - 1)]

    def takes(self, arguments: int) -> bool:
        """Whether it can be called with so many, a method's target among them."""
        return arguments == len(self.parameters) or (self.variadic and arguments > len(self.parameters))


method: Final = partial(Function, is_method=True)
