"""Configurations of planners from YAML and JSON files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from axonflow.adapters.yaml_text import Locator, parse_json, parse_yaml
from axonflow.errors import PlanError, PolicyError
from axonflow.plan.model.document import Path as Place
from axonflow.plan.planner.catalogue import AgentConfig, agent_config_of_document

__all__ = ["read_agent_configs"]

MAX_BYTES: Final = 1024 * 1024
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def read_agent_configs(place: str | os.PathLike[str]) -> list[AgentConfig]:
    """The configurations in the file or folder `place`, in the order of names. Raises PlanError at line and column."""
    path = Path(place)
    try:
        files = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES) if path.is_dir() else [path]
        return [config for file in files for config in _configs(file)]
    except OSError as error:
        raise PlanError("the file cannot be read", found=error.strerror, at=str(place)) from None


def _configs(path: Path) -> list[AgentConfig]:
    name = str(path)
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PlanError("too large", expected=f"at most {MAX_BYTES} bytes", found="more", at=name)
    try:
        text = data.decode("utf-8-sig")
        documents = parse_json(text, name) if path.suffix == ".json" else parse_yaml(text, name)
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x}"
        raise PlanError("not UTF-8", expected="UTF-8 text", found=found, at=name) from None
    except PolicyError as error:  # of the reader of texts, which is not about policies alone
        raise PlanError(
            error.message, expected=error.expected, found=error.found, at=error.at, hint=error.hint
        ) from None
    locator = Locator(text, name)

    def config(index: int, document: object) -> AgentConfig:
        def locate(where: Place) -> str:
            return locator.at(index, where)

        return agent_config_of_document(document, locate)

    return [config(index, document) for index, document in enumerate(documents)]
