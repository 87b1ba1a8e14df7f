"""What policies ask for and CEL has no word for: names by pattern, networks, versions, times of the week."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.extensions.addresses import Networks
from axonflow.policy.cel.extensions.globs import Glob
from axonflow.policy.cel.extensions.versions import Range, Semver, read_semver
from axonflow.policy.cel.extensions.windows import Windows
from axonflow.policy.cel.functions import time_zone
from axonflow.policy.cel.readers import Reader
from axonflow.policy.cel.rows import Function, method

__all__ = ["ROWS", "is_semver"]


def is_semver(text: str) -> bool:
    try:
        read_semver(text)
    except ValueError:
        return False
    return True


# Steps in proportion to the time that reading takes, of a text as long as it may be.
_GLOB: Final = Reader(Glob, steps=32)
_NETWORKS: Final = Reader(Networks, steps=2, takes_lists=True)
_SEMVER: Final = Reader(read_semver, Semver)
_RANGE: Final = Reader(Range, steps=32)
_WINDOWS: Final = Reader(Windows, steps=64)
_ZONE: Final = Reader(time_zone, steps=32)

ROWS: Final = (
    Function(
        "glob", ("string", "string"), "bool", "{1}.matches({0})", "Whether a pattern matches all of it.",
        '"prod-eu-1".glob("prod-*")',
        is_method=True, work="slow", readers=(None, _GLOB),
    ),
    Function(
        "inCIDR", ("string", "string"), "bool", "{1}.hold({0})", "Whether an address is in a network.",
        '"10.1.2.3".inCIDR("10.0.0.0/8")',
        is_method=True, work="fixed", readers=(None, _NETWORKS),
    ),
    Function(
        "inCIDR", ("string", "list(string)"), "bool", "{1}.hold({0})", "Whether it is in one of them.",
        '!"172.16.0.1".inCIDR(["10.0.0.0/8", "192.168.0.0/16"])',
        is_method=True, work="fixed", readers=(None, _NETWORKS),
    ),
    Function(
        "semver", ("string",), "semver", "{0}", "The semantic version that a text is.",
        'semver("1.10.0-rc.1") < semver("1.10.0") && semver("1.10.0") > semver("1.9.0")',
        work="fixed", readers=(_SEMVER,),
    ),
    Function(
        "isSemver", ("string",), "bool", "is_semver({0})", "Whether a text is a version.", '!isSemver("1.2")',
        work="fixed",
    ),
    *(
        method(name, ("semver",), result, "{0}." + template, summary, example, work="fixed")
        for name, result, template, summary, example in (
            ("major", "int", "order.major", "The first number.", 'semver("1.2.3").major() == 1'),
            ("minor", "int", "order.minor", "The second number.", 'semver("1.2.3").minor() == 2'),
            ("patch", "int", "order.patch", "The third number.", 'semver("1.2.3").patch() == 3'),
            (
                "prerelease", "string", "prerelease", "What is behind the hyphen.",
                'semver("1.2.3-rc.1").prerelease() == "rc.1"',
            ),
        )
    ),
    *(
        Function(
            "matchesSemver", (kind, "string"), "bool", "{1}.holds({0})", summary,
            f'{example}.matchesSemver(">=1.2 <2")',
            is_method=True, work="fixed", readers=(reader, _RANGE),
        )
        for kind, summary, example, reader in (
            ("string", "Whether a version is in a range.", '"1.4.2"', _SEMVER),
            ("semver", "The same of a value.", 'semver("1.4.2")', None),
        )
    ),
    Function(
        "within", ("timestamp", "string", "string"), "bool", "{1}.hold({0}, {2})",
        "Whether it is in a time window, by the clock of a time zone.",
        'timestamp("2026-11-20T09:30:05Z").within("Mon-Fri 09:00-17:30", "Europe/Berlin")',
        is_method=True, work="fixed", readers=(None, _WINDOWS, _ZONE),
    ),
)  # fmt: skip
