"""AxonFlow's own functions for names, versions and hours."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["POLICIES"]

_MOMENT: Final = 'timestamp("2026-11-20T09:30:00Z")'

POLICIES: Final = (
    method(
        "glob", ("string", "string"), "bool", "{1}.matches({0})",
        "Whether all of a string is as a pattern with `*` and `?` says.", '"prod-7".glob("prod-*")',
        cost="slow", prepares=((1, "to_glob"),),
    ),
    Function(
        "semver", ("string",), "semver", "{0}", "A version, ordered as semantic versions are.",
        'semver("1.2.3-rc.1") < semver("1.2.3")', prepares=((0, "to_semver"),),
    ),
    Function("isSemver", ("string",), "bool", "is_semver({0})", "Whether a string is a version.", '!isSemver("v1")'),
    method("major", ("semver",), "int", "{0}.major", "The first number.", 'semver("1.2.3").major() == 1'),
    method("minor", ("semver",), "int", "{0}.minor", "The second number.", 'semver("1.2.3").minor() == 2'),
    method("patch", ("semver",), "int", "{0}.patch", "The third number.", 'semver("1.2.3").patch() == 3'),
    method(
        "matchesSemver", ("string", "string"), "bool", "matches_semver({0}, {1})",
        "Whether a version is in a range: see below.", '"1.4.2".matchesSemver(">=1.2 <2")',
        prepares=((1, "to_semver_range"),),
    ),
    method(
        "matchesSemver", ("semver", "string"), "bool", "matches_semver({0}, {1})",
        "Whether a version is in a range: see below.", 'semver("2.0.1").matchesSemver("<1 || >=2")',
        prepares=((1, "to_semver_range"),),
    ),
    method(
        "within", ("timestamp", "string", "string"), "bool", "is_within({0}, {1}, {2})",
        "Whether a moment is in the hours of a week, in a time zone: see below.",
        f'{_MOMENT}.within("Mon-Fri 09:00-17:30", "Europe/Berlin")',
        prepares=((1, "to_hours"), (2, "to_zone")),
    ),
)  # fmt: skip
