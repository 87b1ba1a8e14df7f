"""Policy documents to one engine: every fault of every document is found before anything is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from axonflow.detect import Scanner
from axonflow.errors import AxonFlowError, ExpressionError, PolicyError
from axonflow.policy.access import choose, equality_keys, is_implied
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.compiler import Condition, Expression, Filters
from axonflow.policy.decision import Approval, Effect, Limit, Obligation, Redact
from axonflow.policy.document import (
    LAYERS,
    ApprovalDocument,
    ExceptionDocument,
    LimitDocument,
    PolicySetDocument,
    RedactDocument,
    RuleDocument,
)
from axonflow.policy.engine import PolicyEngine
from axonflow.policy.index import Requirement, build_index
from axonflow.policy.matching import MATCH_FUNCTIONS, match_filters, reader
from axonflow.policy.request import ACTIONS
from axonflow.policy.rules import CompiledRule, Waiver, ranked
from axonflow.policy.verdict import Layer, Layers

__all__ = ["CompilePattern", "LoadedSet", "PolicySource", "compile_policies", "read_policy_set"]

CompilePattern = Callable[[str], Any]
"""A pattern to something with ``search(text) -> bool``. Raises ValueError for what is no pattern."""

Path = tuple[str | int, ...]

_STRING_PATHS: Final = frozenset({"principal.id", "principal.type", "principal.tenant", "resource.id", "resource.type"})
_DEFAULT_REDACTION: Final = ("pii", "secret")
_MAX_PROBLEMS: Final = 50
KEY: Final = "[key]"
"""As last part of a path: the key itself rather than its value. pydantic's word for it too."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PolicySource(NamedTuple):
    """One policy document as plain values, and where each of its parts stands: `at(path, offset)`."""

    name: str
    data: Any
    at: Callable[[Path, int], str]


class LoadedSet(NamedTuple):
    """A valid document with its source."""

    document: PolicySetDocument
    source: PolicySource


def read_policy_set(source: PolicySource) -> LoadedSet:
    """`source` checked. Raises PolicyError that names each wrong field with its place."""
    if not isinstance(source.data, dict):
        raise PolicyError(
            "not a policy set", expected="a mapping with apiVersion, kind, metadata, default and rules",
            found=type(source.data).__name__ if source.data is not None else "nothing", at=source.at((), 0),
        )  # fmt: skip
    try:
        return LoadedSet(PolicySetDocument.model_validate(source.data), source)
    except ValidationError as error:
        raise PolicyError.joined(_problems(error, source, ())) from None


def _problems(error: ValidationError, source: PolicySource, prefix: Path) -> list[PolicyError]:
    problems: list[PolicyError] = []
    for detail in error.errors(include_url=False)[:_MAX_PROBLEMS]:
        path = _place_in(source.data, prefix + tuple(detail["loc"]), detail["type"])
        at = source.at((*path, KEY) if detail["type"] == "extra_forbidden" else path, 0)
        problems.append(_problem(path, detail, at))
    return problems


def _place_in(data: Any, loc: Path, fault: str) -> Path:
    """`loc` without what pydantic adds to it: the names of a union's members."""
    path: Path = ()
    for number, part in enumerate(loc):
        if isinstance(data, (dict, list)) and (part in data if isinstance(data, dict) else isinstance(part, int)):
            data = data[part]  # type: ignore[index]  # an int where it is a list
        elif part != KEY and not (fault == "missing" and number == len(loc) - 1):
            continue
        path = (*path, part)
    return path


def _problem(path: Path, detail: ErrorDetails, at: str) -> PolicyError:
    if detail["type"] == "extra_forbidden":
        return PolicyError("unknown field", expected=_known_fields(path), found=f"'{path[-1]}'", at=at)
    field = ".".join(str(part) for part in path if part != KEY)
    if detail["type"] == "missing":
        return PolicyError(f"{field} is missing", expected="the field", found="none", at=at)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, AxonFlowError):  # of a JSON value in the document, which has a place in it: $.context.'x'
        field += (cause.at or "").removeprefix("$")
        return PolicyError(f"{field}: {cause.message}", expected=cause.expected, found=cause.found, at=at)
    message = detail["msg"].removeprefix("Value error, ")
    return PolicyError(f"{field} is not valid", expected=_lowered(message), found=_shown(detail["input"]), at=at)


