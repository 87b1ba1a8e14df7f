"""Calls of a provider over HTTP (httpx), within bounds of time and size. Redirects are refused, never followed: the
request holds what a tenant said and the operator's key, and goes where the operator said and nowhere else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

import httpx
from msgspec import Struct

from axonflow.errors import ConfigurationError, ModelError, ModelReplyMalformed, ModelUnavailable

__all__ = ["CallLimits", "Caller", "Fault", "Sign"]

_MAX_FAULT_BYTES: Final = 64 * 1024
"""Of the body of an error; what says which error it is comes first in all shapes."""

Sign = Callable[[str, bytes], Mapping[str, str]]
"""The headers that a request has to have, by its address and body."""
Fault = Callable[[int, Mapping[str, str], bytes], ModelError]
"""The error that a status, headers (lower case) and the first of a body stand for."""


class CallLimits(Struct, frozen=True, kw_only=True):
    """How long a call may take: `connect_ms` to connect, `silent_ms` between two pieces of the answer, `total_ms` in
    all; how large the answer may be; and how many calls there are at once, the others wait."""

    connect_ms: int = 5_000
    silent_ms: int = 120_000
    total_ms: int = 600_000
    max_reply_bytes: int = 16 * 1024 * 1024
    max_calls: int = 100


class Caller:
    """POSTs to addresses below `base_url`, each request with the headers that `sign` gives.

    Proxies and certificates that the environment names are not asked; `authority` is a PEM file of whom to trust for
    TLS beside the system's. Raises ConfigurationError for an address that is not plain http or https.
    """

    def __init__(
        self, base_url: str, *, sign: Sign, fault: Fault, limits: CallLimits | None, authority: str | None
    ) -> None:
        self._base_url = checked_address(base_url)
        self._sign = sign
        self._fault = fault
        self._limits = limits = limits or CallLimits()
        is_plain = self._base_url.startswith("http:") and authority is None
        self._client = httpx.AsyncClient(
            verify=False if is_plain else _trust(authority),  # 20 ms that an address without TLS does not need
            trust_env=False, follow_redirects=False,
            timeout=httpx.Timeout(limits.silent_ms / 1000, connect=limits.connect_ms / 1000, pool=None),
            limits=httpx.Limits(max_connections=limits.max_calls),
        )  # fmt: skip

    @property
    def base_url(self) -> str:
        """Without a slash at its end."""
        return self._base_url

    async def whole(self, path: str, body: bytes) -> bytes:
        """The answer to `body` at `path`. Raises ModelError."""
        async with aclosing(self.pieces(path, body, "application/json")) as pieces:
            return b"".join([piece async for piece in pieces])

    async def pieces(self, path: str, body: bytes, kind: str) -> AsyncGenerator[bytes, None]:
        """The answer of media type `kind` as it comes. Raises ModelError."""
        address = self._base_url + path
        headers = {
            "content-type": "application/json", "accept": kind,
            "accept-encoding": "identity",  # a few kilobytes can unpack to gigabytes
            **self._sign(address, body),
        }  # fmt: skip
        end_s = asyncio.get_running_loop().time() + self._limits.total_ms / 1000
        try:
            request = self._client.build_request("POST", address, content=body, headers=headers)
            async with asyncio.timeout_at(end_s):
                response = await self._client.send(request, stream=True)
            async with aclosing(response), aclosing(self._read(response, end_s)) as pieces:
                self._check_status(response)
                if response.status_code != 200:
                    raise self._fault(response.status_code, dict(response.headers), await _first_of(pieces))
                self._check_kind(response, kind)
                async for piece in pieces:
                    yield piece
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise self._away(type(error).__name__) from None
        except TimeoutError:
            raise self._away(f"no end within {self._limits.total_ms} ms") from None

    async def _read(self, response: httpx.Response, end_s: float) -> AsyncGenerator[bytes, None]:
        size_bytes = 0
        pieces = response.aiter_raw()
        while True:
            async with asyncio.timeout_at(
                end_s
            ):  # not around the loop: whoever reads may take time, or be another task
                piece = await anext(pieces, None)
            if piece is None:
                return
            size_bytes += len(piece)
            if size_bytes > self._limits.max_reply_bytes:
                raise ModelReplyMalformed(
                    "the reply is too large", expected=f"at most {self._limits.max_reply_bytes} bytes", found="more",
                    at=self._base_url,
                )  # fmt: skip
            yield piece

    def _check_status(self, response: httpx.Response) -> None:
        if 300 <= response.status_code < 400:
            raise ModelError(
                "a redirect, which is not followed", expected="an answer", found=f"status {response.status_code}",
                at=self._base_url, hint="Give the address that it leads to, if it is the provider's.",
            )  # fmt: skip

    def _check_kind(self, response: httpx.Response, kind: str) -> None:
        found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != kind or response.headers.get("content-encoding", "identity").lower() != "identity":
            raise ModelReplyMalformed(
                "an answer of another kind", expected=f"{kind}, not compressed", found=_shown(found), at=self._base_url
            )

    def _away(self, found: str) -> ModelUnavailable:
        return ModelUnavailable("the provider does not answer as it should", found=found, at=self._base_url)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _trust(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "the authority cannot be read", expected="a PEM file", found=type(error).__name__, at=authority
        ) from None


async def _first_of(pieces: AsyncIterable[bytes]) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) >= _MAX_FAULT_BYTES:
            break
    return bytes(body[:_MAX_FAULT_BYTES])


def checked_address(base_url: str) -> str:
    """`base_url` without a slash at its end. Raises ConfigurationError unless it is plain http or https, to a host."""
    expected = "http://host or https://host, with a path or without"
    try:
        address = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("not an address", expected=expected, found="something else", at="base_url") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise ConfigurationError("not an address", expected=expected, found=_shown(address.scheme), at="base_url")
    if address.userinfo or address.query or address.fragment:
        raise ConfigurationError(
            "more than an address", expected=expected, found="a user, a query or a fragment", at="base_url",
            hint="A key is given as the key.",
        )  # fmt: skip
    return base_url.rstrip("/")


def checked_key(api_key: str, provider: str) -> str:
    """`api_key`. Raises ConfigurationError, which does not show it, unless it can stand in a header."""
    if not isinstance(api_key, str) or not api_key or not api_key.isascii() or not api_key.isprintable():
        raise ConfigurationError("not an API key", expected="printable ASCII", found="something else", at=provider)
    return api_key


def _shown(text: Any) -> str:
    return f"{str(text)[:64]!a}"
