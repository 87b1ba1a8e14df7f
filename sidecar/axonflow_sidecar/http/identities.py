"""Whose a key is: first those that are configured, then those that tenants made for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from axonflow.errors import TenancyForbidden
from axonflow_sidecar.http.asgi import Refused
from axonflow_sidecar.http.keys import Client, KeyRing, presented
from axonflow_sidecar.http.stored_keys import StoredKeys

__all__ = ["Identities"]

_NOBODY: Final[Mapping[str, str]] = {}


class Identities:
    """What is configured wins: it works without a database, and nobody can take it away by writing there.

    `inactive` is looked at with each call: tenants that may do nothing at present, and why.
    """

    def __init__(self, ring: KeyRing, stored: StoredKeys | None = None, inactive: Mapping[str, str] = _NOBODY) -> None:
        self._ring = ring
        self._stored = stored
        self._inactive = inactive

    async def client(self, authorization: str) -> Client | None:
        """Whose key an Authorization header carries, or None. A client id that it names has to be the key's.

        Raises TenancyUnavailable when nobody can tell, and Refused (403) for a key whose tenant the database said is
        not active: where changes cannot be heard, `inactive` may know nothing of it.
        """
        offered = presented(authorization)
        if offered is None:
            return None
        digest = self._ring.digest(offered.key)
        client = self._ring.holder(digest)
        if client is None and self._stored is not None:
            client = await self._stored.client(digest, offered.key)
        if client is not None and offered.client_id not in (None, client.client_id):
            return None
        if client is not None and client.status != "active":
            raise _refused(client.status)
        return client

    def check_active(self, tenant_id: str) -> None:
        """Raise Refused (403) when this tenant is suspended or being deleted."""
        status = self._inactive.get(tenant_id)
        if status is not None:
            raise _refused(status)


def _refused(status: str) -> Refused:
    return Refused(
        403,
        TenancyForbidden(
            f"the tenant is {status}", expected="an active tenant", found=status,
            hint="Nothing was allowed. Whoever runs this installation can say why.",
        ),
    )  # fmt: skip
