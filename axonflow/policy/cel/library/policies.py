"""AxonFlow's own functions on names, versions and times of the week."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["POLICIES"]

POLICIES: Final = (
    method(
        "glob", ("string", "string"), "bool", "{1}.matches({0})", "Whether a pattern matches all of it.",
        '"prod-eu-1".glob("prod-*")', cost="slow", prepares=((1, "to_glob"),),
    ),
    Function(
        "semver", ("string",), "semver", "{0}", "A semantic version.",
        'semver("1.10.0-rc.1") < semver("1.10.0") && semver("1.10.0") > semver("1.9.0")', prepares=((0, "to_semver"),),
    ),
    Function("isSemver", ("string",), "bool", "is_semver({0})", "Whether a string is one.", '!isSemver("1.2")'),
    method("major", ("semver",), "int", "{0}.major", "The first number.", 'semver("1.2.3").major() == 1'),
    method("minor", ("semver",), "int", "{0}.minor", "The second number.", 'semver("1.2.3").minor() == 2'),
    method("patch", ("semver",), "int", "{0}.patch", "The third number.", 'semver("1.2.3").patch() == 3'),
    method("prerelease", ("semver",), "string", "{0}.prerelease", "What is behind the hyphen; empty for a release.",
        'semver("1.2.3-rc.1").prerelease() == "rc.1"'),
    method(
        "matchesSemver", ("semver", "string"), "bool", "matches_semver({0}, {1})", "Whether a version is in a range.",
        'semver("1.4.2").matchesSemver(">=1.2 <2")', prepares=((1, "to_range"),),
    ),
    method(
        "matchesSemver", ("string", "string"), "bool", "matches_semver({0}, {1})", "Whether a version is in a range.",
        '"1.4.2".matchesSemver("^0.9 || ^1.2")', prepares=((1, "to_range"),),
    ),
    method(
        "within", ("timestamp", "string", "string"), "bool", "is_within({0}, {1}, {2})",
        "Whether it is in a time window by the clock of a time zone.",
        'timestamp("2026-11-20T09:30:05Z").within("Mon-Fri 09:00-17:30", "Europe/Berlin")',
        prepares=((1, "to_windows"), (2, "to_zone")),
    ),
)  # fmt: skip
