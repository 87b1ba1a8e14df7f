"""The request that a command is about: a file, or the options that make one up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.reading import INPUT_FILE, STANDARD_INPUT, decoded, read_bytes
from axonflow.errors import RequestError

if TYPE_CHECKING:
    from axonflow import Request

__all__ = ["request_options"]

_PARTS = ("principal", "action", "resource", "content")


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make up a request, as the argument `request` of the command."""

    @wraps(command)
    def with_request(*arguments: Any, request_file: str | None, context: Sequence[str], **options: Any) -> Any:
        given = {name: value for name in _PARTS if (value := options.pop(name)) is not None}
        return command(*arguments, request=_request(request_file, given, context), **options)

    for option in reversed((
        click.argument("request_file", metavar="[REQUEST.json|-]", required=False, type=INPUT_FILE),
        click.option("--principal", metavar="WHO",
                     help='Who asks: "user:ann", or a JSON object with roles and the like.'),
        click.option("--action", metavar="ACTION", help='What is to be done, such as "tool.call".'),
        click.option("--resource", metavar="WHAT",
                     help='What with: "tool:shell", or a JSON object with attributes.'),
        click.option("--context", metavar="NAME=VALUE", multiple=True,
                     help="An attribute of the context; may be repeated."),
        click.option("--content", metavar="TEXT", help="What detectors look into: a prompt, arguments, rows."),
    )):  # fmt: skip
        with_request = option(with_request)
    return with_request


def _request(request_file: str | None, given: dict[str, str], context: Sequence[str]) -> Request:
    if request_file is not None:
        if given or context:
            raise click.UsageError("Give a request file or the options that make up a request, not both.")
        return _read(request_file)
    missing = [f"--{name}" for name in ("principal", "action", "resource") if name not in given]
    if missing:
        raise click.UsageError(f"Give a request file, or {', '.join(missing)} as well.")
    return _put_together(given, context)


def _read(place: str) -> Request:
    from axonflow import Request
    from axonflow.policy.request import MAX_REQUEST_BYTES

    data = decoded(read_bytes(place, MAX_REQUEST_BYTES), place)
    try:
        return Request.from_json(data)
    except RequestError as error:
        if place == STANDARD_INPUT:
            raise
        at = f"{place}: {error.at}" if error.at else place
        raise RequestError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint) from None


def _put_together(given: dict[str, str], pairs: Sequence[str]) -> Request:
    from axonflow import Request

    context: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter("expected NAME=VALUE, such as env=prod", param_hint="--context")
        context[name] = _value(value)
    return Request(
        _object_or_text(given["principal"]),
        given["action"],
        _object_or_text(given["resource"]),
        context,
        _value(given["content"]) if "content" in given else None,
    )


def _value(text: str) -> Any:
    import msgspec

    from axonflow.policy.json_text import check_members

    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):  # then it is text; the Request judges whether it may be
        return text
    except RecursionError:
        raise RequestError("nested too deep", expected="fewer levels", found="too many to decode") from None
    check_members(text)
    return value


def _object_or_text(text: str) -> Any:
    return _value(text) if text.lstrip().startswith("{") else text
