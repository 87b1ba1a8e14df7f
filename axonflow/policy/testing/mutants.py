"""Policies that say something slightly else: each mutant is a policy set with one thing changed.

What is changed is the document, expanded, so everything follows from it as from one that somebody wrote: filing, index,
types, costs. A mutant that does not load is no mutant: nobody could put it in force.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from axonflow.policy.cel.parser import parse
from axonflow.policy.deciding.rules import FAILS_CLOSED
from axonflow.policy.decision import Effect
from axonflow.policy.documents.document import ExceptionDocument, RuleDocument
from axonflow.policy.documents.reading import LoadedSet, Path
from axonflow.policy.testing.conditions import changed_conditions, is_only_an_error
from axonflow.policy.testing.coverage import RuleName
from axonflow.policy.testing.written import written

__all__ = ["REMOVED", "Edit", "Mutant", "Reach", "edited", "mutants_of", "sampled"]

REMOVED: Final = object()
"""In place of a value: take out what stands there."""

_NEVER: Final = "9999-12-31T00:00:00Z"
_MAX_SHOWN_CHARS: Final = 160
_OTHER_EFFECTS: Final = {
    Effect.DENY: (Effect.REQUIRE_APPROVAL, Effect.ALLOW),
    Effect.REQUIRE_APPROVAL: (Effect.DENY, Effect.ALLOW),
    Effect.REDACT: (Effect.DENY, Effect.LOG),
    Effect.LIMIT: (Effect.DENY, Effect.LOG),
    Effect.ALLOW: (Effect.DENY, Effect.LOG),
    Effect.WARN: (Effect.DENY, Effect.ALLOW),
    Effect.LOG: (Effect.DENY, Effect.ALLOW),
}
"""One that is stricter or says no, and one that lets more pass. warn and log differ in no decision."""
_OTHER_DEFAULTS: Final = {"deny": "allow", "allow": "deny", "abstain": "allow"}
_OTHER_UNITS: Final = {"requests": "tokens", "tokens": "requests", "usd_micros": "requests"}


class Edit(Struct, frozen=True):
    """Put `value` at `path` of the set with this number."""

    set_number: int
    path: Path
    value: Any


class Reach(Struct, frozen=True):
    """Which tests can tell a mutant from the policies: those of requests that pass the filters of `rules`, but for
    `key`; of this `action`; all, when neither is given."""

    rules: tuple[RuleName, ...] = ()
    key: str | None = None
    action: str | None = None


class Mutant(Struct, frozen=True):
    """One change. `equivalent` says why no request can tell it from the policies, where that is known."""

    kind: str
    policy_set: str
    rule: str
    at: str
    change: str
    edits: tuple[Edit, ...]
    reach: Reach
    equivalent: str = ""


def sampled(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of them, the same for the same seed, in their order."""
    drawn = random.Random(seed).sample(range(len(mutants)), min(count, len(mutants)))  # noqa: S311  no secret
    return [mutants[number] for number in sorted(drawn)]


