"""Cedar in Rust (PyPI: cedarpy), with a prebuilt PolicySet."""

import json

import cedarpy

NAME = "cedarpy"
LARGEST = 10_000


def build(rules):
    policies = cedarpy.PolicySet.from_str("\n".join(_policy(rule) for rule in rules))
    entities = cedarpy.Entities.from_json_str("[]")

    def decide(question):
        return "allow" if cedarpy.is_authorized(question, policies, entities).allowed else "deny"

    return _question, decide


def _question(request):
    context = {
        **request.context,
        "tenant": request.principal.tenant,
        "roles": list(request.principal.roles),
    }
    return {
        "principal": f'User::"{request.principal.id}"',
        "action": f'Action::"{request.action}"',
        "resource": f'Tool::"{request.resource.id}"',
        "context": context,
    }


def _policy(rule):
    principal = "principal" if rule.user is None else f"principal == User::{_text(rule.user)}"
    resource = "resource" if rule.tool is None else f"resource == Tool::{_text(rule.tool)}"
    conditions = [
        f"context.{field} == {_text(value)}"
        for field, value in (("tenant", rule.tenant), ("team", rule.team))
        if value is not None
    ]
    if rule.role is not None:
        conditions.append(f"context.roles.contains({_text(rule.role)})")
    if rule.above is not None:
        conditions.append(f"context.risk > {rule.above}")
    if rule.address_prefix is not None:
        conditions.append(f'context.address like "{rule.address_prefix}*"')
    when = f" when {{ {' && '.join(conditions)} }}" if conditions else ""
    keyword = "forbid" if rule.effect == "deny" else "permit"
    return f'@id({_text(rule.id)})\n{keyword}({principal}, action == Action::"tool.call", {resource}){when};'


def _text(value):
    return json.dumps(value)
