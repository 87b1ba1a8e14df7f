"""Texts for patterns, networks and ranges of versions: some that match, some that do not, some next to the bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from axonflow.policy.analysis.sampling import samples
from axonflow.policy.cel.addresses import BITS, Cidr, Ip, read_cidr
from axonflow.policy.cel.versions import SemVer, read_semver

__all__ = ["addresses", "globbed", "matching", "versions"]

_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?", re.ASCII)
_ELSEWHERE: Final = ("192.0.2.1", "2001:db8::1", "0.0.0.0", "::")  # noqa: S104  addresses to try, nothing is bound


def globbed(pattern: str, fresh: str) -> Iterator[str]:
    """Texts that `pattern` may match: with nothing, and with `fresh`, for each star."""
    for star in (fresh, ""):
        text = re.sub(r"\\(.)|(\*)|(\?)", lambda found: found[1] or (star if found[2] else fresh[0]), pattern)  # noqa: B023  called here
        yield text


def matching(pattern: str) -> Iterator[str]:
    """Texts in which `pattern` may be found."""
    yield from samples(pattern)


def addresses(networks: Sequence[str]) -> Iterator[str]:
    """An address in each part into which `networks` cut all addresses: their first ones, and those behind the last."""
    blocks: list[Cidr] = []
    for text in networks:
        try:
            blocks.append(read_cidr(text))
        except ValueError:  # refused where the policy is compiled
            continue
    for block in blocks:
        family, shift = block.ip.family, BITS[block.ip.family] - block.prefix
        first = block.ip.number >> shift << shift
        behind = first + (1 << shift)
        inside = [number for number in (first + 1, first) if number < behind]
        outside = [behind, first - 1]
        for number in (*inside, *outside):
            if 0 <= number < 1 << BITS[family]:
                yield str(Ip(family, number))
        if family == 4:
            yield f"::ffff:{Ip(4, first)}"
    if blocks:
        yield from _ELSEWHERE


def versions(ranges: Iterable[str]) -> Iterator[str]:
    """Each version that a range names, the one right behind it, those before, and the least of all."""
    bounds: set[SemVer] = set()
    for text in ranges:
        for found in _VERSION.findall(text):
            bounds |= set(_bounds_of(found))
    for bound in sorted(bounds):
        yield str(bound)
        yield f"{bound}.0" if bound.prerelease else f"{bound.major}.{bound.minor}.{bound.patch + 1}-0"
        yield f"{bound.major}.{bound.minor}.{bound.patch + 1}"
    if bounds:
        yield "0.0.0-0"


def _bounds_of(text: str) -> Iterator[SemVer]:
    """The versions at which a comparator with `text` may begin or end."""
    given = text.count(".") + 1 if "-" not in text else 3
    try:
        low = read_semver(text + ".0" * (3 - given))
    except ValueError:  # refused where the policy is compiled
        return
    yield low
    numbers = [low.major, low.minor, low.patch]
    for kept in range(1, 4):
        raised = [*numbers[: kept - 1], numbers[kept - 1] + 1, 0, 0][:3]
        yield read_semver("{}.{}.{}-0".format(*raised))
