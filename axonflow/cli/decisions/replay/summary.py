"""What a replay found out, as the value that is printed or sent as JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from axonflow.cli.decisions.replay.tally import Comparison, Tally

__all__ = ["Expectations", "ReplaySummary", "summary_of"]


class LatencyUs(Struct, frozen=True):
    """Of `flow.decide` alone, or of a call to an agent and back, in microseconds. Quantiles are off by at most 0.8 % of
    themselves."""

    p50: float
    p95: float
    p99: float
    max: float


class SlowRequest(Struct, frozen=True):
    """One of the slowest requests. The resource is ``type:id``."""

    line: int
    action: str
    resource: str
    latency_us: float


class UndecidableRequest(Struct, frozen=True):
    """A request with a rule whose condition could not be evaluated: the first such rule, and why."""

    line: int
    policy: str
    message: str


class Undecidable(Struct, frozen=True):
    """How many there are, and the first few."""

    count: int
    first: tuple[UndecidableRequest, ...]


class MalformedLine(Struct, frozen=True):
    """A line that is no request."""

    line: int
    message: str


class Malformed(Struct, frozen=True):
    """How many there are, and the first few."""

    count: int
    first: tuple[MalformedLine, ...]


class Mismatch(Struct, frozen=True):
    """One field that is not as expected. Never content."""

    line: int
    field: str
    expected: str
    actual: str


class Expectations(Struct, frozen=True):
    """Decisions against labels; `confusion` is expected effect, then actual effect, then how often."""

    labelled: int
    matched: int
    mismatched: int
    confusion: dict[str, dict[str, int]]
    mismatches: tuple[Mismatch, ...]


class ReplaySummary(Struct, frozen=True):
    """The whole report. `lines` counts those that are not blank: decided or malformed.

    `protocol` is how an agent was asked (HTTP/2, HTTP/1.1), None for the engine in this process. `unmatched` counts
    requests that no rule matched, so that a default or a requirement decided.
    """

    source: str
    protocol: str | None
    policy_digest: str
    interrupted: bool
    lines: int
    decided: int
    malformed: Malformed
    effects: dict[str, int]
    policies: dict[str, int]
    unmatched: int
    latency_us: LatencyUs
    wall_s: float
    requests_per_s: float
    slowest: tuple[SlowRequest, ...]
    undecidable: Undecidable
    expect: Expectations | None

    def to_json(self) -> bytes:
        """This summary as UTF-8 JSON."""
        return msgspec.json.encode(self)


def summary_of(
    tally: Tally,
    *,
    source: str,
    protocol: str | None,
    policy_digest: str,
    wall_ns: int,
    interrupted: bool,
    expect: bool,
) -> ReplaySummary:
    """`tally` as a report on the traffic `source`."""
    wall_s = wall_ns / 1e9
    quantile = tally.latency.quantile_ns
    return ReplaySummary(
        source=source,
        protocol=protocol,
        policy_digest=policy_digest,
        interrupted=interrupted,
        lines=tally.decided + tally.malformed,
        decided=tally.decided,
        malformed=Malformed(tally.malformed, tuple(MalformedLine(*entry) for entry in tally.malformed_first)),
        effects=_ranked({effect.value: count for effect, count in tally.by_effect.items()}),
        policies=_ranked(tally.by_policy),
        unmatched=tally.unmatched,
        latency_us=LatencyUs(_us(quantile(0.5)), _us(quantile(0.95)), _us(quantile(0.99)), _us(tally.latency.max_ns)),
        wall_s=round(wall_s, 6),
        requests_per_s=round(tally.decided / wall_s, 1) if wall_s > 0 else 0.0,
        slowest=tuple(
            SlowRequest(line, action, resource, _us(duration_ns))
            for duration_ns, line, action, resource in tally.slowest.ranked()
        ),
        undecidable=Undecidable(
            tally.undecidable, tuple(UndecidableRequest(*entry) for entry in tally.undecidable_first)
        ),
        expect=_expectations(tally.comparison) if expect else None,
    )


def _us(duration_ns: float) -> float:
    return round(duration_ns / 1000, 2)


def _ranked(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def _expectations(comparison: Comparison) -> Expectations:
    confusion: dict[str, dict[str, int]] = {}
    for (expected, actual), count in sorted(comparison.confusion.items()):
        confusion.setdefault(expected.value, {})[actual.value] = count
    return Expectations(
        labelled=comparison.labelled,
        matched=comparison.matched,
        mismatched=comparison.mismatched,
        confusion=confusion,
        mismatches=tuple(
            Mismatch(line, difference.field, difference.expected, difference.actual)
            for line, difference in comparison.mismatches
        ),
    )
