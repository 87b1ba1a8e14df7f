"""Policies with what tests them, from the places where both stand, and engines of policies that are only tried."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from axonflow.adapters.policy_files import BASELINE
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.policies import Keys, policy_sources, trusted_by
from axonflow.app.scanning import builtin_scanner
from axonflow.app.turns import no_collection
from axonflow.detect import RedactionKey, RedactionMeans
from axonflow.errors import PolicyError
from axonflow.policy.compiling.compiling import compile_policies, load_sets
from axonflow.policy.compiling.scopes import Source
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.documents.reading import LoadedSet, PolicySource, is_tests
from axonflow.policy.testing.cases import Case, ReadTests, inline_cases, read_scenarios

__all__ = [
    "Compile",
    "PolicyTests",
    "compiled_for_tests",
    "distinct",
    "pattern_of",
    "read_policy_tests",
    "read_scenario_file",
]

Compile = Callable[[Sequence[Source]], PolicyEngine]

_MAX_PATTERNS: Final = 4_096

pattern_of = lru_cache(_MAX_PATTERNS)(compile_pattern)
"""Each pattern compiled once: the same policies are compiled again and again, each time with one change."""


class PolicyTests(NamedTuple):
    """Policies that are in force together, and all that tests them. `places` is where the policies come from."""

    places: tuple[str, ...]
    sources: tuple[Source, ...]
    loaded: tuple[LoadedSet, ...]
    cases: tuple[Case, ...]


def read_policy_tests(places: Sequence[str | os.PathLike[str]]) -> list[PolicyTests]:
    """What is in `places`: folders or files of policies, of scenarios, or of both side by side.

    Scenarios that name `policies` of their own test those; all others test the policies of `places` together. Raises
    PolicyError that lists every fault of every document.
    """
    sources, read = _read(distinct(places))
    own = _key(places)
    found = []
    for key, (each, cases) in _grouped(read, own, sources).items():
        loaded = _loaded(each)
        found.append(PolicyTests(key, tuple(each), loaded, (*inline_cases(loaded), *cases)))
    return found if len(found) == 1 else [tests for tests in found if tests.sources or tests.cases]


def read_scenario_file(
    file: str | os.PathLike[str], places: Sequence[str | os.PathLike[str]] = ()
) -> list[PolicyTests]:
    """The scenarios of one file. Those that name no policies test those in `places`, with any that stand in the file
    itself. Raises PolicyError."""
    _, read = _read([str(file)])
    groups = _grouped(read, _key(places), _policies([*places, file]))
    return [
        PolicyTests(key, tuple(each), _loaded(each), tuple(cases)) for key, (each, cases) in groups.items() if cases
    ]


def _grouped(
    read: Sequence[ReadTests], own: tuple[str, ...], sources: list[Source]
) -> dict[tuple[str, ...], tuple[list[Source], list[Case]]]:
    """The cases that were `read` by the places of the policies that they test: `own`, or those that they name."""
    groups: dict[tuple[str, ...], tuple[list[Source], list[Case]]] = {own: (sources, [])}
    for tests in read:
        folder = Path(tests.source.name).parent
        named = [place if place == BASELINE else str(folder / place) for place in tests.document.policies]
        key = _key(named) or own
        if key not in groups:
            groups[key] = (_policies(named), [])
        groups[key][1].extend(tests.cases)
    return groups


def _key(places: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    return tuple(sorted(_real(place) for place in distinct(places)))


def _loaded(sources: Sequence[Source]) -> tuple[LoadedSet, ...]:
    loaded, problems = load_sets([one for one in sources if isinstance(one, PolicySource)])
    if problems:
        raise PolicyError.joined(problems)
    return tuple(loaded)


def _policies(places: Sequence[str | os.PathLike[str]]) -> list[Source]:
    """The policies in `places`. Tests beside them are somebody else's."""
    sources = [source for place in distinct(places) for source in policy_sources(place)]
    return [one for one in sources if not (isinstance(one, PolicySource) and is_tests(one))]


def _read(places: Sequence[str]) -> tuple[list[Source], list[ReadTests]]:
    """The policies and the scenarios in `places`, with the faults of all of them."""
    sources: list[Source] = []
    read: list[ReadTests] = []
    problems: list[PolicyError] = []
    for place in places:
        try:
            found = policy_sources(place)
        except PolicyError as error:
            problems.extend(error.problems)
            continue
        for source in found:
            if isinstance(source, PolicySource) and is_tests(source):
                try:
                    read.append(read_scenarios(source))
                except PolicyError as error:
                    problems.extend(error.problems)
            else:
                sources.append(source)
    if problems:
        raise PolicyError.joined(problems)
    return sources, read


def distinct(places: Sequence[str | os.PathLike[str]]) -> list[str]:
    """`places` without those that lie in another of them: who names a folder and files in it means each once."""
    real = [(str(place), _real(place)) for place in places]
    return [
        place
        for number, (place, path) in enumerate(real)
        if not any(
            (path == other and number > at) or path.startswith(other + os.sep) for at, (_, other) in enumerate(real)
        )
    ]


def _real(place: str | os.PathLike[str]) -> str:
    return BASELINE if place == BASELINE else os.path.realpath(place)


def compiled_for_tests(trusted_keys: Keys = (), redaction_key: bytes | None = None) -> Compile:
    """What makes engines of policies that are only tried. Who tests policies need not have the key they run with."""
    verify = trusted_by(trusted_keys)
    means = RedactionMeans(RedactionKey(redaction_key or secrets.token_bytes(32)), has_vault=True)
    scanner = builtin_scanner()

    def compiled(sources: Sequence[Source]) -> PolicyEngine:
        with no_collection():
            return compile_policies(sources, scanner, pattern_of, verify=verify, redaction=means)

    return compiled
