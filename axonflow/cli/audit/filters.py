"""What the commands about events have in common: which ones are asked for, and how one is shown on a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.cli.settings import read_settings
from axonflow.cli.tables import printable
from axonflow.installation import Installation

if TYPE_CHECKING:
    from axonflow.audit import AuditEvent

__all__ = [
    "COLUMNS",
    "EFFECTS",
    "FILLED",
    "KINDS",
    "PastTime",
    "chosen_persons_key",
    "event_cells",
    "filter_options",
    "filters_in",
    "persons_key_option",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: Final = {
    "principal": "principal", "client": "client_id", "action": "action", "resource": "resource", "effect": "effect",
    "policy": "policy", "decision": "decision_id", "kind": "kind",
}  # fmt: skip
"""By the name of an option: the field of an AuditQuery."""

EFFECTS: Final = ("deny", "require_approval", "redact", "limit", "allow", "log")
KINDS: Final = ("decision", "model_call", "tool_call", "plan_step", "admin", "login")
"""As `axonflow.audit` has them, which takes its time to be imported."""

COLUMNS: Final = ("time (UTC)", "effect", "principal", "action", "resource", "policies")


class PastTime(click.ParamType[int]):
    """Microseconds since the Unix epoch. A time without an offset is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time: expected RFC 3339, such as 2026-01-31T12:00:00Z", param, ctx)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


class Filled(click.ParamType[str]):
    """A text that is not empty: a variable that is not set must not ask for everything, or for another tenant. With
    `typed`, a name in short form."""

    name = "text"

    def __init__(self, *, typed: bool = False) -> None:
        self._typed = typed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text.strip():
            self.fail("it is empty: name one, or leave the option out", param, ctx)
        if not _is_text(text):
            self.fail(f"{printable(text, 80)} is not UTF-8", param, ctx)
        if self._typed and ":" not in text:
            self.fail(f"{printable(text, 80)!r} has no type: expected type:id, as user:ann or tool:shell", param, ctx)
        return text


def _is_text(text: str) -> bool:
    """Whether it is none of bytes that are not (PEP 383): no store has such a name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


FILLED: Final = Filled()
_SHORT_FORM: Final = Filled(typed=True)


def persons_key_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--persons-key`."""
    return click.option(
        "--persons-key", "persons_key_file", metavar="FILE", envvar="AXONFLOW_AUDIT_PERSONS_KEY_FILE", show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="What opens what tells of persons. Default: that of the data folder of `axonflow up`, if there is one.",
    )(command)  # fmt: skip


def chosen_persons_key(file: Path | None, data: Path | None) -> bytes | None:
    """The key in `file`, or of the installation in `data`; None where that has none. Raises ConfigurationError."""
    kept = Installation(data or read_settings().data).persons_key_file
    if file is None and not kept.is_file():
        return None
    from axonflow.app.persons import read_persons_key

    return read_persons_key(file or kept)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which events are meant."""
    for name, metavar, kind, text in reversed(_OPTIONS):
        command = click.option(name, metavar=metavar, type=kind, help=text)(command)
    return command


_OPTIONS: Final[tuple[tuple[str, str, click.ParamType[Any], str], ...]] = (
    ("--principal", "WHO", _SHORT_FORM, 'Who asked, or was acted for: "user:ann".'),
    ("--client", "ID", FILLED, "The client of the API key."),
    ("--action", "NAME", FILLED, "Such as tool.call."),
    ("--resource", "NAME", _SHORT_FORM, 'What was acted upon: "tool:shell".'),
    (
        "--effect",
        "NAME",
        click.Choice(EFFECTS),
        "deny, require_approval, redact, limit, allow; log: done, not decided.",
    ),
    ("--policy", "ID", FILLED, "A policy that matched."),
    ("--decision", "ID", FILLED, "The events of one decision."),
    ("--kind", "NAME", click.Choice(KINDS), "decision, model_call, tool_call, plan_step, admin or login."),
)


def filters_in(wanted: dict[str, Any]) -> dict[str, Any]:
    """The fields of an AuditQuery that these options give."""
    return {field: wanted[name] for name, field in _FIELDS.items() if wanted[name]}


def event_cells(event: AuditEvent) -> tuple[str, ...]:
    """One for each of the columns, safe to print."""
    time = (_EPOCH + timedelta(microseconds=event.time_us)).strftime("%Y-%m-%d %H:%M:%S.%f")
    effect = event.effect if event.kind == "decision" else event.kind
    names = (event.principal, event.action, event.resource, ", ".join(event.policies))
    return (time, effect, *(printable(name, 60) for name in names))
