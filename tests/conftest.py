"""Settings for every test, which of them are traced for coverage, and in which order their files come."""

import gc
import os
import signal
from collections import Counter
from collections.abc import Generator
from itertools import groupby
from pathlib import Path

import coverage
import pytest
from hypothesis import HealthCheck, settings

# The machines that run this are small and shared: how long an example takes says nothing. Nor does it that many in a
# row were drawn too large: of nested values some are, and each run draws others.
settings.register_profile(
    # Each state of the project has a seed of its own: few examples a run are many in a week, and CI keeps its time.
    "default", deadline=None, max_examples=20, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.load_profile("default")

os.environ.setdefault("AXONFLOW_COMMAND_KEYS", "none")  # commands of tests leave no key on this machine

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it for what it runs in the background: what
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests start and interrupt would never hear of it

_HERE = Path(__file__).parent
_TRACED = (_HERE / "unit", _HERE / "ports")
_BESIDE = (_HERE / "unit" / "adapters" / "postgres", _HERE / "unit" / "cli")
"""Of these, which are about little of the core, only what is about policies and the audit trail is traced."""
_OF_POLICIES_AND_TRAIL = tuple(_HERE / "unit" / "cli" / room for room in ("policy", "audit"))
_DRAWN_UNTRACED = (_HERE / "unit" / "policy", _HERE / "unit" / "detect", _HERE / "ports")
_TABLES = _HERE / "unit" / "detect"
_ROWS_TRACED = 24
"""Of a test of every detector, about so many, spread over them."""
_WAITING = (_HERE / "e2e", _HERE / "sidecar", _HERE / "attacks", _HERE / "unit" / "adapters" / "postgres")


def pytest_configure() -> None:
    """Collecting 15,000 tests makes objects that stay: to walk them over and over takes a quarter of it, in each of the
    processes that tests are spread over."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)  # behind Hypothesis, which marks what is drawn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of coverage what only repeats: tracing makes the core two to three times slower. The gate holds by the
    tests of single cases; drawn ones, slow ones, most of a long table and what comes through a door run as they are."""
    rows = Counter(map(_function, items))
    seen: Counter[str] = Counter()
    for item in items:
        function = _function(item)
        repeats = item.path.is_relative_to(_TABLES) and seen[function] % max(1, rows[function] // _ROWS_TRACED)
        seen[function] += 1
        drawn = item.get_closest_marker("hypothesis") and any(map(item.path.is_relative_to, _DRAWN_UNTRACED))
        if repeats or drawn or item.get_closest_marker("slow") or not _is_traced(item.path):
            item.add_marker("untraced")
    items[:] = _mixed(items)


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _is_traced(path: Path) -> bool:
    if any(map(path.is_relative_to, _BESIDE)):
        named = path.name.startswith(("test_policy", "test_audit"))
        return named or any(map(path.is_relative_to, _OF_POLICIES_AND_TRAIL))
    return any(map(path.is_relative_to, _TRACED))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Stop tracing for a test that is left out of coverage, and for what it sets up. In the processes that tests are
    spread over, two tracers run one above the other, of which the marker of pytest-cov (7.1) stops one."""
    stopped: list[coverage.Coverage] = []
    while item.get_closest_marker("untraced") and (tracing := coverage.Coverage.current()):
        tracing.stop()
        stopped.append(tracing)
    try:
        return (yield)
    finally:
        for tracing in reversed(stopped):
            tracing.start()


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The files that wait for servers spread among those that compute: the one leave processors to the other."""
    files = [list(of_file) for _, of_file in groupby(items, lambda item: item.path)]
    waiting = [file for file in files if any(map(file[0].path.is_relative_to, _WAITING))]
    computing = [file for file in files if not any(map(file[0].path.is_relative_to, _WAITING))]
    placed = [((2 * at + 1) / len(kind), file) for kind in (waiting, computing) for at, file in enumerate(kind)]
    return [item for _, file in sorted(placed, key=lambda one: one[0]) for item in file]
