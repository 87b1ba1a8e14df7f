"""The agent's way to the orchestrator: one pooled HTTP client, with our credential and the caller's signed identity."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

from axonflow import AxonFlowError
from axonflow.audit import Origin
from axonflow_sidecar.http.agent import PLAN_TIMEOUT_S
from axonflow_sidecar.http.identity import CREDENTIAL_HEADER, IDENTITY_HEADER

__all__ = ["OrchestratorClient"]

CONNECT_TIMEOUT_S: Final = 5
MAX_CONNECTIONS: Final = 100


class OrchestratorClient:
    """Calls the orchestrator at `url`. Proxies of the environment are not asked: this never leaves our own hosts."""

    def __init__(self, url: str, credential: str) -> None:
        timeout = httpx.Timeout(PLAN_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS)
        headers = {CREDENTIAL_HEADER: credential, "content-type": "application/json"}
        # Within a host there is no TLS. The usual authorities, which take .1 s to load, would be for nothing.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else True
        self._client = httpx.AsyncClient(
            base_url=url, timeout=timeout, limits=limits, headers=headers, trust_env=False, verify=verify
        )

    async def call(self, method: str, path: str, body: bytes, identity: str, origin: Origin) -> tuple[int, bytes]:
        """Status and body of the answer. Raises AxonFlowError when there is none."""
        headers = {
            IDENTITY_HEADER: identity,
            "x-request-id": origin.request_id,
            "traceparent": f"00-{origin.trace_id}-{origin.trace_id[:16]}-00",
        }
        try:
            response = await self._client.request(method, path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise AxonFlowError(
                "the orchestrator does not answer", found=type(error).__name__, hint="Try again in a moment."
            ) from None
        return response.status_code, response.content

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
