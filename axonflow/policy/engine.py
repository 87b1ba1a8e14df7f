"""The policy decision point: an immutable set of compiled policies, and one pure function over it.

No I/O, no clock, no lock: a reload builds a new engine and swaps the reference. docs/reference/policies.md states the
semantics that this module implements; tests/unit/policy/test_engine_properties.py proves them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from axonflow.detect import Scanner
from axonflow.errors import AxonFlowError
from axonflow.policy.decision import Decision, Effect, Obligation, Redact, RuleError, ShadowVerdict
from axonflow.policy.evaluation import Evaluation
from axonflow.policy.index import ActionIndex
from axonflow.policy.request import ACTIONS, Request
from axonflow.policy.rules import CompiledRule

__all__ = ["Layer", "PolicyEngine", "Requirement"]

_DENY: Final = 0
_ALLOW: Final = 4
"""Strengths below it restrict; it grants; those above annotate. See decision.STRENGTH."""

_ALLOWED_EFFECTS: Final = frozenset({Effect.ALLOW, Effect.REDACT, Effect.LIMIT})
_EFFECTS: Final = tuple(Effect)


class Layer(Struct, frozen=True):
    """One layer's name and default: deny, allow or abstain."""

    name: str
    default: str


class Requirement(Struct, frozen=True):
    """A path that requests must carry, and the set that says so."""

    path: str
    read: Callable[[Request], Any]
    policy_set: str


