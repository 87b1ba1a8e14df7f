"""Verb: watch tenants. Keep what this process knows of them as fresh as the database can make it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from axonflow.audit import AuditMode
from axonflow.errors import TenancyUnavailable
from axonflow.ids import now_us
from axonflow.ports import Standing, TenantFeed
from axonflow.tenancy import TenantStatus

__all__ = ["TenantWatch"]

PERIOD_S: Final = 1.0
PAUSE_S: Final = 0.5
_PERSON_KEY: Final = "audit_person_key/"
_OF_KEYS: Final = frozenset({"api_key", "role", "role_grant", "tenant"})


class TenantWatch:
    """`inactive` is what is known now; the same mapping always. `changed` is called with a tenant whose keys may open
    something else now, and with None when that may be any; `report` with why nothing is heard, and with None when it is
    again, as `unheard_since_us` says too (microseconds since 1970). `known` is what was known before, until the feed
    answers. `audit_modes` is called with the modes of those tenants that have one of their own, as they are now;
    `destroyed` with the id of a person's key that was destroyed, and with None when that may be any."""

    def __init__(
        self,
        feed: TenantFeed,
        changed: Callable[[str | None], None],
        report: Callable[[str | None], None] = lambda _: None,
        known: Mapping[str, TenantStatus] | None = None,
        audit_modes: Callable[[Mapping[str, AuditMode]], None] = lambda _: None,
        destroyed: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._feed = feed
        self._changed = changed
        self._report = report
        self._audit_modes = audit_modes
        self._destroyed = destroyed
        self.unheard_since_us: int | None = None
        self.inactive: dict[str, TenantStatus] = dict(known or {})
        self.hears = False

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                try:
                    await self._listen()
                except Exception as error:  # noqa: BLE001  whatever it is: who keeps watch does not end by it
                    self.hears = False
                    if self.unheard_since_us is None:
                        self.unheard_since_us = now_us()
                        self._report(str(error) if isinstance(error, TenancyUnavailable) else type(error).__name__)
                    await asyncio.sleep(PAUSE_S)
        finally:
            self.hears = False
            self._feed.close()

    async def _listen(self) -> None:
        """Until it fails. What happened before cannot be known, so everything may have changed."""
        self._update(await self._feed.standing())
        self._changed(None)
        self._destroyed(None)
        self.hears = True
        if self.unheard_since_us is not None:
            self.unheard_since_us = None
            self._report(None)
        while True:
            announced = await self._feed.heard(PERIOD_S)
            for tenant_id in {one.tenant_id for one in announced if one.kind in _OF_KEYS}:
                self._changed(tenant_id)
            for one in announced:
                if one.kind.startswith(_PERSON_KEY):
                    self._destroyed(one.kind.removeprefix(_PERSON_KEY))
            if not announced or any(one.kind == "tenant" for one in announced):
                self._update(await self._feed.standing())

    def _update(self, found: Standing) -> None:
        for tenant_id in self.inactive.keys() - found.inactive.keys():
            del self.inactive[tenant_id]
        self.inactive.update(found.inactive)
        self._audit_modes(found.audit_modes)
