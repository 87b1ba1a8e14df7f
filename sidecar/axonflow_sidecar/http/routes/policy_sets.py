"""``/v1/policy-sets``: the life of published policies, as ``axonflow policy publish``, ``activate``, ``rollback``,
``history`` and ``diff`` have it. Names of sets may hold a slash, so they stand in the query and in bodies."""

from __future__ import annotations

import base64
import binascii
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from axonflow import AxonFlowError, RequestError
from axonflow.app.changes import Came
from axonflow.app.policy_sets import PolicySets, PolicyVersion, SetState
from axonflow.errors import PolicyForbidden
from axonflow.policy.compiling.scopes import SYSTEM, layer_of
from axonflow.policy.publication import Change
from axonflow.policy.request import decode_json
from axonflow.tenancy import ANY_TENANT
from axonflow_sidecar.http.administration import recording, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices, check_tenant
from axonflow_sidecar.http.translate import tenant_of

__all__ = ["policy_set_routes"]

_PATH: Final = "/v1/policy-sets"
_ACTIVATE: Final = "policies.activate"
_MAX_DOCUMENTS: Final = 1_000
_MAX_HISTORY: Final = 1_000
_PUBLISH_TIMEOUT_S: Final = 120
"""Much may have to be checked, beside decisions that go first."""

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}\Z")]
_Reason = Annotated[str, Meta(pattern=r"\S", max_length=4_000)]
_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Sequence = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class _ChangeBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """`expected_sequence` is the activation that the caller takes for the last one; 0: none; null: whichever it is."""

    reason: _Reason
    set: _Name = "main"
    scope: str | None = None
    expected_sequence: _Sequence | None = None


class _PublishBody(_ChangeBody, kw_only=True, forbid_unknown_fields=True):
    documents: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=_MAX_DOCUMENTS)] | None = None
    bundle: str | None = None
    activate: bool = False


class _ActivateBody(_ChangeBody, kw_only=True, forbid_unknown_fields=True):
    version: _Number | None


class _RollbackBody(_ChangeBody, kw_only=True, forbid_unknown_fields=True):
    to: _Number | None = None


class _Asked(Struct, kw_only=True):
    """What a query may say."""

    scope: str | None = None
    set: _Name = "main"
    limit: Annotated[int, Meta(ge=1, le=_MAX_HISTORY)] = 20
    version: _Number | None = None
    from_: _Number | None = msgspec.field(default=None, name="from")
    to: _Number | None = None


_publish_decoder = msgspec.json.Decoder(_PublishBody)
_activate_decoder = msgspec.json.Decoder(_ActivateBody)
_rollback_decoder = msgspec.json.Decoder(_RollbackBody)


def policy_set_routes(services: AgentServices) -> list[Route]:
    """Each with the permission that it takes; to publish and activate in one call takes both."""
    return [
        Route("GET", _PATH, _in_force(services), "policies.read"),
        Route("GET", f"{_PATH}/history", _history(services), "policies.read"),
        Route("GET", f"{_PATH}/version", _version(services), "policies.read"),
        Route("GET", f"{_PATH}/diff", _diff(services), "policies.read"),
        Route("POST", f"{_PATH}/publish", _publish(services), "policies.write", _PUBLISH_TIMEOUT_S),
        Route("POST", f"{_PATH}/activate", _activate(services), _ACTIVATE, _PUBLISH_TIMEOUT_S),
        Route("POST", f"{_PATH}/rollback", _rollback(services), _ACTIVATE, _PUBLISH_TIMEOUT_S),
    ]


def _sets_of(services: AgentServices) -> PolicySets:
    """Raises Refused (503) without a database."""
    if services.policy_sets is None:
        raise Refused(503, AxonFlowError("no database", hint="Published policies are kept in one."))
    return services.policy_sets


def _scope_of(call: Call, named: str | None) -> str:
    """Whose sets: the scope that is named, else the key's tenant or that of X-Tenant-ID. Layers above tenants take a
    key for any tenant.

    Raises Refused (403) for another's, and PolicyForbidden for a layer above.
    """
    if named is not None and layer_of(named) != "tenant":
        if not call.caller.may_act_for(ANY_TENANT):
            raise PolicyForbidden("policies of the layers above are for operators", expected="a key for any tenant")
        if named != SYSTEM and (len(named) == 1 or not named.isprintable()):
            raise RequestError("not a scope", expected="a tenant, '@' and an organization, or '*'", at="scope")
        return named
    tenant_id = tenant_of(call.caller, call.header(b"x-tenant-id") if named is None else named)
    check_tenant(call, tenant_id)
    return tenant_id


