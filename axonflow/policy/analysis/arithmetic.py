"""Questions about several attributes, given to the solver z3, if it is installed: comparisons, sums, equal texts.

An attribute is of one of the kinds that JSON has, and its value counts where that is one which is modelled: a number,
of which it is known whether it is an int, a text, a bool. What is said of other kinds is what the engine says as far as
that is certain (an absent attribute is an error), and any answer where it is not. So what z3 cannot satisfy is
impossible, and what it satisfies is a proposal only: a request is made of it, and the engine asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from axonflow.policy.analysis.formulas import ERROR, NO, YES, Atom, Every, Formula, Literal
from axonflow.policy.analysis.places import constant_value, place_of, steps_of, unpacked
from axonflow.policy.analysis.worlds import ABSENT
from axonflow.policy.cel.syntax import Binary, Constant, Has, Node

__all__ = ["Proposal", "proposal", "understands"]

Z3 = Any
"""z3 has no types that a checker could use."""

_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SUMS: Final = frozenset({"+", "-", "*"})
_INT64: Final = (-(2**63), 2**63 - 1)
_TIMEOUT_MS: Final = 500
_LARGEST: Final = 2 * 10**300
_NUMBER, _TEXT, _BOOL, _OTHER, _MISSING = range(5)
"""Kinds: what is modelled, anything else, and what is not there or has failed."""


class Proposal(NamedTuple):
    """Values of variables, and the answers to atoms that go with them, by their keys."""

    values: dict[str, Any]
    answers: dict[Hashable, int]


class _Term(NamedTuple):
    """A value in the solver: its kind, and what it is if it is of that kind."""

    kind: Z3
    number: Z3
    is_int: Z3
    text: Z3
    truth: Z3
    wild: Z3
    """Whether nothing is known of it: it came of doubles beyond all bounds, and may be no number."""
    is_sum: bool = False


@cache
def _is_installed() -> bool:
    return find_spec("z3") is not None


def understands(atom: Atom) -> bool:
    """Whether there is a solver, and `atom` is a relation that it may know something of."""
    return isinstance(atom.node, Binary) and atom.node.operator in _RELATIONS and _is_installed()


def proposal(
    formula: Formula, cells: Iterable[tuple[Sequence[Atom], Sequence[Sequence[int]]]], atoms: Iterable[Atom]
) -> Proposal | bool:
    """Values for which `formula` may hold; False where there are none for certain, True where that is not known.

    `cells` are the combinations of answers that some atoms can have, `atoms` are all.
    """
    return _Model(import_module("z3")).solve(formula, cells, atoms)


class _Model:
    def __init__(self, z3: Z3) -> None:
        self._z3 = z3
        self._solver = z3.Solver()
        self._solver.set("timeout", _TIMEOUT_MS)
        self._answers: dict[Hashable, Z3] = {}
        self._terms: dict[str, _Term] = {}
        self._fresh = 0

    def solve(
        self, formula: Formula, cells: Iterable[tuple[Sequence[Atom], Sequence[Sequence[int]]]], atoms: Iterable[Atom]
    ) -> Proposal | bool:
        z3 = self._z3
        known = list(atoms)
        for atom in known:
            answer = self._answers[atom.key] = z3.Int(f"a{len(self._answers)}")
            self._solver.add(z3.Or(*[answer == one for one in (YES, NO, ERROR)]))
        for own, combinations in cells:
            rows = [
                z3.And(*[self._answers[atom.key] == one for atom, one in zip(own, row, strict=True)])
                for row in combinations
            ]
            self._solver.add(z3.Or(*rows))
        for atom in sorted(known, key=lambda atom: atom.node is None):  # keys of match: about what the others ask about
            self._say(atom)
        self._solver.add(self._that(formula))
        verdict = self._solver.check(*self._plain())
        if verdict != z3.sat:
            verdict = self._solver.check()
        if verdict == z3.sat:
            model = self._solver.model()
            values = {name: self._value(model, term) for name, term in self._terms.items()}
            answers = {
                key: model.eval(answer, model_completion=True).as_long() for key, answer in self._answers.items()
            }
            return Proposal(values, answers)
        return bool(verdict != z3.unsat)

    def _plain(self) -> list[Z3]:
        """What is tried first: ints, texts and bools, of which most is known."""
        z3 = self._z3
        known = [
            z3.And(term.kind <= _BOOL, z3.Implies(term.kind == _NUMBER, term.is_int)) for term in self._terms.values()
        ]
        return [z3.And(*known)] if known else []

    def _that(self, formula: Formula) -> Z3:
        z3 = self._z3
        if isinstance(formula, Literal):
            answer = self._answers[formula.atom.key]
            return z3.Or(*[answer == one for one in (YES, NO, ERROR) if one & formula.accepts])
        parts = [self._that(part) for part in formula.parts]
        return z3.And(*parts) if isinstance(formula, Every) else z3.Or(*parts)

    # -- what atoms say

    def _say(self, atom: Atom) -> None:
        """What is certain of the answer to `atom`, if it is understood."""
        node, answer = atom.node, self._answers[atom.key]
        if isinstance(node, Binary) and node.operator in _RELATIONS:
            left, right = self._term(node.left, atom), self._term(node.right, atom)
            if left is not None and right is not None:
                said = self._relation(node.operator, left, right, answer)
                self._solver.add(self._z3.Or(left.wild, right.wild, said))
        elif isinstance(node, Has) and (term := self._place(node, atom)) is not None:
            self._solver.add(answer == self._z3.If(term.kind == _MISSING, NO, YES))
        elif node is None and len(atom.hints) == 1 and atom.hints[0].kind == "filter" and not atom.hints[0].inside:
            self._filter(atom, answer)

    def _filter(self, atom: Atom, answer: Z3) -> None:
        """A key of `match`: of a list, which is another kind, nothing is said."""
        z3 = self._z3
        (hint,) = atom.hints
        term = self._terms.get(hint.variable)
        if term is None:
            return
        equal = [self._equal(term, self._constant(value)) for value in hint.values]
        self._solver.add(z3.Or(term.kind == _OTHER, answer == z3.If(z3.Or(*equal), YES, NO)))

    def _relation(self, operator: str, left: _Term, right: _Term, answer: Z3) -> Z3:
        z3 = self._z3
        failed = z3.Or(left.kind == _MISSING, right.kind == _MISSING)
        same = left.kind == right.kind
        if operator in {"==", "!="}:
            yes, no = (YES, NO) if operator == "==" else (NO, YES)
            plain = answer == z3.If(self._equal(left, right), yes, no)
            others = z3.And(left.kind == _OTHER, right.kind == _OTHER)
            return z3.If(failed, answer == ERROR, z3.Or(others, plain))
        first, second = (left, right) if operator[0] == "<" else (right, left)
        holds = self._less(first, second)
        if operator.endswith("="):
            holds = z3.Or(holds, self._equal(left, right))
        ordered = z3.And(same, left.kind != _OTHER)
        return answer == z3.If(failed, ERROR, z3.If(ordered, z3.If(holds, YES, NO), ERROR))

    def _equal(self, left: _Term, right: _Term) -> Z3:
        z3 = self._z3
        return z3.And(
            left.kind == right.kind,
            z3.Or(
                z3.And(left.kind == _NUMBER, left.number == right.number),
                z3.And(left.kind == _TEXT, left.text == right.text),
                z3.And(left.kind == _BOOL, left.truth == right.truth),
            ),
        )

    def _less(self, left: _Term, right: _Term) -> Z3:
        z3 = self._z3
        return z3.Or(
            z3.And(left.kind == _NUMBER, left.number < right.number),
            z3.And(left.kind == _TEXT, left.text < right.text),
            z3.And(left.kind == _BOOL, z3.Not(left.truth), right.truth),
        )

    # -- terms

    def _term(self, node: Node, atom: Atom) -> _Term | None:
        if isinstance(node, Constant):
            value = constant_value(node, atom.literals)
            return self._constant(value) if value is None or isinstance(value, (bool, int, float, str)) else None
        if isinstance(node, Binary) and node.operator in _SUMS:
            left, right = self._term(node.left, atom), self._term(node.right, atom)
            return None if left is None or right is None else self._sum(node.operator, left, right)
        return self._place(node, atom)

    def _constant(self, value: Any) -> _Term:
        z3 = self._z3
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        kind = _BOOL if isinstance(value, bool) else _NUMBER if number else _TEXT if isinstance(value, str) else _OTHER
        return _Term(
            z3.IntVal(kind),
            z3.RealVal(repr(value) if number and isinstance(value, float) else int(value) if number else 0),
            z3.BoolVal(isinstance(value, int)),
            z3.StringVal(value if isinstance(value, str) else ""),
            z3.BoolVal(value is True),
            z3.BoolVal(val=False),
        )

    def _place(self, node: Node, atom: Atom) -> _Term | None:
        """The attribute that `node` leads to, by itself."""
        place = place_of(steps_of(node), atom.literals)
        if place is None or place[1] or not atom.is_open:
            return None
        variable = place[0]
        _, name, declared = unpacked(variable)
        if not name or (declared and name in {"roles", "groups", "on_behalf_of", "attributes"}):
            return None
        term = self._terms.get(variable)
        if term is None:
            term = self._terms[variable] = self._new(variable)
            least, most = (_TEXT, _TEXT) if declared else (_NUMBER, _MISSING)
            self._solver.add(term.kind >= least, term.kind <= most)
            if declared:
                self._solver.add(self._z3.Length(term.text) >= 1)
        return term

    def _new(self, name: str) -> _Term:
        z3 = self._z3
        term = _Term(
            z3.Int(f"{name} kind"), z3.Real(f"{name} number"), z3.Bool(f"{name} int"), z3.String(f"{name} text"),
            z3.Bool(f"{name} truth"), z3.BoolVal(val=False),
        )  # fmt: skip
        whole = z3.And(z3.IsInt(term.number), term.number >= _INT64[0], term.number <= _INT64[1])
        self._solver.add(z3.Implies(z3.And(term.kind == _NUMBER, term.is_int), whole))
        return term

    def _sum(self, operator: str, left: _Term, right: _Term) -> _Term:
        """Of two ints or two texts it is known what it is; of two doubles, that it is one, and where: it is rounded."""
        z3 = self._z3
        self._fresh += 1
        term = self._new(f"#{self._fresh}")
        number = {"+": left.number + right.number, "-": left.number - right.number, "*": left.number * right.number}[
            operator
        ]
        numbers = z3.And(left.kind == _NUMBER, right.kind == _NUMBER, left.is_int == right.is_int)
        fits = z3.And(number >= _INT64[0], number <= _INT64[1])
        ints = z3.If(fits, z3.And(term.kind == _NUMBER, term.is_int, term.number == number), term.kind == _MISSING)
        doubles = z3.And(term.kind == _NUMBER, z3.Not(term.is_int), self._rounded(term.number, number))
        texts = z3.And(left.kind == _TEXT, right.kind == _TEXT) if operator == "+" else z3.BoolVal(val=False)
        joined = z3.And(term.kind == _TEXT, term.text == z3.Concat(left.text, right.text))
        others = z3.And(left.kind == _OTHER, right.kind == _OTHER)
        failed = z3.If(others, z3.Or(term.kind == _OTHER, term.kind == _MISSING), term.kind == _MISSING)
        self._solver.add(z3.If(numbers, z3.If(left.is_int, ints, doubles), z3.If(texts, joined, failed)))
        lost = [z3.Or(one.number > _LARGEST // 2, one.number < -_LARGEST // 2) for one in (left, right) if one.is_sum]
        wild = z3.Or(left.wild, right.wild, z3.And(numbers, z3.Not(left.is_int), z3.Or(*lost)))
        return term._replace(wild=wild, is_sum=True)

    def _rounded(self, result: Z3, exact: Z3) -> Z3:
        """That a double may be the result where `exact` is: half a unit in the last place; of infinity, the sign."""
        z3 = self._z3
        most = z3.If(exact < 0, -exact, exact) / 2**52 + z3.RealVal("1e-300")
        near = z3.And(result - exact <= most, exact - result <= most)
        return z3.If(
            exact > _LARGEST, result > _LARGEST // 2, z3.If(exact < -_LARGEST, result < -_LARGEST // 2, near)
        )  # fmt: skip

    def _value(self, model: Z3, term: _Term) -> Any:
        kind = model.eval(term.kind, model_completion=True).as_long()
        if kind == _MISSING:
            return ABSENT
        if kind == _NUMBER:
            number = model.eval(term.number, model_completion=True).as_fraction()
            is_int = bool(model.eval(term.is_int, model_completion=True))
            return int(number) if is_int else float(number)
        if kind == _TEXT:
            return model.eval(term.text, model_completion=True).as_string()
        return bool(model.eval(term.truth, model_completion=True)) if kind == _BOOL else []
