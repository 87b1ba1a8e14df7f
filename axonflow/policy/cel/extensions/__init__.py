"""Libraries of functions beside the standard ones. A module each: its rows, and what their templates call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from axonflow.policy.cel.extensions import encoders, network, policies
from axonflow.policy.cel.rows import Function

__all__ = ["IMPLEMENTATIONS", "ROWS"]

_MODULES: Final = {"Encoders": encoders, "Network": network, "For policies": policies}

ROWS: Final[dict[str, tuple[Function, ...]]] = {heading: module.ROWS for heading, module in _MODULES.items()}
"""The rows under the headings of the reference."""

IMPLEMENTATIONS: Final[tuple[Callable[..., Any], ...]] = tuple(
    getattr(module, name) for module in _MODULES.values() for name in module.__all__ if name != "ROWS"
)
