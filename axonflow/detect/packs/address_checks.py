"""Whether the host of a URL is one that only a machine on the inside should reach, however it is spelled."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["is_internal_host", "is_internal_url", "is_metadata_host", "is_odd_internal_host"]

_METADATA = frozenset(
    {
        "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, Oracle
        "169.254.170.2",  # AWS, of a container
        "169.254.170.23",
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle, classic
        "168.63.129.16",  # Azure's wire server
        "fd00:ec2::254",
        "fd20:ce::254",
    }
)
_METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "instance-data")
_LOCAL_NAMES = frozenset(
    {"localhost", "localhost.localdomain", "localtest.me", "lvh.me", "host.docker.internal", "kubernetes.default.svc"}
)
_WILDCARD_ZONES = (".nip.io", ".sslip.io", ".xip.io")
_MAX_PARTS = 4


def address_of(host: str) -> tuple[IPv4Address | IPv6Address | None, bool]:
    """The address that `host` is to a resolver (inet_aton of POSIX, RFC 4291), and whether it is written plainly."""
    if host.startswith("["):
        return _ipv6(host.strip("[]"))
    for zone in _WILDCARD_ZONES:
        if host.endswith(zone):
            labels = host.removesuffix(zone).replace("-", ".").split(".")
            return _ipv4(".".join(labels[-_MAX_PARTS:]))[0], False
    return _ipv4(host)


def _ipv6(text: str) -> tuple[IPv4Address | IPv6Address | None, bool]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return None, True
    return (address.ipv4_mapped, False) if address.ipv4_mapped else (address, True)


def _ipv4(text: str) -> tuple[IPv4Address | None, bool]:
    parts = text.rstrip(".").split(".")
    numbers = [_number(part) for part in parts[:_MAX_PARTS]]
    if len(parts) > _MAX_PARTS or None in numbers:
        return None, True
    *heads, last = [number for number in numbers if number is not None]
    if any(head > 255 for head in heads) or last >= 256 ** (_MAX_PARTS + 1 - len(parts)):
        return None, True
    value = last + sum(head << (24 - 8 * at) for at, head in enumerate(heads))
    return IPv4Address(value), str(IPv4Address(value)) == text


def _number(part: str) -> int | None:
    try:
        if part.startswith("0x"):
            return int(part, 16)
        return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)
    except ValueError:
        return None


def is_metadata_host(host: str) -> bool:
    """Whether `host` is where a cloud tells its machines their credentials."""
    lower = host.lower()
    address, _ = address_of(lower)
    return lower.rstrip(".") in _METADATA_NAMES or str(address) in _METADATA


def is_internal_host(host: str) -> bool:
    """Whether `host` is this machine, a private network or a metadata service."""
    lower = host.lower().rstrip(".")
    address, _ = address_of(lower)
    if address is None:
        return lower in _LOCAL_NAMES or lower.endswith((".localhost", ".internal")) or is_metadata_host(lower)
    return not address.is_global and not address.is_multicast


def is_internal_url(url: str) -> bool:
    """Whether the host of `url` is on the inside."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    host = authority if authority.endswith("]") else re.sub(":[0-9]{0,5}$", "", authority)
    return is_internal_host(host)


def is_odd_internal_host(host: str) -> bool:
    """Whether `host` is on the inside and written so that a filter of addresses does not see it."""
    address, is_plain = address_of(host.lower())
    return address is not None and not is_plain and is_internal_host(host)
