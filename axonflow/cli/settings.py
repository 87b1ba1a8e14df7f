"""What the command line takes from the environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Settings", "read_settings"]


class Settings(NamedTuple):
    """`colour`: whether a terminal may be sent colours. `motion`: whether it can redraw a line."""

    colour: bool
    motion: bool


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """From `environment`, or from the process's own: NO_COLOR (https://no-color.org) and TERM."""
    known = os.environ if environment is None else environment  # noqa: TID251  this is where settings are read
    dumb = known.get("TERM", "") == "dumb"
    return Settings(colour=not known.get("NO_COLOR") and not dumb, motion=not dumb)
