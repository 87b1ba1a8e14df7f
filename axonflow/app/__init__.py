"""The only place where the parts are put together.

``flow`` needs nothing but the library. What needs a driver (``durable``: asyncpg, ``remote``: httpx) is a module of its
own, imported by whoever wants it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from axonflow.lazy_names import names_from

if TYPE_CHECKING:
    from axonflow.app.flow import AxonFlow
    from axonflow.app.policies import policy_sources

__all__ = ["AxonFlow", "policy_sources"]

# Imported when first used (PEP 562): who asks one of these modules for something need not wait for the whole flow.
_HOMES: Final = {"AxonFlow": "axonflow.app.flow", "policy_sources": "axonflow.app.policies"}

__getattr__ = names_from(_HOMES, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
