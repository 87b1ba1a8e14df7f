"""``/api/v1/static-policies`` and ``/api/v1/dynamic-policies``: policies as the wire contract has them, edited here and
enforced as rules of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

from axonflow import AxonFlowError
from axonflow.app.api_policies import ApiPolicies
from axonflow.app.changes import Came
from axonflow.errors import PolicyForbidden
from axonflow.ids import new_id
from axonflow.policy.api.policy import MAX_PAGE, ApiPolicy, ApiPolicyQuery
from axonflow.policy.request import decode_json
from axonflow.tenancy import ANY_TENANT
from axonflow_sidecar.http.administration import recording
from axonflow_sidecar.http.api_policy_shapes import (
    ConditionsBody,
    PatternBody,
    ToggleBody,
    asked_for,
    changed,
    created,
    policy_shown,
    query_of,
    version_shown,
)
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.services import AgentServices, check_tenant
from axonflow_sidecar.http.translate import rfc3339, tenant_of

__all__ = ["Kind", "PolicyRoutes", "author_of_change", "policies_of", "scope_of"]

Kind = Literal["static", "dynamic"]
_WRITE = "policies.write"
_decoders: dict[Kind, msgspec.json.Decoder[Any]] = {
    "static": msgspec.json.Decoder(PatternBody),
    "dynamic": msgspec.json.Decoder(ConditionsBody),
}
_toggle = msgspec.json.Decoder(ToggleBody)


def policies_of(services: AgentServices) -> ApiPolicies:
    """What edits policies. Raises Refused (503) where there is no database to keep them."""
    if services.api_policies is None:
        raise Refused(503, AxonFlowError("no database", hint="Policies of these routes are kept in one."))
    return services.api_policies


def scope_of(call: Call) -> str:
    """Whose policies the call is about: the key's tenant; with a key for any, the one that X-Tenant-ID names.

    Raises Refused (403) for another tenant, and for one that is suspended.
    """
    tenant_id = tenant_of(call.caller, call.header(b"x-tenant-id"))
    check_tenant(call, tenant_id)
    return tenant_id


def author_of_change(call: Call) -> str:
    """Who changes something, for the records. Raises PolicyForbidden unless they may write policies."""
    if _WRITE not in call.caller.permissions:
        raise PolicyForbidden("the key may not do this", expected=f"the permission {_WRITE}")
    return f"service:{call.caller.client_id}"


def _layer_of(call: Call, body: PatternBody | ConditionsBody) -> str:
    """The scope that a new policy is for. Layers above tenants take a key for any tenant."""
    tier = body.tier if isinstance(body.tier, str) else "tenant"
    organization_id = body.organization_id if isinstance(body.organization_id, str) else ""
    if tier == "tenant":
        return scope_of(call)
    if not call.caller.may_act_for(ANY_TENANT):
        raise PolicyForbidden(f"policies of the {tier} layer are for its operators", expected="a key for any tenant")
    if tier == "system":
        return ANY_TENANT
    if not organization_id:
        raise PolicyForbidden(
            "whose policy is it?", expected="an organization_id", found="none", at="$.organization_id"
        )
    return f"@{organization_id}"


def _owner_of(call: Call, policy: ApiPolicy) -> str:
    """The scope in which the caller may change `policy`: operators may in every layer."""
    return policy.tenant_id if call.caller.may_act_for(ANY_TENANT) else scope_of(call)


class PolicyRoutes:
    """The handlers of one kind of policy."""

    def __init__(self, services: AgentServices, kind: Kind) -> None:
        self._services = services
        self._kind: Kind = kind

    def _handler(self, act: Callable[[ApiPolicies, Call], Awaitable[Any]], status: int = 200) -> Handler:
        async def handler(call: Call) -> Reply:
            answer = await act(policies_of(self._services), call)
            return Reply(b"", 204) if answer is None else Reply(msgspec.json.encode(answer), status)

        return handler

    @asynccontextmanager
    async def _recorded(self, call: Call, scope: str, policy: ApiPolicy, action: str) -> AsyncIterator[Came]:
        """In the trail of `scope`: whoever may not change policies of a layer above writes nothing into its trail."""
        async with recording(self._services, call, scope, action, f"policy:{policy.id}") as came:
            yield came
            came.facts |= {"policy_id": policy.policy_id, "kind": policy.kind, "enabled": policy.enabled}

    async def _changed(
        self, policies: ApiPolicies, call: Call, before: ApiPolicy, after: ApiPolicy, action: str
    ) -> dict[str, Any]:
        owner, author = _owner_of(call, before), author_of_change(call)
        async with self._recorded(call, owner, after, action) as came:
            made = await policies.change(owner, before, after, author)
            came.facts["version"] = made.version
        return policy_shown(made)

    def list(self) -> Handler:
        """``GET``: a page."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            query = asked_for(call, scope_of(call), self._kind)
            page = await policies.page(query)
            overrides = await policies.overrides(query.tenant_id)
            shown = [policy_shown(one, overrides.get(one.id)) for one in page.policies]
            return {"policies": shown, "pagination": _pagination(query, page.total)}

        return self._handler(act)

    def effective(self) -> Handler:
        """``GET .../effective``: what is in force for the tenant, with the action that an override makes of it."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            tenant_id, asked = scope_of(call), query_of(call)
            enabled = None if asked.get("include_disabled") == "true" else True
            query = ApiPolicyQuery(
                tenant_id=tenant_id, kind=self._kind, category=asked.get("category") or None, enabled=enabled,
                limit=MAX_PAGE, sort_by="priority",
            )  # fmt: skip
            overrides = await policies.overrides(tenant_id)
            shown: list[dict[str, Any]] = []
            total = 1
            while query.offset < total:
                page = await policies.page(query)
                shown += [_effective(policy_shown(one, overrides.get(one.id))) for one in page.policies]
                total = page.total
                query = msgspec.structs.replace(query, offset=query.offset + MAX_PAGE)
            computed = rfc3339(self._services.clock_us())
            return {self._kind: shown, "policies": shown, "tenant_id": tenant_id, "computed_at": computed}

        return self._handler(act)

    def create(self) -> Handler:
        """``POST``."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            body = decode_json(await call.json_body(), _decoders[self._kind])
            now_us = self._services.clock_us()
            policy = created(body, _layer_of(call, body), new_id(now_us), author_of_change(call), now_us)
            async with self._recorded(call, policy.tenant_id, policy, "policy.create"):
                made = await policies.create(policy)
            return policy_shown(made)

        return self._handler(act, 201)

    def get(self) -> Handler:
        """``GET .../{id}``."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            tenant_id = scope_of(call)
            policy = await policies.get(tenant_id, call.value, self._kind)
            return policy_shown(policy, (await policies.overrides(tenant_id)).get(policy.id))

        return self._handler(act)

    def change(self) -> Handler:
        """``PUT .../{id}``: what is not said stays."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            body = decode_json(await call.json_body(), _decoders[self._kind])
            before = await policies.get(scope_of(call), call.value, self._kind)
            return await self._changed(policies, call, before, changed(before, body), "policy.change")

        return self._handler(act)

    def toggle(self) -> Handler:
        """``PATCH .../{id}``."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            body = decode_json(await call.json_body(), _toggle)
            before = await policies.get(scope_of(call), call.value, self._kind)
            after = msgspec.structs.replace(before, enabled=body.enabled)
            return await self._changed(policies, call, before, after, "policy.toggle")

        return self._handler(act)

    def delete(self) -> Handler:
        """``DELETE .../{id}``."""

        async def act(policies: ApiPolicies, call: Call) -> None:
            policy = await policies.get(scope_of(call), call.value, self._kind)
            owner, author = _owner_of(call, policy), author_of_change(call)
            async with self._recorded(call, owner, policy, "policy.delete"):
                await policies.delete(owner, policy, author)

        return self._handler(act)

    def versions(self) -> Handler:
        """``GET .../{id}/versions``."""

        async def act(policies: ApiPolicies, call: Call) -> dict[str, Any]:
            found = await policies.versions(scope_of(call), call.value)
            return {"policy_id": call.value, "versions": [version_shown(one) for one in found]}

        return self._handler(act)


def _pagination(query: ApiPolicyQuery, total: int) -> dict[str, Any]:
    following = query.offset + query.limit
    return {"total": total, "limit": query.limit, "offset": query.offset, "has_more": following < total}


def _effective(shown: dict[str, Any]) -> dict[str, Any]:
    override = shown.get("override")
    return shown if override is None else shown | {"effective_action": override["action_override"]}
