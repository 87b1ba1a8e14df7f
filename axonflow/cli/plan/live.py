"""A plan while it runs: on a terminal a few lines that are redrawn, elsewhere a line for each thing that happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, Protocol, TextIO

from axonflow.cli.tables import printable

__all__ = ["Happening", "LiveRun"]

_REDRAW_NS: Final = 100_000_000
_MAX_NAME_CHARS: Final = 40
_WAITING: Final = frozenset({"pending", "waiting"})
_ACTIVE: Final = frozenset({"running", "retrying", "stopping", "compensating"})
_UP: Final = "\x1b[{}A"
_CLEAR: Final = "\r\x1b[J"


class Happening(Protocol):
    """A step of the plan has got to a state: a `plan.StepEvent`."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...


class LiveRun:
    """What is told of a running plan whose steps are `names`, to `stream`. Call it with each thing that happens.

    `moving`: the lines are redrawn, within the (columns, lines) of the `terminal`. `clock_ns` is monotonic.
    """

    def __init__(
        self,
        stream: TextIO,
        names: Sequence[str],
        *,
        moving: bool,
        clock_ns: Callable[[], int],
        terminal: Callable[[], tuple[int, int]],
    ) -> None:
        self._stream = stream
        self._names = frozenset(names)
        self._moving = moving
        self._clock_ns = clock_ns
        self._terminal = terminal
        self._begun_ns = clock_ns()
        self._next_ns = self._begun_ns
        self._active: dict[str, tuple[str, int]] = {}
        self._ended: dict[str, tuple[str, int | None]] = {}
        self._drawn = 0

    def __call__(self, event: Happening) -> None:
        """Take note of `event`, and show it."""
        now_ns = self._clock_ns()
        name, state = event.name, str(event.state)
        if state in _WAITING:
            return
        before = self._active.pop(name, None)
        self._ended.pop(name, None)  # the latest comes last
        if state in _ACTIVE:
            self._active[name] = (state, now_ns if before is None else before[1])
        else:
            self._ended[name] = (state, None if before is None else now_ns - before[1])
        if self._moving:
            self.draw()
        else:
            self._write(f"{_seconds(now_ns - self._begun_ns):>9}  {state}  {_name(name)}\n")

    def draw(self) -> None:
        """Redraw, at most ten times a second; nothing where nothing moves."""
        now_ns = self._clock_ns()
        if not self._moving or now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _REDRAW_NS
        columns, height = self._terminal()
        lines = [line[:columns] for line in self._lines(now_ns, max(1, height - 2))]
        self._write(self._back() + "\n".join(lines) + "\n")
        self._drawn = len(lines)

    def clear(self) -> None:
        """Wipe the lines, so that something else may be printed."""
        self._write(self._back())
        self._drawn = 0

    def _write(self, text: str) -> None:
        # A closed terminal is no reason to stop a plan, which whoever is told of must not do.
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _back(self) -> str:
        return _UP.format(self._drawn) + _CLEAR if self._drawn else ""

    def _lines(self, now_ns: int, most: int) -> Iterator[str]:
        ended = [self._ended[name][0] for name in self._ended if name in self._names]
        counts = {state: ended.count(state) for state in dict.fromkeys(ended) if state != "succeeded"}
        told = [f"{len(ended)} of {len(self._names)} steps ended", f"{len(self._active)} running"]
        told += [f"{count} {state}" for state, count in counts.items()]
        yield f"{', '.join(told)}  {_seconds(now_ns - self._begun_ns)}"
        active = sorted(self._active.items(), key=lambda item: item[1][1])[: most - 1]
        for name, (state, begun_ns) in active:
            yield f"  {_name(name)}  {state}  {_seconds(now_ns - begun_ns)}"
        room = most - 1 - len(active)
        for name, (state, took_ns) in list(self._ended.items())[-room:] if room > 0 else ():
            yield f"  {_name(name)}  {state}" + ("" if took_ns is None else f"  {_seconds(took_ns)}")


def _name(name: str) -> str:
    return printable(name, _MAX_NAME_CHARS)


def _seconds(time_ns: int) -> str:
    return f"{time_ns / 1e9:,.1f} s"
