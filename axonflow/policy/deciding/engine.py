"""The policy decision point: an immutable set of compiled policies, and one pure function over it.

No I/O, no clock, no lock: a reload builds a new engine and swaps the reference. docs/reference/policies.md states the
semantics that this module implements; tests/unit/policy/deciding/test_engine_properties.py proves them.

There are two ways through it, to the same result. The short one is for what most requests need: an action that is
known, rules that need neither findings nor the time, no error, nothing to redact. It gives up as soon as it meets
anything else, and the long one starts over.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

from axonflow.detect import Finding, Redactor, Replacing, Scanner
from axonflow.detect.secrecy import Secrecy
from axonflow.errors import AxonFlowError
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.foreseeing import ForeseeingEvaluation, foreseeable, waits_for_content
from axonflow.policy.deciding.index import ActionIndex, Lookup, Requirement
from axonflow.policy.deciding.labels_read import LabelsRead
from axonflow.policy.deciding.redacting import fulfilled, replaced_by, styles_of
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.deciding.unseen_content import Foreseen, Unseen
from axonflow.policy.deciding.verdict import Layer, Layers, Verdict
from axonflow.policy.decision import Decision, Effect, Obligation, RuleError, ShadowVerdict
from axonflow.policy.request import ACTIONS, Request

__all__ = ["UNREDACTED", "PolicyEngine", "matching"]

UNREDACTED: Final = "The content could not be redacted."
"""The first reason where nothing denies but this."""

_MAX_KNOWN: Final = 4_096
"""Sets of rules, for one action."""
_DENY: Final = Effect.DENY
_rank: Final = attrgetter("rank")


_Known = dict[tuple[CompiledRule, ...], Verdict]


class _Short(NamedTuple):
    """What the short way needs for one action: its look-up, the rules that always match and what they come to, and what
    is known of others that matched together. That is no cache of decisions: it depends on the rules alone."""

    lookup: Lookup
    certain: tuple[CompiledRule, ...]
    verdict: Verdict
    known: _Known


class PolicyEngine:
    """Everything that decisions need, compiled. Safe to share between threads and tasks.

    `reads_labels` says whether any rule reads ``context.labels``, `labelled_by` which detectors' labels matter then.
    """

    __slots__ = (
        "_by_action", "_elsewhere", "_layers", "_passing", "_redactor", "_scanner", "_shadow", "_short", "_unseen",
        "digest", "labelled_by", "reads_labels", "rules", "secrecy",
    )  # fmt: skip

    def __init__(
        self,
        *,
        digest: str,
        rules: tuple[CompiledRule, ...],
        by_action: Mapping[str, ActionIndex],
        elsewhere: ActionIndex,
        layers: Layers,
        scanner: Scanner,
        redactor: Redactor,
        shadow: PolicyEngine | None = None,
    ) -> None:
        self.digest = digest
        self.rules = rules
        self.secrecy = Secrecy(scanner)
        self._by_action = by_action
        self._elsewhere = elsewhere
        self._layers = layers
        self._scanner = scanner
        self._redactor = redactor
        self._shadow = shadow
        self._unseen = Unseen(layers)
        labels = LabelsRead().unite(index.labels for index in (elsewhere, *by_action.values()))
        self.reads_labels: bool = labels.reads or (shadow is not None and shadow.reads_labels)
        tried: tuple[str, ...] = () if shadow is None else shadow.labelled_by
        known = [detector.id for detector in scanner.detectors] if labels.reads else []
        self.labelled_by: tuple[str, ...] = tuple(dict.fromkeys((*labels.detectors(known), *tried)))
        self._short = {
            action: _Short(index.lookup, index.certain, layers.verdict(index.certain), {})
            for action, index in by_action.items()
            if index.knows and not index.requires and shadow is None
        }
        self._passing = frozenset(
            action
            for action, (_, _, (_, allowed, _, obligations, _), _) in self._short.items()
            if allowed and not obligations and not by_action[action].varies
        )

    @property
    def says_default(self) -> bool:
        """Whether any set says what is decided where no rule matches. If not, all of them leave that to others."""
        return self._layers.says_default

    @property
    def known_actions(self) -> frozenset[str]:
        """The actions that can be allowed. All others are denied."""
        return frozenset(action for action, index in self._by_action.items() if index.knows)

    @property
    def scanner(self) -> Scanner:
        """What inspects content."""
        return self._scanner

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that speak, outermost first; a rule's `layer` is a position among them."""
        return self._layers.every

    @property
    def shadow(self) -> PolicyEngine | None:
        """The engine of the shadow sets by themselves, if there are any."""
        return self._shadow

    @property
    def actions(self) -> tuple[str, ...]:
        """All that are known: a request for another is denied."""
        return tuple(action for action, index in self._by_action.items() if index.knows)

    def index_of(self, action: str) -> ActionIndex:
        """The rules for an action, and what requests for it must carry."""
        return self._by_action.get(action, self._elsewhere)

    def read(self, request: Request) -> tuple[tuple[str, Any], ...]:
        """The attributes that rules for its action read, by path: what `request` has there, or UNSET."""
        return self._by_action.get(request.action, self._elsewhere).read(request)

    @property
    def combining(self) -> Layers:
        """What rules that match come to together."""
        return self._layers

    def reads_labels_of(self, action: str) -> bool:
        """Whether a rule for `action` reads ``context.labels``."""
        return self._by_action.get(action, self._elsewhere).labels.reads

    def lets_pass(self, action: str) -> bool:
        """Whether every request for `action` is allowed, whatever it says, and nothing is to be done about it."""
        return action in self._passing

    def foresee(self, request: Request, now_s: float) -> Foreseen:
        """What will be decided on `request` for certain, whatever its content will be, and whenever it is made."""
        index = self._by_action.get(request.action, self._elsewhere)
        evaluation = Evaluation(request, int(now_s * 1_000_000), self._scanner)
        carried = [one for one in index.requires if one.path != "content"]
        refusal = _missing(request, carried) if index.knows else self._unknown_action(request.action)

        def matched(rules: Sequence[CompiledRule], request: Request, evaluation: Evaluation) -> list[CompiledRule]:
            return matching(rules, request, evaluation)[0]

        return self._unseen.foresee(index.candidates(request), evaluation, refusal, matched)

    def decide(self, request: Request, decision_id: str, now_s: float, found: list[Finding] | None = None) -> Decision:
        """The verdict on `request` as of its own time, or of `now_s` (seconds since the epoch) when it has none.

        What detectors found on the way goes into `found`: it is no part of a decision. Never raises on any Request.
        """
        short = self._short.get(request.action)
        if short is None:
            return self._decide_at_length(request, decision_id, now_s, found)
        lookup, certain, verdict, known = short
        one = several = None
        try:
            for rule in lookup(request):
                test = rule.test
                if test is None or test(request, None):
                    if one is None:
                        one = rule
                    elif several is None:
                        several = [one, rule]
                    else:
                        several.append(rule)
        except Exception:  # noqa: BLE001  whatever it is, the long way meets it again and reports it
            return self._decide_at_length(request, decision_id, now_s, found)
        if several is not None:
            together = tuple(several)
            verdict = known.get(together) or self._learnt(certain, together, known)
        elif one is not None:
            verdict = one.verdict if one.beside is certain else self._layers.verdict((*certain, one))
        effect, allowed, reasons, obligations, policies = verdict
        return Decision(effect, allowed, reasons, obligations, policies, decision_id, self.digest)

    def decide_stream(self, request: Request, decision_id: str, now_s: float) -> Decision | None:
        """The verdict on `request` before its content, a text, begins to come; None if that has to be known whole.

        Its Redact obligations say what to look for in the text: of one in which nothing is found nothing is masked.
        """
        index = self._by_action.get(request.action, self._elsewhere)
        candidates = foreseeable(index.candidates(request))
        if candidates is None:
            return None
        time_us = int(now_s * 1_000_000) if request.time is None else request.time
        matched, errors = matching(candidates, request, ForeseeingEvaluation(request, time_us, self._scanner))
        if waits_for_content(matched):
            return None
        effect, allowed, reasons, obligations, policies = self._layers.verdict(matched)
        refusal = _missing(request, index.requires) if index.knows else self._unknown_action(request.action)
        if refusal is not None:
            effect, allowed, reasons = _DENY, False, (refusal, *reasons)
        found = tuple(sorted(errors, key=_policy))
        return Decision(effect, allowed, reasons, obligations, policies, decision_id, self.digest, None, found)

    def _learnt(self, certain: tuple[CompiledRule, ...], rules: tuple[CompiledRule, ...], known: _Known) -> Verdict:
        """What `rules` come to together with those that are certain; next time it is known, up to a bound."""
        verdict = self._layers.verdict((*certain, *rules))
        if len(known) < _MAX_KNOWN:
            known[rules] = verdict
        return verdict

    def decide_without(self, request: Request, left_out: Container[str], now_s: float) -> Decision:
        """What would be decided on `request` without the rules with these ids, for who asks what they are good for.

        An action that only an allow rule among them makes known stays known. The decision has no id.
        """
        return self._decide_at_length(request, "", now_s, None, left_out)

    def _decide_at_length(
        self,
        request: Request,
        decision_id: str,
        now_s: float,
        found: list[Finding] | None,
        left_out: Container[str] = (),
    ) -> Decision:
        index = self._by_action.get(request.action, self._elsewhere)
        time_us = int(now_s * 1_000_000) if request.time is None else request.time
        evaluation = Evaluation(request, time_us, self._scanner)
        candidates = index.candidates(request)
        if left_out:
            candidates = tuple([rule for rule in candidates if rule.id not in left_out])
        matched, errors = matching(candidates, request, evaluation)
        effect, allowed, reasons, obligations, policies = self._layers.verdict(matched)
        refusal = _missing(request, index.requires) if index.knows else self._unknown_action(request.action)
        redacted = None
        if refusal is not None:
            rules = sorted(matched, key=_rank)
            effect, allowed = _DENY, False
            reasons = (refusal, *[reason for rule in rules for reason in rule.reasons])
        elif allowed or effect is Effect.REQUIRE_APPROVAL:
            redacted, obligations, failure = self._redacted(evaluation, obligations)
            if failure is not None:
                effect, allowed = _DENY, False
                errors.append(failure)
                reasons = (UNREDACTED, *reasons)
        if found is not None:
            found += evaluation.found()
        decision = Decision(
            effect,
            allowed,
            reasons,
            obligations,
            policies,
            decision_id,
            self.digest,
            redacted,
            tuple(sorted(errors, key=_policy)),
        )
        return decision if self._shadow is None else self._with_shadow(decision, request, now_s)

    def _redacted(
        self, evaluation: Evaluation, obligations: tuple[Obligation, ...]
    ) -> tuple[Any, tuple[Obligation, ...], RuleError | None]:
        """The content as `obligations` want it, and these with what was done. A redaction that fails denies: the
        alternative is to leak."""
        styles = styles_of(obligations)
        if not styles:
            return None, obligations, None
        request = evaluation.request
        replacing = self._redactor.replacing(styles, request.principal.tenant)
        try:
            redacted = evaluation.redact(tuple(styles), replacing)
        except AxonFlowError as error:
            return None, obligations, RuleError("redaction", error.message)
        except Exception as error:  # noqa: BLE001  a detector's validator may be anybody's code
            return None, obligations, RuleError("redaction", type(error).__name__)
        by: Literal["axonflow", "caller"] = "caller" if request.content is None else "axonflow"
        return redacted, fulfilled(obligations, by, replaced_by(replacing)), None

    def kept(self, request: Request, decision: Decision) -> dict[str, str]:
        """The values behind the labels of a vault in the redacted content of `decision` on `request`, by label.

        They are not part of a decision, so they are found again. Never show them.
        """
        styles = styles_of(decision.obligations)
        if decision.redacted is None or "vault" not in styles.values():
            return {}
        replacing = self.replacing(decision, request.principal.tenant)
        self._scanner.inspect(request.content).redact(tuple(styles), replacing)
        return replacing.kept

    def replacing(self, decision: Decision, tenant_id: str) -> Replacing:
        """How `decision` wants what is found in a content of the tenant replaced."""
        return self._redactor.replacing(styles_of(decision.obligations), tenant_id)

    def _with_shadow(self, decision: Decision, request: Request, now_s: float) -> Decision:
        assert self._shadow is not None
        verdict = self._shadow.decide(request, decision.decision_id, now_s)
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


def _missing(request: Request, requires: Iterable[Requirement]) -> str | None:
    for requirement in requires:
        if requirement.lacks(request):
            return f"{request.action} must carry {requirement.path} ({requirement.policy_set} requires it)."
    return None


def matching(
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
