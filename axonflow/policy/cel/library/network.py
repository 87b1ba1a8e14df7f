"""The extension of cel-go for IP addresses and blocks of them."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["NETWORK"]

_TESTS: Final = (
    ("isUnspecified", "is_unspecified", "Whether it is 0.0.0.0 or ::.", '"::"'),
    ("isLoopback", "is_loopback", "Whether it is in 127.0.0.0/8, or ::1.", '"127.0.0.1"'),
    (
        "isLinkLocalUnicast",
        "is_link_local_unicast",
        "Whether it is in 169.254.0.0/16 or fe80::/10.",
        '"169.254.169.254"',
    ),
    (
        "isLinkLocalMulticast",
        "is_link_local_multicast",
        "Whether it is in 224.0.0.0/24, or in ff00::/8 with link-local scope.",
        '"ff02::1"',
    ),
    (
        "isGlobalUnicast",
        "is_global_unicast",
        "Whether it is none of these, no other multicast, and not 255.255.255.255.",
        '"10.0.0.1"',
    ),
)

NETWORK: Final = (
    Function(
        "ip", ("string",), "ip", "{0}", "An IPv4 or IPv6 address.", 'ip("2001:DB8::1") == ip("2001:db8::1")',
        prepares=((0, "to_ip"),),
    ),
    Function(
        "cidr", ("string",), "cidr", "{0}", "A block of addresses.", 'type(cidr("10.0.0.0/8")) == net.CIDR',
        prepares=((0, "to_cidr"),),
    ),
    Function("isIP", ("string",), "bool", "is_ip({0})", "Whether a string is an address.", 'isIP("10.0.0.1")'),
    Function("isCIDR", ("string",), "bool", "is_cidr({0})", "Whether it is a block of them.", '!isCIDR("10.0.0.1")'),
    Function(
        "ip.isCanonical", ("string",), "bool", "is_canonical_ip({0})",
        "Whether an address is written as string(ip(...)) writes it; an error if it is none.",
        '!ip.isCanonical("2001:DB8::1")',
    ),
    method("family", ("ip",), "int", "{0}.family", "4 or 6.", 'ip("::1").family() == 6'),
    *(
        method(name, ("ip",), "bool", f"{function}({{0}})", summary, f"ip({example}).{name}()")
        for name, function, summary, example in _TESTS
    ),
    method("containsIP", ("cidr", "ip"), "bool", "holds_ip({0}, {1})", "Whether an address is in the block.",
        'cidr("10.0.0.0/8").containsIP(ip("10.1.2.3"))'),
    method("containsIP", ("cidr", "string"), "bool", "holds_ip({0}, {1})", "Whether an address is in the block.",
        'cidr("10.0.0.0/8").containsIP("10.1.2.3")'),
    method("containsCIDR", ("cidr", "cidr"), "bool", "covers_cidr({0}, {1})", "Whether all of another block is in it.",
        'cidr("10.0.0.0/8").containsCIDR(cidr("10.1.0.0/16"))'),
    method("containsCIDR", ("cidr", "string"), "bool", "covers_cidr({0}, {1})", "Whether all of another is in it.",
        'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16")'),
    method("ip", ("cidr",), "ip", "{0}.ip", "The address in front of the slash.",
        'cidr("10.1.2.3/8").ip() == ip("10.1.2.3")'),
    method("masked", ("cidr",), "cidr", "{0}.masked", "The block with no bits set but those it shares.",
        'cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8")'),
    method("prefixLength", ("cidr",), "int", "{0}.prefix", "The number behind the slash.",
        'cidr("10.0.0.0/8").prefixLength() == 8'),
    method(
        "inCIDR", ("string", "string"), "bool", "in_blocks({0}, {1})", "Whether an address is in a block.",
        '"10.1.2.3".inCIDR("10.0.0.0/8")', prepares=((1, "blocks"),),
    ),
    method(
        "inCIDR", ("string", "list(string)"), "bool", "in_blocks({0}, {1})", "Whether it is in one of several blocks.",
        '"::1".inCIDR(["10.0.0.0/8", "::/64"])', cost="linear", prepares=((1, "blocks"),),
    ),
)  # fmt: skip
