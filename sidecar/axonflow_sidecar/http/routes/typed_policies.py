"""``/api/v1/typed-policies``: whole documents, as docs/reference/policies.md describes them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, __version__
from axonflow.app.typed_policies import PolicyFinding, TypedPolicies
from axonflow.policy.documents.document import MAX_RULES
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import recording
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.routes.api_policies import scope_of
from axonflow_sidecar.http.services import AgentServices

__all__ = ["activate", "active", "edition", "publish", "system", "validate"]

_MAX_CONTROLS: Final = 1_000


class _DocumentBody(Struct):
    document: dict[str, Any]
    fixtures: list[Any] | None = None


class _ActivateBody(Struct):
    digest: str
    reason: str | None = None


_document = msgspec.json.Decoder(_DocumentBody)
_activation = msgspec.json.Decoder(_ActivateBody)


def _typed(services: AgentServices) -> TypedPolicies:
    if services.typed_policies is None:
        raise Refused(503, AxonFlowError("no database", hint="Published policies are kept in one."))
    return services.typed_policies


def edition(services: AgentServices) -> Handler:
    """The handler of ``GET .../edition``: what can be published here."""

    async def handler(call: Call) -> Reply:
        del call
        signs = services.typed_policies is not None and services.typed_policies.signs
        answer = {
            "success": True, "catalog": "axonflow.dev/v1", "registry_version": 1, "catalog_fixture": False,
            "root": "axonflow", "max_documents": MAX_RULES, "version": __version__,
            "persistence": "postgresql" if services.typed_policies is not None else "none",
            "signing_key_custody": "agent" if signs else "none",
        }  # fmt: skip
        return Reply(msgspec.json.encode(answer))

    return handler


def validate(services: AgentServices) -> Handler:
    """The handler of ``POST .../validate``. A document that is wrong is an answer."""

    async def handler(call: Call) -> Reply:
        typed = _typed(services)
        body = decode_json(await call.json_body(), _document)
        scope = scope_of(call)
        found = await asyncio.to_thread(typed.validate, scope, body.document, body.fixtures or [])
        return Reply(msgspec.json.encode({"success": not _rejected(found), "findings": found}))

    return handler


def publish(services: AgentServices) -> Handler:
    """The handler of ``POST .../publish``: kept and signed, not in force. 422 for what would not load."""

    async def handler(call: Call) -> Reply:
        typed = _typed(services)
        body = decode_json(await call.json_body(), _document)
        scope = scope_of(call)
        found = await asyncio.to_thread(typed.validate, scope, body.document, body.fixtures or [])
        if _rejected(found):
            answer = {
                "success": False, "code": "invalid_policy", "reason": "rejected", "findings": found,
                "message": "; ".join(one.summary for one in found if one.severity == "reject")[:2_000],
            }  # fmt: skip
            return Reply(msgspec.json.encode(answer), 422)
        async with recording(services, call, scope, "policy.publish", f"policy_set:{_set_of(body.document)}") as came:
            version = await typed.publish(scope, body.document, f"service:{call.caller.client_id}")
            came.facts |= {"version": version.version, "digest": version.digest, "rules": version.rules}
        omissions = {"omitted": [], "of": 0, "message": "Nothing is left out."}
        answer = {
            "success": True, "digest": version.digest, "version": version.version, "set": version.set_name,
            "findings": found, "template_omissions": omissions,
        }  # fmt: skip
        return Reply(msgspec.json.encode(answer))

    return handler


def _set_of(document: dict[str, Any]) -> str:
    """What the document is published as: its name. It is valid, so it has one."""
    return str(document["metadata"]["name"])


def _rejected(found: list[PolicyFinding]) -> bool:
    return any(one.severity == "reject" for one in found)


def activate(services: AgentServices) -> Handler:
    """The handler of ``POST .../activate``: in force on this agent when the answer comes."""

    async def handler(call: Call) -> Reply:
        typed = _typed(services)
        body = decode_json(await call.json_body(), _activation)
        scope = scope_of(call)
        author = f"service:{call.caller.client_id}"
        reason = body.reason or ""
        async with recording(services, call, scope, "policy.activate", f"policy:{body.digest}", reason) as came:
            state = await typed.activate(scope, body.digest, author, reason)
            came.resource = f"policy_set:{state.set_name}"
            came.facts |= {"version": state.version or 0, "digest": body.digest, "activation": state.sequence}
        activation = {
            "digest": body.digest, "set": state.set_name, "version": state.version, "sequence": state.sequence,
            "scope": scope, "activated_by": author,
        }  # fmt: skip
        return Reply(msgspec.json.encode({"success": True, "activation": activation}))

    return handler


def active(services: AgentServices) -> Handler:
    """The handler of ``GET .../active``: what is in force for the tenant, with the signed bundles as they are."""

    async def handler(call: Call) -> Reply:
        versions = await _typed(services).active(scope_of(call))
        if not versions:
            none = {
                "success": False,
                "code": "policy_not_found",
                "reason": "nothing_active",
                "message": "nothing is active",
            }
            return Reply(msgspec.json.encode(none), 404)
        answer = {
            "scope": versions[0].tenant_id,
            "sets": [
                {
                    "name": one.set_name, "version": one.version, "digest": one.digest, "key": one.key_id,
                    "author": one.author, "documents": one.source, "bundle": base64.b64encode(one.bundle).decode(),
                }
                for one in versions
            ],
        }  # fmt: skip
        return Reply(msgspec.json.encode(answer))

    return handler


def system(services: AgentServices) -> Handler:
    """The handler of ``GET .../system``: the rules that hold for every tenant."""

    async def handler(call: Call) -> Reply:
        scope_of(call)
        engine = services.flow.policies
        controls = [
            {
                "id": rule.id, "name": rule.id, "authority": "system", "assurance": "enforced", "mandatory": True,
                "description": "; ".join(rule.reasons), "obligations": msgspec.to_builtins(rule.obligations),
            }
            for rule in engine.rules[:_MAX_CONTROLS]
        ]  # fmt: skip
        answer = {
            "root": "axonflow", "version": 1, "digest": engine.digest, "authority": "system", "controls": controls,
            "assurance_counts": {"enforced": len(engine.rules)}, "document": {},
        }  # fmt: skip
        return Reply(msgspec.json.encode({"system": answer}))

    return handler
