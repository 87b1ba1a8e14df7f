"""What ``axonflow up`` says of planners and of the limits of plans, as the orchestrator is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from axonflow.errors import ConfigurationError, PlanError
from axonflow.plan import Limits
from axonflow_sidecar.hosting.settings import UpSettings
from axonflow_sidecar.plans.making import PlanningSettings

__all__ = ["plan_limits_of", "planning_of"]


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


def plan_limits_of(file: Path | None) -> Limits | None:
    """What all plans together may do at the same time, from a JSON object of the fields of `Limits`; None: any number.
    Raises ConfigurationError."""
    if file is None:
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Limits)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, PlanError) as error:
        found = f"{type(error).__name__}: {error}"[:200] if isinstance(error, OSError) else str(error)[:400]
        raise ConfigurationError(
            "the limits of plans cannot be used", found=found, at=str(file),
            expected='such as {"pools": {"agent:writer": {"slots": 4}}}',
        ) from None  # fmt: skip
