"""What the command line takes from the environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from axonflow.installation import default_folder

__all__ = ["Settings", "read_settings"]


class Settings(NamedTuple):
    """`colour`: whether a terminal may be sent colours. `motion`: whether it can redraw a line. `data`: the folder of
    the installation on this machine. `api_key` and `database_url`: what reaches another one; `anchor`, the one that
    is told what commands recorded, and `anchor_token` for its server. `command_keys`: the folder of what commands sign
    with, or `none`. Empty when not given."""

    colour: bool
    motion: bool
    data: Path = Path()
    api_key: str = ""
    database_url: str = ""
    anchor: str = ""
    anchor_token: str = ""
    command_keys: str = ""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """From `environment`, or from the process's own: NO_COLOR (https://no-color.org), TERM, and AXONFLOW_DATA,
    AXONFLOW_API_KEY, AXONFLOW_DATABASE_URL, AXONFLOW_ANCHOR, AXONFLOW_ANCHOR_TOKEN and AXONFLOW_COMMAND_KEYS."""
    known = os.environ if environment is None else environment  # noqa: TID251  this is where settings are read
    dumb = known.get("TERM", "") == "dumb"
    return Settings(
        colour=not known.get("NO_COLOR") and not dumb,
        motion=not dumb,
        data=default_folder(known, root=hasattr(os, "geteuid") and os.geteuid() == 0),
        api_key=known.get("AXONFLOW_API_KEY", ""),
        database_url=known.get("AXONFLOW_DATABASE_URL", ""),
        anchor=known.get("AXONFLOW_ANCHOR", ""),
        anchor_token=known.get("AXONFLOW_ANCHOR_TOKEN", ""),
        command_keys=known.get("AXONFLOW_COMMAND_KEYS", ""),
    )
