"""The wire contract's static and dynamic policies: what is sent, and what is answered."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Struct, UnsetType

from axonflow import PolicyError, RequestError
from axonflow.policy.api.policy import (
    ApiPolicy,
    ApiPolicyQuery,
    ApiPolicyVersion,
    Condition,
    ConditionAction,
    Conditions,
    Override,
    OverrideAction,
    Pattern,
    PatternAction,
    Tier,
    tier_of,
)
from axonflow_sidecar.http.asgi import Call
from axonflow_sidecar.http.translate import rfc3339

__all__ = [
    "ConditionsBody",
    "OverrideBody",
    "PatternBody",
    "ToggleBody",
    "asked_for",
    "changed",
    "created",
    "override_shown",
    "policy_shown",
    "query_of",
    "version_shown",
]

_MAX_QUERY_FIELDS = 32


class _Body(Struct, kw_only=True, forbid_unknown_fields=True):
    """What both kinds have. All may be left out of a change; see `created` for what a new one has to have."""

    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    tier: Tier | UnsetType | None = UNSET
    organization_id: str | UnsetType | None = UNSET
    policy_id: str | UnsetType | None = UNSET
    severity: Literal["critical", "high", "medium", "low"] | UnsetType | None = UNSET
    priority: int | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET


class PatternBody(_Body, kw_only=True, forbid_unknown_fields=True):
    """Of a static policy."""

    pattern: str | UnsetType | None = UNSET
    action: PatternAction | UnsetType | None = UNSET

    def definition(self, before: Pattern | None) -> Pattern:
        """What it says, and for the rest what was said before."""
        given = _given(self, ("pattern", "action"))
        if before is None and "pattern" not in given:
            raise _missing("pattern")
        return msgspec.convert({**_plain(before), **given}, Pattern)


class ConditionsBody(_Body, kw_only=True, forbid_unknown_fields=True):
    """Of a dynamic policy."""

    type: str | UnsetType | None = UNSET
    conditions: list[Condition] | UnsetType | None = UNSET
    actions: list[ConditionAction] | UnsetType | None = UNSET

    def definition(self, before: Conditions | None) -> Conditions:
        """What it says, and for the rest what was said before."""
        given = _given(self, ("type", "conditions", "actions"))
        for name in ("conditions", "actions"):
            if before is None and not given.get(name):
                raise _missing(name)
        return msgspec.convert({**_plain(before), **given}, Conditions)


class ToggleBody(Struct, forbid_unknown_fields=True):
    """Of ``PATCH``."""

    enabled: bool


class OverrideBody(Struct, kw_only=True):
    """Of ``POST .../override``. Without `expires_at` it is for thirty days."""

    action_override: OverrideAction
    override_reason: str
    expires_at: str | None = None


def _missing(field: str) -> PolicyError:
    return PolicyError(f"{field} is missing", expected="the field", found="none", at=f"$.{field}")


def _plain(definition: Struct | None) -> dict[str, Any]:
    shown: dict[str, Any] = {} if definition is None else msgspec.to_builtins(definition)
    return shown


def _given(body: Struct, names: tuple[str, ...]) -> dict[str, Any]:
    """What was sent. None is the same as nothing: the published clients write it for what they leave out."""
    values = {name: getattr(body, name) for name in names}
    return {name: msgspec.to_builtins(value) for name, value in values.items() if value not in (UNSET, None)}


def created(body: PatternBody | ConditionsBody, scope: str, id_: str, author: str, time_us: int) -> ApiPolicy:
    """A new policy of `scope`. Raises PolicyError for one that lacks what it has to have, or has it wrong."""
    given = _given(body, ("name", "description", "category", "policy_id", "severity", "priority", "tags", "enabled"))
    if "name" not in given:
        raise _missing("name")
    if isinstance(body, PatternBody) and "category" not in given:
        raise _missing("category")
    facts = {
        "policy_id": f"pol_{id_}", "category": "dynamic-risk", **given, "tenant_id": scope, "id": id_, "created_us":
        time_us, "created_by": author, "updated_us": time_us, "updated_by": author,
    }  # fmt: skip
    return _converted(facts, lambda: body.definition(None))


def changed(before: ApiPolicy, body: PatternBody | ConditionsBody) -> ApiPolicy:
    """`before` with what `body` says. Raises PolicyError: whose it is and what it is called stays."""
    given = _given(body, ("name", "description", "category", "severity", "priority", "tags", "enabled"))
    for name, now in (("policy_id", before.policy_id), ("tier", tier_of(before.tenant_id))):
        told = getattr(body, name)
        if told not in (UNSET, None, now):
            raise PolicyError(f"{name} cannot be changed", expected=now, found=f"{told!a}"[:80], at=f"$.{name}")
    facts = {**msgspec.structs.asdict(before), **given}
    definition = before.definition
    if isinstance(body, PatternBody):
        return _converted(facts, lambda: body.definition(definition if isinstance(definition, Pattern) else None))
    return _converted(facts, lambda: body.definition(definition if isinstance(definition, Conditions) else None))


def _converted(facts: dict[str, Any], definition: Any) -> ApiPolicy:
    try:
        return msgspec.convert({**facts, "definition": msgspec.to_builtins(definition())}, ApiPolicy)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at ")
        place = at.strip("`").replace("$.definition", "$") or "$"
        raise PolicyError("a field is not valid", expected=message.replace("`", "'"), at=place) from None


# -- what is asked for


def query_of(call: Call) -> dict[str, str]:
    """The fields of the query string. Raises RequestError for one that is there twice."""
    try:
        pairs = parse_qsl(call.scope.get("query_string", b"").decode("ascii"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        raise RequestError("not a query string", expected="ASCII, percent-encoded", at="the query") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RequestError("a field is there twice", expected="once", at="the query")
    return found


def asked_for(call: Call, tenant_id: str, kind: Literal["static", "dynamic"]) -> ApiPolicyQuery:
    """The page that the query string asks for. Raises RequestError, PolicyError."""
    given = query_of(call)
    known = ("category", "tier", "organization_id", "type", "search", "sort_by")
    return ApiPolicyQuery(
        tenant_id=tenant_id, kind=kind, **{name: given[name] for name in known if given.get(name)},  # type: ignore[arg-type]  # a tier that is none finds nothing
        enabled=_truth(given, "enabled"), limit=_number(given, "limit", 100), offset=_number(given, "offset", 0),
        descending=_descends(given),
    )  # fmt: skip


def _truth(given: dict[str, str], name: str) -> bool | None:
    text = given.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise RequestError("not a truth value", expected="true or false", found=f"{text!a}"[:40], at=name)
    return None if not text else text == "true"


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise RequestError("not a number", expected="a number", found=f"{text!a}"[:40], at=name)
    return int(text) if text else default


def _descends(given: dict[str, str]) -> bool:
    order = given.get("sort_order", "").lower()
    if order not in ("", "asc", "desc"):
        raise RequestError("not an order", expected="asc or desc", found=f"{order!a}"[:40], at="sort_order")
    return order == "desc" or (not order and given.get("sort_by", "created_at") in ("created_at", "updated_at"))


# -- what is answered


def policy_shown(policy: ApiPolicy, override: Override | None = None) -> dict[str, Any]:
    """`policy` in the contract's shape, with the override that stands for whom it is shown to."""
    tier = tier_of(policy.tenant_id)
    shown: dict[str, Any] = {
        "id": policy.id,
        "policy_id": policy.policy_id,
        "name": policy.name,
        "description": policy.description,
        "category": policy.category,
        "tier": tier,
        "severity": policy.severity,
        "enabled": policy.enabled,
        "priority": policy.priority,
        "tags": policy.tags,
        "created_at": rfc3339(policy.created_us),
        "created_by": policy.created_by,
        "updated_at": rfc3339(policy.updated_us),
        "updated_by": policy.updated_by,
        "version": policy.version,
        "has_override": override is not None,
    }
    if tier == "organization":
        shown["organization_id"] = policy.tenant_id[1:]
    if tier == "tenant":
        shown["tenant_id"] = policy.tenant_id
    if override is not None:
        shown["override"] = override_shown(override)
    definition = _plain(policy.definition)
    del definition["kind"]
    return shown | definition


def override_shown(override: Override) -> dict[str, Any]:
    """`override` in the contract's shape."""
    return {
        "id": override.override_id,
        "policy_id": override.policy_id,
        "action_override": override.action,
        "override_reason": override.reason,
        "created_by": override.created_by,
        "created_at": rfc3339(override.created_us),
        "expires_at": rfc3339(override.expires_us),
        "active": override.revoked_us is None,
    }


def version_shown(version: ApiPolicyVersion) -> dict[str, Any]:
    """`version` in the contract's shape."""
    return {
        "id": f"{version.id}/{version.version}",
        "policy_id": version.id,
        "version": version.version,
        "changed_by": version.changed_by,
        "changed_at": rfc3339(version.changed_us),
        "change_type": version.change,
        "change_summary": version.summary,
        "snapshot": policy_shown(msgspec.convert(version.snapshot, ApiPolicy)),
    }
