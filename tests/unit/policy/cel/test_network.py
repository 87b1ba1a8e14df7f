"""The extension for IP addresses and blocks of them."""

# ruff: noqa: E501  rows of a table

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel.addresses import networks_of, read_cidr, read_ip
from axonflow.policy.cel.functions import network
from axonflow.policy.cel.values import CelError
from tests.unit.policy.cel.expressions import value

TRUE = [
    "ip('10.0.0.1').family() == 4 && ip('::ffff:c0a8:1').family() == 4 && string(ip('::ffff:c0a8:1')) == '192.168.0.1'",
    "string(ip('2001:DB8:0:0::1')) == '2001:db8::1' && string(cidr('10.1.2.3/8')) == '10.1.2.3/8'",
    "string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8' && string(cidr('2001:db8::1/32').masked()) == '2001:db8::/32'",
    "type(ip('::1')) == net.IP && type(cidr('::/0')) == net.CIDR && net.IP != net.CIDR && dyn(ip('::1')) != '::1'",
    "ip.isCanonical('10.0.0.1') && ip.isCanonical('::1') && !ip.isCanonical('0::1') && !ip.isCanonical('::ffff:a00:1')",
    "!isIP('10.0.0.1/8') && !isIP('') && !isIP('10.0.0.01') && !isIP('fe80::1%eth0') && !isIP('::ffff:10.0.0.1')",
    "isIP('64:ff9b::1.2.3.4') && isCIDR('10.0.0.1/8') && !isCIDR('10.0.0.0/33') && isCIDR('::/128') && !isCIDR('::/129')",
    "!isCIDR('10.0.0.0/') && !isCIDR('10.0.0.0/08') && !isCIDR('10.0.0.0/-1') && !isCIDR('::ffff:a00:0/104') && !isCIDR('x/8')",
    "ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified() && !ip('::').isGlobalUnicast() && !ip('0.0.0.0').isGlobalUnicast()",
    "ip('127.9.9.9').isLoopback() && ip('::1').isLoopback() && !ip('::2').isLoopback() && !ip('127.0.0.1').isGlobalUnicast()",
    "ip('224.0.0.9').isLinkLocalMulticast() && !ip('224.0.1.9').isLinkLocalMulticast() && !ip('224.0.1.9').isGlobalUnicast()",
    "ip('ff02::1').isLinkLocalMulticast() && ip('ff12::1').isLinkLocalMulticast() && !ip('ff05::1').isLinkLocalMulticast() && !ip('2::2').isLinkLocalMulticast()",
    "ip('febf::1').isLinkLocalUnicast() && !ip('fec0::1').isLinkLocalUnicast() && !ip('255.255.255.255').isGlobalUnicast()",
    "ip('8.8.8.8').isGlobalUnicast() && ip('255.255.255.254').isGlobalUnicast()",
    "cidr('10.0.0.0/8').containsIP(dyn('10.9.9.9')) && cidr('::/0').containsIP(dyn(ip('::1'))) && !cidr('::/0').containsIP('10.0.0.1')",
    "!cidr('10.0.0.0/8').containsCIDR('0.0.0.0/0') && !cidr('10.0.0.0/8').containsCIDR(dyn(cidr('11.0.0.0/9'))) && cidr('0.0.0.0/0').containsCIDR('10.0.0.0/8')",
    "'10.1.2.3'.inCIDR('10.0.0.0/8') && !context.ip.inCIDR('10.0.0.0/8') && context.ip.inCIDR(['10.0.0.0/8', '192.168.0.0/16'])",
    "context.ip.inCIDR(context.blocks) && context.blocks.exists(b, context.ip.inCIDR(b)) && !context.ip.inCIDR([]) && context.ip.inCIDR([context.blocks[0]])",
    "context.ip.inCIDR('0.0.0.0/0') && !context.ip.inCIDR('::/0') && '::ffff:c0a8:1'.inCIDR('192.168.0.0/24')",
    "ip('::ffff:101:101') in [ip('1.1.1.1')] && [ip('::1'), ip('0::1')].distinct() == [ip('::1')] && '%s'.format([ip('::1')]) == '::1'",
    "[cidr('10.0.0.0/8')].all(ip, ip.ip() == ip.masked().ip() && ip.prefixLength() == 8)",
]
FAILS = [
    ("ip(context.env)", "not an IP address"),
    ("ip(dyn(1))", "expected string, found int"),
    ("ip.isCanonical('10.0.0')", "not an IP address"),
    ("cidr(context.ip)", "not a block of IP addresses such as 10.0.0.0/8"),
    ("cidr('10.0.0.0/8').containsIP('10.0.0.0/8')", "not an IP address"),
    ("cidr('10.0.0.0/8').containsIP(dyn(1))", "containsIP() does not take int"),
    ("cidr('10.0.0.0/8').containsCIDR('10.0.0.1')", "not a block"),
    ("cidr('10.0.0.0/8').containsCIDR(dyn(ip('10.0.0.1')))", "containsCIDR() does not take ip"),
    ("dyn('10.0.0.1').isLoopback()", "expected ip, found string"),
    ("dyn(1).masked()", "expected cidr, found int"),
    ("context.env.inCIDR('10.0.0.0/8')", "not an IP address"),
    ("'1::2::3'.inCIDR('::/0')", "not an IP address"),
    ("context.risk.inCIDR('10.0.0.0/8')", "expected string, found int"),
    ("context.ip.inCIDR(context.env)", "not a block"),
    ("context.ip.inCIDR(context.risk)", "inCIDR() does not take int"),
    ("context.ip.inCIDR([context.risk])", "expected string, found int"),
    ("[dyn('a')].all(net, net.IP == 1)", "net.IP is missing: string has no fields"),
    ("dyn(ip('::1')) < dyn(ip('::2'))", "< does not take ip and ip"),
]
REFUSED = [
    ("ip('10.0.0.1%eth0')", 3, "an IP address with a zone"),
    ("ip('::ffff:10.0.0.1')", 3, "an IPv4 address written as IPv6"),
    ("cidr('::ffff:a00:0/104')", 5, "a block of IPv4 addresses written as IPv6"),
    ("context.ip.inCIDR('10.0.0.0')", 18, "not a block of IP addresses"),
    ("context.ip.inCIDR(['10.0.0.0/8', 'x'])", 33, "not a block of IP addresses"),
    ("isIP(cidr('10.0.0.0/8'))", 5, "wrong kind for isIP(): expected string, found cidr"),
    ("ip('::1').masked()", 0, "wrong kind for masked(): expected cidr, found ip"),
    ("net.IPS", 0, "unknown name"),
]
REQUEST = Request(
    "user:ann", "tool.call", "tool:x",
    {"ip": "192.168.7.1", "env": "prod", "risk": 5, "blocks": ["192.168.0.0/16", "::/0"]},
)  # fmt: skip


