"""What ``axonflow up`` says of planners, as the orchestrator is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.settings import UpSettings
from axonflow_sidecar.plans.making import PlanningSettings

__all__ = ["planning_of"]


def planning_of(settings: UpSettings) -> PlanningSettings | None:
    """With what plans are written; None where nobody writes any. Raises ConfigurationError for half of it."""
    if settings.agents is None and not settings.model:
        return None
    if settings.agents is None or not settings.model:
        found = "one of them"
        raise ConfigurationError("half a planner", expected="both --agents and --model", found=found)
    file = settings.model_options_file
    options = {} if file is None else _options(file)
    return PlanningSettings(agents=str(settings.agents), model=settings.model, options=options, bind=settings.bind)


def _options(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            "the options of the model cannot be read", expected="a JSON object", found=type(error).__name__,
            at=str(file),
        ) from None  # fmt: skip
