"""What one row of the table of functions says; library.py collects the rows."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from axonflow.policy.cel.readers import Reader

__all__ = ["Function", "Grows", "Work", "method"]

Work = Literal["fixed", "linear", "sorting", "slow"]
"""How the work of a call grows with its arguments.

``fixed``: it does not, and nothing is built. ``linear``: each character and element in them, at any depth, is read
once. ``sorting``: that times a logarithm. ``slow``: each character is looked at by itself, which takes far longer.
"""

Grows = Literal["sum", "split", "product", "limit"]
"""How large what a call gives may be.

``sum``: what the arguments have together, at most twice. ``split``: a list with an element for each of their
characters. ``product``: the product of their sizes. ``limit``: whatever the arguments, as large as an expression may
build at all.
"""


class Function(Struct, frozen=True):
    """`parameters` are kinds; a method's first is its target. `example` evaluates to true.

    Rows of one name may take the same call, where the kinds of its arguments are not known before it is evaluated. They
    have one template, then, and it looks at what it is given. A variadic row has one parameter, for one argument or
    more, and the template's ``{0}`` is all of them.

    `readers` make arguments into what the template gets, by their position; where there is none, or None, it gets the
    argument itself.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    template: str
    summary: str
    example: str
    is_method: bool = False
    is_variadic: bool = False
    work: Work = "linear"
    grows: Grows = "sum"
    readers: tuple[Reader | None, ...] = ()

    @property
    def form(self) -> str:
        """How the function is written, by the kinds of its arguments."""
        arguments = ", ".join(self.parameters[self.is_method :]) + (", ..." if self.is_variadic else "")
        return f"{self.parameters[0]}.{self.name}({arguments})" if self.is_method else f"{self.name}({arguments})"


def method(
    name: str,
    parameters: tuple[str, ...],
    result: str,
    template: str,
    summary: str,
    example: str,
    *,
    work: Work = "linear",
    grows: Grows = "sum",
) -> Function:
    return Function(name, parameters, result, template, summary, example, is_method=True, work=work, grows=grows)
