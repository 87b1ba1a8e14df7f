"""Verb: publish what the stored policies of a scope come to, as a version of one set, and activate it.

From there on they are like any other policies: signed, versioned, followed by every agent, kept by each on its disk.
Of writers at once each puts in force what is stored by then; the last of them has all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from axonflow.detect.patterns import CompilePattern
from axonflow.errors import PolicyConflict
from axonflow.policy.api.rules import SET_NAME, document_of
from axonflow.policy.compiling.bundle import BundleSource, stated
from axonflow.policy.publication import Activation, PolicyVersion, SetState
from axonflow.ports import ApiPolicyStore, OverrideStore, PolicyStore

__all__ = ["MakeBundle", "Shelf", "publish_api_policies"]

MAX_TRIES: Final = 8
_REASON: Final = "Policies were changed through the REST routes."

MakeBundle = Callable[[str, dict[str, Any]], bytes]
"""A scope and a document to a signed bundle. Raises PolicyError for what does not load. It takes a while."""


class Shelf(NamedTuple):
    """Where policies are kept as they are edited, what overrides them, and where they are published."""

    policies: ApiPolicyStore
    overrides: OverrideStore
    published: PolicyStore


async def publish_api_policies(
    shelf: Shelf,
    scope: str,
    *,
    make_bundle: MakeBundle,
    compile_pattern: CompilePattern,
    author: str,
    time_us: int,
) -> SetState:
    """Put in force what is stored for `scope`, and return what that is; at once where it is in force already.

    Raises PolicyError, PolicyConflict and PolicyStoreError.
    """
    for _ in range(MAX_TRIES):
        version = await _published(shelf, scope, make_bundle, compile_pattern, author, time_us)
        known = await shelf.published.sets(scope)
        state = next((one for one in known if one.set_name == SET_NAME), SetState(SET_NAME))
        if state.version == version:
            return state
        activation = Activation(
            tenant_id=scope, set_name=SET_NAME, sequence=state.sequence + 1, version=version, author=author,
            reason=_REASON, created_us=time_us, kind="deactivate" if version is None else "activate",
        )  # fmt: skip
        try:
            return await shelf.published.activate(activation, known)
        except PolicyConflict:  # another has stored more meanwhile: all of it is read again
            continue
    raise PolicyConflict(
        "others change what is in force all the time", expected=f"a turn within {MAX_TRIES} tries",
        hint="The policy is stored. Repeat the change to put it in force.",
    )  # fmt: skip


async def _published(
    shelf: Shelf, scope: str, make_bundle: MakeBundle, compile_pattern: CompilePattern, author: str, time_us: int
) -> int | None:
    """The version that says what is stored; None where that is nothing."""
    policies = await shelf.policies.enabled(scope)
    overrides = await shelf.overrides.standing(scope)
    document = document_of(scope, policies, overrides, compile_pattern)
    if document is None:
        return None
    data = await asyncio.to_thread(make_bundle, scope, document)
    statement = stated(BundleSource(SET_NAME, data))
    kept = await shelf.published.publish(
        PolicyVersion(
            tenant_id=scope, set_name=SET_NAME, version=0, digest=statement.digest, key_id=statement.key,
            rules=len(document["rules"]), author=author, reason=_REASON, created_us=time_us, bundle=data, source={},
        )
    )  # fmt: skip
    return kept.version
