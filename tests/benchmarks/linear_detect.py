"""Every shipped pattern against text made to be hard for it: ten times the text takes about ten times the time.

python -m tests.benchmarks.linear_detect [--detector ID], or nox -s linear; some minutes.

The texts are near matches over and over: examples cut off at each of some places, their characters in runs, and all
literals that let a pattern be run. Processor time is taken, the best of three, so that a busy machine shows no curves.
Ends with 1 if one bends: more than 25 times the time, and more than 25 ms.
"""

import argparse
import random
import sys
import time

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.scanning import builtin_scanner

SMALL_CHARS, LARGE_CHARS = 10_000, 100_000
MOST_TIMES = 25
"""Ten would be straight; automata that outgrow the caches bend it a little."""
SEED = 20_261_121


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default="", metavar="ID", help="this one, or all whose ids begin so")
    options = parser.parse_args()
    scanner = builtin_scanner()
    detectors = [one for one in scanner.detectors if one.id.startswith(options.detector)]
    print(f"{len(detectors)} detectors, {sum(len(one.shapes) for one in detectors)} patterns, seed {SEED}")
    print(f"{'detector':28} {'pairs':>5} {'worst':>6} {SMALL_CHARS:>12,} {LARGE_CHARS:>12,}  with", flush=True)
    rows = []
    for detector in detectors:
        own = list(measured(scanner, detector))
        times, small_ms, large_ms, name, what, piece = max(own)
        print(
            f"{name:28} {len(own):5} {times:5.1f}x {small_ms:9.2f} ms {large_ms:9.2f} ms  {what:.24} {piece!a:.40}",
            flush=True,
        )
        rows += own
    slowest, worst = max(rows, key=lambda row: row[2]), max(rows)
    bent = sum(is_bent(row) for row in rows)
    print(f"slowest: {slowest[2]:.1f} ms for {LARGE_CHARS:,} characters, {slowest[3]}")
    print(
        f"{len(rows):,} pairs of a pattern or a detector and a hard text; for ten times the text {bent} take more than"
        f" {MOST_TIMES} times as long; the worst is {worst[0]:.1f} times, {worst[3]}"
    )
    sys.exit(1 if bent else 0)


def is_bent(row):
    return row[0] > MOST_TIMES and row[2] > 25


def measured(scanner, detector):
    """Of each hard text: how many times the time, both times, whose it was, what was run, the piece of text."""
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
    return large / max(small, 0.02), small, large, name, what, piece


def best_ms(work, text):
    taken = []
    for _ in range(3):
        start = time.thread_time()
        work(text)
        taken.append((time.thread_time() - start) * 1e3)
        if taken[0] > 250:
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
