"""Where a command's policies come from."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow import AxonFlow
    from axonflow.detect import Scanner

__all__ = [
    "DEFAULT_FOLDER",
    "chosen_place",
    "detectors_option",
    "open_flow",
    "open_scanner",
    "policies_option",
    "redaction_key",
    "redaction_key_option",
    "selected",
    "trust_option",
    "trusted_keys",
]

DEFAULT_FOLDER: Final = "policies"
_TRUST: Final = "axonflow.trusted_keys"
_REDACTION_KEY: Final = "axonflow.redaction_key"


def policies_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--policies`, as the argument `policies`, `--trust` and `--redaction-key`."""
    option = click.option(
        "--policies",
        metavar="PLACE",
        help="A folder of policy documents and bundles, one such file, or @baseline for those that are shipped."
        f" Default: ./{DEFAULT_FOLDER}, if it is there; nothing is loaded unasked.",
    )
    return option(trust_option(redaction_key_option(command)))


def detectors_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--policies` where only what policies say of detectors counts, and `--trust`."""
    option = click.option(
        "--policies",
        metavar="PLACE",
        help="A folder of policy documents and bundles, one such file, or @baseline: with the detectors declared and"
        " the findings allowed there. Default: the built-in detectors alone.",
    )
    return option(trust_option(command))


def trust_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--trust`, for ``open_flow`` and ``trusted_keys``."""
    return click.option(
        "--trust",
        metavar="FILE",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False),
        expose_value=False,
        callback=_remember_trust,
        help="A public key (PEM) whose bundles may be loaded; again for each further one.",
    )(command)


def redaction_key_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--redaction-key`, for ``open_flow`` and ``redaction_key``."""
    return click.option(
        "--redaction-key",
        metavar="FILE",
        envvar="AXONFLOW_REDACTION_KEY_FILE",
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False),
        expose_value=False,
        callback=_remember_redaction_key,
        help="The key of pseudonyms, hashes and tokens: a file of 64 hexadecimal digits.",
    )(command)


def _remember_redaction_key(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    ctx.meta[_REDACTION_KEY] = value


def redaction_key() -> bytes | None:
    """What is in the file that `--redaction-key` named. Raises ConfigurationError."""
    from axonflow.app.redaction_key import read_redaction_key

    file = click.get_current_context().meta.get(_REDACTION_KEY)
    return None if file is None else read_redaction_key(file)


def _remember_trust(ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> None:
    ctx.meta[_TRUST] = value


def trusted_keys() -> tuple[str, ...]:
    """What `--trust` named."""
    keys: tuple[str, ...] = click.get_current_context().meta.get(_TRUST, ())
    return keys


def chosen_place(policies: str | None) -> str:
    """`policies`, or the default folder. Raises ConfigurationError that offers the baseline when there is neither."""
    if policies is not None:
        return policies
    if Path(DEFAULT_FOLDER).is_dir():
        return DEFAULT_FOLDER
    raise ConfigurationError(
        "no policies to decide by",
        expected=f"--policies PLACE, or a folder ./{DEFAULT_FOLDER}",
        found="neither",
        hint=f"To start from the baseline: axonflow policy init {DEFAULT_FOLDER}/, or try it with --policies @baseline",
    )


def open_scanner(policies: str | None) -> Scanner:
    """The built-in detectors, with what `policies` say of detectors; of how they redact, nothing is asked."""
    from axonflow import AxonFlow

    key = secrets.token_bytes(32)  # policies with pseudonyms do not load without one
    return AxonFlow.open(policies=policies, trusted_keys=trusted_keys(), redaction_key=key, vault="memory").scanner


def selected(scanner: Scanner, names: Iterable[str]) -> tuple[str, ...]:
    """The sorted ids of the detectors that `names` (categories and ids) mean; all when there are none."""
    ids = {detector_id for name in names for detector_id in scanner.resolve(name)}
    return tuple(sorted(ids or {detector.id for detector in scanner.detectors}))


def open_flow(policies: str | None) -> AxonFlow:
    """The control plane with the policies that were asked for. Says so when they hold no rule.

    What a command puts into a vault is gone when it ends: it shows what is decided, and reveals nothing.
    """
    from axonflow import AxonFlow

    place = chosen_place(policies)
    flow = AxonFlow.open(policies=place, trusted_keys=trusted_keys(), redaction_key=redaction_key(), vault="memory")
    if not flow.policies.rules:
        click.echo(
            f"note: {place} holds no rules. To start from the baseline: axonflow policy init {DEFAULT_FOLDER}/",
            err=True,
        )
    return flow
