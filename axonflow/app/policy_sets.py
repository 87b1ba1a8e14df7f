"""Policy sets over HTTP, as the command line has them: published, activated, rolled back, told of. What is activated is
in force on this agent before that is said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any

from axonflow.app.api_policies import Served
from axonflow.app.policies import policy_sources
from axonflow.app.publishing import PolicyDiff, PolicyHistory, PolicyVersion, Publisher
from axonflow.errors import ConfigurationError, PolicyError, PolicyForbidden
from axonflow.ids import now_us
from axonflow.policy import PolicyEngine, PolicySource
from axonflow.policy.api.rules import SET_NAME
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.decision import Decision
from axonflow.policy.documents.checking import run_rule_tests
from axonflow.policy.publication import Change, SetState
from axonflow.policy.request import Request

__all__ = ["PolicyDiff", "PolicyHistory", "PolicySets", "PolicyVersion", "SetState"]


class PolicySets:
    """The sets of one installation. `compiled` gives the engine of sources by themselves, `served` waits for this
    agent, `key` is a file to sign documents with, if there is one."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        compiled: Callable[[Sequence[PolicySource]], PolicyEngine],
        key: str | os.PathLike[str] | None,
        served: Served,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._publisher = publisher
        self._compiled = compiled
        self._key = key
        self._served = served
        self._clock_us = clock_us

    def change(self, scope: str, set_name: str, author: str, reason: str, expected_sequence: int | None) -> Change:
        """A change of now, by `author`, as ``service:crm``."""
        return self._publisher.change(
            scope, set_name, author=author, reason=reason, expected_sequence=expected_sequence
        )  # fmt: skip

    # -- reading. All raise PolicyStoreError.

    async def sets(self, scope: str) -> list[SetState]:
        """What is in force of each set of the scope."""
        return await self._publisher.sets(scope)

    async def history(self, scope: str, set_name: str, limit: int) -> PolicyHistory:
        """Versions and activations, newest first."""
        return await self._publisher.history(scope, set_name, limit)

    async def version(self, scope: str, set_name: str, version: int) -> PolicyVersion:
        """One, with its bundle and its documents. Raises PolicyMissing."""
        return await self._publisher.version(scope, set_name, version)

    async def diff(self, scope: str, set_name: str, from_version: int, to_version: int) -> PolicyDiff:
        """What differs between two versions. Raises PolicyMissing."""
        return await self._publisher.diff(scope, set_name, from_version, to_version)

    # -- writing. All raise PolicyError, PolicyForbidden, PolicyStoreError.

    async def publish(self, change: Change, documents: Sequence[dict[str, Any]]) -> PolicyVersion:
        """`documents`, which pass their own tests, signed with this agent's key and kept as a version: the one that
        there is, when it says the same. Raises ConfigurationError without a key."""
        if self._key is None:
            raise ConfigurationError(
                "documents cannot be signed here", expected="a private key, or a signed bundle", found="neither",
                hint="Start the agent with --policy-key FILE, or send a bundle of: axonflow policy build --key FILE.",
            )  # fmt: skip
        await asyncio.to_thread(self._test, documents)
        return await self._publisher.publish(change, list(documents), self._key)

    async def publish_bundle(self, change: Change, bundle: bytes) -> PolicyVersion:
        """A bundle that somebody signed whom this agent trusts, kept as it is."""
        return await self._publisher.publish_bundle(change, bundle)

    async def activate(self, change: Change, version: int | None, *, back: bool = False) -> SetState:
        """Put `version` in force, on this agent before this returns; None: nothing of the set. `back`: it is a way
        back, as the history will say. Raises PolicyConflict when the last activation is not the expected one."""
        _check_name(change)
        state = await self._publisher.activate(change, version, back=back)
        await self._served(change.tenant_id, state)
        return state

    async def rollback(self, change: Change) -> SetState:
        """Put in force what was before. Raises as `activate`, and PolicyMissing when there is nothing to go back to."""
        _check_name(change)
        state = await self._publisher.rollback(change)
        await self._served(change.tenant_id, state)
        return state

    def _test(self, documents: Sequence[dict[str, Any]]) -> None:
        """Raise PolicyError for documents that fail their own tests; what does not load is told by who builds them."""
        sources = [one for one in policy_sources(list(documents)) if isinstance(one, PolicySource)]
        loaded, problems = load_sets(sources)
        if problems or not any(rule.tests for one in loaded for rule in one.document.rules):
            return
        engine = self._compiled(sources)

        def decide(request: Request) -> Decision:
            return engine.decide(request, "", self._clock_us() / 1_000_000)

        failures = [
            PolicyError(f"test {test.number} of rule {test.rule} fails", found="; ".join(test.problems), at=test.at)
            for test in run_rule_tests(loaded, decide)
            if not test.passed
        ]
        if failures:
            raise PolicyError.joined(failures)


def _check_name(change: Change) -> None:
    if change.set_name == SET_NAME:
        raise PolicyForbidden(
            "the set is made of the policies that are edited one by one", expected="another set", found=SET_NAME,
            hint="Change these policies, or override them.",
        )  # fmt: skip
