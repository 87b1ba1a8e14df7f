"""IP addresses and networks. Source: cel-spec, the cases of network_ext; https://pkg.go.dev/net/netip for the terms.

A text is an address in one of two notations (RFC 4291 section 2.2) and nothing beside it: no zone, no leading zeros in
IPv4. An IPv6 address that stands for an IPv4 address (RFC 4291 section 2.5.5.2) is that IPv4 address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import ClassVar, Final

from axonflow.policy.cel.values import CelError, Opaque

__all__ = ["Cidr", "Ip", "Networks", "networks_of", "read_cidr", "read_ip"]

_MAX_ADDRESS_CHARS: Final = 45
"""Six groups of four digits, each with its colon, and an IPv4 address."""
_BITS: Final = {4: 32, 6: 128}
_PREFIX: Final = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)
_MAPPED: Final = 0xFFFF << 32
_NOT_AN_ADDRESS: Final = "not an IP address"


class Ip(Opaque, frozen=True):
    """An address as a number. `family` is 4 or 6."""

    cel_type: ClassVar[str] = "net.IP"
    family: int
    number: int

    def __str__(self) -> str:
        return str(IPv4Address(self.number) if self.family == 4 else IPv6Address(self.number))

    def starts_with(self, prefix: int, bits: int) -> bool:
        """Whether the first `bits` are those of `prefix`, also an address as a number."""
        return (self.number ^ prefix) >> (_BITS[self.family] - bits) == 0

    def is_unspecified(self) -> bool:
        return self.number == 0

    def is_loopback(self) -> bool:
        return self.starts_with(127 << 24, 8) if self.family == 4 else self.number == 1

    def is_multicast(self) -> bool:
        return self.starts_with(0xE << 28, 4) if self.family == 4 else self.starts_with(0xFF << 120, 8)

    def is_link_local_unicast(self) -> bool:
        return self.starts_with(0xA9FE << 16, 16) if self.family == 4 else self.starts_with(0xFE80 << 112, 10)

    def is_link_local_multicast(self) -> bool:
        if self.family == 4:
            return self.starts_with(0xE00000 << 8, 24)
        return self.number >> 112 & 0xFF0F == 0xFF02  # the bits between are flags

    def is_global_unicast(self) -> bool:
        """Private addresses are: they are no others' than one's own, but they are of one host."""
        if self.family == 4 and self.number == 0xFFFFFFFF:
            return False
        return not (self.is_unspecified() or self.is_loopback() or self.is_multicast() or self.is_link_local_unicast())


class Cidr(Opaque, frozen=True):
    """A network, with the address that it was written with."""

    cel_type: ClassVar[str] = "net.CIDR"
    ip: Ip
    prefix_bits: int

    def __str__(self) -> str:
        return f"{self.ip}/{self.prefix_bits}"

    def masked(self) -> Cidr:
        """The same network with its first address."""
        rest = _BITS[self.ip.family] - self.prefix_bits
        return Cidr(Ip(self.ip.family, self.ip.number >> rest << rest), self.prefix_bits)

    def contains_ip(self, other: Ip) -> bool:
        return other.family == self.ip.family and other.starts_with(self.ip.number, self.prefix_bits)

    def contains_cidr(self, other: Cidr) -> bool:
        return other.prefix_bits >= self.prefix_bits and self.contains_ip(other.ip)


# -- texts


def _parsed(text: str) -> Ip:
    """What is written, an IPv4 address in IPv6 as IPv6. Raises ValueError."""
    if len(text) > _MAX_ADDRESS_CHARS:
        raise ValueError(_NOT_AN_ADDRESS)
    if "%" in text:
        raise ValueError("an IP address with a zone")
    try:
        return Ip(6, int(IPv6Address(text))) if ":" in text else Ip(4, int(IPv4Address(text)))
    except ValueError:
        raise ValueError(_NOT_AN_ADDRESS) from None


def _is_mapped(ip: Ip) -> bool:
    return ip.family == 6 and ip.number >> 32 == 0xFFFF


def _unmapped(ip: Ip) -> Ip:
    return Ip(4, ip.number - _MAPPED) if _is_mapped(ip) else ip


def read_ip(text: str) -> Ip:
    """The address that `text` is. Raises ValueError, also for an IPv4 address written into an IPv6 address."""
    ip = _parsed(text)
    if _is_mapped(ip) and "." in text:
        raise ValueError("an IPv4 address written as an IPv6 address")
    return _unmapped(ip)


def read_cidr(text: str) -> Cidr:
    """The network that `text` is. Raises ValueError."""
    address, slash, prefix = text.partition("/")
    if not slash or not _PREFIX.fullmatch(prefix):
        raise ValueError("not a network such as 10.0.0.0/8")
    ip = _parsed(address)
    if _is_mapped(ip):
        raise ValueError("a network of IPv4 addresses written as IPv6 addresses")
    if int(prefix) > _BITS[ip.family]:
        raise ValueError(f"a prefix of more than {_BITS[ip.family]} bits")
    return Cidr(ip, int(prefix))


# -- many networks


def networks_of(texts: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """The networks that an address must be in one of, for ``inCIDR(texts)``.

    Raises ValueError for what is no network, or has bits behind its prefix: 10.1.0.0/8 may have been meant as /16.
    """
    return [_network(read_cidr(text)) for text in texts]


def _network(cidr: Cidr) -> IPv4Network | IPv6Network:
    if cidr.masked() != cidr:
        raise ValueError("a network with bits set behind its prefix")
    number = (cidr.ip.number, cidr.prefix_bits)
    return IPv4Network(number) if cidr.ip.family == 4 else IPv6Network(number)


class Networks:
    """Networks to look addresses up in, however many: a look-up takes a step for each length of their prefixes.

    Raises ValueError as `networks_of` does.
    """

    __slots__ = ("_prefixes",)

    def __init__(self, *texts: str) -> None:
        found: dict[tuple[int, int], set[int]] = {}
        for network in networks_of(texts):
            shift = network.max_prefixlen - network.prefixlen
            found.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
        self._prefixes: Final = {
            family: tuple((shift, frozenset(held)) for (of, shift), held in found.items() if of == family)
            for family in _BITS
        }

    def hold(self, text: str) -> bool:
        """Whether the address that `text` is lies in one. Raises CelError when it is no address.

        An IPv4 address written as an IPv6 address is that IPv4 address: so a server that listens to both names clients.
        """
        ip = _client(text)
        return any(ip.number >> shift in held for shift, held in self._prefixes[ip.family])


@lru_cache(maxsize=1024)
def _client(text: str) -> Ip:
    try:
        return _unmapped(_parsed(text))
    except ValueError as error:
        raise CelError(str(error)) from None
