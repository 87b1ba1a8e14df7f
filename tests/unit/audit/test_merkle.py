"""Merkle trees: test data that others share, the RFC's own definition, and properties."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.audit.merkle import EMPTY_ROOT, leaf_hash, merkle_path, merkle_root, root_by_path

LEAVES = [
    bytes.fromhex(digits)
    for digits in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The leaves that implementations of RFC 6962 share as test data."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first 1, 2, ... 8 of them."""


def defined_root(entries):
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\x01" + defined_root(entries[:split]) + defined_root(entries[split:])).digest()


def defined_path(entries, index):
    """PATH of section 2.1.3.1, word for word."""
    if len(entries) == 1:
        return []
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if index < split:
        return [*defined_path(entries[:split], index), defined_root(entries[split:])]
    return [*defined_path(entries[split:], index - split), defined_root(entries[:split])]


def hashes(size):
    return [leaf_hash(str(number).encode()) for number in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_merkle_root_of_the_shared_test_data_is_the_known_one(size):
    assert merkle_root([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]
    assert defined_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_merkle_root_of_nothing_is_the_hash_of_nothing():
    assert merkle_root([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", [*range(1, 35), 63, 64, 65, 1000])
def test_merkle_root_of_any_size_is_as_defined(size):
    entries = [str(number).encode() for number in range(size)]
    assert merkle_root(hashes(size)) == defined_root(entries)
    for index in {0, size // 3, size // 2, size - 1}:
        assert list(merkle_path(hashes(size), index)) == defined_path(entries, index)


@pytest.mark.parametrize("size", range(1, 34))
def test_merkle_paths_of_all_leaves_lead_to_the_root_and_nowhere_else(size):
    leaves = hashes(size)
    root = merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle_path(leaves, index)
        assert root_by_path(leaf, index, size, path) == root
        for other in range(size + 1):
            assert (root_by_path(leaf, other, size, path) == root) == (other == index)
        assert root_by_path(leaves[index - 1] if size > 1 else root[::-1], index, size, path) != root


@given(st.integers(1, 200), st.data())
def test_merkle_path_with_any_change_leads_to_another_root(size, data):
    leaves = hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = list(merkle_path(leaves, index)), merkle_root(leaves)
    change = data.draw(st.sampled_from(["longer", "shorter", "flipped", "swapped", "another leaf"]))
    leaf = leaves[index]
    if change == "longer":
        path.insert(data.draw(st.integers(0, len(path))), data.draw(st.binary(min_size=32, max_size=32)))
    elif change == "another leaf":
        leaf = leaf_hash(b"another")
    elif len(path) < 2:
        return
    elif change == "shorter":
        del path[data.draw(st.integers(0, len(path) - 1))]
    elif change == "flipped":
        place = data.draw(st.integers(0, len(path) - 1))
        path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    else:
        path[0], path[1] = path[1], path[0]
    assert root_by_path(leaf, index, size, path) != root


def test_merkle_path_of_a_size_that_gives_another_shape_does_not_lead_to_the_root():
    leaves = hashes(7)
    path, root = merkle_path(leaves, 6), merkle_root(leaves)
    right = [size for size in range(1, 40) if root_by_path(leaves[6], 6, size, path) == root]
    assert right == [7]


@pytest.mark.parametrize("index", [-1, 3])
def test_merkle_path_of_a_leaf_that_is_not_there_is_refused(index):
    with pytest.raises(IndexError, match="of 3"):
        merkle_path(hashes(3), index)
    assert root_by_path(hashes(1)[0], index, 3, ()) is None
