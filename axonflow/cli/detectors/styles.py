"""`axonflow detect --redact`: in which style, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.cli.policies import redaction_key, redaction_key_option

if TYPE_CHECKING:
    from axonflow.detect import Replacing, Scanner, Style

__all__ = ["check_style_is_used", "chosen_replacing", "style_options"]

_STYLES: Final = ("drop", "mask", "partial", "pseudonym", "hash", "format")
"""All but the vault, which would end with the command."""
_STYLE: Final = "axonflow.style"
_TENANT: Final = "axonflow.tenant"


def style_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--style`, `--tenant` and `--redaction-key`, for ``chosen_replacing``."""
    style = click.option(
        "--style",
        type=click.Choice(_STYLES),
        expose_value=False,
        callback=_remember(_STYLE),
        help="How --redact replaces. Default: mask. pseudonym, hash and format need --redaction-key.",
    )
    tenant = click.option(
        "--tenant",
        metavar="ID",
        default="",
        expose_value=False,
        callback=_remember(_TENANT),
        help="Whose pseudonyms and tokens these are: another tenant has others.",
    )
    return style(tenant(redaction_key_option(command)))


def _remember(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def remember(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        ctx.meta[name] = value

    return remember


def check_style_is_used(*, redact: bool) -> None:
    """Raises BadParameter for a style where nothing is redacted: somebody would take the findings for safe."""
    if click.get_current_context().meta[_STYLE] and not redact:
        raise click.BadParameter("expected --redact beside it", param_hint="--style")


def chosen_replacing(scanner: Scanner, ids: tuple[str, ...]) -> Replacing:
    """Every detector in the style that was asked for.

    Raises ConfigurationError where it needs a key, or tokens that there cannot be.
    """
    from axonflow.detect import RedactionKey, RedactionMeans, Redactor

    meta = click.get_current_context().meta
    style: Style = meta[_STYLE] or "mask"
    secret = redaction_key()
    redactor = Redactor(scanner, RedactionMeans(None if secret is None else RedactionKey(secret)))
    redactor.check(style, ids)
    return redactor.replacing(dict.fromkeys(ids, style), meta[_TENANT])
