"""What is wrong with a rule by itself: it can never match, or a part of its condition makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from axonflow.policy.analysis.findings import Finding, Undecided
from axonflow.policy.analysis.formulas import ERROR, MATCHES, NO, YES, Formula, Literal, every, some
from axonflow.policy.analysis.solving import Impossible, Space, Unknown, Witness
from axonflow.policy.analysis.subjects import Conjunct, Subject
from axonflow.policy.analysis.writing import template_of, written
from axonflow.policy.cel.syntax import Logical, Node

__all__ = ["examine"]

_MAX_PARTS: Final = 64


def examine(subject: Subject) -> Iterator[Finding | Undecided]:
    """The findings on one rule."""
    space = Space(subject.atoms.values(), subject.theory.world)
    if space.may_hold(subject.formula):
        if subject.tested:
            yield from _redundant(subject, space)
        return
    outcome = subject.solved(space, subject.formula)
    if isinstance(outcome, Impossible):
        yield _unreachable(subject, space)
    elif isinstance(outcome, Unknown):
        yield Undecided("unreachable", (subject.place,), outcome.why, tuple(map(_text(subject), subject.conjuncts)))
    else:
        yield from _redundant(subject, space)


# -- unreachable


def _unreachable(subject: Subject, space: Space) -> Finding | Undecided:
    core = _core(subject, space)
    text = _text(subject)
    parts = tuple(map(text, core))
    near = _near(subject, space, core)
    if near is None:
        return Undecided("unreachable", (subject.place,), "engine", parts)
    quoted = [f"`{part}`" for part in parts]
    why = f"{quoted[0]} holds for no request" if len(quoted) == 1 else f"{_listed(quoted)} exclude each other"
    message = f"{subject.rule.effect.value} rule {subject.rule.id} can never match: {why}"
    return Finding("unreachable", (subject.place,), message, near.request, parts)


def _core(subject: Subject, space: Space) -> list[Conjunct]:
    """Some of the conjuncts that cannot hold together, none of which may be left out."""
    core = subject.conjuncts
    for one in subject.conjuncts:
        less = [other for other in core if other is not one]
        if isinstance(space.solve(_all(less, subject.accepts)), Impossible):
            core = less
    return core


def _near(subject: Subject, space: Space, core: Sequence[Conjunct]) -> Witness | None:
    """A request for which all of the rule holds but one conjunct, or else as much of what excludes each other; one
    that the engine says the rule does not match."""
    for whole in (subject.conjuncts, core):
        for one in reversed(core):
            outcome = space.solve(_all([other for other in whole if other is not one], subject.accepts))
            if isinstance(outcome, Witness) and subject.rule.id not in subject.theory.decide(outcome.request).policies:
                return outcome
    return None


def _all(conjuncts: Sequence[Conjunct], mask: int) -> Formula:
    return every([one.that(mask) for one in conjuncts])


# -- redundant


def _redundant(subject: Subject, space: Space) -> Iterator[Finding | Undecided]:
    kept = subject.conjuncts
    for one in subject.tested[:_MAX_PARTS]:
        others = [other for other in kept if other is not one]
        if _may_be_implied(one, others):
            difference = _differs(one.that, others)
            found = _judged(subject, space, difference, every([_all(others, subject.accepts)]), (_text(subject)(one),))
            if found is not None:
                yield found
                if isinstance(found, Finding):
                    kept = others
                    continue
        if isinstance(one.node, Logical) and one.node.operator == "||":
            yield from _never_adding(subject, space, one, others)


def _may_be_implied(one: Conjunct, others: Sequence[Conjunct]) -> bool:
    """Whether `one` shares a variable with any of the `others`, or is more than a plain question by itself."""
    return not isinstance(one.holds, Literal) or any(one.reads & other.reads for other in others)


def _differs(one: Callable[[int], Formula], others: Sequence[Conjunct]) -> Formula:
    """That the answer of a conjunction is another without `one`, be it true, false or an error."""
    return some([
        every([_all(others, MATCHES), one(NO)]),
        every([_all(others, YES), one(ERROR)]),
    ])  # fmt: skip


def _never_adding(
    subject: Subject, space: Space, one: Conjunct, others: Sequence[Conjunct]
) -> Iterator[Finding | Undecided]:
    """The alternatives of a disjunction that make no difference beside the rest of the rule."""
    assert isinstance(one.node, Logical)
    left: list[Node] = list(one.node.operands)

    def that(node: Node) -> Callable[[int], Formula]:
        return lambda mask: subject.theory.part(subject.rule, node, mask)

    for option in one.node.operands[:_MAX_PARTS]:
        rest = [that(node) for node in left if node is not option]
        if not rest:
            return
        own = that(option)
        adds = some([
            every([*[other(NO | ERROR) for other in rest], own(YES)]),
            every([*[other(NO) for other in rest], own(ERROR)]),
        ])  # fmt: skip
        difference = every([_all(others, MATCHES), adds])
        without = every([_all(others, subject.accepts), some([other(subject.accepts) for other in rest])])
        text = written(template_of(option), subject.rule.condition.literals)
        whole = written(template_of(one.node), subject.rule.condition.literals)
        found = _judged(subject, space, difference, without, (text, whole))
        if found is not None:
            yield found
            if isinstance(found, Finding):
                left.remove(option)


def _judged(
    subject: Subject, space: Space, difference: Formula, without: Formula, parts: tuple[str, ...]
) -> Finding | Undecided | None:
    """That a part makes no difference, if there is no request for which it does, and one that the rule matches."""
    outcome = None if space.may_hold(difference) else subject.solved(space, difference)
    if outcome is None or isinstance(outcome, Witness):
        return None
    if isinstance(outcome, Unknown):
        return Undecided("redundant", (subject.place,), outcome.why, parts)
    theory = subject.theory
    wanted = every([theory.matches(subject.rule), without])
    shown = subject.solved(theory.space([wanted]), wanted)
    if not isinstance(shown, Witness) or subject.rule.id not in theory.decide(shown.request).policies:
        return Undecided("redundant", (subject.place,), "engine", parts)
    what = f"`{parts[0]}` adds nothing to the rest" if len(parts) > 1 else f"`{parts[0]}` follows from the rest"
    message = f"{subject.rule.effect.value} rule {subject.rule.id}: {what}, and can go"
    return Finding("redundant", (subject.place,), message, shown.request, parts)


# -- words


def _text(subject: Subject) -> Callable[[Conjunct], str]:
    def text(one: Conjunct) -> str:
        if one.node is not None:
            return written(template_of(one.node), subject.rule.condition.literals)
        return one.atoms[0].text

    return text


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
