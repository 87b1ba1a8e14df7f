"""``/api/v1/policies/...``: what policies would say. Nothing is recorded and nothing counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct

from axonflow import Effect, PolicyError, Request
from axonflow.app.api_policies import ApiPolicies
from axonflow.policy.api.conflicts import Conflict, severity_of
from axonflow.policy.api.policy import ApiPolicy
from axonflow.policy.api.rule_conflicts import RuleConflict
from axonflow.policy.api.simulation import Simulated, simulated_request
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routes.api_policies import policies_of, scope_of
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import OUTCOMES, required_actions, rfc3339

__all__ = ["conflicts", "impact_report", "simulate"]

MAX_INPUTS = 1_000


class _ImpactBody(Struct):
    policy_id: str
    inputs: list[Simulated]


class _ConflictsBody(Struct):
    policy_id: str | None = None


_simulate = msgspec.json.Decoder(Simulated)
_impact = msgspec.json.Decoder(_ImpactBody)
_conflicts = msgspec.json.Decoder(_ConflictsBody)


def simulate(services: AgentServices) -> Handler:
    """The handler of ``.../simulate``: what all policies in force would say of a request."""

    async def handler(call: Call) -> Reply:
        asked = decode_json(await call.json_body(), _simulate)
        request = simulated_request(asked, scope_of(call), call.caller.client_id)
        begun_s = perf_counter()
        decision = services.flow.decide(request)
        answer = {
            "allowed": OUTCOMES[decision.effect].approved,
            "applied_policies": decision.policies,
            "risk_score": 0.0,
            "required_actions": required_actions(decision),
            "reasons": decision.reasons,
            "processing_time_ms": int((perf_counter() - begun_s) * 1000),
            "total_policies": len(services.flow.policies_for(request).rules),
            "dry_run": True,
            "simulated_at": rfc3339(services.clock_us()),
            "policy_bundle": decision.policy_digest,
        }
        return Reply(msgspec.json.encode(answer))

    return handler


def impact_report(services: AgentServices) -> Handler:
    """The handler of ``.../impact-report``: what one policy alone would do to each of some requests."""

    async def handler(call: Call) -> Reply:
        policies = policies_of(services)
        body = decode_json(await call.json_body(), _impact)
        if len(body.inputs) > MAX_INPUTS:
            raise PolicyError("too many inputs", expected=f"at most {MAX_INPUTS}", at="$.inputs")
        tenant_id = scope_of(call)
        policy = await policies.find(tenant_id, body.policy_id)
        begun_s = perf_counter()
        requests = [simulated_request(asked, tenant_id, call.caller.client_id) for asked in body.inputs]
        results = await asyncio.to_thread(_impact_on, policies, policy, requests, services.clock_us() / 1_000_000)
        matched = sum(one["matched"] is True for one in results)
        blocked = sum(one["blocked"] is True for one in results)
        count = len(results) or 1
        answer = {
            "policy_id": policy.id, "policy_name": policy.name, "total_inputs": len(results), "matched": matched,
            "blocked": blocked, "match_rate": matched / count, "block_rate": blocked / count, "results": results,
            "processing_time_ms": int((perf_counter() - begun_s) * 1000),
            "generated_at": rfc3339(services.clock_us()),
        }  # fmt: skip
        return Reply(msgspec.json.encode(answer))

    return handler


def _impact_on(
    policies: ApiPolicies, policy: ApiPolicy, requests: Sequence[Request], now_s: float
) -> list[dict[str, Any]]:
    engine = policies.engine_of(policy)
    decisions = [engine.decide(request, "", now_s) for request in requests]
    return [
        {
            "input_index": number, "matched": bool(decision.policies), "blocked": decision.effect is Effect.DENY,
            "actions": _actions(policy) if decision.policies else [],
        }
        for number, decision in enumerate(decisions)
    ]  # fmt: skip


def _actions(policy: ApiPolicy) -> list[str]:
    definition = msgspec.to_builtins(policy.definition)
    return [definition["action"]] if "action" in definition else [one["type"] for one in definition["actions"]]


def conflicts(services: AgentServices) -> Handler:
    """The handler of ``.../conflicts``: policies of these routes that meet each other, or rules from elsewhere, and
    say different things."""

    async def handler(call: Call) -> Reply:
        policies = policies_of(services)
        body = decode_json(await call.json_body(), _conflicts)
        tenant_id = scope_of(call)
        only_of = (await policies.find(tenant_id, body.policy_id)).id if body.policy_id else None
        found = await policies.conflicts(tenant_id, only_of)
        shown = [*map(_shown, found.among), *map(_shown_with_rule, found.with_rules)]
        answer = {
            "conflicts": shown, "total_policies": found.policies, "conflict_count": len(shown),
            "complete": found.is_all, "checked_at": rfc3339(services.clock_us()),
        }  # fmt: skip
        return Reply(msgspec.json.encode(answer))

    return handler


def _shown(conflict: Conflict) -> dict[str, Any]:
    first, second = conflict.first, conflict.second
    said = {
        "different_actions": f"Both look at {conflict.field} and can apply to one request, with different actions: "
        "the strictest is done.",
        "redundant": f"Both look at {conflict.field} and say the same.",
    }
    shown = {
        "policy_a": {"id": first.id, "name": first.name, "type": first.kind},
        "policy_b": {"id": second.id, "name": second.name, "type": second.kind},
        "conflict_type": conflict.kind,
        "description": said[conflict.kind],
        "severity": severity_of(conflict),
        "overlapping_field": conflict.field,
    }
    return shown if conflict.example is None else shown | {"example": conflict.example}


def _shown_with_rule(conflict: RuleConflict) -> dict[str, Any]:
    refusing = "the rule refuses it and is obeyed" if conflict.rule_refuses else "the policy refuses it and is obeyed"
    return {
        "policy_a": {"id": conflict.policy.id, "name": conflict.policy.name, "type": conflict.policy.kind},
        "policy_b": {"id": conflict.rule, "name": conflict.reason, "type": "rule"},
        "conflict_type": "different_actions",
        "description": f"A rule of a file or of a published set applies to one request with the policy: {refusing}.",
        "severity": conflict.severity,
        "overlapping_field": conflict.field,
        "example": conflict.example,
    }
