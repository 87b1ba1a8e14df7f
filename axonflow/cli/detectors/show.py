"""`axonflow detectors show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.policies import detectors_option, open_scanner
from axonflow.cli.tables import coloured, fields
from axonflow.errors import DetectionError

if TYPE_CHECKING:
    from axonflow.detect import Detector

__all__ = ["command"]


@click.command("show")
@click.argument("name", metavar="ID")
@detectors_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, name: str, policies: str | None, as_json: bool) -> None:
    """Show what a detector finds, by its examples, and what it leaves alone.

    The examples are its tests: made up, and found by it.

    \b
    Examples:
      axonflow detectors show pii.credit_card
      axonflow detectors show custom.badge --policies policies/ --json

    Exit codes: 0 done, 2 an unknown id or policies that do not load.
    """
    scanner = open_scanner(policies)
    ids = scanner.resolve(name)
    if ids != (name,):
        raise DetectionError(
            "a category was given", expected="the id of a detector", found=name, hint=f"axonflow detectors list {name}"
        )
    shown = _shown(next(detector for detector in scanner.detectors if detector.id == name))
    click.echo(json.dumps(shown) if as_json else _text(shown))


def _shown(detector: Detector) -> dict[str, Any]:
    return {
        "id": detector.id,
        "category": detector.category,
        "severity": detector.severity,
        "description": detector.description,
        "max_span_chars": detector.max_span_chars,
        "examples": list(detector.examples),
        "counter_examples": list(detector.counter_examples),
    }


def _text(shown: dict[str, Any]) -> str:
    head = fields([
        ("id", shown["id"]), ("category", shown["category"]), ("severity", shown["severity"]),
        ("finds", shown["description"]), ("at most", f"{shown['max_span_chars']} characters"),
    ])  # fmt: skip
    examples = fields([
        ("found in", "\n".join(map(_one_line, shown["examples"]))),
        ("not in", "\n".join(map(_one_line, shown["counter_examples"]))),
    ])  # fmt: skip
    severity = shown["severity"]
    return f"{head.replace(f'severity  {severity}', f'severity  {coloured(severity)}')}\n\n{examples}"


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")