def edited(data: Any, path: Path, value: Any) -> Any:
    """`data` with `value` at `path`; `data` itself stays as it is."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    copy = dict(data) if isinstance(data, Mapping) else list(data)
    if not rest and value is REMOVED:
        del copy[head]  # type: ignore[arg-type]  # a key of a mapping, a position of a list
    else:
        copy[head] = edited(copy[head] if rest else None, rest, value)  # type: ignore[index]  # as above
    return copy


def mutants_of(loaded: Sequence[LoadedSet]) -> Iterator[Mutant]:
    """Every change of one thing in the sets `loaded`, in the order of their documents."""
    for number, one in enumerate(loaded):
        maker = _Maker(number, one)
        yield from _defaults(number, loaded)
        yield from maker.requires()
        yield from maker.actions()
        for position, rule in enumerate(one.document.rules):
            yield from maker.rule(rule, ("rules", position))
        for position, exception in enumerate(one.document.exceptions):
            yield from maker.exception(exception, ("exceptions", position))
        yield from maker.allowlists()


def _defaults(number: int, loaded: Sequence[LoadedSet]) -> Iterator[Mutant]:
    """The default of a layer, which all of its sets say alike: told of the first of them."""
    one = loaded[number]
    document = one.document
    alike = [
        at
        for at, other in enumerate(loaded)
        if (other.document.layer, other.document.shadow, other.document.default)
        == (document.layer, document.shadow, document.default)
    ]
    other = _OTHER_DEFAULTS.get(document.default)
    if other is not None and alike[0] == number:
        yield Mutant(
            "default changed", document.metadata.name, f"default of {document.metadata.name}",
            one.source.at(("default",), 0), f"default: {document.default} -> {other}",
            tuple([Edit(at, ("default",), other) for at in alike]), Reach(),
        )  # fmt: skip


class _Maker:
    """The mutants of one set."""

    def __init__(self, number: int, loaded: LoadedSet) -> None:
        self._number = number
        self._source = loaded.source
        self._document = loaded.document

    def _mutant(
        self, kind: str, rule: str, path: Path, value: Any, change: str, reach: Reach, equivalent: str = "",
        offset: int = 0,
    ) -> Mutant:  # fmt: skip
        return Mutant(
            kind, self._document.metadata.name, rule, self._source.at(path, offset), change[:_MAX_SHOWN_CHARS * 2],
            (Edit(self._number, path, value),), reach, equivalent,
        )  # fmt: skip

    def _named(self, rules: Sequence[str]) -> tuple[RuleName, ...]:
        return tuple([(self._document.shadow, rule) for rule in rules])

    # -- of a set

    def requires(self) -> Iterator[Mutant]:
        name = f"requires of {self._document.metadata.name}"
        for action, paths in self._document.requires.items():
            for position, path in enumerate(paths):
                place: Path = ("requires", action) if len(paths) == 1 else ("requires", action, position)
                yield self._mutant("requirement dropped", name, place, REMOVED, f"{action} need not carry {path}",
                                   Reach(action=action))  # fmt: skip

    def actions(self) -> Iterator[Mutant]:
        for position, action in enumerate(self._document.actions):
            yield self._mutant("action unknown", f"actions of {self._document.metadata.name}", ("actions", position),
                               REMOVED, f"{action} is not declared", Reach(action=action))  # fmt: skip

    def allowlists(self) -> Iterator[Mutant]:
        for position, allowlist in enumerate(self._document.allowlists):
            name = f"allowlist {position + 1} of {self._document.metadata.name}"
            yield self._mutant("allowlist removed", name, ("allowlists", position), REMOVED, "removed", Reach())
            for field in ("detectors", "values", "patterns"):
                items = getattr(allowlist, field)
                for at in range(len(items) if len(items) > 1 else 0):
                    yield self._mutant("allowlist narrowed", name, ("allowlists", position, field, at), REMOVED,
                                       f"{field}: without the {at + 1}. of {len(items)}", Reach())  # fmt: skip

    # -- of rules and exceptions

    def rule(self, rule: RuleDocument, path: Path) -> Iterator[Mutant]:
        whole = Reach(self._named((rule.id,)))
        for effect in _OTHER_EFFECTS[rule.effect]:
            change = f"effect: {rule.effect.value} -> {effect.value}"
            mutant = self._mutant("effect changed", rule.id, (*path, "effect"), effect.value, change, whole)
            if rule.obligations:
                edits = (*mutant.edits, Edit(self._number, (*path, "obligations"), []))
                mutant = replace(mutant, edits=edits)
            yield mutant
        yield self._mutant("rule removed", rule.id, path, REMOVED, "removed", whole)
        yield from self._match(rule, path, (rule.id,))
        yield from self._when(rule, path, whole, fails_closed=rule.effect in FAILS_CLOSED)
        for position, obligation in enumerate(rule.obligations):
            yield from self._obligation(rule, obligation, (*path, "obligations", position), whole)

    def exception(self, exception: ExceptionDocument, path: Path) -> Iterator[Mutant]:
        whole = Reach(self._named(exception.rules))
        yield self._mutant("exception removed", exception.id, path, REMOVED, "removed", whole)
        yield self._mutant("expiry moved", exception.id, (*path, "expires"), _NEVER,
                           f"expires: {exception.expires} -> never", whole)  # fmt: skip
        for position, name in enumerate(exception.rules if len(exception.rules) > 1 else ()):
            yield self._mutant("exception narrowed", exception.id, (*path, "rules", position), REMOVED,
                               f"does not loosen {name}", Reach(self._named((name,))))  # fmt: skip
        for mutant in self._match(exception, path, tuple(exception.rules)):
            yield replace(mutant, reach=whole)
        yield from self._when(exception, path, whole, fails_closed=False)

    def _match(self, part: RuleDocument | ExceptionDocument, path: Path, rules: tuple[str, ...]) -> Iterator[Mutant]:
        for key, wanted in part.match.items():
            reach = Reach(self._named(rules), key)
            values = wanted if isinstance(wanted, list) else [wanted]
            place: Path = (*path, "match", key)
            yield self._mutant("filter dropped", part.id, place, REMOVED, f"match: without {key}", reach)
            for position, value in enumerate(values if len(values) > 1 else ()):
                yield self._mutant("match value dropped", part.id, (*place, position), REMOVED,
                                   f"match: {key} without {value!s:.80}", reach)  # fmt: skip

    def _when(
        self, part: RuleDocument | ExceptionDocument, path: Path, reach: Reach, *, fails_closed: bool
    ) -> Iterator[Mutant]:
        if part.when is None:
            return
        place: Path = (*path, "when")
        yield self._mutant("condition removed", part.id, place, REMOVED, "when: removed", reach)
        node = parse(part.when).node
        seen = {written(node)}
        for changed in changed_conditions(node):
            text = written(changed.whole)
            if text in seen:
                continue
            seen.add(text)
            why = ""
            if is_only_an_error(changed, node, fails_closed=fails_closed):
                why = "without the field the condition now fails, which comes to what it came to before"
            change = f"{_short(written(changed.before))} -> {_short(written(changed.after))}"
            yield self._mutant(changed.kind, part.id, place, text, change, reach, why, changed.before.offset)

    def _obligation(
        self, rule: RuleDocument, obligation: Mapping[str, Any], path: Path, reach: Reach
    ) -> Iterator[Mutant]:
        if rule.effect is Effect.LIMIT:
            unit = obligation["unit"]
            changes = [(field, obligation[field], obligation[field] + 1) for field in ("maximum", "window_s")]
            for field, old, new in [*changes, ("unit", unit, _OTHER_UNITS[unit])]:
                yield self._mutant("limit changed", rule.id, (*path, field), new, f"{field}: {old} -> {new}", reach)
        if len(rule.obligations) > 1 or rule.effect is not Effect.LIMIT:
            yield self._mutant("obligation dropped", rule.id, path, REMOVED, f"without {_told(obligation)}", reach)
        for field, kind in (
            ("approvers", "approver removed"),
            ("detectors", "detector removed"),
            ("key", "key removed"),
        ):
            items = obligation.get(field) or ()
            for position in range(len(items) if len(items) > 1 else 0):
                yield self._mutant(kind, rule.id, (*path, field, position), REMOVED,
                                   f"{field}: without {items[position]}", reach)  # fmt: skip
        if rule.effect is Effect.REDACT:
            style = str(obligation.get("style", "mask"))
            other = "drop" if style != "drop" else "mask"
            yield Mutant("style changed", self._document.metadata.name, rule.id, self._source.at(path, 0),
                         f"style: {style} -> {other}", (Edit(self._number, path, {**obligation, "style": other}),),
                         reach)  # fmt: skip


def _told(obligation: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in obligation.items())


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[: _MAX_SHOWN_CHARS - 3]}..."