class PolicyEngine:
    """Everything that decisions need, compiled. Safe to share between threads and tasks."""

    __slots__ = (
        "_by_action",
        "_denying_layers",
        "_elsewhere",
        "_granting_layers",
        "_layers",
        "_requires",
        "_scanner",
        "_shadow",
        "digest",
        "rules",
    )

    def __init__(
        self,
        *,
        digest: str,
        rules: tuple[CompiledRule, ...],
        by_action: Mapping[str, ActionIndex],
        elsewhere: ActionIndex,
        layers: Sequence[Layer],
        requires: Mapping[str, tuple[Requirement, ...]],
        scanner: Scanner,
        shadow: PolicyEngine | None = None,
    ) -> None:
        self.digest = digest
        self.rules = rules
        self._by_action = by_action
        self._elsewhere = elsewhere
        self._layers = tuple(layers)
        self._requires = requires
        self._scanner = scanner
        self._shadow = shadow
        # One bit a layer, so that any number of layers costs a decision two integer operations.
        self._granting_layers = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "allow")
        self._denying_layers = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "deny")

    def decide(self, request: Request, decision_id: str, time_us: int) -> Decision:
        """The verdict on `request` at `time_us` (microseconds since the epoch). Never raises on any Request."""
        index = self._by_action.get(request.action)
        refusal = None
        if index is None:
            index, refusal = self._elsewhere, self._unknown_action(request.action)
        elif request.action in self._requires:
            refusal = self._missing(request)
        evaluation = Evaluation(request, time_us, self._scanner) if index.inspects else None
        matched, errors = _matching(index.candidates(request), request, evaluation)
        if len(matched) > 1:
            matched.sort(key=_rank)
        effect, refusal = self._verdict(matched, refusal)
        decision = self._decision(request, decision_id, evaluation, matched, effect, refusal, errors)
        return decision if self._shadow is None else self._with_shadow(decision, request, time_us)

    def _verdict(self, matched: list[CompiledRule], refusal: str | None) -> tuple[Effect, str | None]:
        """The strongest effect of `matched` (strongest first), and why it is a denial if no rule says so."""
        granted = self._granting_layers
        for rule in matched:
            if rule.strength == _ALLOW:
                granted |= 1 << rule.layer
        strongest = matched[0].strength if matched else _ALLOW
        if strongest == _DENY or refusal is not None:
            return Effect.DENY, refusal
        if not granted or self._denying_layers & ~granted:
            return Effect.DENY, self._not_granted(granted)
        return (_EFFECTS[strongest] if strongest < _ALLOW else Effect.ALLOW), None

    # -- the parts of a decision that are not on every path

    def _decision(
        self,
        request: Request,
        decision_id: str,
        evaluation: Evaluation | None,
        matched: list[CompiledRule],
        effect: Effect,
        refusal: str | None,
        errors: list[RuleError],
    ) -> Decision:
        obligations: tuple[Obligation, ...] = ()
        redacted = None
        if len(matched) == 1 and refusal is None:
            rule = matched[0]
            policies: tuple[str, ...] = (rule.id,)
            reasons: tuple[str, ...] = (rule.reason,)
            obligations = rule.obligations
        else:
            policies = tuple([rule.id for rule in matched])
            reasons = tuple([rule.reason for rule in matched])
            if refusal is not None:
                reasons = (refusal, *reasons)
            elif not matched:
                reasons = ("No rule matches; the default is allow.",)
            if any(rule.obligations for rule in matched):
                obligations = tuple([obligation for rule in matched for obligation in rule.obligations])
        if obligations and effect is not Effect.DENY:
            ids = {
                name for obligation in obligations if isinstance(obligation, Redact) for name in obligation.detectors
            }
            if ids:
                effect, redacted, failure = self._redacted(request, evaluation, effect, tuple(sorted(ids)))
                if failure is not None:
                    errors = [*errors, failure]
                    reasons = ("The content could not be redacted.", *reasons)
        return Decision(
            effect,
            effect in _ALLOWED_EFFECTS,
            reasons,
            obligations,
            policies,
            decision_id,
            self.digest,
            redacted,
            tuple(sorted(errors, key=_policy)) if errors else (),
        )

    def _redacted(
        self, request: Request, evaluation: Evaluation | None, effect: Effect, ids: tuple[str, ...]
    ) -> tuple[Effect, Any, RuleError | None]:
        """The content without what `ids` find. A redaction that fails denies: the alternative is to leak."""
        try:
            inspection = evaluation or Evaluation(request, 0, self._scanner)
            return effect, inspection.redact(ids), None
        except AxonFlowError as error:
            return Effect.DENY, None, RuleError("redaction", error.message)
        except Exception as error:  # noqa: BLE001  a detector's validator may be anybody's code
            return Effect.DENY, None, RuleError("redaction", type(error).__name__)

    def _with_shadow(self, decision: Decision, request: Request, time_us: int) -> Decision:
        assert self._shadow is not None
        verdict = self._shadow.decide(request, decision.decision_id, time_us)
        return Decision(
            decision.effect,
            decision.allowed,
            decision.reasons,
            decision.obligations,
            decision.policies,
            decision.decision_id,
            decision.policy_digest,
            decision.redacted,
            decision.errors,
            ShadowVerdict(verdict.effect, verdict.policies),
        )

    def _unknown_action(self, action: str) -> str:
        close = difflib.get_close_matches(action[:64], islice(self._by_action, 100), n=1)
        hint = f" Did you mean {close[0]}?" if close else f" Known are {', '.join(sorted(ACTIONS))}."
        return f"Unknown action {action[:64]}: no policy names it.{hint}"

    def _missing(self, request: Request) -> str | None:
        for requirement in self._requires[request.action]:
            value = requirement.read(request)
            if value is None or value == ():  # roles and groups: a principal without any has an empty tuple
                return f"{request.action} must carry {requirement.path} ({requirement.policy_set} requires it)."
        return None

    def _not_granted(self, granted: int) -> str:
        if not self._layers:
            return (
                "No policy is loaded, so nothing is allowed. To start from the baseline: axonflow policy init policies/"
            )
        refusing = [layer.name for bit, layer in enumerate(self._layers) if self._denying_layers & ~granted & 1 << bit]
        if refusing:
            return f"No rule of the {refusing[0]} layer allows this, and its default is deny."
        return "No layer allows this: all of them abstain."


def _matching(
    candidates: Sequence[CompiledRule], request: Request, evaluation: Evaluation | None
) -> tuple[list[CompiledRule], list[RuleError]]:
    """The rules among `candidates` that match, and what could not be evaluated on the way."""
    matched: list[CompiledRule] = []
    errors: list[RuleError] = []
    for rule in candidates:
        quick = rule.quick
        if quick is not None:
            try:
                holds = quick(request, evaluation)
            except Exception:  # noqa: BLE001  whatever it is, judge_carefully meets it again and reports it
                holds, message = rule.judge_carefully(request, evaluation)
                if message is not None:
                    errors.append(RuleError(rule.id, message))
            if not holds:
                continue
        if rule.waivers and any(waiver.holds(request, evaluation) for waiver in rule.waivers):
            continue
        matched.append(rule)
    return matched, errors


def _rank(rule: CompiledRule) -> tuple[int, str]:
    return rule.rank


def _policy(error: RuleError) -> str:
    return error.policy