def _shown(found: Any) -> str:
    if isinstance(found, int) and found.bit_length() > 64:
        return "a larger number"  # Python refuses to write one of thousands of digits
    return f"{found!a}"[:80] if isinstance(found, (str, int, float)) or found is None else type(found).__name__


def _lowered(message: str) -> str:
    for start in ("Input should be ", "expected "):
        message = message.removeprefix(start)
    return message


_MODELS: Final[dict[str, type[BaseModel]]] = {"rules": RuleDocument, "exceptions": ExceptionDocument}


def _known_fields(path: Path) -> str:
    model: type[BaseModel] = _MODELS.get(str(path[0]), PolicySetDocument) if len(path) > 2 else PolicySetDocument
    return ", ".join(model.model_fields) if len(path) in {1, 3} else "one that docs/reference/policies.md names"


class _Host:
    """What expressions may refer to beyond the request. Foreign errors become ValueError, as the language asks."""

    def __init__(self, scanner: Scanner, compile_pattern: CompilePattern) -> None:
        self._scanner = scanner
        self._compile_pattern = compile_pattern
        self._patterns: dict[str, Any] = {}

    def detectors(self, selector: str) -> tuple[str, ...]:
        if selector == "*":
            return tuple(sorted(detector.id for detector in self._scanner.detectors))
        try:
            return self._scanner.resolve(selector)
        except AxonFlowError as error:
            raise ValueError(str(error)) from None

    def pattern(self, pattern: str) -> Any:
        if pattern not in self._patterns:
            self._patterns[pattern] = self._compile_pattern(pattern)
        return self._patterns[pattern]


