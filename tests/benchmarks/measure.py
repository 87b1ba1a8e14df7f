"""How things are timed here: percentiles of many short runs, rivals in alternating rounds of one process."""

import gc
import time
from collections.abc import Callable, Sequence


def each_us(call: Callable[[object], object], inputs: Sequence[object]) -> list[float]:
    """Microseconds of each ``call(input)``, sorted, the timer's own cost taken off."""
    clock = time.perf_counter_ns
    empty = sorted(-clock() + clock() for _ in range(2_000))[1_000]
    gc.collect()
    gc.disable()
    spent = []
    for one in inputs:
        start = clock()
        call(one)
        spent.append(clock() - start)
    gc.enable()
    return sorted(max(0, ns - empty) / 1_000 for ns in spent)


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def alternate(
    contenders: dict[str, tuple[Callable[[object], object], Sequence[object]]], rounds: int = 5
) -> dict[str, tuple[float, float]]:
    """p50 and p95 in microseconds of each contender: the median round of `rounds`, taken in turns.

    Each round takes its own part of a contender's inputs, so that nobody meets one twice, and another one goes first.
    """
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    order = list(contenders.items())
    for number in range(rounds):
        for name, (call, inputs) in order[number % len(order) :] + order[: number % len(order)]:
            spent = each_us(call, inputs[number::rounds])
            seen[name].append((percentile(spent, 0.50), percentile(spent, 0.95)))
    return {name: (_median(p50), _median(p95)) for name, rows in seen.items() for p50, p95 in [zip(*rows, strict=True)]}


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
