"""Times as people write them: RFC 3339, or so long from now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from axonflow.ids import now_us

__all__ = ["Duration", "Moment", "shown_time"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN: Final = re.compile(r"(\d{1,9})([smhd])")


class Duration(click.ParamType[float]):
    """Seconds, from ``30s``, ``15m``, ``12h`` or ``90d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _SPAN.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a duration: expected 30s, 15m, 12h or 90d", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


class Moment(click.ParamType[int]):
    """Microseconds since the Unix epoch, from RFC 3339 (without an offset: UTC), or a duration from now."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SPAN.fullmatch(str(value))
        if match is not None:
            return now_us() + int(match[1]) * _SECONDS[match[2]] * 1_000_000
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time: expected RFC 3339, such as 2026-01-31T12:00:00Z, or 90d", param, ctx)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def shown_time(time_us: int | None) -> str:
    """To the second, UTC; empty for none."""
    return "" if time_us is None else (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M:%S")
