"""The built-in detectors with the engines that are installed."""

from __future__ import annotations

from functools import cache

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.adapters.sql_parser import parse_sql
from axonflow.detect import Scanner, builtin_detectors
from axonflow.detect.marks import CompileMarks

__all__ = ["builtin_scanner"]


@cache
def builtin_scanner() -> Scanner:
    """One for the process: it is immutable, and its patterns are compiled as they are needed."""
    return Scanner(builtin_detectors(parse_sql), compile_pattern, _installed_marks())


def _installed_marks() -> CompileMarks | None:
    try:
        from axonflow.adapters.hyperscan_marks import HyperscanMarks
    except ModuleNotFoundError:
        return None
    return HyperscanMarks
