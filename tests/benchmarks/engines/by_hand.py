"""What somebody would write who knew the rules: dictionaries and ifs.

`build` does all that a decision does: effect, ids of the matching rules, obligations, and an id that no other process
gives. `build_bare` only says deny or not.
"""

import itertools
import os

from tests.benchmarks.engines.workload import LIMIT, grouped

_prefix = os.urandom(8).hex()
_counter = itertools.count()


def build(rules):
    by_tool, by_tenant, by_user, by_team, by_tool_prefix, by_address_prefix = _tables(rules)
    obligation = (LIMIT["unit"], LIMIT["maximum"], LIMIT["window_s"])

    def decide(request):
        if request.action != "tool.call":
            return "deny", (), (), f"{_prefix}-{next(_counter)}"
        principal, context, tool = request.principal, request.context, request.resource.id
        denies, limits, obligations = [], [], []
        found = by_tool.get(tool, ())
        if by_tenant and principal.tenant in by_tenant:
            found = (*found, *by_tenant[principal.tenant])
        if tool == "shell" and by_user:
            found = (*by_user.get(principal.id, ()), *by_team.get(context["team"], ()))
        for prefix, candidates in by_tool_prefix:
            if tool.startswith(prefix):
                found = (*found, *candidates)
        address = context["address"]
        for prefix, candidates in by_address_prefix:
            if address.startswith(prefix):
                found = (*found, *candidates)
        for rule, effect, role, above in found:
            if role in principal.roles and (above is None or context["risk"] > above):
                if effect == "deny":
                    denies.append(rule)
                else:
                    limits.append(rule)
                    obligations.append((rule, obligation))
        effect = "deny" if denies else "limit" if limits else "allow"
        return effect, (*denies, *limits, "allow-tools"), tuple(obligations), f"{_prefix}-{next(_counter)}"

    return decide


def build_bare(rules):
    denies = [rule for rule in rules if rule.effect == "deny"]
    by_tool, by_tenant, by_user, by_team, by_tool_prefix, by_address_prefix = _tables(denies)

    def decide(request):
        if request.action != "tool.call":
            return "deny"
        principal, context, tool = request.principal, request.context, request.resource.id
        found = by_tool.get(tool) or by_tenant.get(principal.tenant) or ()
        if tool == "shell" and by_user:
            found = (*by_user.get(principal.id, ()), *by_team.get(context["team"], ()))
        for prefix, candidates in by_tool_prefix:
            if tool.startswith(prefix):
                found = (*found, *candidates)
        address = context["address"]
        for prefix, candidates in by_address_prefix:
            if address.startswith(prefix):
                found = (*found, *candidates)
        for _, _, role, above in found:
            if role in principal.roles and (above is None or context["risk"] > above):
                return "deny"
        return "allow"

    return decide


def _tables(rules):
    def table(field, members):
        return {
            value: tuple((rule.id, rule.effect, rule.role, rule.above) for rule in found)
            for value, found in grouped(members, field).items()
        }

    return (
        table("tool", [rule for rule in rules if rule.tool != "shell"]),
        table("tenant", rules),
        table("user", rules),
        table("team", rules),
        tuple(table("tool_prefix", rules).items()),
        tuple(table("address_prefix", rules).items()),
    )
