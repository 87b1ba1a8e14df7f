"""Merkle trees over SHA-256 as RFC 9162 has them (section 2.1; RFC 6962 has the same): roots and inclusion paths.

All functions take the hashes of the leaves, never the leaves: ``leaf_hash`` makes one. A leaf's hash begins with a zero
byte and that of an inner node with a one, so neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

__all__ = ["EMPTY_ROOT", "leaf_hash", "merkle_path", "merkle_root", "root_by_path"]

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

EMPTY_ROOT: Final = hashlib.sha256().digest()
"""The root of a tree without leaves (section 2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: 32 bytes."""
    return hashlib.sha256(_LEAF + entry).digest()


def _level_above(nodes: Sequence[bytes]) -> list[bytes]:
    """Each two beside each other become one; one that is left over rises as it is.

    Level by level this gives the tree that the RFC defines by splitting at the largest power of two: all of its left
    subtrees are complete.
    """
    sha256 = hashlib.sha256
    above = [sha256(_NODE + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
    if len(nodes) % 2:
        above.append(nodes[-1])
    return above


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the hashes of leaves, in their order: 32 bytes. About .6 us a leaf."""
    if not leaves:
        return EMPTY_ROOT
    nodes = leaves
    while len(nodes) > 1:
        nodes = _level_above(nodes)
    return nodes[0]


def merkle_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` up to the root, nearest first (section 2.1.3.1): at most
    ceil(log2(leaves)). Raises IndexError for a leaf that is not there.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    path = []
    nodes = leaves
    while len(nodes) > 1:
        sibling = index ^ 1
        if sibling < len(nodes):
            path.append(nodes[sibling])
        nodes = _level_above(nodes)
        index //= 2
    return tuple(path)


def root_by_path(leaf: bytes, index: int, leaves: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `leaves` leaves in which `leaf` stands at `index`, if `path` is its inclusion path (section
    2.1.3.2); None when no path of this length leads from there to a root.

    Whoever checks an inclusion compares this with a root they trust.
    """
    if not 0 <= index < leaves:
        return None
    node, last = leaf, leaves - 1
    for sibling in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            node = hashlib.sha256(_NODE + sibling + node).digest()
            while index % 2 == 0 and index:  # it rose alone through these levels
                index //= 2
                last //= 2
        else:
            node = hashlib.sha256(_NODE + node + sibling).digest()
        index //= 2
        last //= 2
    return node if last == 0 else None