class _Build:
    """One compilation: shared compiler, problems so far, ids seen so far."""

    def __init__(self, scanner: Scanner, compile_pattern: CompilePattern) -> None:
        self.scanner = scanner
        self.host = _Host(scanner, compile_pattern)
        self.compiler = Compiler(self.host, MATCH_FUNCTIONS)
        self.problems: list[PolicyError] = []
        self._first_seen: dict[tuple[str, str], tuple[LoadedSet, Path]] = {}

    def unique(self, what: str, name: str, loaded: LoadedSet, path: Path) -> None:
        here = (loaded, path)
        # A shadow set tries out a new version of an enforced one, so it may reuse its ids.
        first = self._first_seen.setdefault((f"{what} {loaded.document.shadow}", name), here)
        if first is not here:
            self.problems.append(PolicyError(
                f"two {what}s have the same id", expected="each id once",
                found=f"'{name}', also at {first[0].source.at(first[1], 0)}", at=loaded.source.at(path, 0),
            ))  # fmt: skip

    def expression(self, part: RuleDocument | ExceptionDocument, one: LoadedSet, path: Path) -> Expression | None:
        """The condition of `part` as read; None too when there is none."""
        try:
            self._check_match(part, one, path)
            return self.compiler.read(part.when) if part.when is not None else None
        except ExpressionError as error:
            self.problems.append(error.moved_to(one.source.at((*path, "when"), error.offset)))
        except PolicyError as error:
            self.problems.append(error)
        return None

    def condition(
        self, expression: Expression | None, filters: Filters, one: LoadedSet, path: Path
    ) -> Condition | None:
        try:
            return self.compiler.condition(expression, filters)
        except ExpressionError as error:
            self.problems.append(error.moved_to(one.source.at((*path, "when"), error.offset)))
        return None

    @staticmethod
    def _check_match(part: RuleDocument | ExceptionDocument, loaded: LoadedSet, path: Path) -> None:
        for key, value in part.match.items():
            values = value if isinstance(value, list) else [value]
            if key in _STRING_PATHS | {"action", "principal.roles", "principal.groups"}:
                wrong = [item for item in values if not isinstance(item, str)]
                if wrong:
                    raise PolicyError(
                        f"{key} is text", expected="a string or a list of strings", found=repr(wrong[0]),
                        at=loaded.source.at((*path, "match", key), 0), hint="Quote it.",
                    )  # fmt: skip

    def rules(self, loaded: Sequence[LoadedSet]) -> dict[str, CompiledRule]:
        """All rules by id: first what each says is read, then, when it is known what to file them under, compiled."""
        read: list[tuple[RuleDocument, LoadedSet, Path, Expression | None]] = []
        for one in loaded:
            for position, rule in enumerate(one.document.rules):
                path: Path = ("rules", position)
                self.unique("rule", rule.id, one, (*path, "id"))
                read.append((rule, one, path, self.expression(rule, one, path)))
        keyed = [(equality_keys(rule.match, expression), _actions(rule.match)) for rule, _, _, expression in read]
        compiled: dict[str, CompiledRule] = {}
        for (rule, one, path, expression), (keys, actions), key in zip(read, keyed, choose(keyed), strict=True):
            loosens = rule.effect is Effect.ALLOW
            passed = key if key is not None and is_implied(key, rule.match, loosens=loosens) else None
            condition = self.condition(expression, match_filters(rule.match, loosens=loosens, passed=passed), one, path)
            obligations = self._obligations(rule, one, path)
            if condition is not None and obligations is not None:
                compiled[rule.id] = CompiledRule(
                    rule_id=rule.id,
                    effect=rule.effect,
                    layer=LAYERS.index(one.document.layer),
                    condition=condition,
                    actions=actions,
                    filed=None if key is None else (key, keys[key]),
                    reason=rule.reason or f"Rule {rule.id} says {rule.effect.value}.",
                    obligations=obligations,
                )
        return compiled

    def _obligations(self, rule: RuleDocument, loaded: LoadedSet, path: Path) -> tuple[Obligation, ...] | None:
        place: Path = (*path, "obligations")
        obligations: list[Obligation] = []
        try:
            for position, raw in enumerate(rule.obligations):
                place = (*path, "obligations", position)
                obligations.append(self._obligation(rule, raw))
            return tuple(obligations) or self._implied(rule)
        except ValidationError as error:
            self.problems.extend(_problems(error, loaded.source, place))
        except ValueError as error:
            self.problems.append(PolicyError(str(error), at=loaded.source.at(place, 0)))
        return None

    def _obligation(self, rule: RuleDocument, raw: dict[str, Any]) -> Obligation:
        if rule.effect is Effect.REDACT:
            wanted = RedactDocument.model_validate(raw)
            return Redact(rule.id, self._detector_ids(wanted.detectors))
        if rule.effect is Effect.REQUIRE_APPROVAL:
            return Approval(rule.id, tuple(ApprovalDocument.model_validate(raw).approvers))
        if rule.effect is Effect.LIMIT:
            limit = LimitDocument.model_validate(raw)
            return Limit(rule.id, limit.unit, limit.maximum, limit.window_s, tuple(limit.key))
        raise ValueError(
            f"a {rule.effect.value} rule has no obligations: only redact, require_approval and limit rules do"
        )

    def _implied(self, rule: RuleDocument) -> tuple[Obligation, ...]:
        """What a rule without obligations asks for: its effect has to mean something."""
        if rule.effect is Effect.REDACT:
            return (Redact(rule.id, self._detector_ids(_DEFAULT_REDACTION)),)
        if rule.effect is Effect.REQUIRE_APPROVAL:
            return (Approval(rule.id),)
        if rule.effect is Effect.LIMIT:
            raise ValueError(
                "a limit rule says what it limits: obligations: [{unit: requests, maximum: 60, window_s: 60}]"
            )
        return ()

    def _detector_ids(self, selectors: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted({name for selector in selectors for name in self.host.detectors(selector)}))

    def waivers(self, loaded: Sequence[LoadedSet], rules: dict[str, CompiledRule]) -> None:
        """Attach each exception to the rules it names, where it stands at their layer or above."""
        for one in loaded:
            own_layer = LAYERS.index(one.document.layer)
            for position, exception in enumerate(one.document.exceptions):
                path: Path = ("exceptions", position)
                self.unique("exception", exception.id, one, (*path, "id"))
                expression = self.expression(exception, one, path)
                condition = self.condition(expression, match_filters(exception.match, loosens=True), one, path)
                if condition is None:
                    continue
                expires_us = (datetime.fromisoformat(exception.expires) - _EPOCH) // timedelta(microseconds=1)
                waiver = Waiver(exception.id, condition, _actions(exception.match), expires_us)
                for number, name in enumerate(exception.rules):
                    self._attach(waiver, rules.get(name), own_layer, one, (*path, "rules", number))

    def _attach(self, waiver: Waiver, rule: CompiledRule | None, own_layer: int, one: LoadedSet, path: Path) -> None:
        if rule is None:
            name = one.document.exceptions[int(path[1])].rules[int(path[3])]
            self.problems.append(PolicyError(
                "an exception names no rule", expected="the id of a rule", found=f"'{name}'", at=one.source.at(path, 0),
            ))  # fmt: skip
        elif own_layer > rule.layer:
            self.problems.append(PolicyError(
                "an exception cannot loosen a layer above its own", expected=f"the {LAYERS[rule.layer]} layer or above",
                found=LAYERS[own_layer], at=one.source.at(path, 0),
            ))  # fmt: skip
        else:
            rule.waive(waiver)


