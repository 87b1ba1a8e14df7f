"""An agent elsewhere, over HTTP/2 or HTTP/1.1 (httpx)."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from axonflow.errors import AxonFlowError, ConfigurationError, RequestError
from axonflow.policy import Decision, Request

__all__ = ["RemoteAgent"]

TIMEOUT_S: Final = 30
_KEY_HINT: Final = "Name the file that holds the key with --key-file; `axonflow up` says where it is."


class _Problem(Struct):
    """The parts of a problem document (RFC 9457) that are passed on."""

    code: str = ""
    message: str = ""
    expected: str | None = None
    found: str | None = None
    at: str | None = None


class RemoteAgent:
    """Asks the agent at `url` (http or https) with `api_key`. `authority` is a PEM file of whom to trust for TLS.

    Over TLS it offers HTTP/2 and HTTP/1.1, without TLS it speaks HTTP/1.1. Proxies of the environment are not asked.
    Raises ConfigurationError for an address or an authority that cannot be used.
    """

    def __init__(self, url: str, api_key: str, authority: str | None = None) -> None:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigurationError("not an address", expected="http://... or https://...", found=str(error)) from None
        if address.userinfo:  # which would stand in messages, and nothing asks for it
            raise ConfigurationError(
                "not an address", expected="http://... or https://... without a login", found="one with a login in it",
                hint=_KEY_HINT,
            )  # fmt: skip
        if address.scheme not in ("http", "https") or not address.host:
            raise ConfigurationError("not an address", expected="http://... or https://...", found=f"{url[:200]!a}")
        if not api_key.isascii() or not api_key.isprintable() or not api_key:
            raise ConfigurationError("not an API key", expected="printable ASCII", hint=_KEY_HINT)
        try:
            context = ssl.create_default_context(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                "the authority cannot be read", expected="a PEM file", found=type(error).__name__, at=authority
            ) from None
        self._client = httpx.Client(
            base_url=address, http2=True, verify=context, timeout=TIMEOUT_S, trust_env=False,
            headers={"authorization": f"Bearer {api_key}", "content-type": "application/json"},
        )  # fmt: skip
        self.http_version = ""

    def decide(self, request: Request) -> Decision:
        """The enforced decision on `request`: it is recorded, and counts against limits.

        Raises RequestError when the agent refuses this request, and AxonFlowError or ConfigurationError when it
        answers none.
        """
        try:
            response = self._client.post("/v1/decisions", content=request.to_json())
        except httpx.HTTPError as error:
            raise self._away(error) from None
        self.http_version = response.http_version
        if response.status_code == 200:
            return Decision.from_json(response.content)
        raise _refusal(response)

    def tail(
        self, filters: Mapping[str, str], after: str, tenant_id: str = ""
    ) -> Generator[tuple[str, bytes], None, None]:
        """What is recorded, as it comes: the position in the trail behind each event, and the event as JSON; b"" where
        only the position is told. It begins behind `after` and ends when the agent ends it: go on from the last
        position then. `filters` are those of the route, `tenant_id` is for a key for any tenant.

        Raises RequestError or ConfigurationError when the agent refuses, AxonFlowError when it is away.
        """
        headers = {"last-event-id": after, "accept": "text/event-stream"}
        if tenant_id:
            headers["x-tenant-id"] = tenant_id
        try:
            with self._client.stream("GET", "/v1/audit/tail", params=dict(filters), headers=headers) as response:
                if response.status_code != 200:
                    response.read()
                    raise _refusal(response)
                yield from _events_of(response.iter_lines())
        except httpx.HTTPError as error:
            raise self._away(error) from None

    def _away(self, error: httpx.HTTPError) -> AxonFlowError:
        return AxonFlowError(
            "the agent does not answer", found=f"{type(error).__name__}: {error}", at=str(self._client.base_url),
            hint="Is it up (GET /health)? For a certificate of its own, name the authority with --ca-file.",
        )  # fmt: skip

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _events_of(lines: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Id and data of each Server-Sent Event that has an id; an event by another name ends them."""
    position, data = "", b""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            position = value
        elif field == "data":
            data = value.encode()
        elif field == "event":
            return
        elif not line and position:
            yield position, data
            data = b""


def _refusal(response: httpx.Response) -> AxonFlowError:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    message = problem.message or response.reason_phrase
    if response.status_code in (400, 413):
        return RequestError(message, expected=problem.expected, found=problem.found, at=problem.at)
    found = f"status {response.status_code}"
    if response.status_code in (401, 403):
        return ConfigurationError(f"the agent refuses: {message}", found=found, hint=_KEY_HINT)
    return AxonFlowError(f"the agent cannot answer: {message}", found=found)
