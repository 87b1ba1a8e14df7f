"""What could be changed about a request that matters to its decision: which rules may match then, and by which edits.

The rules are formulas (policy/analysis). What they ask of parts that may not be changed is answered now, so what is
left of them is about the rest; a rule of which nothing is left never matches, or always does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from axonflow.policy.analysis.formulas import (
    ERROR,
    FALSE,
    HOLDS,
    NO,
    YES,
    Atom,
    Every,
    Formula,
    Literal,
    atoms_in,
    every,
    some,
)
from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.matching import reader
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect
from axonflow.policy.explaining.edits import Changeable, Edit
from axonflow.policy.explaining.parts import PartsEvaluation
from axonflow.policy.explaining.worth_trying import WorthTrying
from axonflow.policy.request import Request

__all__ = ["Possible", "Variables"]

MAX_RULES: Final = 1_500
"""Of one effect, that may match when something is changed."""
_DECIDING: Final = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.ALLOW})
_NO_LIMIT: Final = 1 << 60

Variables = frozenset[str] | None
"""None: nobody knows which."""


class Possible:
    """`edits` are all that are worth trying. `gaps` says of what else it is not known whether it would do more, and
    `gaps_of` the same by variable, of which that may not matter."""

    def __init__(self, engine: PolicyEngine, request: Request, time_us: int, changeable: Changeable) -> None:
        self.gaps: dict[str, None] = {}
        self.gaps_of: dict[str, str] = {}
        self.edits: list[Edit] = []
        self._request = request
        self._changeable = changeable
        self._theory = Theory(engine)
        self._time_us = time_us
        self._actions = engine.actions if changeable.allows("action") else ()
        self._evaluation = PartsEvaluation(Evaluation(request, time_us, engine.scanner), _NO_LIMIT)
        self._answers: dict[Hashable, int | None] = {}
        self._variables: dict[str, Variables] = {}
        self._granting: dict[int, list[str]] = {}
        atoms: dict[Hashable, Atom] = {}
        for rule in self._relevant(engine):
            formula = self._reduced(self._theory.matches(rule))
            # A rule that never matches, and yet does, had too few loop steps: then nobody knows.
            self._variables[rule.id] = None if _is_false(formula) else self._of(formula)
            if rule.effect is Effect.ALLOW and not _is_false(formula):
                self._granting.setdefault(rule.layer, []).append(rule.id)
            atoms |= {atom.key: atom for atom in atoms_in(formula)}
        for action in dict.fromkeys((request.action, *self._actions)):
            for requirement in engine.index_of(action).requires:
                for atom in atoms_in(self._reduced(self._theory.lacks(requirement.path))):
                    atoms[atom.key] = atom
        self._collect(atoms.values())

    def of_rule(self, rule_id: str) -> Variables:
        """The variables that could change whether a rule matches."""
        return self._variables.get(rule_id)

    def granting(self, layers: Iterable[int]) -> Variables:
        """The variables that could make an allow rule of one of `layers` match."""
        found: frozenset[str] = frozenset()
        for layer in layers:
            for rule_id in self._granting.get(layer, ()):
                variables = self._variables[rule_id]
                if variables is None:
                    return None
                found |= variables
        return found

    def by(self, variables: Variables) -> list[int]:
        """The numbers of the edits of these variables."""
        return [number for number, edit in enumerate(self.edits) if variables is None or edit.variable in variables]

    def gaps_in(self, variables: Variables) -> list[str]:
        """What else might be changed of these variables, than by `edits`."""
        if variables is None:
            return ["what reads a name that is computed", *self.gaps_of.values()]
        return [self.gaps_of[variable] for variable in sorted(variables) if variable in self.gaps_of]

    # -- rules

    def _relevant(self, engine: PolicyEngine) -> Iterator[CompiledRule]:
        """The rules that can decide about requests such as this one may become."""
        request = self._request
        acts = None if self._changeable.touches("action") else request.action
        counts: Counter[Effect] = Counter()
        for rule in engine.rules:
            if rule.effect not in _DECIDING or (
                acts is not None and rule.actions is not None and acts not in rule.actions
            ):
                continue
            if rule.filed is not None and not self._is_found(*rule.filed):
                self._variables[rule.id] = frozenset()
                continue
            counts[rule.effect] += 1
            if counts[rule.effect] <= MAX_RULES:
                yield rule
            else:
                self.gaps[f"more than {MAX_RULES} rules of one effect"] = None

    def _is_found(self, path: str, literals: Sequence[str]) -> bool:
        """Whether a rule that is filed under `path` may be found there."""
        place = place_of_path(path)
        if place is None or self._changeable.touches(place[0]):
            return True
        value = reader(path)(self._request)
        held = value if isinstance(value, (list, tuple)) else (value,)
        return any(one.__class__ is str and one in literals for one in held)

    def _reduced(self, formula: Formula) -> Formula:
        """`formula` with what cannot be changed in its place."""
        if isinstance(formula, Literal):
            answer = self._answer(formula.atom)
            return formula if answer is None else HOLDS if answer & formula.accepts else FALSE
        join = every if isinstance(formula, Every) else some
        return join([self._reduced(part) for part in formula.parts])

    def _answer(self, atom: Atom) -> int | None:
        """The answer to what asks of nothing that may be changed; else None."""
        if not atom.hints or any(self._changeable.touches(hint.variable) for hint in atom.hints):
            return None
        if atom.key not in self._answers:
            room = self._evaluation.begin()
            if not room:
                self.gaps["what takes too many loop steps to tell"] = None
            self._answers[atom.key] = self._asked(atom) if room else None
        return self._answers[atom.key]

    def _asked(self, atom: Atom) -> int:
        try:
            result = atom.test(self._request, self._evaluation)
        except Exception:  # noqa: BLE001  an expression may fail in any way; that is one of its three answers
            return ERROR
        return YES if result is True else NO if result is False else ERROR

    def _of(self, formula: Formula) -> Variables:
        found: set[str] = set()
        for atom in atoms_in(formula):
            if not atom.hints:
                return None
            found.update(hint.variable for hint in atom.hints)
        return frozenset(found)

    # -- edits

    def _collect(self, atoms: Iterable[Atom]) -> None:
        by_variable: dict[str, list[Atom]] = {}
        for atom in atoms:
            for variable in dict.fromkeys(hint.variable for hint in atom.hints):
                if self._changeable.touches(variable):
                    by_variable.setdefault(variable, []).append(atom)
        timed = self._request
        if timed.time is None and "time" in by_variable:
            timed = replace(timed, time=self._time_us)
        worth_trying = WorthTrying(timed, self._theory.world, self._changeable)
        worth = {variable: worth_trying.edits(variable, own) for variable, own in by_variable.items()}
        if self._actions:
            worth["action"] = worth_trying.actions(self._actions)
        for variable, (edits, gap) in sorted(worth.items(), key=_by_ease):
            self.edits += edits
            if gap:
                self.gaps_of[variable] = gap


def _is_false(formula: Formula) -> bool:
    return not isinstance(formula, (Literal, Every)) and not formula.parts


def _by_ease(item: tuple[str, object]) -> tuple[int, str]:
    """What a caller says by itself comes before what others say of who asks."""
    variable = item[0]
    roots = ("context", "resource", "principal")
    root = variable.partition(".")[0]
    return (roots.index(root) if root in roots else len(roots), variable)
