"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["names_from"]


def names_from(homes: Mapping[str, str], package: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of `package`, each of whose names is in the module that `homes` has for it. It raises
    AttributeError for others."""

    def found(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)  # it is asked for once
        return value

    return found
