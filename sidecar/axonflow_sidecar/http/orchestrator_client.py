"""The agent's way to the orchestrator: one pooled HTTP client, with our credential and the caller's signed identity."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from typing import Final

import httpx

from axonflow import AxonFlowError
from axonflow.audit import Origin
from axonflow_sidecar.http.identity import CREDENTIAL_HEADER, IDENTITY_HEADER
from axonflow_sidecar.http.routes.passing_on import PLAN_TIMEOUT_S
from axonflow_sidecar.http.services import Followed

__all__ = ["OrchestratorClient"]

CONNECT_TIMEOUT_S: Final = 5
MAX_CONNECTIONS: Final = 100
"""For calls that take a moment, for runs of plans, and for what is followed, each: gates wait for no plans."""
SILENCE_S: Final = 60
"""Something comes every 15 s of what is followed."""


class OrchestratorClient:
    """Calls the orchestrator at `url`. Proxies of the environment are not asked: this never leaves our own hosts."""

    def __init__(self, url: str, credential: str) -> None:
        timeout = httpx.Timeout(PLAN_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS)
        headers = {CREDENTIAL_HEADER: credential, "content-type": "application/json"}
        # Within a host there is no TLS. The usual authorities, which take .1 s to load, would be for nothing.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else True
        self._quick, self._long, self._following = (
            httpx.AsyncClient(
                base_url=url, timeout=timeout, limits=limits, headers=headers, trust_env=False, verify=verify
            )
            for timeout in (timeout, timeout, httpx.Timeout(SILENCE_S, connect=CONNECT_TIMEOUT_S))
        )

    async def call(
        self, method: str, path: str, body: bytes, identity: str, origin: Origin, *, takes_long: bool
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises AxonFlowError when there is none."""
        client = self._long if takes_long else self._quick
        try:
            response = await client.request(method, path, content=body, headers=_headers(identity, origin))
        except httpx.HTTPError as error:
            raise _silent(error) from None
        return response.status_code, response.content

    async def follow(self, path: str, identity: str, origin: Origin) -> Followed:
        """An answer as it comes, on a connection of its own. Raises AxonFlowError when there is none."""
        request = self._following.build_request("GET", path, headers=_headers(identity, origin))
        try:
            response = await self._following.send(request, stream=True)
            if response.status_code != 200:
                return Followed(response.status_code, await response.aread(), None)
        except httpx.HTTPError as error:
            raise _silent(error) from None
        return Followed(200, b"", _pieces(response))

    async def close(self) -> None:
        """Close its connections."""
        for client in (self._quick, self._long, self._following):
            await client.aclose()


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        raise _silent(error) from None
    finally:
        await response.aclose()


def _headers(identity: str, origin: Origin) -> dict[str, str]:
    return {
        IDENTITY_HEADER: identity,
        "x-request-id": origin.request_id,
        "traceparent": f"00-{origin.trace_id}-{origin.trace_id[:16]}-00",
    }


def _silent(error: httpx.HTTPError) -> AxonFlowError:
    return AxonFlowError("the orchestrator does not answer", found=type(error).__name__, hint="Try again in a moment.")
