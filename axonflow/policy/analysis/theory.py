"""What the rules of an engine say, as formulas, and requests for which formulas hold. Pure.

theory = Theory(engine)
outcome = theory.solve(every([theory.matches(deny), negated(theory.matches(allow))]))
if isinstance(outcome, Witness):
    engine.decide(outcome.request, "", 0.0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.analysis.asking import Question, question_of
from axonflow.policy.analysis.formulas import (
    ERROR,
    FALSE,
    HOLDS,
    MATCHES,
    NO,
    YES,
    Atom,
    Every,
    Formula,
    Hint,
    Literal,
    atoms_in,
    every,
    formula_of,
    some,
)
from axonflow.policy.analysis.members import wanted_in
from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.analysis.solving import MAX_STEPS, Outcome, Space
from axonflow.policy.analysis.worlds import NOW_US, World
from axonflow.policy.cel.compiler import Condition, Function, Shape
from axonflow.policy.cel.syntax import Logical, Node
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.matching import reader
from axonflow.policy.deciding.rules import FAILS_CLOSED, CompiledRule, Waiver
from axonflow.policy.decision import Decision
from axonflow.policy.request import Request

__all__ = ["Theory"]


class _Plan(Struct):
    """What the rules of one shape have in common: a question for each part that is not taken apart further."""

    questions: dict[int, Question]
    parts: tuple[Node, ...]
    filters: tuple[tuple[str, Callable[[Any], Function]], ...]
    has_constants: bool = False


class Theory:
    """The rules of `engine` as formulas. What it learns of the shape of a rule holds for all of that shape."""

    def __init__(self, engine: PolicyEngine) -> None:
        self.engine: Final = engine
        self.world: Final = World(engine.scanner)
        self._plans: dict[Shape, _Plan] = {}
        self._found: dict[tuple[str, tuple[str, ...]], Atom] = {}
        self._atoms: dict[int, dict[int, Atom]] = {}
        """By condition and by part of it: both live as long as the engine."""

    # -- rules

    def matches(self, rule: CompiledRule) -> Formula:
        """That `rule` counts as a match, and no exception takes it out."""
        return every([self.applies(rule), *[self._unwaived(waiver) for waiver in rule.waivers]])

    def applies(self, rule: CompiledRule) -> Formula:
        """That `rule` counts as a match, exceptions apart: where its condition fails, its effect decides."""
        accepts = MATCHES if rule.effect in FAILS_CLOSED else YES
        return every([*self.filters(rule), self.condition(rule, accepts)])

    def filters(self, rule: CompiledRule) -> list[Formula]:
        """What has to hold of each key of its `match`, the action first; which includes what it is looked up by."""
        filters = [self.acts(rule.actions)] if rule.actions is not None else []
        own = self._filters(rule.condition)
        if rule.filed is not None and not any(path == rule.filed[0] for path, _ in own):
            own.append((rule.filed[0], Literal(self._filed(*rule.filed), YES)))
        return filters + [filter_ for _, filter_ in own]

    def condition(self, rule: CompiledRule, accepts: int = YES) -> Formula:
        """That the answer of its `when` is one of those in `accepts`."""
        return self._formula(rule.condition, accepts)

    def conjuncts(self, rule: CompiledRule) -> list[tuple[Node, Callable[[int], Formula]]]:
        """The conjuncts of its `when`, each with what gives the formula that its answer is one of some."""
        plan = self._plan(rule.condition.shape)
        return [(node, partial(self._part, rule.condition, node)) for node in plan.parts]

    def part(self, rule: CompiledRule, node: Node, accepts: int) -> Formula:
        """That the answer of `node`, a part of its `when`, is one of those in `accepts`."""
        return self._part(rule.condition, node, accepts)

    def acts(self, actions: Iterable[str]) -> Formula:
        """That the action is one of these."""
        named = tuple(sorted(actions))

        def test(request: Any, _evaluation: Any) -> bool:
            return request.action in named

        hint = Hint("equal", "action", (), named)
        return Literal(Atom(("action", named), test, (hint,), partial(_listed, "action", named)), YES)

    def lacks(self, path: str) -> Formula:
        """That `requires: [path]` refuses a request: there is nothing at `path`."""
        read = reader(path)

        def test(request: Any, _evaluation: Any) -> bool:
            return read(request) in (None, ())

        place = place_of_path(path)
        hints = () if place is None else (Hint("present", *place),)
        return Literal(Atom(("lacks", path), test, hints, lambda: f"no {path}"), YES)

    # -- solving

    def space(self, formulas: Iterable[Formula], steps: int = MAX_STEPS, asked: Formula | None = None) -> Space:
        """Where formulas over the atoms of `formulas` can be solved, one after the other. `asked`: the one that matters
        most, if it is known; where many lists of members are asked for, values are chosen for it."""
        wanted = None if asked is None else wanted_in(asked)
        return Space((atom for formula in formulas for atom in atoms_in(formula)), self.world, steps, wanted=wanted)

    def solve(self, formula: Formula, steps: int = MAX_STEPS) -> Outcome:
        """A request for which `formula` holds, Impossible where there is none, else Unknown. At most `steps` choices
        are tried."""
        return self.space([formula], steps, formula).solve(formula)

    def decide(self, request: Request) -> Decision:
        """What the engine says of `request`, as of its own time or of a moment that is always the same."""
        return self.engine.decide(request, "", NOW_US / 1_000_000)

    # -- from conditions

    def _formula(self, condition: Condition, accepts: int) -> Formula:
        node = condition.shape.node
        if node is None:
            return HOLDS if accepts & YES else FALSE
        return self._part(condition, node, accepts)

    def _part(self, condition: Condition, node: Node, accepts: int) -> Formula:
        atoms = self._atoms.setdefault(id(condition), {})

        def atom(part: Node) -> Atom:
            made = atoms.get(id(part))
            if made is None:
                made = atoms[id(part)] = self._question(condition.shape, part).atom(condition.literals)
            return made

        formula = formula_of(node, accepts, atom)
        plan = self._plan(condition.shape)
        return self._without_constants(formula) if plan.has_constants else formula

    def _question(self, shape: Shape, part: Node) -> Question:
        plan = self._plan(shape)
        question = plan.questions.get(id(part))
        if question is None:
            question = plan.questions[id(part)] = question_of(part, shape)
            plan.has_constants |= question.asks == ()
        return question

    def _without_constants(self, formula: Formula) -> Formula:
        """`formula` with the answers to what reads nothing of a request in its place."""
        if isinstance(formula, Literal):
            if not formula.atom.is_constant:
                return formula
            return HOLDS if self._constant(formula.atom) & formula.accepts else FALSE
        join = every if isinstance(formula, Every) else some
        return join([self._without_constants(part) for part in formula.parts])

    def _constant(self, atom: Atom) -> int:
        """The answer to `atom`, which reads nothing of a request."""
        request = self.world.with_value("action", "tool.call")
        assert request is not None
        return self.world.answer(atom, request)

    def _plan(self, shape: Shape) -> _Plan:
        plan = self._plans.get(shape)
        if plan is None:
            node = shape.node
            is_all = isinstance(node, Logical) and node.operator == "&&"
            parts = () if node is None else node.operands if is_all and isinstance(node, Logical) else (node,)
            filters = tuple(zip(shape.filtered, shape.filter_parts(), strict=True))
            plan = self._plans[shape] = _Plan({}, parts, filters)
        return plan

    def _filters(self, condition: Condition) -> list[tuple[str, Formula]]:
        loosens = condition.shape.form[0] if isinstance(condition.shape.form, tuple) and condition.shape.form else False
        found: list[tuple[str, Formula]] = []
        for (path, make), value in zip(self._plan(condition.shape).filters, condition.values, strict=True):
            wanted = tuple(sorted(map(_plain, value), key=repr)) if isinstance(value, frozenset) else (value,)
            found.append((path, Literal(self._filter(path, wanted, make(value), loosens), YES)))
        return found

    def _filter(self, path: str, wanted: Sequence[Any], test: Function, loosens: object) -> Atom:
        place = place_of_path(path)
        assert place is not None  # a key of `match` leads to an attribute
        own = tuple([(value.__class__, value) for value in wanted])
        hint = Hint("filter", *place, tuple(wanted))
        return Atom(("filter", path, loosens, own), test, (hint,), partial(_listed, path, tuple(wanted)))

    def _filed(self, path: str, literals: tuple[str, ...]) -> Atom:
        """That a rule is found where it is looked up."""
        known = self._found.get((path, literals))
        if known is None:
            wanted = frozenset(literals)
            read = reader(path)

            def test(request: Any, _evaluation: Any) -> bool:
                value = read(request)
                held = value if isinstance(value, (list, tuple)) else (value,)
                return any(one.__class__ is str and one in wanted for one in held)

            known = self._found[path, literals] = self._filter(path, sorted(literals), test, loosens=False)
        return known

    def _unwaived(self, waiver: Waiver) -> Formula:
        """That an exception does not hold."""

        def expired(_request: Request, evaluation: Evaluation) -> bool:
            return evaluation.time_us >= waiver.expires_us

        hint = Hint("instant", "time", (), (waiver.expires_us,))
        options: list[Formula] = [
            Literal(Atom(("expired", waiver.expires_us), expired, (hint,), lambda: f"{waiver.id} has expired"), YES)
        ]
        if waiver.actions is not None:
            options.append(_denied(self.acts(waiver.actions)))
        options += [_denied(filter_) for _, filter_ in self._filters(waiver.condition)]
        return some([*options, self._formula(waiver.condition, NO | ERROR)])


def _denied(formula: Formula) -> Formula:
    assert isinstance(formula, Literal)
    return Literal(formula.atom, NO | ERROR)


def _plain(value: Any) -> Any:
    """A value of `match` as it is written: a bool is kept apart from its number there."""
    return value[1] if isinstance(value, tuple) else value


def _listed(path: str, wanted: Sequence[Any]) -> str:
    shown = ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in wanted)
    return f"{path}: {shown}" if len(wanted) == 1 else f"{path}: [{shown}]"
