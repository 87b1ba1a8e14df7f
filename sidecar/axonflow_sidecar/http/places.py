"""Room for answers that last: so many of a tenant, and so many in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from axonflow.errors import TenancyLimited
from axonflow_sidecar.http.asgi import Refused

__all__ = ["RETRY_S", "Places"]

RETRY_S: Final = 5


class Places:
    """For `what`, in the plural, of one process."""

    def __init__(self, what: str, hint: str, most: int, most_of_tenant: int) -> None:
        self._what = what
        self._hint = hint
        self._most = most
        self._most_of_tenant = most_of_tenant
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one_of(self, tenant_id: str) -> Iterator[None]:
        """Raises Refused (429) when there are enough."""
        if self._taken[tenant_id] >= self._most_of_tenant or self._taken.total() >= self._most:
            limited = TenancyLimited(
                f"too many {self._what}", hint=self._hint, found="one more",
                expected=f"at most {self._most_of_tenant} of a tenant and {self._most} in all, of one process",
            )  # fmt: skip
            raise Refused(429, limited, retry_after_s=RETRY_S)
        self._taken[tenant_id] += 1
        try:
            yield
        finally:
            self._taken[tenant_id] -= 1
            self._taken += Counter()  # forgets tenants without any
