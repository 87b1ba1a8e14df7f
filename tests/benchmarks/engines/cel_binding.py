"""CEL in Rust (PyPI: common-expression-language): each rule one compiled program, tried one after the other.

The question is a prebuilt Context: given a dictionary, the binding would convert it again for every rule.
"""

import json

import cel

NAME = "CEL (Rust binding)"
LARGEST = 10_000


def build(rules):
    denies = [cel.compile(_expression(rule)) for rule in rules if rule.effect == "deny"]
    grants = [cel.compile(_expression(rule)) for rule in rules if rule.effect != "deny"]

    def decide(context):
        # Every rule is asked, as a decision names all that match.
        denying = [program for program in denies if program.execute(context)]
        granting = [program for program in grants if program.execute(context)]
        return "allow" if granting and not denying else "deny"

    return _context, decide


def _context(request):
    principal, resource = request.principal, request.resource
    return cel.Context(
        {
            "principal": {"id": principal.id, "tenant": principal.tenant, "roles": list(principal.roles)},
            "action": request.action,
            "resource": {"type": resource.type, "id": resource.id},
            "context": dict(request.context),
        }
    )


def _expression(rule):
    paths = (("resource.id", rule.tool), ("principal.tenant", rule.tenant), ("principal.id", rule.user))
    conjuncts = [f"{path} == {json.dumps(value)}" for path, value in paths if value is not None]
    if rule.team is not None:
        conjuncts.append(f"context.team == {json.dumps(rule.team)}")
    if rule.role is not None:
        conjuncts.append(f"{json.dumps(rule.role)} in principal.roles")
    if rule.above is not None:
        conjuncts.append(f"context.risk > {rule.above}")
    if rule.tool_prefix is not None:
        conjuncts.append(f"resource.id.startsWith({json.dumps(rule.tool_prefix)})")
    if rule.address_prefix is not None:
        conjuncts.append(f"context.address.startsWith({json.dumps(rule.address_prefix)})")
    return " && ".join([*conjuncts, 'action == "tool.call"'])  # last, as all rules share it
