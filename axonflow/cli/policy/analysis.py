"""The analysis of the policies of a command: where their rules stand, and a line that tells how far it is."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from axonflow.cli.policies import trusted_keys
from axonflow.cli.progress import Progress
from axonflow.cli.settings import read_settings

if TYPE_CHECKING:
    from axonflow.policy import BundleSource, PolicyEngine
    from axonflow.policy.analysis.findings import Analysis
    from axonflow.policy.analysis.subjects import Origin
    from axonflow.policy.compiling.program import RuleRow, SetHead
    from axonflow.policy.documents.reading import LoadedSet

__all__ = ["BundledSet", "analysed", "origins_in", "origins_of", "sets_in"]


def origins_of(loaded: Iterable[LoadedSet], *, shadow: bool = False) -> dict[str, Origin]:
    """Where the enforced rules of documents stand, or those of shadow sets, and the requests of their tests."""
    from axonflow.policy.analysis.subjects import Origin
    from axonflow.policy.documents.checking import requests_of

    return {
        rule.id: Origin(
            partial(one.source.at, ("rules", position), 0), frozenset(rule.match), partial(requests_of, rule)
        )
        for one in loaded
        if one.document.shadow is shadow
        for position, rule in enumerate(one.document.rules)
    }


class BundledSet(NamedTuple):
    """A set of a bundle: the bundle's name, and its rows."""

    bundle: str
    head: SetHead
    rows: Sequence[RuleRow]


def sets_in(bundles: Iterable[BundleSource]) -> list[BundledSet]:
    """The sets of bundles. Raises PolicyError for a bundle that is not trusted."""
    from axonflow.app.policies import trusted_by
    from axonflow.policy.compiling.bundle import open_bundle
    from axonflow.policy.compiling.program import decode_rows

    opened = [open_bundle(source, trusted_by(trusted_keys())) for source in bundles]
    return [BundledSet(one.name, *decode_rows(parts, one.name)) for one in opened for parts in one.sets]


def origins_in(sets: Iterable[BundledSet], *, shadow: bool = False) -> dict[str, Origin]:
    """Where the enforced rules of bundled sets come from, or those of shadow sets. A bundle holds no tests."""
    from axonflow.policy.analysis.subjects import Origin

    return {
        row.id: Origin(partial(_place, one), frozenset(row.match))
        for one in sets
        if one.head.shadow is shadow
        for row in one.rows
    }


def _place(one: BundledSet) -> str:
    return f"{one.bundle}: set {one.head.name}"


def analysed(
    engine: PolicyEngine, origins: Mapping[str, Origin], shadow_origins: Mapping[str, Origin], compare: int
) -> Analysis:
    """The analysis of the rules of `engine`, and of its shadow sets, each compared with at most `compare` others."""
    from axonflow.policy.analysis.analysing import analyse

    done = 0
    count = len(engine.rules) + (0 if engine.shadow is None else len(engine.shadow.rules))
    progress = Progress(
        sys.stderr, read_settings(), whole=3 * count, position=lambda: done, clock_ns=time.monotonic_ns,
        unit="steps",
    )  # fmt: skip

    def step(steps: int) -> None:
        nonlocal done
        done = steps
        progress.update(steps)

    was_on = gc.isenabled()
    gc.disable()  # nearly all that is made here is kept until the end: looking for garbage among it doubles the time
    try:
        return analyse(engine, origins, shadow_origins, compared=compare, step=step)
    finally:
        progress.clear()
        if was_on:
            gc.enable()
