"""The policies of the wire contract's routes: edited here, enforced as rules of ours by whoever follows what is
published. Needs ``axonflow[bundles]``, for what is published is signed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from axonflow.adapters.re2_engine import compile_pattern, groups_in
from axonflow.app.bundles import build_bundle
from axonflow.app.turns import letting_others_run
from axonflow.errors import ConfigurationError, PolicyForbidden, PolicyMissing
from axonflow.flows.override_api_policy import override_api_policy
from axonflow.flows.publish_api_policies import Shelf, publish_api_policies
from axonflow.flows.try_pattern import PatternMatch, try_pattern
from axonflow.flows.write_api_policy import write_api_policy
from axonflow.ids import new_id, now_us
from axonflow.policy import PolicyEngine
from axonflow.policy.api.conflicts import Conflict, conflicts_among
from axonflow.policy.api.policy import (
    MAX_PAGE,
    ApiPolicy,
    ApiPolicyPage,
    ApiPolicyQuery,
    ApiPolicyVersion,
    Change,
    Override,
    Pattern,
)
from axonflow.policy.api.rule_conflicts import RuleConflict, rule_conflicts
from axonflow.policy.api.rules import document_alone
from axonflow.policy.api.simulation import Simulated, simulated_request
from axonflow.policy.publication import SetState

__all__ = ["ApiPolicies", "Compiled", "Conflicts", "InForceFor", "PatternMatch", "Served", "Shelf"]

Compiled = Callable[[dict[str, Any]], PolicyEngine]
"""The engine of one document, with the means of the control plane that it is for. Raises PolicyError."""
Served = Callable[[str, SetState], Awaitable[None]]
"""Returns when this agent serves that state of a scope's set. Raises PolicyStoreError when it does not in time."""

InForceFor = Callable[[str], PolicyEngine]
"""The engine that decides for a tenant."""


class Conflicts(NamedTuple):
    """Those among the policies, those with rules of files and published sets, how many policies there are, and whether
    all was looked at."""

    among: list[Conflict]
    with_rules: list[RuleConflict]
    policies: int
    is_all: bool


