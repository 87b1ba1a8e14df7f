"""IP addresses and blocks of them, as values of expressions.

An IPv4 address that is written as IPv6 (``::ffff:c0a8:1``) is the IPv4 address. With its last part in dots, or with a
zone, an address is refused; but ``inCIDR`` takes one in dots. Source: RFC 4291, RFC 4632, and the cases of cel-spec,
network_ext.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from msgspec import Struct

__all__ = ["BITS", "Cidr", "Ip", "networks_of", "read_cidr", "read_client", "read_ip"]

BITS: Final = {4: 32, 6: 128}
_MAX_CHARS: Final = 64
_MAPPED: Final = 0xFFFF << 32
_PREFIXES: Final = {str(length): length for length in range(129)}


class Ip(Struct, frozen=True):
    """An address: its family, 4 or 6, and its bits as a number."""

    family: int
    number: int

    def __str__(self) -> str:
        return str(IPv4Address(self.number) if self.family == 4 else IPv6Address(self.number))


class Cidr(Struct, frozen=True):
    """The block of the addresses that share the first `prefix` bits of `ip`, which may have further bits set."""

    ip: Ip
    prefix: int

    def __str__(self) -> str:
        return f"{self.ip}/{self.prefix}"

    @property
    def masked(self) -> Cidr:
        """The same block with all further bits cleared."""
        return Cidr(Ip(self.ip.family, self._network << self._host_bits), self.prefix)

    @property
    def _host_bits(self) -> int:
        return BITS[self.ip.family] - self.prefix

    @property
    def _network(self) -> int:
        return self.ip.number >> self._host_bits

    def holds(self, ip: Ip) -> bool:
        return ip.family == self.ip.family and ip.number >> self._host_bits == self._network

    def covers(self, other: Cidr) -> bool:
        return self.prefix <= other.prefix and self.holds(other.ip)


def read_ip(text: str) -> Ip:
    """Raises ValueError with the reason."""
    ip = read_client(text)
    if ip.family == 4 and ":" in text and "." in text:
        raise ValueError("an IPv4 address written as IPv6")
    return ip


def _octets(text: str) -> int:
    """An IPv4 address as a number, as IPv4Address reads it, which takes four times as long."""
    parts = text.split(".")
    if len(parts) != 4 or not text.isascii():
        raise ValueError("not an IP address")
    number = 0
    for part in parts:
        if not part.isdigit() or len(part) > 3 or (part[0] == "0" and part != "0") or int(part) > 255:
            raise ValueError("not an IP address")
        number = number << 8 | int(part)
    return number


def read_client(text: str) -> Ip:
    """The same, but ``::ffff:10.1.2.3`` is 10.1.2.3: that is how a server which listens to IPv6 names IPv4 clients."""
    if len(text) > _MAX_CHARS:
        raise ValueError("not an IP address")
    if "%" in text:
        raise ValueError("an IP address with a zone")
    try:
        if ":" not in text:
            return Ip(4, _octets(text))
        number = int(IPv6Address(text))
    except AddressValueError:
        raise ValueError("not an IP address") from None
    if number >> 32 != _MAPPED >> 32:
        return Ip(6, number)
    return Ip(4, number & 0xFFFF_FFFF)


def read_cidr(text: str) -> Cidr:
    """Raises ValueError with the reason."""
    address, slash, length = text.partition("/")
    prefix = _PREFIXES.get(length) if slash else None
    if prefix is None:
        raise ValueError("not a block of IP addresses such as 10.0.0.0/8")
    ip = read_ip(address)
    if ip.family == 4 and ":" in address:
        raise ValueError("a block of IPv4 addresses written as IPv6")
    if prefix > BITS[ip.family]:
        raise ValueError("not a block of IP addresses such as 10.0.0.0/8")
    return Cidr(ip, prefix)


def networks_of(texts: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """The networks in one of which an address must be for ``inCIDR(texts)`` to hold.

    Raises ValueError for what is no block, or has bits set behind its prefix: 10.1.0.0/8 may have been meant as /16.
    """
    return [_network(read_cidr(text)) for text in texts]


def _network(block: Cidr) -> IPv4Network | IPv6Network:
    if block.masked != block:
        raise ValueError("a block of IP addresses with bits set behind its prefix")
    number = (block.ip.number, block.prefix)
    return IPv4Network(number) if block.ip.family == 4 else IPv6Network(number)
