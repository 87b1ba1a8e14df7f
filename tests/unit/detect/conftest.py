"""The built-in detectors, compiled once."""

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner


@pytest.fixture(scope="session")
def scanner():
    return Scanner(BUILTIN_DETECTORS, compile_pattern)


@pytest.fixture(scope="session")
def every_id(scanner):
    return tuple(detector.id for detector in scanner.detectors)
