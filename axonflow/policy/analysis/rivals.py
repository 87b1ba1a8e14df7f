"""The rules that may leave nothing of another one: those that match where it does, found as the engine finds them.

A rule that makes no difference is met by another one on every request that it matches. So one such request tells which
rules are worth comparing with it, and if there is none it tells for certain that it does make a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final

from axonflow.policy.analysis.pairing import Comparing
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.together import leaves_nothing_of
from axonflow.policy.deciding.engine import matching
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect
from axonflow.policy.request import ACTIONS, Request

__all__ = ["Rivals"]

_MAX_LOOKED_AT: Final = 2_000
"""Rules that the engine would try for one request."""
_MAX_LOOKED_AT_ALTOGETHER: Final = 10_000_000
_rank: Final = attrgetter("rule.rank")


class Rivals:
    """`subjects` as rivals of each other. One that makes no difference itself is none any more: so all that are told to
    make none can go together, and not only each by itself."""

    def __init__(self, theory: Theory, subjects: Sequence[Subject], comparing: Comparing) -> None:
        self._theory = theory
        self._by_id = {subject.rule.id: subject for subject in subjects}
        self._allowing = Counter(_named(subjects))
        self._allows_any = sum(one.rule.effect is Effect.ALLOW and one.rule.actions is None for one in subjects)
        self._by_default = any(layer.default == "allow" for layer in theory.engine.layers)
        self._comparing = comparing
        self._left = _MAX_LOOKED_AT_ALTOGETHER

    def at(self, subject: Subject, request: Request) -> list[Subject]:
        """Those that match `request` and leave nothing there of the effect of `subject`, the strongest first."""
        rules = self._theory.engine.index_of(request.action).candidates(request)
        most = min(_MAX_LOOKED_AT, self._left)
        self._left -= min(len(rules), most)
        self._comparing.left_out += max(0, len(rules) - most)
        able = [rule for rule in islice(rules, most) if self._can_rival(rule, subject)]
        if not able:
            return []
        matched, _ = matching(able, request, self._theory.world.evaluation(request))
        return sorted([self._by_id[rule.id] for rule in matched], key=_rank)

    def _can_rival(self, rule: CompiledRule, subject: Subject) -> bool:
        return rule is not subject.rule and rule.id in self._by_id and leaves_nothing_of(rule, subject.rule)

    def left_of(self, met: Sequence[Subject], subject: Subject) -> Sequence[Subject]:
        """Those of `met`, which match where `subject` does, that are rivals of it still."""
        return () if self.hangs_on(subject.rule) else [one for one in met if one.rule.id in self._by_id]

    def remove(self, subject: Subject) -> None:
        """`subject` makes no difference."""
        del self._by_id[subject.rule.id]
        self._allowing.subtract(_named([subject]))
        self._allows_any -= subject.rule.effect is Effect.ALLOW and subject.rule.actions is None

    def hangs_on(self, rule: CompiledRule) -> bool:
        """Whether `rule` alone makes an action known, which others may allow then: so it is of use even where it never
        gets its way. An action that its set declares is taken for one that is not, which is to say too little."""
        if rule.effect is not Effect.ALLOW or rule.actions is None or not (self._by_default or self._allows_any):
            return False
        return any(self._allowing[action] == 1 for action in rule.actions - ACTIONS)


def _named(subjects: Iterable[Subject]) -> Iterator[str]:
    """The actions beyond AxonFlow's own that allow rules name, each as often as there are rules that do."""
    for subject in subjects:
        if subject.rule.effect is Effect.ALLOW and subject.rule.actions is not None:
            yield from subject.rule.actions - ACTIONS
