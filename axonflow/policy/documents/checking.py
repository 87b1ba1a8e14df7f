"""What is worth a word about policies that load, and whether they do what their own tests expect. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from axonflow.errors import RequestError
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.deciding.index import LONG_ALWAYS_LIST
from axonflow.policy.deciding.rules import FAILS_CLOSED, CompiledRule
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.documents.document import PolicySetDocument, RuleDocument, TestDocument
from axonflow.policy.documents.reading import LoadedSet, Path
from axonflow.policy.request import ACTIONS, PrincipalType, Request

__all__ = [
    "Difference",
    "Expectation",
    "PolicyWarning",
    "RuleTestOutcome",
    "differences",
    "expectation_of",
    "find_warnings",
    "problems_of_decision",
    "problems_of_test",
    "request_of",
    "requests_of",
    "run_rule_tests",
]

_KNOWN_BY_NAME: Final = frozenset({"label.declassify", "vault.reveal"})
"""AxonFlow asks about these too, and unlike ACTIONS they are allowed only where an allow rule names them."""
_ANY_ACTION: Final = "*"
_MAX_ACTIONS_SHOWN: Final = 3
_MAX_LISTED_CHARS: Final = 1_000

_LONG_FORM: Final = re.compile(r"^(principal|resource)\.attributes\.")

Decide = Callable[[Request], Decision]


class Expectation(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says a decision must be. Only what is given is compared; `policies` and `reasons` are sets.

    `obligations` are all that there may be, in any order; of each only the fields that are given are compared.
    """

    effect: Effect
    policies: tuple[str, ...] | UnsetType = UNSET
    redacted: Any = UNSET
    obligations: tuple[dict[str, Any], ...] | UnsetType = UNSET
    reasons: tuple[str, ...] | UnsetType = UNSET


class Difference(Struct, frozen=True):
    """One field in which a decision is not as expected, in words that hold no content."""

    field: str
    expected: str
    actual: str


def differences(expected: Expectation, decision: Decision) -> tuple[Difference, ...]:
    """Where `decision` departs from `expected`; empty when it does not."""
    found = _compare(expected, decision.effect, decision.policies, decision.redacted)
    if expected.obligations is UNSET and expected.reasons is UNSET:
        return found
    return (*found, *_compare_more(expected, decision))


def _compare(
    expected: Expectation, effect: Effect, policies: Sequence[str], redacted: object
) -> tuple[Difference, ...]:
    if expected.effect is effect and expected.policies is UNSET and expected.redacted is UNSET:
        return ()  # the common case of a long replay
    found: list[Difference] = []
    if expected.effect is not effect:
        found.append(Difference("effect", expected.effect.value, effect.value))
    if expected.policies is not UNSET and set(expected.policies) != set(policies):
        found.append(Difference("policies", _listed(expected.policies), _listed(policies)))
    if expected.redacted is not UNSET and not _same_json(expected.redacted, redacted):
        found.append(Difference("redacted", *_kinds(expected.redacted, redacted)))
    return tuple(found)


def _compare_more(expected: Expectation, decision: Decision) -> Iterator[Difference]:
    if expected.reasons is not UNSET and set(expected.reasons) != set(decision.reasons):
        yield Difference("reasons", _listed(expected.reasons), _listed(decision.reasons))
    if expected.obligations is not UNSET:
        found: list[dict[str, Any]] = msgspec.to_builtins(decision.obligations)
        if len(found) != len(expected.obligations) or not _each_fits(expected.obligations, found):
            yield Difference("obligations", _told(expected.obligations), _told(found))


