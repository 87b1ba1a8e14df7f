"""Whom a command asks for decisions: the engine in this process, or an agent elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from axonflow.cli.policies import open_flow
from axonflow.cli.settings import read_settings
from axonflow.errors import ConfigurationError
from axonflow.installation import Installation

if TYPE_CHECKING:
    from axonflow.app.remote import RemoteAgent
    from axonflow.policy import Decision, Request

__all__ = ["Decider", "Via", "opened_agent", "opened_decider", "via_options"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Via(NamedTuple):
    """What the options say: how, where, and with which files."""

    address: str
    key_file: Path | None
    ca_file: Path | None


class Decider(NamedTuple):
    """`decide` gives the decision on a request; `digest` names the policies, empty where only decisions tell.
    `protocol` is how the last one came here, None without a network."""

    decide: Callable[[Request], Decision]
    digest: str
    protocol: Callable[[], str | None]


def via_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--via`, `--key-file` and `--ca-file`, together as the argument `via`: a Via, or None."""

    @functools.wraps(command)
    def collected(
        *args: Any, via: tuple[str, str] | None, key_file: Path | None, ca_file: Path | None, **options: Any
    ) -> Any:
        return command(*args, via=Via(via[1], key_file, ca_file) if via else None, **options)

    ca_file = click.option("--ca-file", type=_FILE, help="With --via: whom to trust for TLS (PEM).")
    key_file = click.option(
        "--key-file", type=_FILE,
        help="With --via: the file with the API key. Default: AXONFLOW_API_KEY, or what `axonflow up` made here.",
    )  # fmt: skip
    via = click.option(
        "--via", nargs=2, type=(click.Choice(["http"]), str), metavar="http URL",
        help="Ask the agent at URL (https: HTTP/2) instead of deciding here; it records, and counts against limits.",
    )  # fmt: skip
    return via(key_file(ca_file(collected)))


@contextmanager
def opened_decider(policies: str | None, via: Via | None) -> Iterator[Decider]:
    """The one that was asked for. Raises ConfigurationError when it cannot be reached or has no key."""
    if via is None:
        flow = open_flow(policies)
        yield Decider(flow.decide, flow.policy_digest, lambda: None)
        return
    if policies is not None:
        raise ConfigurationError("two sources of policies", expected="--policies or --via", found="both")
    with opened_agent(via) as agent:
        yield Decider(agent.decide, "", lambda: agent.http_version)


@contextmanager
def opened_agent(via: Via) -> Iterator[RemoteAgent]:
    """The agent that was named. Raises ConfigurationError when it cannot be asked or has no key."""
    agent = _agent(via)
    try:
        yield agent
    finally:
        agent.close()


def _agent(via: Via) -> RemoteAgent:
    try:
        from axonflow.app.remote import RemoteAgent
    except ImportError as error:
        raise ConfigurationError(
            "--via needs httpx", found=str(error), hint="From the checkout: pip install '.[http]'"
        ) from None
    installation = Installation(read_settings().data)
    authority = via.ca_file or (installation.authority_file if _is_ours(via.address, installation) else None)
    return RemoteAgent(via.address, _key(via, installation), str(authority) if authority else None)


def _is_ours(address: str, installation: Installation) -> bool:
    """Whether `address` is of the installation on this machine, whose certificate no public authority knows."""
    try:
        port = urlsplit(address).port
        return port is not None and f':{port}"' in installation.endpoints_file.read_text("utf-8")
    except (OSError, ValueError):
        return False


def _key(via: Via, installation: Installation) -> str:
    if via.key_file is None and read_settings().api_key:
        return read_settings().api_key
    file = via.key_file or installation.key_file
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "no API key", expected="--key-file FILE, or AXONFLOW_API_KEY", found=type(error).__name__, at=str(file),
            hint="`axonflow up` says where its key is.",
        ) from None  # fmt: skip
