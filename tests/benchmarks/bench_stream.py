"""Redacting streams, 20 characters a chunk: what a chunk costs and how much is held back, on random text."""

import random
import time

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.stream_shapes import unbounded
from axonflow.detect.streaming import StreamRedaction
from tests.benchmarks.measure import percentile

CHUNK_CHARS = 20
TEXT_CHARS = 60_000
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use each which she do how their will up other about out many then "
    "them these so some her would make like him into time has look two more write go see number no way could people"
).split()


def main():
    detectors = [one for one in BUILTIN_DETECTORS if one.category in {"pii", "secret"} and not unbounded([one])]
    scanner = Scanner(detectors, compile_pattern)
    redaction = StreamRedaction(scanner, [one.id for one in detectors], compile_pattern)
    print(f"streams, {len(detectors)} detectors, {CHUNK_CHARS} characters a chunk; microseconds of CPU a chunk")
    print(
        f"{'text':28}{'mean':>9}{'p50':>9}{'p95':>9}{'held, mean':>12}{'most':>7}   bound {redaction.hold_back_chars:,}"
    )
    for name, text in texts().items():
        stream(redaction, text)  # automata are made as they are needed
        costs, held = stream(redaction, text)
        costs.sort()
        mean = sum(costs) / len(costs)
        print(
            f"{name:28}{mean:9.1f}{percentile(costs, 0.5):9.1f}{percentile(costs, 0.95):9.1f}"
            f"{sum(held) / len(held):12.1f}{max(held):7}"
        )


def texts():
    rng = random.Random(7)
    words = [rng.choice(WORDS) + rng.choice(["", "", "", "", ",", "."]) for _ in range(TEXT_CHARS // 4)]
    prose = " ".join(words)[:TEXT_CHARS]
    parts = [prose[at : at + 400] for at in range(0, TEXT_CHARS, 400)]
    found = [f"{part} mail ann{at}@example.com or call +44 20 7946 {at:04}. " for at, part in enumerate(parts)]
    return {"prose": prose, "two findings in 400": "".join(found)}


def stream(redaction, text):
    redactor = redaction.begin()
    costs, held = [], []
    for at in range(0, len(text), CHUNK_CHARS):
        chunk = text[at : at + CHUNK_CHARS]
        start = time.thread_time()
        redactor.feed(chunk)
        costs.append((time.thread_time() - start) * 1e6)
        held.append(redactor.held_chars)
    redactor.finish()
    return costs, held
