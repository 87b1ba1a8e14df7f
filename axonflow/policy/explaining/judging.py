"""Rules as they were held against one request, each with the values that its condition was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from axonflow.detect.secrecy import Secrecy
from axonflow.policy.cel.compiler import Condition
from axonflow.policy.deciding.engine import matching
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.matching import reader
from axonflow.policy.deciding.rules import CompiledRule, Waiver
from axonflow.policy.deciding.telling import asked, rule_text
from axonflow.policy.explaining.discretion import Discretion
from axonflow.policy.explaining.explanation import Part, RuleExplained, WaiverExplained
from axonflow.policy.explaining.origins import Origins
from axonflow.policy.explaining.parts import PartsEvaluation, PartsOf

__all__ = ["Judged", "RulesExplained", "judged"]

MAX_SAID_CHARS: Final = 1_000
"""Of what a rule asks for: a list in it may have thousands of members."""


class Judged(NamedTuple):
    """A rule that the engine looked at: whether it counts as a match, and the error, if its condition has no value."""

    rule: CompiledRule
    matches: bool
    error: str


def judged(rules: Sequence[CompiledRule], evaluation: Evaluation) -> list[Judged]:
    """`rules`, in the order in which the engine looks at them, by what the engine does; strongest that match first."""
    found: list[Judged] = []
    for rule in rules:
        matched, errors = matching([rule], evaluation.request, evaluation)
        found.append(Judged(rule, bool(matched), "".join(error.message for error in errors)))
    return sorted(found, key=lambda one: (0 if one.matches else 1 if one.error else 2, one.rule.rank))


class RulesExplained:
    """Explains rules for one request, with at most so many `parts` of conditions in all."""

    def __init__(self, evaluation: Evaluation, secrecy: Secrecy, parts: int) -> None:
        self._request = evaluation.request
        self._time_us = evaluation.time_us
        self._parts = PartsEvaluation(evaluation, parts)
        self._discretion = Discretion(secrecy)
        self._origins = Origins(self._request)

    def explained(self, one: Judged) -> RuleExplained:
        """What there is to say of a rule."""
        rule = one.rule
        return RuleExplained(
            id=rule.id,
            effect=rule.effect,
            found_by=_found_by(rule, self._request.action),
            matches=one.matches,
            holds=None if one.error else one.matches or self._holds(rule),
            when=_cut(rule_text(rule)),
            reason=rule.reasons[0],
            error=one.error,
            waivers=tuple([self._waiver(waiver, matches=one.matches) for waiver in rule.waivers]),
            obligations=rule.obligations if one.matches else (),
            parts=tuple(self._of(rule.condition)),
        )

    def _holds(self, rule: CompiledRule) -> bool:
        """Of a rule that does not match, whether it would but for a waiver."""
        self._parts.begin()
        return rule.quick is None or rule.judge_carefully(self._request, self._parts)[0]

    def _waiver(self, waiver: Waiver, *, matches: bool) -> WaiverExplained:
        expired = self._time_us >= waiver.expires_us
        other = waiver.actions is not None and self._request.action not in waiver.actions
        parts: tuple[Part, ...] = ()
        if other and waiver.actions is not None:
            parts = (Part(asked("action", waiver.actions), "value", value=False),)
        elif not expired:
            parts = tuple(self._of(waiver.condition))
        self._parts.begin()
        # Here it has all loop steps to itself: one that would hold then, but had too few left, did not.
        holds = not matches and waiver.holds(self._request, self._parts)
        return WaiverExplained(waiver.id, holds, expired, parts)

    def _of(self, condition: Condition) -> Iterator[Part]:
        """The filters of a condition, then its expression."""
        holds = True
        shape = condition.shape
        for path, made, wanted in zip(shape.filtered, shape.filter_parts(), condition.values, strict=True):
            text = _cut(asked(path, wanted))
            if holds:
                holds = bool(made(wanted)(self._request, self._parts))
                yield Part(text, "value", holds, parts=(self._attribute(path),))
            else:
                yield Part(text, "not_evaluated")
        parts = PartsOf(condition, self._parts, self._discretion, self._origins)
        whole = parts.tree() if holds else parts.skipped()
        if whole is not None:
            yield whole

    def _attribute(self, path: str) -> Part:
        value: Any = reader(path)(self._request)
        if value is None:
            return Part(path, "value", note="absent")
        origin = self._origins.of_path(path)
        withheld = self._discretion.why_withheld(value, origin)
        if withheld:
            return Part(path, "withheld", note=withheld)
        return Part(path, "value", self._discretion.shown(value, origin))


def _found_by(rule: CompiledRule, action: str) -> str:
    every = "request" if rule.actions is None else action
    if rule.filed is not None:
        return _cut(f"looked up by {asked(*rule.filed)}")
    if rule.range is not None:
        values = ", ".join(map(str, rule.range.values[:16]))
        how = "an address in" if rule.range.is_network else "a text that begins with"
        return _cut(f"looked up by {rule.range.path}, {how} {values}, or that there is none")
    return f"{'matches' if rule.quick is None else 'tried on'} every {every}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SAID_CHARS else f"{text[: MAX_SAID_CHARS - 3]}..."
