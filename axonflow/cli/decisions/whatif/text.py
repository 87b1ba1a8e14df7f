"""A report of `axonflow whatif` for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axonflow.cli.decisions.whatif.report import WhatIfReport
from axonflow.cli.tables import fields, printable, table

__all__ = ["whatif_text"]

MAX_RULES_SHOWN: Final = 20


def whatif_text(report: WhatIfReport) -> str:
    """`report` as a page of tables."""
    return "\n\n".join(_sections(report))


def _sections(report: WhatIfReport) -> Iterator[str]:
    yield _totals(report)
    if report.effects:
        rows = [(one.before, one.after, f"{one.count:,}", "" if one.before == one.after else "flips")
                for one in report.effects]  # fmt: skip
        yield "Before and after\n" + table(rows, ("before", "after", "decisions", ""), right=frozenset({2}))
    if report.flips:
        yield _counts("Rules that decide what flips", "policy", report.decided_by)
        yield _counts("Rules that decided it before", "policy", report.no_longer_by)
        yield _examples(report)
    if report.undecidable.count:
        yield from _undecidable(report)


def _totals(report: WhatIfReport) -> str:
    heading = f"What if, of {printable(report.source)}{' (interrupted: partial)' if report.interrupted else ''}"
    malformed, incomparable = report.malformed.count, report.incomparable
    return f"{heading}\n" + fields([
        ("  compared", f"{report.compared:,}"),
        ("  flips", f"{report.flips:,} ({report.tightened:,} tightened, {report.loosened:,} loosened)"),
        ("  undecidable", f"{report.undecidable.count:,}"),
        ("  nothing to compare with", f"{incomparable:,}" if incomparable else ""),
        ("  malformed", f"{malformed:,}" if malformed else ""),
        ("  other events", f"{report.other_events:,}" if report.other_events else ""),
        ("  throughput", f"{report.decisions_per_s:,.0f} decisions/s ({report.wall_s:,.2f} s, reading included)"),
        ("  policies", report.policy_digest),
        ("  against", report.against_digest or "what was recorded or expected"),
    ])  # fmt: skip


def _counts(heading: str, of: str, counts: dict[str, int]) -> str:
    rows = [(name, f"{count:,}") for name, count in list(counts.items())[:MAX_RULES_SHOWN]]
    more = len(counts) - len(rows)
    text = f"{heading}\n" + table(rows, (of, "decisions"), right=frozenset({1}))
    return f"{text}\n  and {more:,} more; --json lists all" if more > 0 else text


def _examples(report: WhatIfReport) -> str:
    rows = [
        (one.id, one.action, f"{one.before} -> {one.after}", one.before_policy, one.after_policy)
        for one in report.examples
    ]
    heading = "Flips" if len(rows) == report.flips else f"Flips (the first {len(rows)})"
    return f"{heading}\n" + table(rows, ("decision", "action", "effect", "by before", "by after"))


def _undecidable(report: WhatIfReport) -> Iterator[str]:
    yield _counts("Undecidable: not recorded was", "what", report.undecidable.missing)
    yield _counts("Undecidable: asked for by", "policy", report.undecidable.policies)
    rows = [(one.id, one.action, one.policy, ", ".join(one.missing)) for one in report.undecidable.first]
    yield f"Undecidable (the first {len(rows)})\n" + table(rows, ("decision", "action", "policy", "not recorded"))
