"""``/v1/keys``: the API keys of one tenant."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from axonflow import RequestError
from axonflow.app.tenancy import OVERLAP_S, NewKey, WantedKey
from axonflow.policy.request import decode_json
from axonflow.tenancy import KeyRecord
from axonflow_sidecar.http.administration import acting, limit_of, shown, tenancy_of, tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import parse_time_us, rfc3339

__all__ = ["key_routes"]


class _NewKeyBody(Struct, kw_only=True, forbid_unknown_fields=True):
    client_id: str
    name: str = ""
    roles: tuple[str, ...] = ("agent",)
    scopes: tuple[str, ...] = ()
    expires_at: str | None = None


class _RotateBody(Struct, kw_only=True, forbid_unknown_fields=True):
    overlap_s: float = OVERLAP_S


_new_decoder = msgspec.json.Decoder(_NewKeyBody)
_rotate_decoder = msgspec.json.Decoder(_RotateBody)


def key_routes(services: AgentServices) -> list[Route]:
    """Each with the permission that it takes."""
    one = "/v1/keys/{key_id}"
    return [
        Route("GET", "/v1/keys", _page(services), "keys.read"),
        Route("POST", "/v1/keys", _create(services), "keys.write"),
        Route("GET", one, _get(services), "keys.read"),
        Route("DELETE", one, _revoke(services), "keys.write"),
        Route("POST", f"{one}/rotate", _rotate(services), "keys.write"),
    ]


def _page(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        query = call.query("before", "limit")
        limit = limit_of(query)
        keys = await tenancy_of(services).keys(tenant_named(call), _place(query.get("before", "")), limit)
        last = f"{keys[-1].created_us},{keys[-1].key_id}" if len(keys) == limit else None
        return shown({"keys": [_facts(key, services.clock_us()) for key in keys], "next": last})

    return handler


def _place(before: str) -> tuple[int, str] | None:
    time_us, _, key_id = before.partition(",")
    if not before:
        return None
    if not time_us.isdecimal() or len(time_us) > 18 or not time_us.isascii():
        raise RequestError("not a place in the list", expected="what `next` of the page before it says", at="before")
    return int(time_us), key_id


def _get(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        return shown(_facts(await tenancy_of(services).key(tenant_named(call), call.value), services.clock_us()))

    return handler


def _create(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _new_decoder)
        wanted = WantedKey(
            tenant_id=tenant_named(call), client_id=body.client_id, name=body.name, roles=body.roles,
            scopes=body.scopes, expires_us=parse_time_us(body.expires_at, "$.expires_at") if body.expires_at else None,
        )  # fmt: skip
        made = await tenancy_of(services).create_key(wanted, actor=acting(call))
        return _once(made, services.clock_us())

    return handler


def _rotate(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _rotate_decoder)
        made = await tenancy_of(services).rotate_key(
            tenant_named(call), call.value, overlap_s=body.overlap_s, actor=acting(call)
        )
        return _once(made, services.clock_us())

    return handler


def _revoke(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        tenancy, tenant_id = tenancy_of(services), tenant_named(call)
        await tenancy.revoke_key(tenant_id, call.value, actor=acting(call))
        record = await tenancy.key(tenant_id, call.value)
        return shown(_facts(record, services.clock_us()))

    return handler


def _once(made: NewKey, now_us: int) -> Reply:
    """The only answer that has a key in it."""
    return shown({"key": made.key, **_facts(made.record, now_us)}, 201)


def _facts(key: KeyRecord, now_us: int) -> dict[str, Any]:
    def time(us: int | None) -> str | None:
        return None if us is None else rfc3339(us)

    return {
        "key_id": key.key_id, "tenant_id": key.tenant_id, "client_id": key.client_id, "name": key.name,
        "prefix": key.prefix, "roles": key.roles, "scopes": key.scopes, "state": key.state(now_us),
        "rotated_from": key.rotated_from, "created_at": time(key.created_us), "created_by": key.created_by,
        "expires_at": time(key.expires_us), "last_used_at": time(key.last_used_us),
        "revoked_at": time(key.revoked_us), "revoked_by": key.revoked_by,
    }  # fmt: skip
