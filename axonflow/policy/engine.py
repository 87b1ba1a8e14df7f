"""The policy decision point: an immutable set of compiled policies, and one pure function over it.

No I/O, no clock, no lock: a reload builds a new engine and swaps the reference. docs/reference/policies.md states the
semantics that this module implements; tests/unit/policy/test_engine_properties.py proves them.

There are two ways through it, to the same result. The short one is for what most requests need: an action that is
known, rules that need neither findings nor the time, no error, nothing to redact. It gives up as soon as it meets
anything else, and the long one starts over.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from axonflow.detect import Scanner
from axonflow.errors import AxonFlowError
from axonflow.policy.decision import ALLOWING, Decision, Effect, Obligation, Redact, RuleError, ShadowVerdict
from axonflow.policy.evaluation import Evaluation
from axonflow.policy.index import ActionIndex
from axonflow.policy.request import ACTIONS, Request
from axonflow.policy.rules import CompiledRule

__all__ = ["Layer", "PolicyEngine"]

_DENY: Final = Effect.DENY
_ALLOW: Final = Effect.ALLOW
_BY_DEFAULT: Final = ("No rule matches; the default is allow.",)
_rank: Final = attrgetter("rank")


class Layer(Struct, frozen=True):
    """One layer's name and default: deny, allow or abstain."""

    name: str
    default: str


class PolicyEngine:
    """Everything that decisions need, compiled. Safe to share between threads and tasks."""

    __slots__ = (
        "_by_action",
        "_denying_layers",
        "_elsewhere",
        "_granting_layers",
        "_layers",
        "_refusals",
        "_scanner",
        "_shadow",
        "_short",
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
        scanner: Scanner,
        shadow: PolicyEngine | None = None,
    ) -> None:
        self.digest = digest
        self.rules = rules
        self._by_action = by_action
        self._elsewhere = elsewhere
        self._layers = tuple(layers)
        self._scanner = scanner
        self._shadow = shadow
        # One bit a layer, so that any number of layers costs a decision two integer operations.
        self._granting_layers = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "allow")
        self._denying_layers = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "deny")
        self._refusals = tuple([self._not_granted(granted) for granted in range(1 << len(layers))])
        self._short = {
            action: index.candidates
            for action, index in by_action.items()
            if index.knows and not index.requires and shadow is None
        }

    def decide(  # noqa: C901  the hot path: a call of another function would be a tenth of it
        self, request: Request, decision_id: str, time_us: int
    ) -> Decision:
        """The verdict on `request` at `time_us` (microseconds since the epoch). Never raises on any Request."""
        candidates = self._short.get(request.action)
        if candidates is None:
            return self._decide_at_length(request, decision_id, time_us)
        matched = []
        try:
            for rule in candidates(request):
                test = rule.test
                if test is None or test(request, None):
                    matched.append(rule)
        except Exception:  # noqa: BLE001  whatever it is, the long way meets it again and reports it
            return self._decide_at_length(request, decision_id, time_us)
        granted = self._granting_layers
        # Spelled out for few rules: a sort and three comprehensions would take as long as all the rest.
        count = len(matched)
        if count == 1:
            (top,) = matched
            granted |= top.grants
            names, reasons, obligations = top.names, top.reasons, top.obligations
        elif count == 2:
            top, other = matched
            if top.rank > other.rank:
                top, other = other, top
            granted |= top.grants | other.grants
            names, reasons = top.names + other.names, top.reasons + other.reasons
            obligations = top.obligations + other.obligations
        elif count == 0:
            if not granted or self._denying_layers & ~granted:
                reasons = (self._refusals[granted],)
                return Decision(_DENY, False, reasons, (), (), decision_id, self.digest)  # noqa: FBT003  a wire field
            return Decision(_ALLOW, True, _BY_DEFAULT, (), (), decision_id, self.digest)  # noqa: FBT003
        else:
            matched.sort(key=_rank)
            top = matched[0]
            names, reasons, obligations = (), (), ()
            for rule in matched:
                granted |= rule.grants
                names += rule.names
                reasons += rule.reasons
                obligations += rule.obligations
        effect = top.decides
        if effect is not _DENY and (not granted or self._denying_layers & ~granted):
            effect, reasons = _DENY, (self._refusals[granted], *reasons)
        return Decision(effect, effect in ALLOWING, reasons, obligations, names, decision_id, self.digest)

    def _decide_at_length(self, request: Request, decision_id: str, time_us: int) -> Decision:
        index = self._by_action.get(request.action, self._elsewhere)
        refusal = self._missing(request, index) if index.knows else self._unknown_action(request.action)
        evaluation = Evaluation(request, time_us, self._scanner)
        matched, errors = _matching(index.candidates(request), request, evaluation)
        matched.sort(key=_rank)
        effect, refusal = self._verdict(matched, refusal)
        decision = self._decision(decision_id, evaluation, matched, effect, refusal, errors)
        return decision if self._shadow is None else self._with_shadow(decision, request, time_us)

    def _verdict(self, matched: list[CompiledRule], refusal: str | None) -> tuple[Effect, str | None]:
        """The strongest effect of `matched` (strongest first), and why it is a denial if no rule says so."""
        granted = self._granting_layers
        for rule in matched:
            granted |= rule.grants
        effect = matched[0].decides if matched else _ALLOW
        if effect is _DENY or refusal is not None:
            return _DENY, refusal
        if not granted or self._denying_layers & ~granted:
            return _DENY, self._refusals[granted]
        return effect, None

    def _decision(
        self,
        decision_id: str,
        evaluation: Evaluation,
        matched: list[CompiledRule],
        effect: Effect,
        refusal: str | None,
        errors: list[RuleError],
    ) -> Decision:
        reasons = tuple([reason for rule in matched for reason in rule.reasons])
        if refusal is not None:
            reasons = (refusal, *reasons)
        elif not matched:
            reasons = _BY_DEFAULT
        obligations: tuple[Obligation, ...] = tuple([each for rule in matched for each in rule.obligations])
        redacted = None
        if effect is not _DENY:
            ids = {name for each in obligations if isinstance(each, Redact) for name in each.detectors}
            if ids:
                effect, redacted, failure = _redacted(evaluation, effect, tuple(sorted(ids)))
                if failure is not None:
                    errors = [*errors, failure]
                    reasons = ("The content could not be redacted.", *reasons)
        return Decision(
            effect,
            effect in ALLOWING,
            reasons,
            obligations,
            tuple([rule.id for rule in matched]),
            decision_id,
            self.digest,
            redacted,
            tuple(sorted(errors, key=_policy)) if errors else (),
        )

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

    @staticmethod
    def _missing(request: Request, index: ActionIndex) -> str | None:
        for requirement in index.requires:
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


def _redacted(evaluation: Evaluation, effect: Effect, ids: tuple[str, ...]) -> tuple[Effect, Any, RuleError | None]:
    """The content without what `ids` find. A redaction that fails denies: the alternative is to leak."""
    try:
        return effect, evaluation.redact(ids), None
    except AxonFlowError as error:
        return _DENY, None, RuleError("redaction", error.message)
    except Exception as error:  # noqa: BLE001  a detector's validator may be anybody's code
        return _DENY, None, RuleError("redaction", type(error).__name__)


def _matching(
    candidates: Sequence[CompiledRule], request: Request, evaluation: Evaluation
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


def _policy(error: RuleError) -> str:
    return error.policy
