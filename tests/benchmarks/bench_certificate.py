"""How loose a certificate is: what hard requests take, over what the certificate says that they take at most here.

The floor is the measurement itself: p99 of processor time, of requests that are drawn to be hard for policies that were
not calibrated with. A ratio above 1 would be a certificate that does not hold; how far it is below is how loose it is.
"""

import gc
import random
import time

from axonflow import AxonFlow, Request
from axonflow.app.calibrating import calibrate, counted_kilobytes, estimate_us
from axonflow.app.certifying import Inputs, certificate_for
from tests.benchmarks.engines.axonflow_engine import policy_set
from tests.benchmarks.engines.workload import FAMILIES, draw

REQUESTS = 300
VALUES, CHARACTERS, MEMBERSHIPS = 400, 8_000, 30
INPUTS = Inputs(VALUES, CHARACTERS, MEMBERSHIPS)
CONTENTS = (
    "ann@example.com 4111 1111 1111 1111 ",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a ",
    "SELECT 1; DROP TABLE a; ",
)


def main():
    calibration = calibrate()
    print(f"{calibration.unit_ns:.1f} ns a unit, {calibration.scan_unit_ns:.1f} ns a unit of content; requests of at")
    print(f"most {VALUES} values, {CHARACTERS} characters, {MEMBERSHIPS} roles; processor time of {REQUESTS} of them")
    print(f"{'policies':28}{'p50 us':>10}{'p99 us':>10}{'certified us':>14}   p99 / certified (target <= 1)")
    for name, policies, requests in contenders():
        certificate = certificate_for(policies, inputs=INPUTS)
        report(name, AxonFlow.open(policies), certificate, requests, calibration)


def contenders():
    rng = random.Random(20261122)
    for name, (_, rules_of) in FAMILIES.items():
        rules = rules_of(1_000)
        yield f"1,000 rules, {name}", policy_set(rules), list(draw(rules, REQUESTS, rng))
        yield (
            "the same, hostile requests",
            policy_set(rules),
            [hostile(rng, one) for one in draw(rules, REQUESTS, rng)],
        )
    conditions = [
        'content.exists(c, c == "x")', "context.a == context.b", 'context.t.contains("b")', "context.missing.more == 1",
        'principal.roles.exists(r, r.startsWith("z"))',
    ]  # fmt: skip
    rules = [{"id": f"r{n}", "effect": "deny", "when": when} for n, when in enumerate(conditions * 4)]
    yield "loops, texts, errors", document(rules), [heavy(rng) for _ in range(REQUESTS)]
    for category in ("pii", "secret", "code"):
        asks = [{"id": "r", "effect": "deny", "when": f'detected("{category}")'}]
        requests = [Request("user:ann", "tool.call", "tool:x", content=text(rng)) for _ in range(REQUESTS // 6)]
        yield f"detectors of {category}", document(asks), requests


def document(rules):
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "bench"}, "default": "allow"}
    return head | {"rules": rules}


def hostile(rng, request):
    """As many roles as there may be, lists for texts, and what is no address."""
    roles = [f"role-{rng.randrange(1_000)}" for _ in range(MEMBERSHIPS - 3)] + ["analyst", "intern", "guest"]
    context = {"risk": "high", "team": [f"team-{n}" for n in range(VALUES - 10)], "address": 7}
    principal = {"id": request.principal.id, "tenant": request.principal.tenant, "roles": roles}
    return Request(principal, request.action, request.resource, context)


def heavy(rng):
    content = [f"v{rng.random()}" for _ in range(VALUES - 10)]
    nested = [[number] for number in range(90)]
    context = {"a": nested, "b": [list(one) for one in nested], "t": "a" * (CHARACTERS - 2_000)}
    principal = {"id": "ann", "roles": [f"role-{n}" for n in range(MEMBERSHIPS)]}
    return Request(principal, "tool.call", "tool:x", context, content)


def text(rng):
    return "".join(rng.choice(CONTENTS) for _ in range(90))[:4_000]


def report(name, flow, certificate, requests, calibration):
    cost = certificate.cost_for(requests[0].action)
    kilobytes = counted_kilobytes(max(len(str(one.content)) for one in requests)) if cost.scan_units_per_kb else 0
    certified = estimate_us(cost, calibration, kilobytes)
    for one in requests[:20]:
        flow.decide(one)
    gc.collect()
    gc.disable()
    spent = sorted(cpu_us(flow, one) for one in requests)
    gc.enable()
    p50, p99 = spent[len(spent) // 2], spent[int(len(spent) * 0.99)]
    ratio = p99 / certified
    verdict = "met" if ratio <= 1 else "not met"
    print(
        f"{name:28}{p50:>10.1f}{p99:>10.1f}{certified:>14.1f}   {ratio:.4f} ({1 / ratio:,.1f}x loose) {verdict}",
        flush=True,
    )


def cpu_us(flow, request):
    """The clock of the processor tells no less than some hundred nanoseconds: a decision is made eight times."""
    start = time.process_time_ns()
    for _ in range(8):
        flow.decide(request)
    return (time.process_time_ns() - start) / 8_000


if __name__ == "__main__":
    main()
