"""Publishing policies: build, sign and keep a version, activate it, go back. Needs ``axonflow[bundles]``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.bundles import build_bundle
from axonflow.app.policies import Keys, Policies, policy_sources, trusted_by, written
from axonflow.app.scanning import builtin_scanner
from axonflow.app.turns import letting_others_run, no_collection
from axonflow.errors import PolicyError, PolicyForbidden
from axonflow.flows.activate_policy import activate_policy, found_version
from axonflow.flows.diff_policy import diff_policy
from axonflow.flows.publish_policy import publish_policy
from axonflow.flows.rollback_policy import rollback_policy
from axonflow.ids import now_us
from axonflow.policy.api.rules import SET_NAME
from axonflow.policy.compiling.bundle import BundleSource, Verify, stated
from axonflow.policy.compiling.compiling import check_programs
from axonflow.policy.compiling.scopes import Scope, layer_of
from axonflow.policy.differing import PolicyDiff, rules_in
from axonflow.policy.publication import Change, PolicyHistory, PolicyVersion, SetState, VersionHead
from axonflow.ports import PolicyStore

__all__ = [
    "Change",
    "PolicyDiff",
    "PolicyHistory",
    "PolicyVersion",
    "Published",
    "Publisher",
    "SetState",
]

_HISTORY: Final = 100


class Published(Struct, frozen=True):
    """A version that is kept, and what is in force now if it was activated."""

    version: VersionHead
    in_force: SetState | None


class Publisher:
    """Publishes into `store`. What is published as a bundle, or activated, has to be signed by one of `trusted_keys`;
    where these are None, that is left to the agents, who ask for it in any case. Scopes are tenants, '@' and an
    organization, or '*' for the system."""

    def __init__(
        self, store: PolicyStore, *, trusted_keys: Keys | None = None, clock_us: Callable[[], int] = now_us
    ) -> None:
        self._store = store
        self._verify: Verify = (lambda *_: True) if trusted_keys is None else trusted_by(trusted_keys)
        self._clock_us = clock_us

    async def publish(self, change: Change, policies: Policies, key: str | os.PathLike[str] | None) -> PolicyVersion:
        """`policies`, which AxonFlow.open would take, as a version that is kept, signed with the private key in the
        file `key`; one bundle as it is, when there is no key.

        Raises PolicyError with every problem, PolicyStoreError, and ConfigurationError for a key that is none.
        """
        if key is None:
            return await self.publish_bundle(change, *_only_bundle(policies))
        scope = change.tenant_id
        data = await asyncio.to_thread(build_bundle, policies, key, scope=scope, pause=letting_others_run())
        source = await asyncio.to_thread(written, policies)
        return await self._kept(change, BundleSource("the bundle", data, scope), source)

    async def publish_bundle(self, change: Change, data: bytes, name: str = "the bundle") -> PolicyVersion:
        """A signed bundle as a version that is kept as it is. Raises PolicyError, PolicyStoreError."""
        bundle = BundleSource(name, data, change.tenant_id)
        await asyncio.to_thread(self._check, change.tenant_id, [bundle])
        return await self._kept(change, bundle, {})

    async def _kept(self, change: Change, bundle: BundleSource, source: dict[str, str]) -> PolicyVersion:
        statement = stated(bundle)
        if SET_NAME in {change.set_name, *[entry.name for entry in statement.sets]}:
            raise PolicyForbidden(
                "the name is taken by the policies that are edited one by one", expected="another", found=SET_NAME
            )
        rules = await asyncio.to_thread(rules_in, bundle)
        version = PolicyVersion(
            tenant_id=change.tenant_id, set_name=change.set_name, version=0, digest=statement.digest,
            key_id=statement.key, rules=rules, author=change.author, reason=change.reason,
            created_us=change.time_us, bundle=bundle.data, source=source,
        )  # fmt: skip
        return await publish_policy(self._store, version)

    async def published(
        self, change: Change, policies: Policies, key: str | os.PathLike[str] | None, *, activate: bool
    ) -> Published:
        """As `publish`, and then as `activate` where that is wanted. Raises what they raise: when activating fails, the
        version is kept all the same."""
        version = await self.publish(change, policies, key)
        return Published(version.head, await self.activate(change, version.version) if activate else None)

    async def activate(self, change: Change, version: int | None, *, back: bool = False) -> SetState:
        """Put `version` in force; None: nothing of the set. `back`: it is a way back, as the history will say.

        Raises PolicyConflict when the last activation is not the expected one, PolicyError and PolicyStoreError.
        """
        check = partial(self._check, change.tenant_id)
        return await activate_policy(self._store, change, version, check=check, kind="rollback" if back else "activate")

    async def rollback(self, change: Change) -> SetState:
        """Put in force what was before. Raises as :meth:`activate`."""
        return await rollback_policy(self._store, change, check=partial(self._check, change.tenant_id))

    def change(
        self, scope: str, set_name: str, *, author: str, reason: str, expected_sequence: int | None = None
    ) -> Change:
        """A change of now."""
        return Change(
            tenant_id=scope, set_name=set_name, author=author, reason=reason, time_us=self._clock_us(),
            expected_sequence=expected_sequence,
        )  # fmt: skip

    async def sets(self, scope: str) -> list[SetState]:
        """What is in force of each set of the scope. Raises PolicyStoreError."""
        return await self._store.sets(scope)

    async def history(self, scope: str, set_name: str, limit: int = _HISTORY) -> PolicyHistory:
        """Versions and activations, newest first. Raises PolicyStoreError."""
        return await self._store.history(scope, set_name, limit)

    async def version(self, scope: str, set_name: str, version: int) -> PolicyVersion:
        """One version, with its bundle and its documents. Raises PolicyMissing, PolicyStoreError."""
        return await found_version(self._store, scope, set_name, version)

    async def diff(self, scope: str, set_name: str, from_version: int, to_version: int) -> PolicyDiff:
        """What differs between two versions. Raises PolicyMissing for one that is not there, PolicyStoreError."""
        return await diff_policy(self._store, scope, set_name, from_version, to_version)

    def _check(self, scope: str, bundles: Sequence[BundleSource]) -> None:
        with no_collection():
            check_programs(
                Scope(scope, layer_of(scope), bundles), builtin_scanner(), compile_pattern, self._verify,
                letting_others_run(),
            )  # fmt: skip


def _only_bundle(policies: Policies) -> tuple[bytes, str]:
    sources = policy_sources(policies)
    if len(sources) != 1 or not isinstance(sources[0], BundleSource):
        raise PolicyError(
            "documents are signed when they are published", expected="a private key, or one bundle (.axb)",
            found="no key", hint="Make one with: axonflow policy keygen release",
        )  # fmt: skip
    return sources[0].data, Path(sources[0].name).name
