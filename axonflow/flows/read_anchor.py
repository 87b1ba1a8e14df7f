"""Verb: read_anchor. What an anchor has of each writer: its first key and its newest statement."""

from __future__ import annotations

from collections.abc import Callable

from axonflow.audit.anchor import AnchoredHead, AnchoredKey, head_name, is_anchorable, writer_name
from axonflow.audit.trust import AnchoredWriter
from axonflow.errors import AuditError
from axonflow.ports import AuditAnchor

__all__ = ["newest_index", "read_anchor"]


async def read_anchor(anchor: AuditAnchor) -> dict[str, AnchoredWriter]:
    """By writer. Raises AuditError when the anchor does not answer, or holds what is none of its objects."""
    writers: dict[str, AnchoredWriter] = {}
    index = 0
    while (data := await anchor.get(writer_name(index))) is not None:
        key = AnchoredKey.from_bytes(data)
        if key.writer_id not in writers:  # a second one is of a process that was stopped between two objects
            statement = await _newest_statement(anchor, key.writer_id)
            writers[key.writer_id] = AnchoredWriter(key.writer_id, bytes.fromhex(key.public_key), statement)
        index += 1
    return writers


async def _newest_statement(anchor: AuditAnchor, writer_id: str) -> bytes:
    if not is_anchorable(writer_id):
        raise AuditError("not a writer of an anchor", found=ascii(writer_id)[:80])
    index = await newest_index(anchor, lambda number: head_name(writer_id, number))
    data = await anchor.get(head_name(writer_id, index)) if index >= 0 else None
    return AnchoredHead.from_bytes(data, writer_id).statement.encode() if data is not None else b""


async def newest_index(anchor: AuditAnchor, name: Callable[[int], str]) -> int:
    """The number of the newest of the objects that `name` gives names to; -1 when there is none. Asks for about twice
    as many as the number has binary digits."""
    if await anchor.get(name(0)) is None:
        return -1
    there, absent = 0, 1
    while await anchor.get(name(absent)) is not None:
        there, absent = absent, absent * 2
    while absent - there > 1:
        middle = (there + absent) // 2
        if await anchor.get(name(middle)) is None:
            absent = middle
        else:
            there = middle
    return there
