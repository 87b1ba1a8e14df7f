"""What a unit of a certificate takes on this machine: a fixed workload, measured by the processor's clock.

Hard requests of several kinds are decided on, each by policies that are certified for just these requests. The kind
whose units turn out dearest counts, so that an estimate errs towards too much.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.app.certifying import certificate_for
from axonflow.app.flow import AxonFlow
from axonflow.policy import Request
from axonflow.policy.certifying.certificate import ActionCost
from axonflow.policy.certifying.inputs import Inputs

__all__ = ["Calibration", "Workload", "calibrate", "estimate_us", "workloads"]

ROUNDS: Final = 5
_ROUND_NS: Final = 2_000_000
"""A round repeats its request until about so much has passed: well above what the clock can tell."""
_ACTION: Final = "tool.call"
_MEMBERS: Final = 200


class Calibration(Struct, frozen=True):
    """Nanoseconds of processor time that a unit takes on this machine: of rules, and of looking through content."""

    unit_ns: float
    scan_unit_ns: float


class Workload(NamedTuple):
    """A request that is hard for its policies. `inputs` are what it fits in; `scans`: what is hard is its content."""

    name: str
    policies: dict[str, Any]
    request: Request
    inputs: Inputs
    scans: bool = False

    @property
    def kilobytes(self) -> int:
        """What its content counts for."""
        return counted_kilobytes(len(str(self.request.content)))


def counted_kilobytes(json_bytes: int) -> int:
    """The 1,024 bytes begun, and one more for what there is to do of any content."""
    return -(-json_bytes // 1_024) + 1


def estimate_us(cost: ActionCost, calibration: Calibration, kilobytes: int) -> float:
    """Microseconds that a decision of this cost takes at most, by `calibration`, on content that counts for so many."""
    scanned = cost.scan_units_per_kb * kilobytes * calibration.scan_unit_ns
    return (cost.units * calibration.unit_ns + scanned) / 1_000


def calibrate(progress: Callable[[int], None] = lambda _done: None) -> Calibration:
    """Measure this machine, for a second or two. ``progress(n)`` is told of each workload that is done."""
    unit_ns = scan_unit_ns = 0.0
    for number, work in enumerate(workloads()):
        certificate = certificate_for(work.policies, inputs=work.inputs)
        cost = certificate.cost_for(_ACTION)
        assert cost is not None  # these are few
        spent_ns = measured_ns(work)
        if work.scans:
            rules_ns = cost.units * unit_ns
            scan_unit_ns = max(
                scan_unit_ns, (spent_ns - min(rules_ns, spent_ns)) / (cost.scan_units_per_kb * work.kilobytes)
            )
        else:
            unit_ns = max(unit_ns, spent_ns / cost.units)
        progress(number + 1)
    return Calibration(unit_ns, scan_unit_ns)


def measured_ns(work: Workload, rounds: int = ROUNDS) -> float:
    """Nanoseconds of processor time of one decision: the median round."""
    flow = AxonFlow.open(work.policies)
    decide, request, clock = flow.decide, work.request, time.process_time_ns
    decide(request)  # what is compiled when it is first needed
    times = 1
    while True:
        start = clock()
        for _ in range(times):
            decide(request)
        if clock() - start >= _ROUND_NS:
            break
        times *= 2
    spent: list[float] = []
    for _ in range(rounds):
        start = clock()
        for _ in range(times):
            decide(request)
        spent.append((clock() - start) / times)
    return statistics.median(spent)


def workloads() -> Iterator[Workload]:
    """The kinds of work that rules can make, then that content can make."""
    yield _work("rules that fail", ["context.absent.further > 3 || context.other == 1"] * 40, {})
    yield _work(
        "comparisons", ['context.a > 5 && context.b != "x" && resource.id.startsWith("s")'] * 40, {"a": 9, "b": "y"}
    )
    yield _work("loops", ['context.list.exists(c, c == "x")'] * 4, {"list": [f"v{n}" for n in range(2_000)]})
    yield _work(
        "deep values", ["context.a == context.b"] * 4, {"a": [[n] for n in range(500)], "b": [[n] for n in range(500)]}
    )
    yield _work("long texts", ['context.t.contains("b") || context.t.endsWith("c")'] * 4, {"t": "a" * 400_000})
    networks = [f'context.ip.inCIDR("10.{n}.0.0/16")' for n in range(100)]
    yield _work("addresses that are none", networks, {"ip": 7})
    listed = [
        {"id": f"f{n}", "effect": "deny", "match": {"action": _ACTION, "context.env": f"e{n}"}} for n in range(_MEMBERS)
    ]
    yield _with_rules("lists that are looked up", listed, {"env": [f"e{n}" for n in range(_MEMBERS)]})
    examples = {
        category: [
            text for one in AxonFlow.open().scanner.detectors if one.category == category for text in one.examples
        ]
        for category in ("pii", "secret", "code", "injection")
    }
    for category, texts in examples.items():
        asks = [{"id": "r", "effect": "deny", "match": {"action": _ACTION}, "when": f'detected("{category}")'}]
        yield _with_rules(f"content full of {category}", asks, {}, "\n".join(texts)[:4_096])
    yield _with_rules("content of digits", [asks[0] | {"when": 'detected("pii")'}], {}, "4111 1111 1111 1111 " * 200)


def _work(name: str, conditions: list[str], context: dict[str, Any]) -> Workload:
    rules = [{"id": f"r{n}", "effect": "deny", "when": when} for n, when in enumerate(conditions)]
    return _with_rules(name, rules, context)


def _with_rules(
    name: str, rules: list[dict[str, Any]], context: dict[str, Any], content: str | None = None
) -> Workload:
    policies = {
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "calibration"}, "default": "allow",
        "rules": rules,
    }  # fmt: skip
    request = Request("user:ann", _ACTION, "tool:search", context, content)
    values = [context, content]
    inputs = Inputs(max(map(_nodes, values)), max(len(str(value)) for value in values), 1)
    return Workload(name, policies, request, inputs, scans=content is not None)


def _nodes(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_nodes, inner))
