"""A policy set as rows: what is left of a document when all that only people need is gone.

Expressions are rows too: a text for each skeleton, once, and for every rule its own literals. Rows are what a set's
digest is made of and what a bundle holds, so the same policies have the same digest by whichever way they come. Nothing
in them is code: who loads them reads the texts, and compiles.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from axonflow.detect.allowlists import Allowlist
from axonflow.detect.custom import CustomDetector
from axonflow.errors import ExpressionError, PolicyError
from axonflow.policy.cel.compiler import Compiler, Expression
from axonflow.policy.cel.literals import Uint
from axonflow.policy.certifying.inputs import Bounds
from axonflow.policy.decision import Effect, Limit, Obligation
from axonflow.policy.documents.document import CARRIED_PATH, CARRIED_PATHS, MATCH_KEY, MATCH_KEYS
from axonflow.policy.documents.reading import Path

__all__ = [
    "ExceptionRow",
    "Expressions",
    "PolicyProgram",
    "RuleRow",
    "SetHead",
    "decode_rows",
    "decode_set",
    "digest_of_sets",
    "encode_set",
    "moment_us",
    "plain_literals",
    "set_digest",
]

_ROWS_A_PART: Final = 256
"""A part is decoded by one call, during which nothing else runs: well below a millisecond."""
_RULES_A_SLICE: Final = 50
_NONE: Final = -1

_Id = Annotated[str, Meta(min_length=1, max_length=128)]
# Not "$" at the end, before which a new line may stand.
_Path = Annotated[str, Meta(pattern=rf"\A({CARRIED_PATH.pattern})\Z")]
_Action = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")]
_Scalar = str | bool | int | float
_Match = dict[str, _Scalar | Annotated[list[_Scalar], Meta(min_length=1)]]
_Literals = tuple[Any, ...]


class RuleRow(Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """`expression` counts the texts of the head; -1: none. An obligation's detectors are as written: categories too."""

    id: _Id
    effect: Effect
    match: _Match
    expression: int
    literals: _Literals
    reason: str
    obligations: tuple[Obligation, ...]


