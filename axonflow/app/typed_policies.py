"""Whole policy documents over the wire contract's typed routes: validated, published signed, activated by digest.

A document is published under its own name, in the scope of whoever publishes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from axonflow.app.api_policies import Served
from axonflow.app.policies import policy_sources
from axonflow.app.publishing import Publisher
from axonflow.errors import ConfigurationError, PolicyMissing
from axonflow.flows.validate_policy import PolicyFinding, validate_policy
from axonflow.ids import now_us
from axonflow.policy import PolicyEngine, PolicySource
from axonflow.policy.api.rules import SET_NAME
from axonflow.policy.compiling.scopes import layer_of
from axonflow.policy.publication import PolicyVersion, SetState
from axonflow.ports import PolicyStore

__all__ = ["PolicyFinding", "TypedPolicies"]

_REASON: Final = "Published through the REST routes."


class TypedPolicies:
    """Documents of one installation. `compiled` gives the engine of one source alone, `served` waits for this agent."""

    def __init__(
        self,
        store: PolicyStore,
        *,
        compiled: Callable[[PolicySource], PolicyEngine],
        key: str | os.PathLike[str] | None,
        served: Served,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._store = store
        self._publisher = Publisher(store, clock_us=clock_us)
        self._compiled = compiled
        self._key = key
        self._served = served
        self._clock_us = clock_us

    @property
    def signs(self) -> bool:
        """Whether there is a key to publish with."""
        return self._key is not None

    def validate(self, scope: str, document: dict[str, Any], fixtures: Sequence[Any]) -> list[PolicyFinding]:
        """What there is to know of `document`, were it published for `scope`."""
        (source,) = policy_sources(document)
        assert isinstance(source, PolicySource)  # a dictionary is never a bundle
        found = validate_policy(source, fixtures, compiled=self._compiled, now_s=self._clock_us() / 1_000_000)
        layer = document.get("layer", "tenant")
        if layer != layer_of(scope):
            summary = f"a document of layer {str(layer)[:40]!a} cannot be published for the {layer_of(scope)} layer"
            found.append(PolicyFinding("wrong_layer", "reject", _name_of(document), summary, "$.layer"))
        if _name_of(document) == SET_NAME:
            found.append(PolicyFinding("reserved_name", "reject", SET_NAME, "the name is taken", "$.metadata.name"))
        return found

    async def publish(self, scope: str, document: dict[str, Any], author: str) -> PolicyVersion:
        """Keep `document`, which is valid, as a version: the one that there is, when it says the same.

        Raises PolicyError, PolicyStoreError, and ConfigurationError when there is no key to sign it with.
        """
        if self._key is None:
            raise ConfigurationError("policies cannot be signed", expected="a private key", found="none")
        change = self._publisher.change(scope, _name_of(document), author=author, reason=_REASON)
        return await self._publisher.publish(change, document, self._key)

    async def activate(self, scope: str, digest: str, author: str, reason: str) -> SetState:
        """Put the version with this digest in force, on this agent before this returns.

        Raises PolicyMissing when the scope has none, PolicyConflict, PolicyError, PolicyStoreError.
        """
        for state in await self._publisher.sets(scope):
            history = await self._publisher.history(scope, state.set_name)
            for version in history.versions:
                if version.digest == digest:
                    change = self._publisher.change(scope, state.set_name, author=author, reason=reason or _REASON)
                    active = await self._publisher.activate(change, version.version)
                    await self._served(scope, active)
                    return active
        raise PolicyMissing("no version has this digest", expected="that of one that was published", at="$.digest")

    async def active(self, scope: str) -> list[PolicyVersion]:
        """The versions in force in the scope, each with its signed bundle. Raises PolicyStoreError."""
        found = [
            await self._store.version(scope, state.set_name, state.version)
            for state in await self._publisher.sets(scope)
            if state.version is not None
        ]
        return [one for one in found if one is not None]


def _name_of(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
