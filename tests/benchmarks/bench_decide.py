"""flow.decide at 10, 1,000 and 10,000 rules, against hand-written ``if`` code and against cedarpy, in one run.

Every engine gets the same rules (deny a tool's call for one role or above a risk, allow the rest) and the same
requests, which never repeat; before anything is timed, all verdicts are compared with the hand-written code's.
"""

import random

from axonflow import AxonFlow, Request

try:
    from tests.benchmarks.measure import alternate
except ModuleNotFoundError:  # run as a script
    from measure import alternate

REQUESTS = 3_000
SIZES = (10, 1_000, 10_000)
CEDAR_REQUESTS = {10: 300, 1_000: 30, 10_000: 6}


def shape(number):
    """Rule `number`: which tool it denies, to whom, and above which risk (None: at any)."""
    return f"tool-{number}", ("analyst", "intern", "guest")[number % 3], None if number % 2 else 50


def policy_set(count):
    rules = [{"id": "allow-tools", "effect": "allow", "match": {"action": "tool.call"}}]
    for number in range(count - 1):
        tool, role, risk = shape(number)
        rule = {
            "id": f"r{number}",
            "effect": "deny",
            "match": {"action": "tool.call", "resource.id": tool, "principal.roles": role},
        }
        rules.append(rule | ({} if risk is None else {"when": f"context.risk > {risk}"}))
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "bench"}, "default": "deny"}
    return head | {"rules": rules}


def draw(count, rng):
    for number in range(REQUESTS):
        yield Request(
            {"id": f"user-{number}", "roles": [rng.choice(["analyst", "intern", "guest", "admin"])]},
            "tool.call",
            {"type": "tool", "id": f"tool-{rng.randrange(count)}"},
            context={"risk": rng.randrange(100), "env": "prod"},
        )


def by_hand(count):
    """What somebody would write who knew the rules: a dictionary by tool, then ifs."""
    table = {shape(number)[0]: shape(number)[1:] for number in range(count - 1)}

    def decide(request):
        if request.action != "tool.call":
            return "deny"
        found = table.get(request.resource.id)
        if (
            found is not None
            and found[0] in request.principal.roles
            and (found[1] is None or request.context["risk"] > found[1])
        ):
            return "deny"
        return "allow"

    return decide


def cedar(count):
    import cedarpy

    lines = ['permit(principal, action == Action::"tool.call", resource);']
    for number in range(count - 1):
        tool, role, risk = shape(number)
        when = f'context.roles.contains("{role}")' + ("" if risk is None else f" && context.risk > {risk}")
        lines.append(f'forbid(principal, action == Action::"tool.call", resource == Tool::"{tool}") when {{ {when} }};')
    policies, entities = cedarpy.PolicySet.from_str("\n".join(lines)), cedarpy.Entities.from_json_str("[]")

    def decide(request):
        question = {
            "principal": f'User::"{request.principal.id}"',
            "action": f'Action::"{request.action}"',
            "resource": f'Tool::"{request.resource.id}"',
            "context": {"risk": request.context["risk"], "roles": list(request.principal.roles)},
        }
        return "allow" if cedarpy.is_authorized(question, policies, entities).allowed else "deny"

    return decide


def main():
    rng = random.Random(20261121)
    print(f"flow.decide, {REQUESTS} requests that never repeat; microseconds, median of 5 alternating rounds")
    print(f"{'rules':>7} {'':12}{'p50':>9}{'p95':>9}   ratio of p50s to flow.decide's")
    for count in SIZES:
        requests = list(draw(count, rng))
        flow, plain, peer = AxonFlow.open(policy_set(count)), by_hand(count), cedar(count)

        def decide(request, flow=flow):
            decision = flow.decide(request)
            return decision.effect, decision.policies, decision.obligations, decision.decision_id

        few = requests[: CEDAR_REQUESTS[count]]
        assert [flow.decide(request).effect for request in requests] == [plain(request) for request in requests]
        assert [peer(request) for request in few] == [plain(request) for request in few]
        figures = alternate({"flow.decide": (decide, requests), "if code": (plain, requests), "cedarpy": (peer, few)})
        own = figures["flow.decide"][0]
        for name, (p50, p95) in figures.items():
            print(f"{count:>7} {name:12}{p50:>9.2f}{p95:>9.2f}   {p50 / own:.2f}x")


if __name__ == "__main__":
    main()
