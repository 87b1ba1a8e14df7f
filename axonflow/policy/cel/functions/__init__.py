"""What the rows of the library call. Arguments come checked for the kinds that their row declares, or as dyn where
several rows are possible. Whatever is wrong with a value is a CelError, which says kinds and never values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from axonflow.policy.cel.functions import (
    arithmetic,
    content,
    encoders,
    formatting,
    lists,
    network,
    policies,
    standard,
    strings,
)
from axonflow.policy.cel.functions.content import chars

__all__ = ["IMPLEMENTATIONS", "chars"]

IMPLEMENTATIONS: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(module, name)
    for module in (standard, strings, formatting, arithmetic, encoders, lists, network, content, policies)
    for name in module.__all__
}