def _asked(call: Call, *known: str) -> _Asked:
    """What the query says. Raises RequestError."""
    try:
        return msgspec.convert(call.query("scope", "set", *known), _Asked, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(
            "a parameter is wrong", expected="what docs/reference/http.md says", found=str(error)
        ) from None


def _needed(number: int | None, name: str) -> int:
    if number is None:
        raise RequestError("a parameter is missing", expected="the number of a version", found="none", at=name)
    return number


# -- reading


def _in_force(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        scope = _scope_of(call, call.query("scope").get("scope"))
        return shown({"scope": scope, "sets": await _sets_of(services).sets(scope)})

    return handler


def _history(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        asked = _asked(call, "limit")
        return shown(await _sets_of(services).history(_scope_of(call, asked.scope), asked.set, asked.limit))

    return handler


def _version(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        asked = _asked(call, "version")
        number = _needed(asked.version, "version")
        version = await _sets_of(services).version(_scope_of(call, asked.scope), asked.set, number)
        bundle = base64.b64encode(version.bundle).decode()
        return shown({**_head(version), "documents": version.source, "bundle": bundle})

    return handler


def _diff(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        asked = _asked(call, "from", "to")
        between = _needed(asked.from_, "from"), _needed(asked.to, "to")
        return shown(await _sets_of(services).diff(_scope_of(call, asked.scope), asked.set, *between))

    return handler


# -- writing


def _publish(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        sets = _sets_of(services)
        body = decode_json(await call.json_body(), _publish_decoder)
        if body.activate and _ACTIVATE not in call.caller.permissions:
            raise PolicyForbidden("the key may not do this", expected=f"the permission {_ACTIVATE}")
        scope = _scope_of(call, body.scope)
        change = sets.change(scope, body.set, _author(call), body.reason, body.expected_sequence)
        if (body.documents is None) is (body.bundle is None):
            raise RequestError("what is published?", expected="either documents or a bundle")
        async with _recording(services, call, "policy.publish", change) as came:
            if body.documents is not None:
                version = await sets.publish(change, body.documents)
            else:
                version = await sets.publish_bundle(change, _decoded(body.bundle or ""))
            came.facts |= {"version": version.version, "digest": version.digest, "rules": version.rules}
        in_force = None
        if body.activate:
            async with _recording(services, call, "policy.activate", change) as came:
                in_force = await sets.activate(change, version.version)
                _tell(came, in_force)
        return shown({"version": _head(version), "in_force": in_force}, 201)

    return handler


def _activate(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        sets = _sets_of(services)
        body = decode_json(await call.json_body(), _activate_decoder)
        scope = _scope_of(call, body.scope)
        change = sets.change(scope, body.set, _author(call), body.reason, body.expected_sequence)
        async with _recording(services, call, "policy.activate", change) as came:
            state = await sets.activate(change, body.version)
            _tell(came, state)
        return _in_force_now(scope, state)

    return handler


def _rollback(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        sets = _sets_of(services)
        body = decode_json(await call.json_body(), _rollback_decoder)
        scope = _scope_of(call, body.scope)
        change = sets.change(scope, body.set, _author(call), body.reason, body.expected_sequence)
        back_to = body.to
        async with _recording(services, call, "policy.rollback", change) as came:
            state = await (sets.rollback(change) if back_to is None else sets.activate(change, back_to, back=True))
            _tell(came, state)
        return _in_force_now(scope, state)

    return handler


def _author(call: Call) -> str:
    return f"service:{call.caller.client_id}"


def _decoded(bundle: str) -> bytes:
    try:
        return base64.b64decode(bundle, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("not a bundle", expected="base64", found="something else", at="$.bundle") from None


def _head(version: PolicyVersion) -> dict[str, Any]:
    return msgspec.structs.asdict(version.head)


def _in_force_now(scope: str, state: SetState) -> Reply:
    return shown({"scope": scope, "in_force": state})


def _recording(services: AgentServices, call: Call, action: str, change: Change) -> AbstractAsyncContextManager[Came]:
    resource = f"policy_set:{change.set_name}"
    return recording(services, call, change.tenant_id, action, resource, change.reason)


def _tell(came: Came, state: SetState) -> None:
    came.facts |= {"version": state.version or 0, "digest": state.digest or "", "activation": state.sequence}
