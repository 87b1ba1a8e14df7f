"""Which attempts of which steps are under way: commanded, and begun or not. Attempts are numbered by step, from 1."""

from __future__ import annotations

from axonflow.plan.running.hedging import Hedging

__all__ = ["Attempts"]


class Attempts:
    """`alive` are all that were commanded and have not ended, of all steps; `hedging` is told of each."""

    __slots__ = ("_begun", "_hedging", "_latest", "_live", "alive")

    def __init__(self, hedging: Hedging) -> None:
        self._hedging = hedging
        self._latest: list[int] = []
        self._live: list[int] = []  # bit n: attempt n is under way
        self._begun: list[int] = []  # bit n: and has begun
        self.alive = 0

    def grow(self, steps: int) -> None:
        """There are so many more steps."""
        self._latest += [0] * steps
        self._live += [0] * steps
        self._begun += [0] * steps

    def start(self, step: int) -> int:
        """The number of a new attempt."""
        self._latest[step] = attempt = self._latest[step] + 1
        self._live[step] |= 1 << attempt
        self.alive += 1
        self._hedging.started()
        return attempt

    def may_hedge(self) -> bool:
        """Whether one more may be a second copy; it has to be started then."""
        return self._hedging.take()

    def begin(self, step: int, attempt: int) -> bool:
        """Whether this attempt was to be begun; it now has."""
        bit = 1 << attempt
        if not self._live[step] & ~self._begun[step] & bit:
            return False
        self._begun[step] |= bit
        return True

    def end(self, step: int, attempt: int) -> bool:
        """Whether this attempt had begun; it now has ended."""
        bit = 1 << attempt
        if not self._begun[step] & bit:
            return False
        self._begun[step] ^= bit
        self._live[step] ^= bit
        self.alive -= 1
        return True

    def any_of(self, step: int) -> bool:
        """Whether any attempt of the step is under way."""
        return self._live[step] != 0

    def withdraw(self, step: int) -> list[int]:
        """The attempts of the step that have not begun; they are not under way any more."""
        return self._end_all(step, self._live[step] & ~self._begun[step])

    def begun(self, step: int) -> list[int]:
        """The attempts of the step that have begun."""
        return _numbers(self._begun[step])

    def let_go(self, step: int) -> list[int]:
        """The attempts of the step; they are not under way any more."""
        return self._end_all(step, self._live[step])

    def _end_all(self, step: int, bits: int) -> list[int]:
        self._live[step] &= ~bits
        self._begun[step] &= ~bits
        attempts = _numbers(bits)
        self.alive -= len(attempts)
        return attempts


def _numbers(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]
