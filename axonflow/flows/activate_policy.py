"""Verb: activate a version of a policy set, or none of it. Agents serve it from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from axonflow.errors import PolicyMissing
from axonflow.flows.publish_policy import check_facts
from axonflow.policy.compiling.bundle import BundleSource
from axonflow.policy.publication import Activation, Change, Kind, PolicyVersion, SetState, changed_meanwhile
from axonflow.ports import PolicyStore

__all__ = ["CheckTogether", "activate_policy", "found_version"]

CheckTogether = Callable[[Sequence[BundleSource]], None]
"""Raises PolicyError, with every problem, for bundles that do not load together. It takes a while."""


async def activate_policy(
    store: PolicyStore, change: Change, version: int | None, *, check: CheckTogether, kind: Kind = "activate"
) -> SetState:
    """Put `version` of a set in force in its scope, in place of what was; None: nothing of the set any more.

    `check` is given all that will be in force in the scope then. Raises PolicyConflict when the last activation is
    another than the expected one, or there is another by the time that all is checked; PolicyError for what does not
    load; and PolicyStoreError.
    """
    check_facts(change.author, change.reason)
    known = await store.sets(change.tenant_id)
    last = next((one.sequence for one in known if one.set_name == change.set_name), 0)
    activation = Activation(
        tenant_id=change.tenant_id, set_name=change.set_name, sequence=last + 1,
        kind=kind if version is not None else "deactivate", version=version, author=change.author,
        reason=change.reason, created_us=change.time_us,
    )  # fmt: skip
    if change.expected_sequence not in {None, last}:
        raise changed_meanwhile(activation)
    wanted = {one.set_name: one.version for one in known} | {change.set_name: version}
    bundles = [
        _source_of(await found_version(store, change.tenant_id, name, number))
        for name, number in sorted(wanted.items())
        if number is not None
    ]
    await asyncio.to_thread(check, bundles)
    return await store.activate(activation, known)


def _source_of(version: PolicyVersion) -> BundleSource:
    return BundleSource(f"{version.set_name} version {version.version}", version.bundle, version.tenant_id)


async def found_version(store: PolicyStore, tenant_id: str, set_name: str, version: int) -> PolicyVersion:
    """A version that has to be there. Raises PolicyMissing when it is not."""
    found = await store.version(tenant_id, set_name, version)
    if found is None:
        raise PolicyMissing(
            "there is no such version", found=f"version {version}", at=f"{tenant_id}: {set_name}",
            hint=f"See: axonflow policy history --tenant '{tenant_id}' --set {set_name}",
        )  # fmt: skip
    return found
