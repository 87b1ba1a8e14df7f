"""What other distributions add to this one, found by entry point (PyPA, "Entry points specification")."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

from axonflow.errors import ConfigurationError

__all__ = ["CHAT_MODELS", "COMMANDS", "load"]

COMMANDS: Final = "axonflow.commands"
"""The group of commands of the command line: each is a click.Command."""
CHAT_MODELS: Final = "axonflow.chat_models"
"""The group of language models: each is a callable that gives a ChatModel, by the model's name and its options."""


def load(group: str, name: str, *, distribution: str) -> Any:
    """The object that an installed distribution offers as `name` in `group`.

    Raises ConfigurationError that names the `distribution` to install when there is none, or when it cannot be
    imported.
    """
    found = next(iter(entry_points(group=group, name=name)), None)
    if found is None:
        raise ConfigurationError(
            f"{name!r} is not installed", expected=f"the distribution {distribution}",
            hint=f"From the checkout of AxonFlow: pip install ./{distribution.removeprefix('axonflow-')}",
        )  # fmt: skip
    try:
        return found.load()
    except ImportError as error:
        raise ConfigurationError(
            f"{name!r} cannot be imported", found=str(error), at=found.value,
            hint=f"Install {distribution} again, with all that it needs.",
        ) from None  # fmt: skip
