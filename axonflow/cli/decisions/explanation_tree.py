"""An explanation for people: what counted in full, what did not on a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from axonflow.cli.decisions.decide import described
from axonflow.cli.decisions.trees import Tree
from axonflow.cli.tables import MAX_CELL_CHARS, coloured, printable

if TYPE_CHECKING:
    from axonflow.policy.explaining import Explanation, Part
    from axonflow.policy.explaining.explanation import LayerExplained, RuleExplained, Totals

__all__ = ["explanation_tree"]

MAX_LINE_CHARS: Final = 240


def explanation_tree(told: Explanation, *, every_rule: bool) -> Tree:
    """`told` as a tree; rules that neither match nor could have granted anything in full only with `every_rule`."""
    allowed = "allowed" if told.allowed else "not allowed"
    below = [
        Tree("why", [_line(sentence) for sentence in told.why]),
        *([_missing(told)] if told.missing else []),
        _line(_counted(told)),
        *(_layer(layer, every_rule) for layer in told.layers),
        *_outcome(told),
    ]
    if told.shadow is not None:
        below.append(explanation_tree(told.shadow, every_rule=every_rule))
        below[-1] = below[-1]._replace(line=f"shadow sets, not enforced: {below[-1].line}")
    return Tree(f"{coloured(told.effect.value)} ({allowed})", below)


def _line(text: str, below: Sequence[Tree] = ()) -> Tree:
    return Tree(printable(text, MAX_LINE_CHARS), below)


def _missing(told: Explanation) -> Tree:
    return Tree(
        f"what every {told.action} must carry",
        [_line(f"{one.path} is missing ({one.policy_set} requires it)") for one in told.missing],
    )


def _counted(told: Explanation) -> str:
    totals: Totals = told.totals
    text = f"{totals.candidates} of {totals.rules} rules looked at, {totals.matching} match"
    passed = totals.rules - totals.candidates
    if passed:
        text += f"; {passed} never looked at: no look-up leads to them"
    return f"{text}; {totals.not_shown} not shown" if totals.not_shown else text


def _layer(layer: LayerExplained, every_rule: bool) -> Tree:  # noqa: FBT001  passed on
    open_question = layer.outcome in {"deny", "abstain"} and not any(
        rule.matches and rule.effect.value == "deny" for rule in layer.rules
    )
    return Tree(
        f"{layer.name} layer (default {layer.default}): {coloured(layer.outcome)}, {printable(layer.why)}",
        [
            _rule(rule, full=every_rule or rule.matches or bool(rule.error) or _could_grant(rule, open_question))
            for rule in layer.rules
        ],
    )


def _could_grant(rule: RuleExplained, open_question: bool) -> bool:  # noqa: FBT001  a fact about the layer
    return open_question and rule.effect.value == "allow"


def _rule(rule: RuleExplained, *, full: bool) -> Tree:
    head = f"{coloured(rule.effect.value)} {printable(rule.id)}: {_state(rule)}"
    if not full:
        reason = _first_false(rule.parts)
        return Tree(head + (click.style(f"; {printable(reason, MAX_CELL_CHARS)} is false", dim=True) if reason else ""))
    below = [Tree(click.style(printable(rule.found_by, MAX_LINE_CHARS), dim=True)), *map(_part, rule.parts)]
    for waiver in rule.waivers:
        holds = "has expired" if waiver.expired else "holds" if waiver.holds else "does not hold"
        below.append(_line(f"exception {waiver.id} {holds}", [_part(part) for part in waiver.parts]))
    below += [_line(described(obligation)) for obligation in rule.obligations]
    return Tree(head, below)


def _state(rule: RuleExplained) -> str:
    if rule.error:
        counts = "counts as a match" if rule.matches else "counts as no match"
        return f"{click.style('error', fg='red')}, {counts}: {printable(rule.error)}"
    if rule.matches:
        return "matches"
    return "waived" if rule.holds else "no match"


def _first_false(parts: Sequence[Part]) -> str:
    """By which part a condition does not hold: the innermost one that is to blame alone."""
    false = [part for part in parts if part.outcome == "value" and part.value is False]
    return _to_blame(false[0]) if false else ""


def _to_blame(part: Part) -> str:
    false = [inner for inner in part.parts if inner.outcome == "value" and inner.value is False]
    return _to_blame(false[0]) if len(false) == 1 else part.text


def _part(part: Part) -> Tree:
    return Tree(_said(part), [_part(inner) for inner in part.parts])


def _said(part: Part) -> str:
    text = printable(part.text, MAX_LINE_CHARS)
    if part.outcome == "not_evaluated":
        return click.style(f"-      {text} ({part.note or 'not evaluated'})", dim=True)
    if part.outcome == "error":
        return f"{click.style('error', fg='red')}  {text}: {printable(part.note)}"
    if part.outcome == "withheld":
        return f"{text} = {click.style(f'({part.note})', dim=True)}"
    if part.note:
        return f"{text} is {part.note}"
    if isinstance(part.value, bool) and not _is_name(part.text):
        return f"{click.style(str(part.value).lower().ljust(5), bold=part.value)}  {text}"
    return f"{text} = {printable(msgspec.json.encode(part.value).decode(), MAX_LINE_CHARS)}"


def _is_name(text: str) -> bool:
    return text.replace(".", "").isidentifier()


def _outcome(told: Explanation) -> Iterator[Tree]:
    if told.findings:
        found = [_line(f"{one.findings} by {one.detector}") for one in told.findings]
        yield Tree("findings in the content", found)
    if told.obligations:
        yield Tree("to be done", [_line(described(obligation)) for obligation in told.obligations])
    if told.redaction_failed:
        *_, error = (error for error in told.errors if error.policy == "redaction")  # a rule may have the name as well
        yield _line(f"redaction failed: {error.message}")