def _actions(match: dict[str, Any]) -> frozenset[str] | None:
    action = match.get("action")
    if action is None:
        return None
    return frozenset(action if isinstance(action, list) else [action])


def compile_policies(
    sources: Iterable[PolicySource], scanner: Scanner, compile_pattern: CompilePattern
) -> PolicyEngine:
    """The engine of all `sources` together. Raises one PolicyError that lists every problem found."""
    build = _Build(scanner, compile_pattern)
    loaded: list[LoadedSet] = []
    for source in sources:
        try:
            loaded.append(read_policy_set(source))
        except PolicyError as error:
            build.problems.extend(error.problems)
    for one in loaded:
        build.unique("policy set", one.document.metadata.name, one, ("metadata", "name"))
    enforced = [one for one in loaded if not one.document.shadow]
    shadowed = [one for one in loaded if one.document.shadow]
    digest = _digest(loaded)
    shadow = _engine(build, shadowed, digest, None) if shadowed else None
    engine = _engine(build, enforced, digest, shadow)
    if build.problems:
        raise PolicyError.joined(build.problems)
    return engine


def _engine(build: _Build, loaded: Sequence[LoadedSet], digest: str, shadow: PolicyEngine | None) -> PolicyEngine:
    layers = _layers(build, loaded)
    rules = build.rules(loaded)
    build.waivers(loaded, rules)
    ordered = ranked(rules.values())
    by_action, elsewhere = build_index(ordered, known_actions(loaded), _requirements(loaded))
    for rule in ordered:  # the commonest decision is that of one rule and those that always match
        actions = rule.actions or ()
        rule.beside = (elsewhere if len(actions) != 1 else by_action[next(iter(actions))]).certain
        rule.verdict = layers.verdict((*rule.beside, rule))
    return PolicyEngine(
        digest=digest,
        rules=ordered,
        by_action=by_action,
        elsewhere=elsewhere,
        layers=layers,
        scanner=build.scanner,
        shadow=shadow,
    )


def known_actions(loaded: Iterable[LoadedSet]) -> frozenset[str]:
    """The actions that can be allowed: AxonFlow's own, those that sets declare, and those that allow rules name.

    No other rule makes an action known: under ``default: allow`` it would turn the denial of the unknown into more.
    """
    named = {
        action
        for one in loaded
        for rule in one.document.rules
        if rule.effect is Effect.ALLOW
        for action in _actions(rule.match) or ()
    }
    return ACTIONS.union(named, *(one.document.actions for one in loaded))


def _layers(build: _Build, loaded: Sequence[LoadedSet]) -> Layers:
    """All layers, outermost first; one that no set speaks for abstains."""
    first_of: dict[str, LoadedSet] = {}
    for one in loaded:
        first = first_of.setdefault(one.document.layer, one)
        if first.document.default != one.document.default:
            build.problems.append(PolicyError(
                f"sets of the {one.document.layer} layer differ in their default",
                expected=f"{first.document.default}, as at {first.source.at(('default',), 0)}",
                found=one.document.default, at=one.source.at(("default",), 0),
            ))  # fmt: skip
    if not loaded:
        return Layers(())
    return Layers([Layer(name, first_of[name].document.default if name in first_of else "abstain") for name in LAYERS])


def _requirements(loaded: Sequence[LoadedSet]) -> dict[str, tuple[Requirement, ...]]:
    found: dict[str, list[Requirement]] = {}
    for one in loaded:
        for action, paths in one.document.requires.items():
            found.setdefault(action, []).extend(
                Requirement(path, reader(path), one.document.metadata.name) for path in paths
            )
    return {action: tuple(requirements) for action, requirements in found.items()}


def _digest(loaded: Sequence[LoadedSet]) -> str:
    """SHA-256 over the sets as canonical JSON, in the order of their names: the same policies, the same digest."""
    documents = sorted(
        (one.document.model_dump(mode="json") for one in loaded), key=lambda d: (d["metadata"]["name"], d["shadow"])
    )
    return "sha256:" + hashlib.sha256(msgspec.json.encode(documents, order="deterministic")).hexdigest()
