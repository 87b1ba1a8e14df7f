"""AxonFlow's own functions on names and versions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from axonflow.policy.cel.globs import Glob
from axonflow.policy.cel.values import CelError, Value, no_overload
from axonflow.policy.cel.versions import SemVer, read_semver

__all__ = ["is_semver", "matches_semver", "to_glob", "to_semver", "to_semver_range"]


def to_glob(pattern: str) -> Glob:
    try:
        return _recent_glob(pattern)
    except ValueError as error:
        raise CelError(str(error)) from None


@lru_cache(maxsize=256)
def _recent_glob(pattern: str) -> Glob:
    """A list of patterns in a request is gone through by rule after rule."""
    return Glob(pattern)


# -- versions


def to_semver(text: str) -> SemVer:
    try:
        return read_semver(text)
    except ValueError as error:
        raise CelError(str(error)) from None


def is_semver(text: str) -> bool:
    try:
        read_semver(text)
    except ValueError:
        return False
    return True


_Bound = tuple[Callable[[SemVer, SemVer], bool], SemVer]
SemverRange = tuple[tuple[_Bound, ...], ...]
"""A version is in it if it keeps all bounds of one of its alternatives."""

_OPERATORS: Final[dict[str, Callable[[SemVer, SemVer], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "!=": operator.ne,
    "=": operator.eq,
    "": operator.eq,
}
_MAX_RANGE_CHARS: Final = 1_024
_BOUND: Final = re.compile(r"(>=|<=|!=|>|<|=|)([0-9A-Za-z.+-]+)", re.ASCII)
_SHORT: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_FILLED: Final = {0: ".0.0", 1: ".0"}


@lru_cache(maxsize=256)
def to_semver_range(text: str) -> SemverRange:
    if len(text) > _MAX_RANGE_CHARS:
        raise CelError(f"a range of versions of more than {_MAX_RANGE_CHARS} characters")
    return tuple(tuple(_bound(word) for word in _words(part)) for part in text.split("||"))


def _words(alternative: str) -> list[str]:
    words = alternative.split(" ")
    if not any(words):
        raise CelError("a range of versions with nothing in it")
    return [word for word in words if word]


def _bound(word: str) -> _Bound:
    match = _BOUND.fullmatch(word)
    if match is None:
        raise CelError("not a range of versions such as >=1.2 <2 || =3.0.0")
    sign, version = match.groups()
    if sign in {">=", "<"} and _SHORT.fullmatch(version):
        version += _FILLED[version.count(".")]
    try:
        return _OPERATORS[sign], read_semver(version)
    except ValueError:
        raise CelError("a version in a range has three numbers; only after >= and < it may have fewer") from None


def matches_semver(version: Value, wanted: SemverRange) -> bool:
    if isinstance(version, str):
        version = to_semver(version)
    if not isinstance(version, SemVer):
        raise no_overload("matchesSemver()", version)
    return any(all(compare(version, bound) for compare, bound in bounds) for bounds in wanted)
