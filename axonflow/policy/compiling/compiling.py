"""Policy documents to one engine: every fault of every document is found before anything is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ValidationError

from axonflow.detect import NO_MEANS, RedactionKey, RedactionMeans, Scanner
from axonflow.errors import ExpressionError, PolicyError
from axonflow.policy.cel.compiler import Compiler, Expression
from axonflow.policy.certifying.bounding import Carried, broken_bounds, false_certificates
from axonflow.policy.certifying.certificate import Certificate, Part, certificate_of
from axonflow.policy.certifying.inputs import LARGEST, Bounds, Inputs
from axonflow.policy.compiling.building import Builder, CompilePattern
from axonflow.policy.compiling.bundle import BundleSource, Verify, open_bundle
from axonflow.policy.compiling.custom_detectors import ScannerMaker, allowlist_row, detector_row
from axonflow.policy.compiling.program import (
    ExceptionRow,
    Expressions,
    PolicyProgram,
    RuleRow,
    SetHead,
    decode_set,
    digest_of_sets,
    encode_set,
    moment_us,
    plain_literals,
    set_digest,
)
from axonflow.policy.compiling.scopes import FILES, Scope, Source, distinguished, placed
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Approval, Effect, Limit, Obligation, Redact
from axonflow.policy.documents.document import (
    ApprovalDocument,
    BoundsDocument,
    ExceptionDocument,
    LimitDocument,
    RedactDocument,
    RuleDocument,
)
from axonflow.policy.documents.reading import (
    LoadedSet,
    Path,
    PolicySource,
    check_no_policies,
    is_tests,
    problems_of,
    read_policy_set,
)
from axonflow.policy.documents.templates import expand, is_template, read_templates

__all__ = ["Checked", "check_programs", "compile_policies", "compile_scopes", "load_sets"]


def _nobody_is_trusted(_key_id: str, _message: bytes, _signature: bytes) -> bool:
    return False


def _go_on() -> None:
    """No pause: nobody waits."""


_RULES_A_SLICE: Final = 4
_DEFAULT_REDACTION: Final = ("pii", "secret")
_SOMEBODY_ELSES: Final = RedactionMeans(RedactionKey(bytes(32)), has_vault=True)
"""For policies that are only checked: nothing is redacted here, and whoever loads them needs a key of their own."""


def compile_policies(
    sources: Iterable[Source],
    scanner: Scanner,
    compile_pattern: CompilePattern,
    *,
    verify: Verify = _nobody_is_trusted,
    pause: Callable[[], None] = _go_on,
    redaction: RedactionMeans = NO_MEANS,
) -> PolicyEngine:
    """The engine of all `sources`, documents and bundles, together. See `compile_scopes`."""
    own = Scope(FILES, None, tuple(sources))
    return compile_scopes([own], scanner, compile_pattern, verify=verify, pause=pause, redaction=redaction)


def compile_scopes(
    scopes: Sequence[Scope],
    scanner: Scanner,
    compile_pattern: CompilePattern,
    *,
    verify: Verify = _nobody_is_trusted,
    pause: Callable[[], None] = _go_on,
    redaction: RedactionMeans = NO_MEANS,
) -> PolicyEngine:
    """The engine of all `scopes`, outermost first, together. Raises one PolicyError that lists every problem.

    `verify` tells whether a bundle's signature holds. `pause` is called every third of a millisecond or so, for who
    compiles beside running decisions. `redaction` is what styles beyond masks need; without it they are refused.
    """
    builder = Builder(compile_pattern, pause, redaction)
    read = _Read([], [])
    for number, scope in enumerate(scopes):
        own = _read_programs(scope.sources, builder, verify, pause)
        read.add(placed(own.programs, number, scope, builder.problems), own.carried)
    programs = distinguished(read.programs)
    engine, parts = _engine(builder, programs, ScannerMaker(scanner, compile_pattern, builder.problems, pause))
    _held_to_bounds(builder.problems, parts, read.carried_by(programs), pause)
    return engine


class Checked(NamedTuple):
    """The rows of sources that compile together, their engine, and what is to be certified."""

    programs: list[PolicyProgram]
    engine: PolicyEngine
    parts: list[Part]

    def certificate(self, inputs: Inputs = LARGEST, pause: Callable[[], None] = _go_on) -> Certificate:
        """What decisions cost for requests no larger than `inputs`. `pause` is called often."""
        return certificate_of(self.parts, inputs, pause)


def check_programs(
    scope: Scope,
    scanner: Scanner,
    compile_pattern: CompilePattern,
    verify: Verify = _nobody_is_trusted,
    pause: Callable[[], None] = _go_on,
) -> Checked:
    """The rows of all sources of `scope`, which must compile together. Raises PolicyError that lists every problem.
    `pause` as for `compile_scopes`."""
    builder = Builder(compile_pattern, pause, _SOMEBODY_ELSES)
    read = _read_programs(scope.sources, builder, verify, pause)
    programs = placed(read.programs, 0, scope, builder.problems)
    engine, parts = _engine(builder, programs, ScannerMaker(scanner, compile_pattern, builder.problems, pause))
    _held_to_bounds(builder.problems, parts, read.carried_by(programs), pause)
    return Checked(programs, engine, parts)


def _held_to_bounds(
    problems: list[PolicyError], parts: Sequence[Part], carried: Sequence[Carried], pause: Callable[[], None]
) -> None:
    """Raises PolicyError for the `problems` there are; where there are none, for bounds that are broken and for
    certificates that claim too little.

    Each scope is held to its bounds by itself: what loads by itself loads beside any others.
    """
    scopes = sorted({program.scope for part in parts for program in part.programs})
    if not problems:
        for scope in scopes:
            own = [part._replace(programs=[one for one in part.programs if one.scope == scope]) for part in parts]
            problems.extend(broken_bounds(own, pause, scans=len(scopes) == 1))
        problems.extend(false_certificates(parts, carried, pause))
    if problems:
        raise PolicyError.joined(problems)


def _engine(
    builder: Builder, programs: Sequence[PolicyProgram], scanners: ScannerMaker
) -> tuple[PolicyEngine, list[Part]]:
    digest = digest_of_sets((program.head.name, program.digest) for program in programs)
    shadowed = [program for program in programs if program.head.shadow]
    enforced = [program for program in programs if not program.head.shadow]
    scanner = scanners.scanner_of(enforced)
    shadow = None
    if shadowed:
        shadow = builder.engine(shadowed, digest, scanners.scanner_of(shadowed, scanner), None)
    engine = builder.engine(enforced, digest, scanner, shadow)
    parts = [Part(enforced, {rule.id: rule for rule in engine.rules}, scanner)]
    if shadow is not None:
        parts.append(Part(shadowed, {rule.id: rule for rule in shadow.rules}, shadow.scanner))
    return engine, parts


class _Read(NamedTuple):
    """The rows of sources; and of the bundles among them, with a certificate, where in these rows their sets are."""

    programs: list[PolicyProgram]
    carried: list[tuple[str, Certificate, int, int]]

    def add(self, programs: Sequence[PolicyProgram], carried: Iterable[tuple[str, Certificate, int, int]]) -> None:
        """These as well."""
        first = len(self.programs)
        self.programs.extend(programs)
        self.carried.extend((name, certificate, first + start, count) for name, certificate, start, count in carried)

    def carried_by(self, programs: Sequence[PolicyProgram]) -> list[Carried]:
        """The certificates, with those of `programs` (these rows, placed) that they are about."""
        return [
            Carried(name, certificate, programs[first : first + count])
            for name, certificate, first, count in self.carried
        ]


def _read_programs(sources: Sequence[Source], builder: Builder, verify: Verify, pause: Callable[[], None]) -> _Read:
    """The rows of all `sources`. What is wrong with them goes to the builder's problems."""
    documents = [source for source in sources if isinstance(source, PolicySource)]
    loaded, problems = load_sets(documents, pause)
    builder.problems.extend(problems)
    read = _Read([], [])
    for one in loaded:
        try:
            read.programs.append(program_of(one, builder, pause))
        except PolicyError as error:
            builder.problems.extend(error.problems)
    for source in sources:
        if isinstance(source, BundleSource):
            try:
                opened = open_bundle(source, verify, pause)
                own = [decode_set(parts, builder.compiler_of, opened.name, pause) for parts in opened.sets]
            except PolicyError as error:
                builder.problems.extend(error.problems)
                continue
            stated = opened.statement.certificate
            read.add(own, [] if stated is None else [(opened.name, stated, 0, len(own))])
    return read


