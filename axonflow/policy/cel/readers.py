"""Arguments in a notation of their own: read once a rule where they are literals, else when they are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from axonflow.policy.cel.syntax import Constant, ListLiteral, Node
from axonflow.policy.cel.values import CelError, Value, as_string

__all__ = ["Reader", "literal_texts"]


class Reader(Struct, frozen=True):
    """What makes the text of an argument into what the function wants.

    ``make(text)``, or ``make(*texts)`` if it `takes_lists`, raises ValueError, whose message says what was expected and
    nothing of what was found. A value of the class `made` is taken as it is. `steps` are what reading one text counts
    for; 0 if that is next to nothing.
    """

    make: Callable[..., Any]
    made: type | None = None
    steps: int = 0
    takes_lists: bool = False

    def read(self, value: Value) -> Any:
        """What is made of a value that is known when it is evaluated. Raises CelError."""
        if self.made is not None and isinstance(value, self.made):
            return value
        texts = value if self.takes_lists and isinstance(value, (list, tuple)) else [value]
        try:
            return self.make(*map(as_string, texts))
        except ValueError as error:
            raise CelError(str(error)) from None

    def read_paid(self, evaluation: Value, value: Value) -> Any:
        """The same, for its steps."""
        evaluation.spend(self.steps * (len(value) if isinstance(value, (list, tuple)) else 1))
        return self.read(value)


def literal_texts(node: Node) -> tuple[Constant, ...] | None:
    """The literals of a text, or of a list of texts; None when `node` is neither."""
    nodes = node.items if isinstance(node, ListLiteral) else (node,)
    texts = tuple([one for one in nodes if isinstance(one, Constant) and isinstance(one.value, str)])
    return texts if len(texts) == len(nodes) else None