@pytest.mark.parametrize("expression", TRUE)
def test_expression_with_addresses_is_true(expression):
    assert value(expression, REQUEST) is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_with_addresses_that_has_no_value_says_why(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression, REQUEST)
    assert message in str(raised.value)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_with_a_literal_that_is_no_address_is_refused(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression, REQUEST)
    assert message in str(raised.value)
    assert raised.value.offset == offset


ADDRESSES = st.ip_addresses().filter(lambda ip: ip.version == 4 or ip.ipv4_mapped is None)


@st.composite
def blocks_near(draw, address):
    """A block that holds `address`, or nearly does."""
    prefix = draw(st.integers(0, address.max_prefixlen))
    number = int(address) ^ (1 << draw(st.integers(0, address.max_prefixlen - 1)))
    return f"{type(address)(number)}/{prefix}"


@given(ADDRESSES)
def test_address_reads_as_what_it_is_written_as(address):
    ip = read_ip(str(address))
    assert (ip.family, ip.number) == (address.version, int(address))
    assert str(ip) == str(address)
    assert read_ip(address.exploded) == ip


@given(ADDRESSES, st.data())
def test_block_holds_the_addresses_that_python_says(address, data):
    text = data.draw(blocks_near(address))
    block, network_ = read_cidr(text), ip_network(text, strict=False)
    assert block.holds(read_ip(str(address))) is (address in network_)
    assert network.in_blocks(str(address), network.blocks(str(network_))) is (address in network_)
    assert str(block.masked) == str(network_)
    other = data.draw(blocks_near(address))
    assert block.covers(read_cidr(other)) is ip_network(other, strict=False).subnet_of(network_)


@given(ADDRESSES, st.lists(ADDRESSES, max_size=4), st.data())
def test_address_is_in_one_of_several_blocks_if_it_is_in_any(address, others, data):
    networks = [ip_network(data.draw(blocks_near(other)), strict=False) for other in [address, *others]]
    texts = [str(network_) for network_ in networks]
    assert networks_of(texts) == networks
    wanted = any(address in network_ for network_ in networks)
    assert network.in_blocks(str(address), network.blocks(texts)) is wanted


@pytest.mark.parametrize("text", ["::ffff:10.1.2.3", "::ffff:a01:203", "10.1.2.3"])
def test_ipv4_client_of_an_ipv6_socket_is_in_the_ipv4_block(text):
    assert network.in_blocks(text, network.blocks("10.0.0.0/8"))
    assert not network.in_blocks(text, network.blocks("::/0"))


@pytest.mark.parametrize("text", ["10.1.0.0/8", "2001:db8::1/32", "10.0.0.1", "x"])
def test_networks_of_what_is_no_block_are_refused(text):
    with pytest.raises(ValueError, match="block of IP addresses"):
        networks_of([text])


@given(st.text("0123456789abcdef:./%", max_size=50))
def test_text_is_an_address_if_python_reads_it_and_it_has_no_zone(text):
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    assert network.is_ip(text) is (address is not None and "%" not in text and not (mapped and "." in text))


@given(st.integers(0, 2**32 - 1))
def test_ipv4_address_written_as_ipv6_is_the_ipv4_address(number):
    mapped = f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"
    assert read_ip(mapped) == read_ip(str(IPv4Address(number)))
    assert not network.is_canonical_ip(mapped)
    assert not network.is_ip(f"::ffff:{IPv4Address(number)}")


def test_long_text_is_no_address_and_is_not_read():
    assert not network.is_ip("1" * 4_000_000)
    assert not network.is_cidr("1" * 4_000_000 + "/8")
