"""Addresses and networks against the standard library, and where ours differ from it on purpose."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.policy.cel.extensions.addresses import (
    Cidr,
    Ip,
    Networks,
    networks_of,
    read_cidr,
    read_ip,
)
from axonflow.policy.cel.extensions.network import is_canonical, is_cidr, is_ip
from axonflow.policy.cel.values import CelError

EDGES = ["0.0.0.0", "127.0.0.1", "169.254.0.1", "224.0.0.5", "224.0.1.1", "239.1.1.1", "255.255.255.255", "10.1.2.3",
         "::", "::1", "fe80::1",
         "febf::1", "fec0::1", "ff02::1", "ff12::1", "ff0e::1", "2001:db8::1", "fd00::1", "::1:0:0:1"]  # fmt: skip


def is_mapped(address):
    return address.version == 6 and address.ipv4_mapped is not None


ANY = st.ip_addresses() | st.sampled_from(EDGES).map(ipaddress.ip_address)
ADDRESSES = ANY.filter(lambda address: not is_mapped(address))


@given(ADDRESSES)
def test_ip_any_address_is_of_the_kinds_that_the_library_says(address):
    ip = read_ip(address.exploded)
    assert (ip.family, ip.number) == (address.version, int(address))
    assert ip.is_unspecified() is address.is_unspecified
    assert ip.is_loopback() is address.is_loopback
    assert ip.is_multicast() is address.is_multicast
    assert ip.is_link_local_unicast() is address.is_link_local
    broadcast = str(address) == "255.255.255.255"
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    assert ip.is_global_unicast() is not (special or broadcast)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("224.0.0.5", True),
        ("224.0.1.5", False),
        ("ff02::1", True),
        ("ff12::1", True),
        ("ff0e::1", False),
        ("fe80::1", False),
    ],
)
def test_ip_link_local_multicast_is_told_whatever_its_flags(text, expected):
    assert read_ip(text).is_link_local_multicast() is expected


@given(ADDRESSES)
def test_ip_as_text_is_canonical_and_read_back(address):
    ip = read_ip(address.exploded)
    assert str(ip) == str(address)
    assert is_canonical(str(ip))
    assert read_ip(str(ip)) == ip
    assert is_canonical(address.exploded) is (address.exploded == str(address))


NONE = ["", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4 ", "1.2.3.4\n", "1.2.3.٤", "::1%eth0",
        "1.2.3.4%0", ":::", "1::2::3", "g::",
        "::ffff:1.2.3.4", "::1/128", "[::1]", "x" * 46, "0x1.2.3.4"]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_ip_that_is_none_is_refused_without_being_named(text):
    assert not is_ip(text)
    with pytest.raises(ValueError, match=r"IP address|IPv4 address") as raised:
        read_ip(text)
    assert not text or text not in str(raised.value)
    with pytest.raises(CelError):
        is_canonical(text)


@given(st.text("0123456789abcdef.:/%", max_size=20))
def test_ip_and_cidr_of_any_text_fail_with_a_value_error_only(text):
    for read, is_one in ((read_ip, is_ip), (read_cidr, is_cidr)):
        try:
            read(text)
        except ValueError:
            assert not is_one(text)
        else:
            assert is_one(text)


def test_ip_mapped_in_groups_is_the_ipv4_address():
    assert read_ip("::ffff:c0a8:1") == read_ip("192.168.0.1") == Ip(4, 0xC0A80001)
    assert not is_canonical("::ffff:c0a8:1")


# -- networks


@st.composite
def cidrs(draw, width=None):
    address = draw(ADDRESSES)
    return f"{address}/{draw(st.integers(0, width or address.max_prefixlen))}"


@given(cidrs(), cidrs(), ADDRESSES)
def test_cidr_holds_what_the_library_says(one, other, address):
    network, wider = (ipaddress.ip_network(text, strict=False) for text in (one, other))
    cidr = read_cidr(one)
    assert str(cidr) == one
    assert str(cidr.masked()) == str(network)
    assert cidr.contains_ip(read_ip(address.exploded)) is (address in network)
    assert cidr.contains_ip(cidr.ip)
    within = network.version == wider.version and network.subnet_of(wider)
    assert read_cidr(other).contains_cidr(cidr) is within
    assert (cidr == read_cidr(other)) is (one == other)
    assert cidr.contains_cidr(cidr.masked())
    assert isinstance(cidr, Cidr)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "10.0.0.0/8 ",
     "::/129", "/8", "::ffff:1.2.3.4/120",
     "::ffff:c0a8:0/112", "fe80::%1/64", "10.0.0.0/8/8", "10.0.0.0/٨"],
)  # fmt: skip
def test_cidr_that_is_none_is_refused(text):
    assert not is_cidr(text)
    with pytest.raises(ValueError, match=r"network|prefix|address"):
        read_cidr(text)


@given(st.lists(cidrs(), max_size=5), st.lists(ANY, min_size=1, max_size=5))
def test_networks_hold_an_address_that_is_in_any_of_them(texts, addresses):
    texts = [str(ipaddress.ip_network(text, strict=False)) for text in texts]
    networks = networks_of(texts)
    assert networks == [ipaddress.ip_network(text) for text in texts]
    for address in [*addresses, *(network[-1] for network in networks)]:
        found = address.ipv4_mapped if is_mapped(address) else address
        assert Networks(*texts).hold(str(address)) is any(found in network for network in networks)


@pytest.mark.parametrize("text", ["::ffff:10.1.2.3", "::ffff:a01:203", "10.1.2.3"])
def test_networks_ipv4_client_of_an_ipv6_socket_is_in_the_ipv4_network(text):
    assert Networks("10.0.0.0/8").hold(text)
    assert not Networks("::/0").hold(text)


@pytest.mark.parametrize("text", ["10.1.0.0/8", "2001:db8::1/32", "10.0.0.1", "x"])
def test_networks_of_what_is_no_network_are_refused(text):
    for read in (Networks, lambda one: networks_of([one])):
        with pytest.raises(ValueError, match="network"):
            read(text)


@pytest.mark.parametrize("text", ["", "host", "fe80::1%en0", "10.0.0.1/32"])
def test_networks_asked_about_what_is_no_address_have_no_answer(text):
    with pytest.raises(CelError, match="IP address"):
        Networks("10.0.0.0/8").hold(text)
