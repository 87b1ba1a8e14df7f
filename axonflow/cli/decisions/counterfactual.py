"""`axonflow counterfactual`."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, time
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.decisions.request_input import request_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import open_flow, policies_option
from axonflow.cli.tables import coloured, printable
from axonflow.cli.times import shown_time

if TYPE_CHECKING:
    from axonflow import Request
    from axonflow.policy.explaining.rules_to_change import RulesToChange
    from axonflow.policy.explaining.told import ToldCounterfactual, ToldEdit

__all__ = ["command"]

_WORDS: Final = {
    "set": "set to another value",
    "remove": "leave out",
    "add": "add a member",
    "drop": "take a member out",
}


@click.command("counterfactual")
@request_options
@policies_option
@click.option("--only", metavar="PATH", multiple=True, help="Change only this, or what is below it; may be repeated.")
@click.option("--fix", metavar="PATH", multiple=True, help="Leave this as it is; may be repeated.")
@click.option("--max-edits", type=click.IntRange(1, 8), default=4, show_default=True,
              help="How many edits together are tried.")  # fmt: skip
@click.option("--max-seconds", type=click.IntRange(1, 3600), default=30, show_default=True,
              help="After so long no more is tried.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    request: Request,
    policies: str | None,
    only: tuple[str, ...],
    fix: tuple[str, ...],
    max_edits: int,
    max_seconds: int,
    as_json: bool,
) -> None:
    """Show the smallest change by which a request would be allowed.

    Attributes of the context, the resource and the principal may be changed, and the principal's roles and groups. Who
    asks, what for, the content and the time stay as they are unless --only names them. Each change was decided and is
    allowed, with no part of it left out. Where no change is found it is said whether there is none, or what was not
    tried. What would have to change in the policies is said as well. A request that is held for approval counts as
    not allowed.

    \b
    Examples:
      axonflow counterfactual --policies @baseline --principal user:ann \\
          --action tool.call --resource tool:shell --context env=prod
      axonflow counterfactual request.json --only context --fix context.env

    Exit codes: 0 allowed, or a change was found, 1 none was found, 2 bad input.
    """
    from axonflow.policy.explaining import Changeable, counterfactual
    from axonflow.policy.explaining.told import told

    engine = open_flow(policies).policies_for(request)
    until = monotonic() + max_seconds
    found = counterfactual(
        engine, request, time(), Changeable.of(only, fix), max_edits=max_edits, go_on=lambda: monotonic() < until
    )
    shown = told(found, request, engine.secrecy)
    click.echo(json_text(shown) if as_json else "\n".join(_lines(shown)))
    if not (found.allowed or found.changes):
        ctx.exit(EXIT_NO)


def _lines(found: ToldCounterfactual) -> Iterator[str]:
    by = f" by {printable(', '.join(found.policies), 200)}" if found.policies else ""
    yield f"{coloured(found.effect.value)} ({'allowed' if found.allowed else 'not allowed'}){by}"
    if found.allowed:
        yield "Nothing has to be changed."
        return
    yield from _changes(found)
    yield ""
    yield "What would have to change in the policies instead:"
    yield from (f"  {printable(line)}" for line in _policies(found.rules))


def _changes(found: ToldCounterfactual) -> Iterator[str]:
    yield ""
    if found.changes:
        yield "It would be allowed with this change of the request:"
    else:
        yield "No change of what may be changed was found by which it would be allowed."
    for number, change in enumerate(found.changes, 1):
        for position, edit in enumerate(change.edits):
            yield f"  {f'{number}.' if not position else '':3}{printable(_edit(edit))}"
        rules = printable(", ".join(change.policies) or "default", 200)
        yield f"     then {coloured(change.effect.value)} by {rules}"
    if found.smallest:
        yield "No smaller change is enough." if found.changes else "There is none: all that matters was tried."
    else:
        yield f"{'A smaller one may be enough' if found.changes else 'There may be one'}; not tried:"
        yield from (f"  {printable(gap)}" for gap in found.untried)


def _edit(edit: ToldEdit) -> str:
    value = _value(edit, edit.value)
    was = "" if edit.was is None or edit.op in {"add", "drop"} else f" (is {_value(edit, edit.was)})"
    if edit.withheld:
        return f"{edit.path}: {_WORDS[edit.op]} (not shown: {edit.withheld})"
    if edit.op == "set":
        return f"{edit.path}: set to {'something such as ' if edit.example else ''}{value}{was}"
    if edit.op == "remove":
        return f"{edit.path}: leave out{was}"
    some = "something such as " if edit.example else ""
    return f"{edit.path}: {'add' if edit.op == 'add' else 'drop'} {some}{value}"


def _value(edit: ToldEdit, value: object) -> str:
    if edit.path == "time" and isinstance(value, int):
        return f"{shown_time(value)} UTC"
    return json_text(value)


def _policies(rules: RulesToChange) -> Iterator[str]:
    for rule in rules.rules:
        yield f"remove or waive {rule.id} ({rule.effect.value}, {rule.layer} layer)"
    for layer in rules.grant_in:
        yield f"let a rule of the {layer} layer allow it: none does, and its default is deny"
    if rules.grant_in_any:
        yield "let a rule of any layer allow it: none does"
    for one in rules.missing:
        yield f"no longer require {one.path} ({one.policy_set} does)"
    if rules.unknown_action:
        yield "name the action in an allow rule, or declare it in a set"
    if rules.redaction_failed:
        yield "redact otherwise: what has to be redacted could not be"
