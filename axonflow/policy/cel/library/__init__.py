"""The functions of the language, a row for each way to call one. docs/reference/expressions.md lists them from here."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.arithmetic import MATH
from axonflow.policy.cel.library.content import CONTENT
from axonflow.policy.cel.library.encoders import ENCODERS
from axonflow.policy.cel.library.lists import LISTS, SETS
from axonflow.policy.cel.library.network import NETWORK
from axonflow.policy.cel.library.optionals import OPTIONALS
from axonflow.policy.cel.library.policies import POLICIES
from axonflow.policy.cel.library.rows import Function, Grows
from axonflow.policy.cel.library.standard import STANDARD
from axonflow.policy.cel.library.strings import STRINGS

__all__ = ["EXTENSIONS", "FUNCTIONS", "Function", "Grows", "flat"]

EXTENSIONS: Final[dict[str, tuple[Function, ...]]] = {
    "Standard": STANDARD,
    "Strings": STRINGS,
    "Numbers": MATH,
    "Lists": LISTS,
    "Sets": SETS,
    "Encoders": ENCODERS,
    "Network": NETWORK,
    "Optionals": OPTIONALS,
    "Content": CONTENT,
    "Names, versions and times": POLICIES,
}

FUNCTIONS: Final = {(row.name, row.is_method, row.parameters): row for rows in EXTENSIONS.values() for row in rows}


def flat(kind: str) -> str:
    """The kind of a type: ``list`` of ``list(string)``, ``dyn`` of a type variable."""
    return "dyn" if len(kind) == 1 else kind.partition("(")[0]