class ExceptionRow(Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    id: _Id
    rules: tuple[_Id, ...]
    match: _Match
    expression: int
    literals: _Literals
    expires_us: int


class SetHead(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What has a default is left out where there is none of it, so the digests of other sets do not know it."""

    name: _Id
    layer: Literal["system", "organization", "tenant"]
    default: Literal["deny", "allow", "abstain", "inherit"]
    shadow: bool
    actions: tuple[_Action, ...]
    requires: dict[_Action, tuple[_Path, ...]]
    attributes: dict[_Path, str]
    expressions: tuple[str, ...]
    exceptions: tuple[ExceptionRow, ...]
    detectors: tuple[CustomDetector, ...] = ()
    allowlists: tuple[Allowlist, ...] = ()
    bounds: Bounds | None = None


class PolicyProgram(NamedTuple):
    """One set, ready to be compiled: its rows, each with its expression as read. ``at(path, offset)`` names a place.

    `scope` counts whose sets are in force together, outermost first: see policy/compiling/scopes.
    """

    head: SetHead
    rules: Sequence[tuple[RuleRow, Expression | None]]
    exceptions: Sequence[tuple[ExceptionRow, Expression | None]]
    digest: str
    at: Callable[[Path, int], str]
    scope: int = 0


class Expressions:
    """The table of a set's expressions while its rows are made: the first text of each skeleton stands for all."""

    def __init__(self) -> None:
        self.texts: Final[list[str]] = []
        self._numbers: Final[dict[str, int]] = {}

    def number(self, expression: Expression | None, text: str | None) -> int:
        if expression is None or text is None:
            return _NONE
        number = self._numbers.setdefault(expression.skeleton, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
        return number


_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode_head: Final = msgspec.msgpack.Decoder(SetHead).decode
_decode_rules: Final = msgspec.msgpack.Decoder(list[RuleRow]).decode


def encode_set(head: SetHead, rows: Sequence[RuleRow], pause: Callable[[], None] = lambda: None) -> list[bytes]:
    """The parts of one set: its head, then its rules, some at a time."""
    parts = [_encode(head)]
    for at in range(0, len(rows), _ROWS_A_PART):
        parts.append(_encode(rows[at : at + _ROWS_A_PART]))
        pause()
    return parts


def decode_rows(
    parts: Sequence[bytes], name: str, pause: Callable[[], None] = lambda: None
) -> tuple[SetHead, list[RuleRow]]:
    """The head and the rules of the set in `parts`, of the bundle `name`. Raises PolicyError for what is no set."""
    try:
        head = _decode_head(parts[0])
        rows: list[RuleRow] = []
        for part in parts[1:]:
            rows.extend(_decode_rules(part))
            pause()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError) as error:
        raise PolicyError("the bundle holds no policy set", found=str(error)[:200], at=name) from None
    return head, rows


def decode_set(
    parts: Sequence[bytes], compiler_of: Callable[[SetHead], Compiler], name: str, pause: Callable[[], None]
) -> PolicyProgram:
    """The set in `parts`, of the bundle `name`. `pause` is called between them.

    Raises PolicyError for parts that are none of ours: signed or not, every field is checked again.
    """
    head, rows = decode_rows(parts, name, pause)
    _check_paths(rows, head, name, pause)

    def at(path: Path, offset: int) -> str:
        place = f"{name}: set {head.name}"
        if len(path) > 1 and isinstance(path[1], int):
            place += f", {_named(path, path[1], head, rows)}"
        return f"{place} (character {offset + 1})" if offset else place

    read = _Variants(compiler_of(head), head.expressions, at, pause)
    rules: list[tuple[RuleRow, Expression | None]] = []
    for number, row in enumerate(rows):
        rules.append((row, read.of(row, ("rules", number))))
        if number % _RULES_A_SLICE == 0:
            pause()
    exceptions = [(row, read.of(row, ("exceptions", number))) for number, row in enumerate(head.exceptions)]
    return PolicyProgram(head, rules, exceptions, set_digest(parts), at)


def _named(path: Path, position: int, head: SetHead, rows: Sequence[RuleRow]) -> str:
    """What stands at `path`, for people."""
    if path[0] == "allowlists":
        return f"allowlist {position + 1}"
    tables: dict[str | int, Sequence[RuleRow | ExceptionRow | CustomDetector]]
    tables = {"rules": rows, "exceptions": head.exceptions, "detectors": head.detectors}
    return f"{str(path[0])[:-1]} {tables[path[0]][position].id[:80]}"


def _check_paths(rows: Iterable[RuleRow], head: SetHead, name: str, pause: Callable[[], None]) -> None:
    """Paths become source when rules are compiled, so each is held to the same pattern as in a document."""
    matched, counted = {"action"}, {"content"}
    everything: Iterable[RuleRow | ExceptionRow] = chain(rows, head.exceptions)
    for number, row in enumerate(everything):
        if number % _ROWS_A_PART == 0:
            pause()
        if not matched.issuperset(row.match):
            _hold(MATCH_KEY, MATCH_KEYS, row.match, f"{name}: set {head.name}, {row.id}")
            matched.update(row.match)
        if isinstance(row, RuleRow) and row.obligations:
            keys = {path for one in row.obligations if isinstance(one, Limit) for path in one.key}
            _hold(CARRIED_PATH, CARRIED_PATHS, keys - counted, f"{name}: set {head.name}, {row.id}")
            counted |= keys


def _hold(pattern: re.Pattern[str], expected: str, paths: Iterable[str], at: str) -> None:
    """Raises PolicyError for the first of `paths` that is not of `pattern`."""
    for path in paths:
        if not pattern.fullmatch(path):
            raise PolicyError("not a path", expected=expected, found=f"{path!a}"[:80], at=at)


class _Variants:
    """The expressions of rows, from the texts of their head and their own literals."""

    def __init__(
        self, compiler: Compiler, texts: Iterable[str], at: Callable[[Path, int], str], pause: Callable[[], None]
    ) -> None:
        self._compiler = compiler
        self._at = at
        self._read: list[Expression] = []
        for text in texts:
            try:
                self._read.append(compiler.read(text))
                pause()
            except ExpressionError as error:
                raise error.moved_to(at(("expressions",), error.offset)) from None

    def of(self, row: RuleRow | ExceptionRow, path: Path) -> Expression | None:
        if row.expression == _NONE:
            return None
        try:
            like = self._read[row.expression] if row.expression >= 0 else self._read[len(self._read)]
            return self._compiler.variant(like, _typed(row.literals, like.parsed.literals))
        except (IndexError, ValueError, OverflowError):
            raise PolicyError(
                "an expression's literals do not fit it", expected="as many, of the same kinds", at=self._at(path, 0)
            ) from None


def plain_literals(expression: Expression | None) -> tuple[Any, ...]:
    """The literals of `expression` as rows hold them."""
    if expression is None:
        return ()
    return tuple([int(value) if value.__class__ is Uint else value for value in expression.literals])


def _typed(literals: Iterable[Any], like: Sequence[Any]) -> list[Any]:
    """`literals` with the unsigned ones as such: on the wire they are integers like all others."""
    return [
        Uint(value) if kind.__class__ is Uint and value.__class__ is int else value
        for value, kind in zip(literals, like, strict=True)
    ]


def set_digest(parts: Iterable[bytes]) -> str:
    """SHA-256 over the parts of a set, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def digest_of_sets(sets: Iterable[tuple[str, str]]) -> str:
    """The digest of sets that are in force together, given their names and digests, in whichever order they come."""
    lines = "".join(sorted(f"{name} {digest}\n" for name, digest in sets))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_us(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 text."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
