"""Every shipped pattern against text made to be hard for it: ten times the text takes about ten times the time.

python -m tests.benchmarks.linear_detect [--detector ID]

The texts are near matches over and over: examples cut off at each of some places, their characters in runs, and all
literals that let a pattern be run. Processor time is taken, the best of three, so that a busy machine shows no curves.
"""

import argparse
import random
import time

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.scanning import builtin_scanner

SMALL_CHARS, LARGE_CHARS = 20_000, 200_000
MOST_TIMES = 25
"""Ten would be straight; automata that outgrow the caches bend it a little."""
SEED = 20_261_121


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector")
    options = parser.parse_args()
    scanner = builtin_scanner()
    detectors = [one for one in scanner.detectors if options.detector in (None, one.id)]
    print(f"{len(detectors)} detectors, {sum(len(one.shapes) for one in detectors)} patterns, seed {SEED}", flush=True)
    rows = [row for detector in detectors for row in measured(scanner, detector)]
    rows.sort(key=lambda row: -row[0])
    for times, small_ms, large_ms, name, what in rows[:15]:
        print(f"  {times:5.1f}x  {small_ms:8.2f} ms -> {large_ms:8.2f} ms  {name}  {what!a:.60}")
    slowest = max(rows, key=lambda row: row[2])
    print(f"slowest: {slowest[2]:.1f} ms for {LARGE_CHARS:,} characters, {slowest[3]}")
    bent = [row for row in rows if row[0] > MOST_TIMES and row[2] > 50]
    print(f"{len(rows):,} pairs; {len(bent)} take more than {MOST_TIMES} times as long for ten times the text")


def measured(scanner, detector):
    """Of each hard text: how many times the time, both times, what it was."""
    for pattern in {shape.pattern for shape in detector.shapes}:
        compiled = compile_pattern(pattern)
        for piece in pieces(detector):
            yield timed(lambda text, one=compiled: list(one.spans(text, 0, 0, len(text))), piece, detector.id, pattern)
    for piece in pieces(detector):
        yield timed(
            lambda text: scanner.inspect(text.decode("ascii")).findings((detector.id,)), piece, detector.id, "detector"
        )


def timed(work, piece, name, what):
    small, large = (best_ms(work, repeated(piece, chars)) for chars in (SMALL_CHARS, LARGE_CHARS))
    return large / max(small, 0.02), small, large, f"{name} ({what:.20})", piece


def best_ms(work, text):
    taken = []
    for _ in range(3):
        start = time.thread_time()
        work(text)
        taken.append((time.thread_time() - start) * 1e3)
        if taken[0] > 500:
            break
    return min(taken)


def repeated(piece, chars):
    return (piece * (chars // len(piece) + 1))[:chars].encode("ascii", "replace")


def pieces(detector):
    rng = random.Random(f"{SEED} {detector.id}")
    example = rng.choice(detector.examples)
    cuts = sorted(rng.sample(range(1, len(example) + 1), min(3, len(example))))
    yield from (example[:cut] for cut in cuts)
    yield example[len(example) // 2 :] or example
    yield rng.choice(example) * 3
    triggers = [trigger for shape in detector.shapes for trigger in shape.triggers]
    if triggers:
        yield rng.choice(triggers)
        yield rng.choice(triggers) + " "


if __name__ == "__main__":
    main()
