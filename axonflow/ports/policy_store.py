"""Where published policies are kept, and where running agents learn what is in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.policy.publication import Activation, InForce, PolicyHistory, PolicyVersion, SetState

__all__ = ["PolicyFeed", "PolicyStore"]


class PolicyStore(Protocol):
    """For who publishes, one scope at a time. All methods raise PolicyStoreError when the store cannot answer."""

    async def publish(self, version: PolicyVersion) -> PolicyVersion:
        """Keep `version`, whose number is not read, as the next of its set; what is kept, with its number.

        When the set has a version with the same digest under the same key already, that is the one, and nothing is
        written. Raises PolicyStoreError for a scope that is not there, where the store knows them.
        """

    async def activate(self, activation: Activation, known: Sequence[SetState]) -> SetState:
        """Append `activation`, whose sequence is one more than that of the set's last, and say what is in force then.

        `known` is what `sets` said when it was decided on. Raises PolicyConflict, and does nothing, when anything of
        it, for any set of the scope, is not so any more: of two that activate at once the second is told. Where the
        store knows tenants, also when it would come to more policies than the tenant may have, unless it is a way back.
        Raises PolicyStoreError for a version that is not there.
        """

    async def sets(self, tenant_id: str) -> list[SetState]:
        """All sets of the scope, sorted by name."""

    async def version(self, tenant_id: str, set_name: str, version: int) -> PolicyVersion | None:
        """A version with its bundle and source, if it is there."""

    async def history(self, tenant_id: str, set_name: str, limit: int) -> PolicyHistory:
        """At most `limit` versions and as many activations; none when there is no such set."""


class PolicyFeed(Protocol):
    """For who enforces, all scopes at once. All methods raise PolicyStoreError when the store cannot answer."""

    async def in_force(self) -> InForce:
        """What is in force everywhere, as of one moment."""

    async def bundle(self, tenant_id: str, set_name: str, version: int) -> bytes:
        """The bundle of a version. Raises PolicyStoreError when it is not there."""

    async def changed(self, timeout_s: float) -> bool:
        """Wait until something may have changed since the last `in_force`, at most for `timeout_s`; whether it did.

        A wake-up and no more: it may come for nothing, and it may not come.
        """
