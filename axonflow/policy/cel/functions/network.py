"""The extension for IP addresses. Source: the cases of cel-spec, network_ext; the kinds of addresses are those of Go's
net/netip, whose documentation the extension refers to.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from axonflow.policy.cel.addresses import Cidr, Ip, networks_of, read_cidr, read_client, read_ip
from axonflow.policy.cel.values import CelError, Value, as_string, no_overload

__all__ = [
    "blocks",
    "covers_cidr",
    "holds_ip",
    "in_blocks",
    "is_canonical_ip",
    "is_cidr",
    "is_global_unicast",
    "is_ip",
    "is_link_local_multicast",
    "is_link_local_unicast",
    "is_loopback",
    "is_unspecified",
    "to_cidr",
    "to_ip",
]


def to_ip(text: str) -> Ip:
    try:
        return read_ip(text)
    except ValueError as error:
        raise CelError(str(error)) from None


def to_cidr(text: str) -> Cidr:
    try:
        return read_cidr(text)
    except ValueError as error:
        raise CelError(str(error)) from None


def is_ip(text: str) -> bool:
    try:
        read_ip(text)
    except ValueError:
        return False
    return True


def is_cidr(text: str) -> bool:
    try:
        read_cidr(text)
    except ValueError:
        return False
    return True


def is_canonical_ip(text: str) -> bool:
    return str(to_ip(text)) == text


# -- kinds of addresses


_UNSPECIFIED: Final = (Ip(4, 0), Ip(6, 0))
_BROADCAST: Final = read_ip("255.255.255.255")
_LOOPBACK: Final = (read_cidr("127.0.0.0/8"), read_cidr("::1/128"))
_LINK_LOCAL: Final = (read_cidr("169.254.0.0/16"), read_cidr("fe80::/10"))
_MULTICAST: Final = (read_cidr("224.0.0.0/4"), read_cidr("ff00::/8"))
_LINK_LOCAL_MULTICAST: Final = read_cidr("224.0.0.0/24")
_SCOPE_SHIFT: Final = 112
_LINK_LOCAL_SCOPE: Final = 2
"""Of an IPv6 multicast address: RFC 4291, section 2.7."""


def _is_in(ip: Ip, among: Iterable[Cidr]) -> bool:
    return any(block.holds(ip) for block in among)


def is_unspecified(ip: Ip) -> bool:
    return ip in _UNSPECIFIED


def is_loopback(ip: Ip) -> bool:
    return _is_in(ip, _LOOPBACK)


def is_link_local_unicast(ip: Ip) -> bool:
    return _is_in(ip, _LINK_LOCAL)


def is_link_local_multicast(ip: Ip) -> bool:
    if ip.family == 4:
        return _LINK_LOCAL_MULTICAST.holds(ip)
    return _is_in(ip, _MULTICAST) and ip.number >> _SCOPE_SHIFT & 0xF == _LINK_LOCAL_SCOPE


def is_global_unicast(ip: Ip) -> bool:
    return not (is_unspecified(ip) or ip == _BROADCAST or _is_in(ip, (*_LOOPBACK, *_LINK_LOCAL, *_MULTICAST)))


# -- blocks


def holds_ip(block: Cidr, ip: Value) -> bool:
    if isinstance(ip, str):
        ip = to_ip(ip)
    if not isinstance(ip, Ip):
        raise no_overload("containsIP()", ip)
    return block.holds(ip)


def covers_cidr(block: Cidr, other: Value) -> bool:
    if isinstance(other, str):
        other = to_cidr(other)
    if not isinstance(other, Cidr):
        raise no_overload("containsCIDR()", other)
    return block.covers(other)


Blocks = dict[tuple[int, int], frozenset[int]]
"""By family and number of bits that do not count: what the others may be. A request looks up each number of bits once,
however many blocks there are."""


def blocks(value: Value) -> Blocks:
    """Of one text, or of a list of them."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise no_overload("inCIDR()", value)
    try:
        networks = networks_of(map(as_string, value))
    except ValueError as error:
        raise CelError(str(error)) from None
    found: dict[tuple[int, int], set[int]] = {}
    for network in networks:
        bits = network.max_prefixlen - network.prefixlen
        found.setdefault((network.version, bits), set()).add(int(network.network_address) >> bits)
    return {key: frozenset(numbers) for key, numbers in found.items()}


def in_blocks(text: str, known: Blocks) -> bool:
    ip = _recent_ip(text)
    return any(ip.family == family and ip.number >> bits in networks for (family, bits), networks in known.items())


@lru_cache(maxsize=256)
def _recent_ip(text: str) -> Ip:
    """Many rules ask for the same address of a request."""
    try:
        return read_client(text)
    except ValueError as error:
        raise CelError(str(error)) from None
