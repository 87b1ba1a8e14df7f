"""Ports for who stops and starts again on the same one: meanwhile nobody else is given it by chance."""

import contextlib
import random
import socket
from pathlib import Path

__all__ = ["lasting_ports"]

GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
GIVEN_ELSEWHERE = 49_152
"""Of RFC 6335, section 6: from there on systems give ports by themselves."""
HOST = "127.0.0.1"


def lasting_ports(count):
    """So many ports below those that the system gives by itself, on which nobody listens."""
    lowest = int(GIVEN.read_text().split()[0]) if GIVEN.exists() else GIVEN_ELSEWHERE
    found = []
    for port in random.sample(range(10_000, lowest), 1_000):
        with socket.socket() as place, contextlib.suppress(OSError):
            place.bind((HOST, port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"no {count} ports are free below {lowest}")