def load_sets(
    sources: Sequence[PolicySource], pause: Callable[[], None] = _go_on
) -> tuple[list[LoadedSet], list[PolicyError]]:
    """The policy sets among `sources`, with what they include, and what is wrong with the rest. Tests are passed
    over."""
    templates, problems = read_templates(sources)
    loaded: list[LoadedSet] = []
    for source in sources:
        if not is_template(source):
            try:
                if is_tests(source):
                    check_no_policies(source)
                    continue
                loaded.append(read_policy_set(expand(source, templates), pause))
            except PolicyError as error:
                problems.extend(error.problems)
    return loaded, problems


def program_of(one: LoadedSet, builder: Builder, pause: Callable[[], None]) -> PolicyProgram:
    """The rows of a valid document. Faults of its expressions go to the builder's problems."""
    return _Rows(one, builder, pause).program()


class _Rows:
    def __init__(self, one: LoadedSet, builder: Builder, pause: Callable[[], None]) -> None:
        self._one = one
        self._problems = builder.problems
        self._builder = builder
        self._pause = pause
        self._table = Expressions()

    def program(self) -> PolicyProgram:
        document = self._one.document
        head = SetHead(
            name=document.metadata.name,
            layer=document.layer,
            default=document.default,
            shadow=document.shadow,
            actions=tuple(document.actions),
            requires={action: tuple(paths) for action, paths in document.requires.items()},
            attributes=document.attributes,
            expressions=(),
            exceptions=(),
            detectors=tuple(map(detector_row, document.detectors)),
            allowlists=tuple(map(allowlist_row, document.allowlists)),
            bounds=_bounds_row(document.bounds),
        )
        compiler = self._builder.compiler_of(head, lambda: self._one.source.at(("attributes",), 0))
        rules = []
        for position, rule in enumerate(document.rules):
            rules.append(self._rule(rule, compiler, ("rules", position)))
            if position % _RULES_A_SLICE == 0:
                self._pause()
        exceptions = [
            self._exception(exception, compiler, ("exceptions", position))
            for position, exception in enumerate(document.exceptions)
        ]
        head = msgspec.structs.replace(
            head, expressions=tuple(self._table.texts), exceptions=tuple(row for row, _ in exceptions)
        )
        digest = set_digest(encode_set(head, [row for row, _ in rules], self._pause))
        return PolicyProgram(head, rules, exceptions, digest, self._one.source.at)

    def _rule(self, rule: RuleDocument, compiler: Compiler, path: Path) -> tuple[RuleRow, Expression | None]:
        expression = self._read(rule, compiler, path)
        row = RuleRow(
            rule.id,
            rule.effect,
            rule.match,
            self._table.number(expression, rule.when),
            plain_literals(expression),
            rule.reason or f"Rule {rule.id} says {rule.effect.value}.",
            self._obligations(rule, path),
        )
        return row, expression

    def _exception(
        self, exception: ExceptionDocument, compiler: Compiler, path: Path
    ) -> tuple[ExceptionRow, Expression | None]:
        expression = self._read(exception, compiler, path)
        row = ExceptionRow(
            exception.id,
            tuple(exception.rules),
            exception.match,
            self._table.number(expression, exception.when),
            plain_literals(expression),
            moment_us(exception.expires),
        )
        return row, expression

    def _read(self, part: RuleDocument | ExceptionDocument, compiler: Compiler, path: Path) -> Expression | None:
        try:
            return compiler.read(part.when) if part.when is not None else None
        except ExpressionError as error:
            self._problems.append(error.moved_to(self._one.source.at((*path, "when"), error.offset)))
        return None

    def _obligations(self, rule: RuleDocument, path: Path) -> tuple[Obligation, ...]:
        place: Path = (*path, "obligations")
        obligations: list[Obligation] = []
        try:
            for position, raw in enumerate(rule.obligations):
                place = (*path, "obligations", position)
                obligations.append(_obligation(rule, raw))
            return tuple(obligations) or _implied(rule)
        except ValidationError as error:
            self._problems.extend(problems_of(error, self._one.source, place))
        except ValueError as error:
            self._problems.append(PolicyError(str(error), at=self._one.source.at(place, 0)))
        return ()


