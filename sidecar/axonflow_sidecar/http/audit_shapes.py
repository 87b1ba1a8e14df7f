"""The wire contract's shapes of what was recorded. Of what an event does not say, nothing is said here either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from axonflow import Effect, RequestError
from axonflow.audit import AuditEvent
from axonflow.audit.grounds import left_out
from axonflow.policy import PolicyEngine
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.deciding.telling import paths_of, rule_text
from axonflow_sidecar.http.translate import OUTCOMES, rfc3339

__all__ = ["audit_entry", "decision_row", "explanation", "policies_named", "tool_of", "verdict_filter"]

_VERDICTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "allow": {"allowed": True},
    "deny": {"effect": "deny"},
    "needs_approval": {"effect": "require_approval"},
}
"""The contract's word for a decision: how it is searched for."""

MAX_RULE_CHARS: Final = 4_000
_CONTEXT: Final = "context."
_TOOL: Final = "tool:"


def audit_entry(event: AuditEvent) -> dict[str, Any]:
    """An entry of a search."""
    user = next((one for one in (event.principal, *event.on_behalf_of) if one.startswith("user:")), "")
    return {
        "id": event.event_id,
        "timestamp": rfc3339(event.time_us),
        "request_id": event.origin.request_id,
        "user_email": user.removeprefix("user:"),
        "client_id": event.origin.client_id,
        "tenant_id": event.tenant_id,
        "request_type": event.action,
        "policy_decision": _came_to(event),
        "policy_details": {
            "kind": event.kind,
            "decision_id": event.decision_id,
            "effect": event.effect,
            "principal": event.principal,
            "resource": event.resource,
            "policies": event.policies,
            "reasons": event.reasons,
            "errors": event.errors,
            "policy_digest": event.policy_digest,
            "trace_id": event.origin.trace_id,
            **_erased(event),
        },
        "response_time_ms": (event.duration_us or 0) // 1000,
        **_used(event),
    }


def _came_to(event: AuditEvent) -> str:
    """What was carried out and failed is an error; a rule that failed was decided by all the same."""
    if event.errors and event.effect == Effect.LOG:
        return "error"
    return OUTCOMES[Effect(event.effect)].policy_decision


def _erased(event: AuditEvent) -> dict[str, bool]:
    """Whether something of it cannot be opened any more, nor ever will be."""
    return {"erased": True} if event.sealed else {}


def _used(event: AuditEvent) -> dict[str, Any]:
    """Of a model call, wherever its version of the event has that."""
    usage, details = event.usage, event.details
    if usage is None:
        return {
            "provider": details.get("provider", ""),
            "model": details.get("model", ""),
            "tokens_used": details.get("total_tokens", 0),
        }
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return {
        "provider": usage.provider,
        "model": usage.model,
        "tokens_used": max(tokens, usage.total_tokens or 0),
    }


def tool_of(signature: str) -> str:
    """The resource that a tool's signature stands for."""
    return f"{_TOOL}{signature}"


def policies_named(event: AuditEvent) -> tuple[str, ...]:
    """The policies that matched; of very many the strongest."""
    return event.policies if left_out(event.policies) is None else event.policies[:-1]


def decision_row(event: AuditEvent) -> dict[str, Any]:
    """A decision, in few words. `policy_id` is the strongest that matched, the tool's signature is its name, and the
    context is what policies read of it, as text."""
    return {
        "decision_id": event.decision_id,
        "timestamp": rfc3339(event.time_us),
        "decision": OUTCOMES[Effect(event.effect)].verdict,
        "policy_id": next(iter(policies_named(event)), ""),
        "tool_signature": event.resource.removeprefix(_TOOL) if event.resource.startswith(_TOOL) else "",
        "context": {
            path.removeprefix(_CONTEXT): _as_text(value)
            for path, value in event.attributes.items()
            if path.startswith(_CONTEXT)
        },
        "event_id": event.event_id,
        "effect": event.effect,
        "principal": event.principal,
        "action": event.action,
        "resource": event.resource,
    }


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def explanation(event: AuditEvent, engine: PolicyEngine) -> dict[str, Any]:
    """All that was recorded of a decision. What its rules say is told by `engine` if the decision was made by the very
    policies that it has; by any others nobody could tell."""
    is_known = engine.digest == event.policy_digest
    names, more = policies_named(event), left_out(event.policies)
    rules = {rule.id: rule for rule in engine.rules if rule.id in names} if is_known else {}
    before = len(event.reasons) - len(event.policies)  # reasons of the decision itself stand before those of the rules
    reasons = event.reasons[before : before + len(names)] if before >= 0 else ("",) * len(names)
    told = [(name, reason, rules.get(name)) for name, reason in zip(names, reasons, strict=True)]
    return decision_row(event) | {
        "reason": "; ".join(event.reasons),
        "policy_matches": [_match(*one) for one in told],
        "matched_rules": [_rule(name, rule, event) for name, _, rule in told],
        "context_truncated": False,
        "allowed": event.allowed,
        "reasons": event.reasons,
        "errors": event.errors,
        "on_behalf_of": event.on_behalf_of,
        "attributes": event.attributes,
        "findings": msgspec.to_builtins(event.findings),
        "content_chars": event.content_chars,
        "details": event.details,
        "duration_us": event.duration_us,
        "origin": msgspec.to_builtins(event.origin),
        "policy_digest": event.policy_digest,
        "policies_in_force": is_known,
        **({} if more is None else {"policies_left_out": more}),
        **_erased(event),
    }


def _match(name: str, reason: str, rule: CompiledRule | None) -> dict[str, str]:
    match = {"policy_id": name, "policy_name": name, "policy_description": reason}
    return match if rule is None else match | {"action": rule.effect.value}


def _rule(name: str, rule: CompiledRule | None, event: AuditEvent) -> dict[str, str]:
    named = {"policy_id": name, "rule_id": name}
    if rule is None:
        return named
    text = rule_text(rule)
    seen = sorted(paths_of(rule) & event.attributes.keys())
    return named | {
        "rule_text": text if len(text) <= MAX_RULE_CHARS else f"{text[:MAX_RULE_CHARS]}...",
        "matched_on": ", ".join(f"{path} = {msgspec.json.encode(event.attributes[path]).decode()}" for path in seen),
    }


def verdict_filter(decision: str) -> Mapping[str, Any]:
    """How decisions of this verdict are searched for. Raises RequestError for none of the contract's."""
    found = _VERDICTS.get(decision)
    if found is None:
        raise RequestError(
            "no such verdict", expected=" or ".join(_VERDICTS), found=ascii(decision)[:40], at="decision"
        )
    return found
