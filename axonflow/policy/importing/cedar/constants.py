"""The values that Cedar's extension functions make of a text: as they are written in our expressions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_interface
from typing import Final

from axonflow.policy.importing.cedar.syntax import Extension, Value
from axonflow.policy.importing.expressions import Cel, text_literal
from axonflow.policy.importing.report import UnsupportedError

__all__ = ["constant", "network_of"]

_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,4}", re.ASCII)
_MAX_DECIMAL: Final = 2**53 / 10**4
"""Below it each number of four digits behind the point is nearest to a double of its own."""
_DATETIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})(\.\d{3})?(Z|[+-]\d{2}[0-5]\d))?", re.ASCII)
_DURATION: Final = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS_MS: Final = (86_400_000, 3_600_000, 60_000, 1_000, 1)
_MAX_DURATION_MS: Final = 290 * 365 * 86_400_000
_PREFIX: Final = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)
_MAX_ADDRESS_CHARS: Final = 64


def constant(node: Extension) -> Cel:
    """``decimal("1.5")``, ``ip("10.0.0.1")``, ``datetime("2026-01-01")`` or ``duration("1h")``.

    Raises UnsupportedError for another function, and for a text that is no literal or has no such value.
    """
    make = _MAKE.get(node.function)
    if make is None:
        raise UnsupportedError(node.offset, f"{node.function}(...)", "there is no such function of Cedar's")
    only = node.arguments[0] if len(node.arguments) == 1 else None
    if not isinstance(only, Value) or not isinstance(only.value, str):
        raise UnsupportedError(
            node.offset, f"{node.function}(...)", "its argument is no literal, so it is not known to have a value"
        )
    made = make(only.value)
    if made is None:
        raise UnsupportedError(only.offset, only.value, f"it is no {node.function} that can be written here exactly")
    return Cel(made, kind=node.function)


def _decimal(text: str) -> str | None:
    if not _DECIMAL.fullmatch(text) or abs(float(text)) >= _MAX_DECIMAL:
        return None
    return format(float(text), ".4f").rstrip("0").ljust(text.index(".") + 2, "0")


def _ip(text: str) -> str | None:
    try:
        interface = ip_interface(text) if len(text) <= _MAX_ADDRESS_CHARS and "%" not in text else None
    except ValueError:
        return None
    if interface is None or (":" in text and "." in text):
        return None
    if interface.version == 6 and getattr(interface.ip, "ipv4_mapped", None) is not None:
        return None  # an IPv4 address here, and another one in Cedar
    if "/" not in text:
        return text_literal(str(interface.ip))
    # Neither a mask in dots nor a length with zeros in front, which Cedar refuses too.
    return text_literal(str(interface)) if _PREFIX.fullmatch(text.rpartition("/")[2]) else None


def network_of(node: Extension) -> Cel:
    """The block of addresses that ``ip("10.0.0.1/8")`` is, as a literal. Raises UnsupportedError."""
    text = constant(node).text.strip('"')
    return Cel(text_literal(str(ip_interface(text).network)), kind="ip")


def _datetime(text: str) -> str | None:
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    written = f"{day}T{clock or '00:00:00'}{fraction or ''}{(offset or 'Z').replace('Z', '+0000')}"
    try:
        moment = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    precision = "milliseconds" if fraction else "seconds"
    return f"timestamp({text_literal(moment.isoformat(timespec=precision).replace('+00:00', 'Z'))})"


def _duration(text: str) -> str | None:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]) or len(text) > 100:
        return None
    sign, *counts = match.groups()
    total_ms = sum(int(count or 0) * unit for count, unit in zip(counts, _UNITS_MS, strict=True))
    if total_ms > _MAX_DURATION_MS:
        return None
    seconds, milliseconds = divmod(total_ms, 1_000)
    fraction = f".{milliseconds:03d}" if milliseconds else ""
    return f"duration({text_literal(f'{sign}{seconds}{fraction}s')})"


_MAKE: Final = {"decimal": _decimal, "ip": _ip, "datetime": _datetime, "duration": _duration}
