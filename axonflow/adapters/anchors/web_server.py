"""An anchor on another server, over TLS: any that takes PUT with ``If-None-Match: *`` (RFC 9110, section 13.1.2)."""

from __future__ import annotations

import ssl
from typing import Final

try:
    import httpx
except ModuleNotFoundError:
    from axonflow.errors import ConfigurationError

    raise ConfigurationError(
        "an anchor on a server needs httpx", found="no httpx", hint="pip install 'axonflow[http]'"
    ) from None

from axonflow.detect.packs.address_checks import is_metadata_host
from axonflow.errors import AuditError, ConfigurationError

__all__ = ["WebServerAnchor"]

_TIMEOUT_S: Final = 10
_MAX_BYTES: Final = 64 << 20
_KEPT: Final = frozenset({200, 201, 204})
_THERE_ALREADY: Final = 412
_NOT_FOUND: Final = 404


class WebServerAnchor:
    """Objects below one address. No redirect is followed and no proxy of the environment asked: what it says is worth
    as much as it is certain who said it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    def open(cls, url: str, token: str, authority: str | None) -> WebServerAnchor:
        """At `url`, with the bearer token `token` where it is not empty. Raises ConfigurationError."""
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigurationError("not an address", expected="https://...", found=str(error)[:200]) from None
        if address.query or address.fragment:
            raise ConfigurationError("not the address of an anchor", expected="no query and no fragment")
        if is_metadata_host(address.host):
            raise ConfigurationError("not an anchor", expected="a server", found="a metadata service of a cloud")
        if not token.isascii() or not (token.isprintable() or not token):
            raise ConfigurationError("not a bearer token", expected="printable ASCII")
        try:
            context = ssl.create_default_context(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                "the authority cannot be read", expected="a PEM file", found=type(error).__name__, at=authority
            ) from None
        headers = {"authorization": f"Bearer {token}"} if token else {}
        base = address.copy_with(path=address.path.rstrip("/") + "/")
        return cls(
            httpx.AsyncClient(base_url=base, headers=headers, verify=context, timeout=_TIMEOUT_S, trust_env=False)
        )

    async def put(self, name: str, data: bytes) -> bool:
        headers = {"if-none-match": "*", "content-type": "application/json"}
        response = await self._asked("PUT", name, headers, data)
        if response.status_code in _KEPT:
            return True
        if response.status_code == _THERE_ALREADY:
            return False
        raise self._refused(name, response)

    async def get(self, name: str) -> bytes | None:
        response = await self._asked("GET", name, {}, None)
        if response.status_code == httpx.codes.OK:
            return response.content
        if response.status_code == _NOT_FOUND:
            return None
        raise self._refused(name, response)

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, method: str, name: str, headers: dict[str, str], data: bytes | None) -> httpx.Response:
        request = self._client.build_request(method, name, headers=headers, content=data)
        try:
            response = await self._client.send(request, stream=True)
            try:
                parts, size_bytes = [], 0
                async for part in response.aiter_bytes():
                    parts.append(part)
                    size_bytes += len(part)
                    if size_bytes > _MAX_BYTES:
                        raise AuditError("the anchor's answer is too large", expected=f"at most {_MAX_BYTES} bytes",
                                         at=str(request.url))  # fmt: skip
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise AuditError(
                "the anchor does not answer", found=f"{type(error).__name__}: {error}"[:200], at=str(request.url)
            ) from None
        return httpx.Response(response.status_code, content=b"".join(parts))

    def _refused(self, name: str, response: httpx.Response) -> AuditError:
        return AuditError(
            "the anchor refuses", expected="200, 201, 204, 404 or 412", found=str(response.status_code),
            at=f"{self._client.base_url}{name}", hint="Is its token the right one?",
        )  # fmt: skip
