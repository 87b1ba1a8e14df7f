"""Whose a key is: first those that are configured, then those that tenants made for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from axonflow.errors import TenancyForbidden, TenancyLimited
from axonflow.ids import now_us
from axonflow.tenancy import ANY_TENANT, check_active
from axonflow_sidecar.http.asgi import Refused
from axonflow_sidecar.http.keys import Client, KeyRing, presented
from axonflow_sidecar.http.rates import RequestRates
from axonflow_sidecar.http.stored_keys import StoredKeys
from axonflow_sidecar.http.translate import rfc3339

__all__ = ["Identities"]

_NOBODY: Final[Mapping[str, str]] = {}


class Identities:
    """What is configured wins: it works without a database, and nobody can take it away by writing there.

    `inactive` is looked at with each call: tenants that may do nothing at present, and why.
    """

    def __init__(
        self,
        ring: KeyRing,
        stored: StoredKeys | None = None,
        inactive: Mapping[str, str] = _NOBODY,
        rates: RequestRates | None = None,
    ) -> None:
        self._ring = ring
        self._stored = stored
        self._inactive = inactive
        self._rates = RequestRates() if rates is None else rates

    async def client(self, authorization: str) -> Client | None:
        """Whose key an Authorization header carries, or None. A client id that it names has to be the key's.

        Its tenant may do nothing at present: :meth:`check_holder` tells. Raises TenancyUnavailable when nobody can tell
        whose it is.
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
        return client

    def check_holder(self, client: Client) -> None:
        """Raise Refused (403) for the key of a tenant that is suspended or being deleted, also where only the look-up
        of the key told of it: where changes cannot be heard, `inactive` may know nothing."""
        if client.status != "active":
            _refuse(client.tenant_id, {client.tenant_id: client.status})
        if client.tenant_id != ANY_TENANT:
            self.check_active(client.tenant_id)

    def check_rate(self, tenant_id: str, per_minute: int) -> None:
        """Count a call of this tenant. Raises Refused (429) when it calls more often than `per_minute` times."""
        wait_s = self._rates.wait_s(tenant_id, per_minute)
        if wait_s:
            retry_after_s = ceil(wait_s)
            limited = TenancyLimited(
                "the tenant calls too often", expected=f"at most {per_minute} calls a minute", found="more",
                at=tenant_id, hint="Nothing was decided. Wait for Retry-After; whoever runs this can raise the limit.",
            )  # fmt: skip
            reset_at = rfc3339(now_us() + retry_after_s * 1_000_000)
            told = {"rate_limit": {"limit": per_minute, "remaining": 0, "reset_at": reset_at}}
            raise Refused(429, limited, retry_after_s=retry_after_s, more=told)

    def check_active(self, tenant_id: str) -> None:
        """Raise Refused (403) when this tenant is suspended or being deleted."""
        _refuse(tenant_id, self._inactive)


def _refuse(tenant_id: str, inactive: Mapping[str, str]) -> None:
    try:
        check_active(tenant_id, inactive)
    except TenancyForbidden as forbidden:
        raise Refused(403, forbidden) from None
