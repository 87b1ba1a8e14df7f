"""How certificates of policies are shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from axonflow.cli.tables import fields, table

if TYPE_CHECKING:
    from axonflow.policy.certifying.certificate import ActionCost, Certificate

__all__ = ["overview", "shown_certificate"]

_MOST: Final = 20
"""Rows of actions."""


def overview(certificate: Certificate) -> list[tuple[str, str]]:
    """The certificate in a few lines, for ``fields``."""
    rule = certificate.rule
    scans = f", and {certificate.scan_units_per_kb:,} for each 1,024 bytes of content"
    return [
        ("a decision", f"at most {certificate.decision_units:,} units{scans if certificate.scan_units_per_kb else ''}"),
        ("a rule", f"at most {rule.units:,} units ({rule.rule})" if rule is not None else "there are none"),
    ]


def shown_certificate(certificate: Certificate, times_us: Mapping[str, float] | None = None) -> str:
    """All of it; with `times_us`, what a decision on each action takes, beside its units."""
    inputs = certificate.inputs
    largest = f"{inputs.values:,} values, {inputs.characters:,} characters, {inputs.memberships:,} roles or groups"
    head = fields([*overview(certificate), ("requests of", f"at most {largest}")])
    headers = ["action", "rules", "units", "a KB", *(["us"] if times_us else []), "dearest rules"]
    rows = [_row(cost, times_us) for cost in certificate.actions[:_MOST]]
    more = len(certificate.actions) - len(rows)
    lines = [head, "", table(rows, headers, right=frozenset(range(1, len(headers) - 1)))]
    return "\n".join([*lines, *([f"  and {more} more"] if more > 0 else [])])


def _row(cost: ActionCost, times_us: Mapping[str, float] | None) -> list[str]:
    figures = [f"{cost.candidates:,}", f"{cost.units:,}", f"{cost.scan_units_per_kb:,}"]
    if times_us:
        figures.append(f"{times_us[cost.action]:,.0f}")
    return [cost.action, *figures, ", ".join(one.rule for one in cost.rules)]
