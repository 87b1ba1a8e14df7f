"""A replay's summary for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axonflow.cli.decisions.replay.summary import Expectations, ReplaySummary
from axonflow.cli.decisions.replay.tally import MAX_MISMATCHES_SHOWN
from axonflow.cli.tables import fields, printable, table
from axonflow.policy import Effect

__all__ = ["replay_text"]

MAX_POLICIES_SHOWN: Final = 20


def replay_text(summary: ReplaySummary) -> str:
    """`summary` as a page of tables."""
    return "\n\n".join(_sections(summary))


def _sections(summary: ReplaySummary) -> Iterator[str]:
    yield _totals(summary)
    if summary.decided:
        yield _by_effect(summary)
        yield _by_policy(summary)
        yield _slowest(summary)
    if summary.undecidable.count:
        yield _undecidable(summary)
    if summary.expect is not None:
        yield from _expectations(summary.expect)


def _totals(summary: ReplaySummary) -> str:
    latency = summary.latency_us
    quantiles = f"p50 {latency.p50:,.1f}, p95 {latency.p95:,.1f}, p99 {latency.p99:,.1f}, max {latency.max:,.1f} us"
    heading = f"Replay of {printable(summary.source)}{' (interrupted)' if summary.interrupted else ''}"
    return f"{heading}\n" + fields([
        ("  through", f"an agent over {summary.protocol}" if summary.protocol else ""),
        ("  lines", f"{summary.lines:,}"),
        ("  decided", f"{summary.decided:,}"),
        ("  malformed", f"{summary.malformed.count:,}"),
        ("  undecidable", f"{summary.undecidable.count:,}"),
        ("  latency", quantiles),
        ("  throughput", f"{summary.requests_per_s:,.0f} requests/s ({summary.wall_s:,.2f} s, reading included)"),
        ("  policies", summary.policy_digest),
    ])  # fmt: skip


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}"


def _by_effect(summary: ReplaySummary) -> str:
    rows = [(effect, f"{count:,}", _share(count, summary.decided)) for effect, count in summary.effects.items()]
    return "By effect\n" + table(rows, ("effect", "requests", "share"), right=frozenset({1, 2}))


def _by_policy(summary: ReplaySummary) -> str:
    shown = list(summary.policies.items())[:MAX_POLICIES_SHOWN]
    rows = [(policy, f"{count:,}", _share(count, summary.decided)) for policy, count in shown]
    if summary.unmatched:
        rows.append(("(no rule matched)", f"{summary.unmatched:,}", _share(summary.unmatched, summary.decided)))
    text = "By policy (a request counts for every rule that matched it)\n"
    text += table(rows, ("policy", "requests", "share"), right=frozenset({1, 2}))
    more = len(summary.policies) - len(shown)
    return f"{text}\n  and {more:,} more; --json lists all" if more else text


def _slowest(summary: ReplaySummary) -> str:
    rows = [(slow.line, f"{slow.latency_us:,.1f}", slow.action, slow.resource) for slow in summary.slowest]
    return "Slowest\n" + table(rows, ("line", "us", "action", "resource"), right=frozenset({0, 1}))


def _undecidable(summary: ReplaySummary) -> str:
    lines = [f"Undecidable: {summary.undecidable.count:,} requests met a rule that could not be evaluated"]
    lines += [
        f"  line {one.line}: {printable(one.policy)}: {printable(one.message)}" for one in summary.undecidable.first
    ]
    more = summary.undecidable.count - len(summary.undecidable.first)
    return "\n".join([*lines, f"  and {more:,} more"] if more else lines)


def _expectations(expect: Expectations) -> Iterator[str]:
    if not expect.labelled:
        yield 'Expectations: no line has "expect", so nothing was compared'
        return
    yield (
        f"Expectations\n  {expect.labelled:,} labelled, {expect.matched:,} as expected, {expect.mismatched:,} not\n\n"
        + _confusion(expect)
    )
    if expect.mismatches:
        lines = [
            f"  line {one.line}: {one.field}: expected {printable(one.expected, 200)}, got {printable(one.actual, 200)}"
            for one in expect.mismatches
        ]
        full = len(lines) == MAX_MISMATCHES_SHOWN
        yield "\n".join([f"Mismatches{f' (the first {len(lines)})' if full else ''}", *lines])


def _confusion(expect: Expectations) -> str:
    seen = {actual for row in expect.confusion.values() for actual in row}
    actuals = [effect.value for effect in Effect if effect.value in seen]
    rows = [
        (expected.value, *(expect.confusion[expected].get(actual, 0) or "." for actual in actuals))
        for expected in Effect
        if expected.value in expect.confusion
    ]
    headers = ("expected \\ actual", *actuals)
    return table(rows, headers, right=frozenset(range(1, len(headers))))
