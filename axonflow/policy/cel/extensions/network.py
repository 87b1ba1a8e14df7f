"""IP addresses and networks as values. Source: cel-spec, the conformance cases of network_ext."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.extensions.addresses import Cidr, Ip, read_cidr, read_ip
from axonflow.policy.cel.readers import Reader
from axonflow.policy.cel.rows import Function, method
from axonflow.policy.cel.values import CelError

__all__ = ["ROWS", "is_canonical", "is_cidr", "is_ip"]


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


def is_canonical(text: str) -> bool:
    """Whether an address is written as it would be given back (RFC 5952). Raises CelError when it is none."""
    try:
        return str(read_ip(text)) == text
    except ValueError as error:
        raise CelError(str(error)) from None


_IP: Final = Reader(read_ip, Ip)
_CIDR: Final = Reader(read_cidr, Cidr)


def _of_ip(name: str, result: str, template: str, summary: str, example: str) -> Function:
    return method(name, ("net.IP",), result, template, summary, example, work="fixed")


def _of_cidr(name: str, result: str, template: str, summary: str, example: str) -> Function:
    return method(name, ("net.CIDR",), result, template, summary, example, work="fixed")


ROWS: Final = (
    Function(
        "ip", ("string",), "net.IP", "{0}", "The IP address that a text is.", 'ip("10.0.0.1").family() == 4',
        work="fixed", readers=(_IP,),
    ),
    Function(
        "cidr", ("string",), "net.CIDR", "{0}", "The network that a text is.",
        'cidr("10.0.0.0/8").containsIP("10.1.2.3")',
        work="fixed", readers=(_CIDR,),
    ),
    Function(
        "isIP", ("string",), "bool", "is_ip({0})", "Whether a text is an address.", '!isIP("10.0.0")',
        work="fixed",
    ),
    Function(
        "isCIDR", ("string",), "bool", "is_cidr({0})", "Whether a text is a network.", 'isCIDR("10.0.0.0/8")',
        work="fixed",
    ),
    Function(
        "ip.isCanonical", ("string",), "bool", "is_canonical({0})", "Whether an address is written in the usual way.",
        '!ip.isCanonical("2001:DB8::1")',
        work="fixed",
    ),
    _of_ip("family", "int", "{0}.family", "4 or 6.", 'ip("::1").family() == 6'),
    _of_ip(
        "isUnspecified", "bool", "{0}.is_unspecified()", "Whether it is 0.0.0.0 or ::.", 'ip("::").isUnspecified()'
    ),
    _of_ip(
        "isLoopback", "bool", "{0}.is_loopback()", "Whether it is in 127.0.0.0/8 or ::1.",
        'ip("127.0.0.1").isLoopback()',
    ),
    _of_ip(
        "isGlobalUnicast", "bool", "{0}.is_global_unicast()",
        "Whether it may be of one host elsewhere, private ones included.", 'ip("10.0.0.1").isGlobalUnicast()',
    ),
    _of_ip(
        "isLinkLocalMulticast", "bool", "{0}.is_link_local_multicast()", "Whether it is in 224.0.0.0/24 or ff02::/16.",
        'ip("224.0.0.1").isLinkLocalMulticast()',
    ),
    _of_ip(
        "isLinkLocalUnicast", "bool", "{0}.is_link_local_unicast()", "Whether it is in 169.254.0.0/16 or fe80::/10.",
        'ip("169.254.169.254").isLinkLocalUnicast()',
    ),
    *(
        Function(
            "containsIP", ("net.CIDR", kind), "bool", "{0}.contains_ip({1})", summary,
            f'cidr("10.0.0.0/8").containsIP({example})',
            is_method=True, work="fixed", readers=(None, reader),
        )
        for kind, summary, example, reader in (
            ("string", "Whether an address is in it.", '"10.1.2.3"', _IP),
            ("net.IP", "The same of a value.", 'ip("10.1.2.3")', None),
        )
    ),
    *(
        Function(
            "containsCIDR", ("net.CIDR", kind), "bool", "{0}.contains_cidr({1})", summary,
            f'cidr("10.0.0.0/8").containsCIDR({example})',
            is_method=True, work="fixed", readers=(None, reader),
        )
        for kind, summary, example, reader in (
            ("string", "Whether all of a network is in it.", '"10.1.0.0/16"', _CIDR),
            ("net.CIDR", "The same of a value.", 'cidr("10.1.0.0/16")', None),
        )
    ),
    _of_cidr(
        "ip", "net.IP", "{0}.ip", "The address that it is written with.",
        'cidr("10.1.2.3/8").ip() == ip("10.1.2.3")',
    ),
    _of_cidr(
        "masked", "net.CIDR", "{0}.masked()", "The same with its first address.",
        'string(cidr("10.1.2.3/8").masked()) == "10.0.0.0/8"',
    ),
    _of_cidr("prefixLength", "int", "{0}.prefix_bits", "Bits of its prefix.", 'cidr("::/64").prefixLength() == 64'),
)  # fmt: skip