class ApiPolicies:
    """Policies as they are edited. `author` is who does it, as ``service:crm``; `tenant_id` the scope they act for."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        compiled: Compiled,
        key: str | os.PathLike[str] | None,
        served: Served,
        in_force: InForceFor,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._shelf = shelf
        self._compiled = compiled
        self._key = key
        self._served = served
        self._in_force = in_force
        self._clock_us = clock_us

    # -- reading

    async def page(self, query: ApiPolicyQuery) -> ApiPolicyPage:
        """Policies that apply to a tenant. Raises PolicyStoreError."""
        return await self._shelf.policies.page(query)

    async def get(self, tenant_id: str, policy_id: str, kind: str) -> ApiPolicy:
        """The one of this id. Raises PolicyMissing, PolicyStoreError."""
        policy = await self.find(tenant_id, policy_id)
        if policy.kind != kind:
            raise PolicyMissing("the policy is of the other kind", expected=kind, found=policy.kind)
        return policy

    async def find(self, tenant_id: str, policy_id: str) -> ApiPolicy:
        """As `get`, of either kind."""
        policy = await self._shelf.policies.get(tenant_id, policy_id)
        if policy is None:
            raise PolicyMissing("no such policy", expected="the id of one that applies to the tenant")
        return policy

    async def versions(self, tenant_id: str, policy_id: str) -> Sequence[ApiPolicyVersion]:
        """What the policy was, newest first. Raises PolicyMissing, PolicyStoreError."""
        found = await self._shelf.policies.versions(tenant_id, policy_id)
        if not found:
            raise PolicyMissing("no such policy", expected="the id of one that applies or applied to the tenant")
        return found

    async def overrides(self, tenant_id: str) -> dict[str, Override]:
        """The tenant's overrides that have not expired, by the id of their policy. Raises PolicyStoreError."""
        now = self._clock_us()
        found = await self._shelf.overrides.standing(tenant_id)
        return {one.policy_id: one for one in found if one.expires_us > now}

    # -- writing

    async def create(self, policy: ApiPolicy) -> ApiPolicy:
        """Keep a new one, and put it in force. Raises PolicyError, PolicyConflict, PolicyStoreError."""
        self._check_key()
        return await write_api_policy(
            self._shelf.policies, policy, "created", "Created.", check=self._check, apply=self._apply
        )

    async def change(self, tenant_id: str, before: ApiPolicy, after: ApiPolicy, author: str) -> ApiPolicy:
        """Keep `after` in place of `before`, and put it in force.

        Raises PolicyForbidden for one of a layer above, PolicyError, PolicyConflict, PolicyStoreError.
        """
        self._check_own(tenant_id, before)
        override = (await self.overrides(tenant_id)).get(before.id)
        if override is not None:
            await asyncio.to_thread(self._check_override, after, override.action)
        fields = [name for name in ApiPolicy.__struct_fields__ if getattr(before, name) != getattr(after, name)]
        change: Change = "updated"
        if fields == ["enabled"]:
            change = "enabled" if after.enabled else "disabled"
        summary = f"Changed: {', '.join(fields)}." if fields else "Nothing changed."
        after = replace(after, version=before.version + 1, updated_us=self._clock_us(), updated_by=author)
        return await write_api_policy(
            self._shelf.policies, after, change, summary, check=self._check, apply=self._apply
        )  # fmt: skip

    async def delete(self, tenant_id: str, policy: ApiPolicy, author: str) -> None:
        """Keep it no longer, and put that in force. Raises as `change`."""
        self._check_own(tenant_id, policy)
        last = replace(policy, version=policy.version + 1, updated_us=self._clock_us(), updated_by=author)
        await write_api_policy(
            self._shelf.policies, last, "deleted", "Deleted.", check=self._check, apply=self._apply
        )  # fmt: skip

    async def override(self, override: Override) -> Override:
        """Have it stand. Raises PolicyForbidden, PolicyMissing, PolicyError, PolicyStoreError."""
        self._check_key()
        shelf = self._shelf
        policy = await shelf.policies.get(override.tenant_id, override.policy_id)
        if policy is not None:
            await asyncio.to_thread(self._check_override, policy, override.action)
        return await override_api_policy(shelf.policies, shelf.overrides, override, apply=self._apply)

    async def end_override(self, tenant_id: str, policy_id: str, author: str) -> None:
        """End the one that stands. Raises PolicyMissing, PolicyStoreError."""
        self._check_key()
        if not await self._shelf.overrides.revoke(tenant_id, policy_id, author, self._clock_us()):
            raise PolicyMissing("no override of this policy", expected="the id of a policy that is overridden")
        await self._apply(tenant_id, author)

    # -- trying out

    def try_pattern(self, pattern: str, inputs: Sequence[str]) -> list[PatternMatch]:
        """What a policy of this pattern would act on; it takes a while. Raises PolicyError for a pattern that cannot be
        enforced."""
        now = self._clock_us()
        policy = ApiPolicy(
            tenant_id="default", id=new_id(now), policy_id="tried", name="tried", category="tried",
            definition=Pattern(pattern, "log"), created_us=now, created_by="", updated_us=now, updated_by="",
        )  # fmt: skip
        return try_pattern(policy, inputs, engine_of=self.engine_of, groups_of=groups_in)

    def engine_of(self, policy: ApiPolicy) -> PolicyEngine:
        """The engine of `policy` alone, where everything else is allowed; it takes a while. Raises PolicyError."""
        return self._compiled(document_alone(policy, compile_pattern, "allow"))

    async def conflicts(self, tenant_id: str, policy_id: str | None) -> Conflicts:
        """Conflicts of the enabled policies that apply to the tenant, among each other and with all else that is in
        force there. Raises PolicyStoreError."""
        policies = list(await self._shelf.policies.enabled(tenant_id))[:MAX_PAGE]
        return await asyncio.to_thread(self._conflicts, tenant_id, policies, policy_id)

    def _conflicts(self, tenant_id: str, policies: Sequence[ApiPolicy], policy_id: str | None) -> Conflicts:
        engines: dict[str, PolicyEngine] = {}
        now_s = self._clock_us() / 1_000_000

        def matched(engine: PolicyEngine, asked: dict[str, Any]) -> Sequence[str]:
            decision = engine.decide(simulated_request(Simulated(**asked), tenant_id, "simulation"), "", now_s)
            failed = {error.policy for error in decision.errors}
            return [name for name in decision.policies if name not in failed]

        def applies(policy: ApiPolicy, asked: dict[str, Any]) -> bool:
            engine = engines.get(policy.id) or engines.setdefault(policy.id, self.engine_of(policy))
            return bool(matched(engine, asked))

        found, is_all = conflicts_among(policies, applies, policy_id)
        in_force = self._in_force(tenant_id)
        with_rules, were_all = rule_conflicts(policies, in_force.rules, partial(matched, in_force), policy_id)
        return Conflicts(found, with_rules, len(policies), is_all and were_all)

    # --

    def _check(self, policy: ApiPolicy) -> None:
        self._compiled(document_alone(policy, compile_pattern))

    def _check_override(self, policy: ApiPolicy, action: str) -> None:
        """Raise PolicyError where `policy` cannot be overridden so: not all that is found can be redacted."""
        if action == "redact" and isinstance(policy.definition, Pattern):
            self._check(replace(policy, definition=Pattern(policy.definition.pattern, "redact")))

    def _check_key(self) -> None:
        if self._key is None:
            raise ConfigurationError(
                "policies cannot be signed, so none can be put in force", expected="a private key",
                hint="Start the agent with --policy-key FILE.",
            )  # fmt: skip

    def _check_own(self, tenant_id: str, policy: ApiPolicy) -> None:
        self._check_key()
        if policy.tenant_id != tenant_id:
            raise PolicyForbidden(
                "the policy is of a layer above", expected="a policy of the tenant's own",
                hint="It can be overridden by a stricter action.",
            )  # fmt: skip

    async def _apply(self, scope: str, author: str) -> None:
        state = await publish_api_policies(
            self._shelf, scope, make_bundle=self._bundle, compile_pattern=compile_pattern, author=author,
            time_us=self._clock_us(),
        )  # fmt: skip
        await self._served(scope, state)

    def _bundle(self, scope: str, document: dict[str, Any]) -> bytes:
        assert self._key is not None  # checked before anything is written
        return build_bundle(document, self._key, scope=scope, pause=letting_others_run())