def _bounds_row(document: BoundsDocument | None) -> Bounds | None:
    if document is None:
        return None
    return Bounds(
        document.rule_units, document.decision_units, document.scan_units_per_kb,
        Inputs(document.inputs.values, document.inputs.characters, document.inputs.memberships),
    )  # fmt: skip


def _obligation(rule: RuleDocument, raw: dict[str, Any]) -> Obligation:
    if rule.effect is Effect.REDACT:
        redact = RedactDocument.model_validate(raw)
        return Redact(rule.id, tuple(redact.detectors), redact.style)
    if rule.effect is Effect.REQUIRE_APPROVAL:
        return Approval(rule.id, tuple(ApprovalDocument.model_validate(raw).approvers))
    if rule.effect is Effect.LIMIT:
        limit = LimitDocument.model_validate(raw)
        return Limit(rule.id, limit.unit, limit.maximum, limit.window_s, tuple(limit.key))
    raise ValueError(f"a {rule.effect.value} rule has no obligations: only redact, require_approval and limit rules do")


def _implied(rule: RuleDocument) -> tuple[Obligation, ...]:
    """What a rule without obligations asks for: its effect has to mean something."""
    if rule.effect is Effect.REDACT:
        return (Redact(rule.id, _DEFAULT_REDACTION),)
    if rule.effect is Effect.REQUIRE_APPROVAL:
        return (Approval(rule.id),)
    if rule.effect is Effect.LIMIT:
        raise ValueError("a limit rule says what it limits: obligations: [{unit: requests, maximum: 60, window_s: 60}]")
    return ()
