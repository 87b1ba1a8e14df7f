"""One of the two sides of a comparison: its rules as they are written, and its verdicts as formulas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from axonflow.policy.analysis.formulas import FALSE, HOLDS, Formula, every, negated, some
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.cel.compiler import Expression
from axonflow.policy.compiling.program import ExceptionRow, PolicyProgram, RuleRow, SetHead
from axonflow.policy.deciding.access import KeyFinder, Keys
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.matching import STRING_FIELDS
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect

__all__ = ["EFFECTS", "Side", "Verdicts", "Written"]

EFFECTS: Final = (Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.REDACT, Effect.LIMIT, Effect.ALLOW)
"""What a decision may come to, strongest first."""


class Written(NamedTuple):
    """A rule as it stands in its set. Where two are equal in `says` they match the same requests, if what is found in
    contents is the same."""

    rule: CompiledRule
    row: RuleRow
    head: SetHead
    keys: Keys
    says: tuple[Any, ...]

    def may_meet(self, other: Written) -> bool:
        """Whether a request might match both: not where one field would have to be equal to two texts."""
        mine, theirs = self.rule.actions, other.rule.actions
        if mine is not None and theirs is not None and mine.isdisjoint(theirs):
            return False
        return all(
            path not in STRING_FIELDS or path not in other.keys or not set(texts).isdisjoint(other.keys[path])
            for path, texts in self.keys.items()
        )


class Side:
    """The enforced sets of one side."""

    def __init__(self, engine: PolicyEngine, programs: Sequence[PolicyProgram]) -> None:
        self.engine: Final = engine
        self.theory: Final = Theory(engine)
        self.heads: Final = [program.head for program in programs if not program.head.shadow]
        self.rules: Final = self._written([program for program in programs if not program.head.shadow])

    def _written(self, programs: Iterable[PolicyProgram]) -> dict[str, Written]:
        by_id = {rule.id: rule for rule in self.engine.rules}
        finder = KeyFinder()
        programs = list(programs)
        waivers: dict[str, list[tuple[Any, ...]]] = {}
        for program in programs:
            for waiver, expression in program.exceptions:
                said = (*_said(waiver, expression, program.head), waiver.expires_us)
                for name in waiver.rules:
                    waivers.setdefault(name, []).append(said)
        found: dict[str, Written] = {}
        for program in programs:
            for row, expression in program.rules:
                said = _said(row, expression, program.head)
                says = (row.effect, program.head.layer, said, sorted(waivers.get(row.id, ()), key=repr))
                keys = finder.keys(row.match, expression)
                found[row.id] = Written(by_id[row.id], row, program.head, keys, says)
        return found

    @property
    def requires(self) -> set[tuple[str, str]]:
        """Actions, each with a path that its requests must carry."""
        return {(action, path) for head in self.heads for action, paths in head.requires.items() for path in paths}

    @cached_property
    def complete(self) -> Formula:
        """That a request carries what it must."""
        lacks = [every([self.theory.acts([action]), self.theory.lacks(path)]) for action, path in sorted(self.requires)]
        return negated(some(lacks)) if lacks else HOLDS

    @property
    def looks_for(self) -> tuple[Any, ...]:
        """What its sets add to what detectors find, or take from it."""
        detectors = sorted(repr(one) for head in self.heads for one in head.detectors)
        return detectors, sorted(repr((head.layer, one)) for head in self.heads for one in head.allowlists)


def _said(row: RuleRow | ExceptionRow, expression: Expression | None, head: SetHead) -> tuple[Any, ...]:
    """What a row asks of a request: equal only where the same is asked. Types of values count: 1 is not true."""
    match = sorted((path, repr(value)) for path, value in row.match.items())
    if expression is None:
        return (match,)
    return match, expression.skeleton, repr(expression.literals), sorted(head.attributes.items())


class Verdicts:
    """What `side` decides, as formulas: `asked` says of rules, or of crowds of them, which effect they have, in which
    layer, and that they match."""

    def __init__(self, side: Side, complete: Formula, asked: Iterable[tuple[Effect, int, Formula]]) -> None:
        """`complete`: that a request carries what it must."""
        self._side = side
        self._by_effect: dict[Effect, list[Formula]] = {}
        self._grants: dict[int, list[Formula]] = {}
        for effect, layer, formula in asked:
            self._by_effect.setdefault(effect, []).append(formula)
            if effect is Effect.ALLOW:
                self._grants.setdefault(layer, []).append(formula)
        self._permitted: Final = every([self._known(), complete, self._granted()])
        self.effects: Final = self._effects()

    @property
    def undenied(self) -> Formula:
        """That it is granted, and nothing denies it."""
        return every([self._permitted, negated(self._any(Effect.DENY))])

    @property
    def allowed(self) -> Formula:
        """That it lets the request go on."""
        return every([self.undenied, negated(self._any(Effect.REQUIRE_APPROVAL))])

    def ungranted(self, layer: int, other: Verdicts) -> Formula:
        """That no rule of `layer`, as the side of `other` counts, grants it. Where the sides have not the same layers,
        nothing is said: that is a change of its own."""
        if self._side.engine.layers != other._side.engine.layers:
            return HOLDS
        return negated(some(self._grants.get(layer, [])))

    def _any(self, effect: Effect) -> Formula:
        return some(self._by_effect.get(effect, []))

    def _effects(self) -> dict[Effect, Formula]:
        found = {Effect.DENY: negated(self.undenied)}
        left = self.undenied
        for effect in EFFECTS[1:-1]:
            asked = self._any(effect)
            found[effect] = every([left, asked])
            left = every([left, negated(asked)])
        found[Effect.ALLOW] = left
        return found

    def _known(self) -> Formula:
        return self._side.theory.acts(self._side.engine.known_actions)

    def _granted(self) -> Formula:
        """That each layer whose default is deny grants it, and any layer does."""
        layers = self._side.engine.layers
        grants = [some(self._grants.get(number, [])) for number in range(len(layers))]
        needed = [grant for grant, layer in zip(grants, layers, strict=True) if layer.default == "deny"]
        by_default = any(layer.default == "allow" for layer in layers)
        anybody = HOLDS if by_default or needed else some(grants) if grants else FALSE
        return every([*needed, anybody])
