"""The only place where the parts are put together.

``flow`` needs nothing but the library. What needs a driver (``durable``: asyncpg, ``remote``: httpx) is a module of its
own, imported by whoever wants it.
"""

from axonflow.app.flow import AxonFlow
from axonflow.app.policies import policy_sources

__all__ = ["AxonFlow", "policy_sources"]
