"""Verb: export a tenant. All that it has as JSON Lines, with a manifest at the end that says whether it is whole."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from axonflow.errors import TenancyMissing
from axonflow.ids import now_us
from axonflow.ports import TenantData, TenantRow

__all__ = ["EXPORT_FORMAT", "export_tenant"]

EXPORT_FORMAT: Final = "axonflow-tenant/1"
_CHUNK_BYTES: Final = 64 * 1024


async def export_tenant(data: TenantData, tenant_id: str) -> AsyncGenerator[bytes, None]:
    """The archive, in pieces: a line ``{"format", "tenant_id", "time_us"}``, one ``{"table", "row"}`` a row (bytes are
    ``{"base64": ...}``), and ``{"manifest": {table: {"rows", "sha256"}}}``, whose hashes are of the lines of a table.

    Raises TenancyMissing for a tenant that has nothing, TenancyUnavailable; then the last line is not there.
    """
    counts: dict[str, int] = {}
    hashes: dict[str, Any] = {}
    head = _line({"format": EXPORT_FORMAT, "tenant_id": tenant_id, "time_us": now_us()})
    chunk = bytearray()
    async with aclosing(data.rows(tenant_id)) as rows:
        async for row in rows:
            line = _line({"table": row.table, "row": _values(row)})
            chunk += line if counts else head + line
            counts[row.table] = counts.get(row.table, 0) + 1
            hashes.setdefault(row.table, hashlib.sha256()).update(line)
            if len(chunk) >= _CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
    if not counts:
        raise TenancyMissing("no such tenant", at=ascii(tenant_id)[:80])
    manifest = {name: {"rows": counts[name], "sha256": hashes[name].hexdigest()} for name in counts}
    yield bytes(chunk) + _line({"manifest": manifest})


def _values(row: TenantRow) -> dict[str, Any]:
    return {
        name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.values.items()
    }


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