def _each_fits(wanted: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> bool:
    """Whether each of `wanted` can have one of `found` to itself (augmenting paths: as many as there can be)."""
    taken: dict[int, int] = {}

    def placed(one: int, tried: set[int]) -> bool:
        for at, obligation in enumerate(found):
            if at in tried or not all(_same_json(obligation.get(name), wanted[one][name]) for name in wanted[one]):
                continue
            tried.add(at)
            if at not in taken or placed(taken[at], tried):
                taken[at] = one
                return True
        return False

    return all(placed(one, set()) for one in range(len(wanted)))


def _told(obligations: Iterable[dict[str, Any]]) -> str:
    """`obligations` for people: names and numbers of policies, no content."""
    return ", ".join([msgspec.json.encode(one).decode() for one in obligations])[:_MAX_LISTED_CHARS] or "none"


def _listed(policies: Iterable[str]) -> str:
    return ", ".join(sorted(set(policies)))[:_MAX_LISTED_CHARS] or "none"


def _same_json(one: object, other: object) -> bool:
    """Compared as text, because to Python ``1 == True``, and as JSON they differ."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _kinds(expected: object, actual: object) -> tuple[str, str]:
    if expected is None:
        return "nothing redacted", "a redacted content"
    if actual is None:
        return "a redacted content", "nothing redacted"
    return "the content as labelled", "another content"


class PolicyWarning(Struct, frozen=True):
    """Something that loads and may not mean what its author thinks. `at` is where, `kind` is for machines."""

    kind: str
    at: str
    message: str


def find_warnings(loaded: Sequence[LoadedSet], rules: Iterable[CompiledRule]) -> tuple[PolicyWarning, ...]:
    """What is worth a word about `loaded`, whose enforced rules are `rules`."""
    if not loaded:
        message = "no policies are loaded, so every request is denied"
        return (PolicyWarning("no-policies", "", message),)
    warnings: list[PolicyWarning] = []
    for shadow in (False, True):  # what a shadow set requires is not enforced, so it protects no enforced rule
        together = [one for one in loaded if one.document.shadow is shadow]
        required = _required(one.document for one in together)
        known = (ACTIONS | _KNOWN_BY_NAME).union(*[one.document.actions for one in together])
        for one in together:
            warnings.extend(_unknown_actions(one, known))
            warnings.extend(_optional_filters(one, required))
            warnings.extend(_dead_filters(one))
    warnings.extend(_long_lists(rules))
    return tuple(warnings)


def _required(documents: Iterable[PolicySetDocument]) -> dict[str, set[str]]:
    required: dict[str, set[str]] = {}
    for document in documents:
        for action, paths in document.requires.items():
            required.setdefault(action, set()).update(_canonical(path) for path in paths)
    return required


def _canonical(path: str) -> str:
    """`path` in its short form: ``principal.attributes.trust`` is ``principal.trust``."""
    return _LONG_FORM.sub(r"\1.", path)


def _target(path: str) -> tuple[str, bool]:
    """What `path` leads to, ``attribute``, ``nothing`` or the kind of a declared field, and whether a request may
    leave it out without being malformed."""
    root, *names = path.split(".")
    optional = False
    while root in FIELDS and names:
        field = FIELDS[root].get(names[0])
        if field is None:
            return "attribute", True
        optional |= field.optional
        root, names = field.kind, names[1:]
    if (root == "context" or root.startswith("map(")) and names:
        return "attribute", True
    return ("nothing" if names else root), optional


_MAY_BE_ABSENT: Final = {("attribute", True), ("string", True), ("list(string)", True)}


def _actions_of(rule: RuleDocument) -> list[str]:
    named = rule.match.get("action")
    if named is None:
        return sorted(ACTIONS)
    return [str(action) for action in (named if isinstance(named, list) else [named])]


def _optional_filters(one: LoadedSet, required: dict[str, set[str]]) -> Iterator[PolicyWarning]:
    for position, rule in enumerate(one.document.rules):
        if rule.effect is Effect.ALLOW:  # who leaves an attribute out of an allow rule's reach gains nothing
            continue
        for path in rule.match:
            if path == "action" or _target(path) not in _MAY_BE_ABSENT:
                continue
            open_for = [action for action in _actions_of(rule) if _canonical(path) not in required.get(action, ())]
            if open_for:
                advice = "add it to `requires`"
                if rule.effect in FAILS_CLOSED:
                    advice += ", or test it in `when`, where a missing attribute counts as a match"
                yield PolicyWarning(
                    "optional-filter",
                    one.source.at(("rules", position, "match", path), 0),
                    f"rule {rule.id} ({rule.effect.value}) filters on {path}, which no set requires for"
                    f" {_some(open_for)}, so a request without it slips past; {advice}",
                )


def _dead_filters(one: LoadedSet) -> Iterator[PolicyWarning]:
    filters = [("rules", position, rule.id, rule.match) for position, rule in enumerate(one.document.rules)]
    filters += [("exceptions", position, each.id, each.match) for position, each in enumerate(one.document.exceptions)]
    for field, position, name, match in filters:
        for path, wanted in match.items():
            why = _why_dead(path, wanted if isinstance(wanted, list) else [wanted])
            if why:
                at = one.source.at((field, position, "match", path), 0)
                yield PolicyWarning("dead-filter", at, f"{field[:-1]} {name} filters on {path}, {why}")


def _why_dead(path: str, wanted: Sequence[object]) -> str | None:
    """Why no request can ever match `path` to one of the values `wanted`."""
    if path == "action":
        return None
    kind, _ = _target(path)
    if kind == "nothing":
        return "where there is nothing: that part of a request is text"
    if kind not in {"attribute", "string", "list(string)"}:
        return "which is an object and equals no value: name a field of it"
    if kind != "attribute" and "" in wanted:
        return "which is never empty"
    if path.startswith("principal.") and path.endswith(".type") and kind == "string":
        unknown = [str(value) for value in wanted if value not in _PRINCIPAL_TYPES]
        if unknown:
            return f"which is never {_some(unknown)}: there are {', '.join(_PRINCIPAL_TYPES)}"
    return None


_PRINCIPAL_TYPES: Final = get_args(PrincipalType)


def _some(actions: Sequence[str]) -> str:
    more = len(actions) - _MAX_ACTIONS_SHOWN
    shown = ", ".join(actions[:_MAX_ACTIONS_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _named_actions(document: PolicySetDocument) -> Iterator[tuple[str, Path]]:
    for action in document.requires:
        yield action, ("requires", action)
    for position, rule in enumerate(document.rules):
        if "action" in rule.match:
            for action in _actions_of(rule):
                yield action, ("rules", position, "match", "action")
    for position, exception in enumerate(document.exceptions):
        named = exception.match.get("action", [])
        for value in named if isinstance(named, list) else [named]:
            yield str(value), ("exceptions", position, "match", "action")


def _unknown_actions(one: LoadedSet, known: frozenset[str]) -> Iterator[PolicyWarning]:
    for action, path in _named_actions(one.document):
        if action not in known:
            close = get_close_matches(action, ACTIONS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(ACTIONS))}"
            hint += ", and those that a set declares as its `actions`"
            message = f"{action} is no action that AxonFlow's enforcement points ask about; {hint}"
            yield PolicyWarning("unknown-action", one.source.at(path, 0), message)


def _long_lists(rules: Iterable[CompiledRule]) -> Iterator[PolicyWarning]:
    tried = Counter(action for rule in rules if rule.is_tried for action in rule.actions or (_ANY_ACTION,))
    anywhere = tried.pop(_ANY_ACTION, 0)
    counts = [("request", anywhere), *((action, count + anywhere) for action, count in sorted(tried.items()))]
    told = LONG_ALWAYS_LIST
    for action, count in counts:
        if count > told:
            yield PolicyWarning(
                "long-always-list",
                "",
                f"{count} rules are tried on every {action}, more than {LONG_ALWAYS_LIST}: give them something to be"
                " looked up by, such as resource.id or principal.roles in `match`",
            )
        if action == "request":  # its rules are in every action's list: no need to say it again for each
            told = max(told, count)


class RuleTestOutcome(Struct, frozen=True):
    """How one inline test of a rule came out. `problems` are empty when it passed."""

    rule: str
    number: int
    at: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the decision was as expected."""
        return not self.problems


def run_rule_tests(loaded: Iterable[LoadedSet], decide: Decide) -> Iterator[RuleTestOutcome]:
    """Run the inline tests of all rules against all policies together, as `decide` knows them.

    The tests of a shadow set are held against what the shadow sets alone say.
    """
    for one in loaded:
        for position, rule in enumerate(one.document.rules):
            for number, test in enumerate(rule.tests):
                at = one.source.at(("rules", position, "tests", number), 0)
                problems = tuple(problems_of_test(test, decide, shadow=one.document.shadow))
                yield RuleTestOutcome(rule.id, number + 1, at, problems)


def problems_of_test(test: TestDocument, decide: Decide, *, shadow: bool = False) -> Iterator[str]:
    """How what `decide` says differs from what `test` expects; nothing when it does not."""
    try:
        decision = decide(request_of(test.request))
    except RequestError as error:
        yield f"the request is not one: {error}"
        return
    yield from problems_of_decision(expectation_of(test), decision, shadow=shadow)


def problems_of_decision(expected: Expectation, decision: Decision, *, shadow: bool = False) -> Iterator[str]:
    """How `decision`, or what the shadow sets alone said, differs from what is `expected`."""
    if not shadow:
        found = differences(expected, decision)
    elif more := [name for name in ("redacted", "obligations", "reasons") if getattr(expected, name) is not UNSET]:
        yield f"{more[0]}: of a shadow set only the effect and the policies are told, so this can never be compared"
        return
    else:
        assert decision.shadow is not None  # the rule's own set is a shadow set that is loaded
        found = _compare(expected, decision.shadow.effect, decision.shadow.policies, None)
    for difference in found:
        yield f"{difference.field}: expected {difference.expected}, got {difference.actual}"


def requests_of(rule: RuleDocument) -> tuple[Request, ...]:
    """The requests of the tests of `rule`, but for those that are none."""
    found: list[Request] = []
    for test in rule.tests:
        try:
            found.append(request_of(test.request))
        except RequestError:  # run_rule_tests tells it
            continue
    return tuple(found)


def expectation_of(test: TestDocument) -> Expectation:
    """What `test` expects."""
    if isinstance(test.expect, Effect):
        return Expectation(test.expect)
    given = test.expect.model_dump(include=test.expect.model_fields_set - {"effect"})
    for name in ("policies", "obligations", "reasons"):
        if given.get(name, ()) is None:  # `policies:` with nothing behind it
            del given[name]
    return Expectation(test.expect.effect, **given)


def request_of(raw: dict[str, Any]) -> Request:
    """`raw` as a request. Raises RequestError."""
    try:
        return msgspec.convert(raw, Request)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, RequestError):
            raise error.__cause__ from None
        raise RequestError(str(error).replace("`", "'")) from None
