"""AxonFlow's own functions on names, versions and times of the week."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import lru_cache

from axonflow.policy.cel.functions.standard import in_zone
from axonflow.policy.cel.globs import Glob
from axonflow.policy.cel.values import CelError, Value, no_overload
from axonflow.policy.cel.version_ranges import Range
from axonflow.policy.cel.versions import SemVer, read_semver
from axonflow.policy.cel.windows import Windows

__all__ = ["is_semver", "is_within", "matches_semver", "to_glob", "to_range", "to_semver", "to_windows"]


def to_glob(pattern: str) -> Glob:
    try:
        return Glob(pattern)
    except ValueError as error:
        raise CelError(str(error)) from None


def to_semver(text: str) -> SemVer:
    try:
        return _recent_semver(text)
    except ValueError as error:
        raise CelError(str(error)) from None


@lru_cache(maxsize=256)
def _recent_semver(text: str) -> SemVer:
    """Many rules ask for the same version of a request."""
    return read_semver(text)


def is_semver(text: str) -> bool:
    try:
        _recent_semver(text)
    except ValueError:
        return False
    return True


def to_range(text: str) -> Range:
    try:
        return Range(text)
    except ValueError as error:
        raise CelError(str(error)) from None


def matches_semver(version: Value, wanted: Range) -> bool:
    if isinstance(version, str):
        version = to_semver(version)
    if not isinstance(version, SemVer):
        raise no_overload("matchesSemver()", version)
    return wanted.holds(version)


def to_windows(text: str) -> Windows:
    try:
        return Windows(text)
    except ValueError as error:
        raise CelError(str(error)) from None


def is_within(moment: datetime, windows: Windows, zone: tzinfo) -> bool:
    """Whether a clock in `zone` shows a time in one of `windows`."""
    return windows.hold(in_zone(moment, zone))
