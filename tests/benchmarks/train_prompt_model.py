"""Train axonflow/detect/prompt_weights.txt: logistic regression, the same weights for the same seed.

    python -m tests.benchmarks.train_prompt_model [--check]

Needs numpy. ``--check`` trains on three quarters of the lines of each list and judges on the rest, writing nothing.
The research data beside the repository is never read here.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from axonflow.detect.folding import fold
from axonflow.detect.prompt_model import FLAT, MIN_WORDS, SCALES, features
from tests.benchmarks.prompt_texts import own_prose, parted, source, training_texts

ROOT = Path(__file__).parents[2]
OUT = ROOT / "axonflow" / "detect" / "prompt_weights.txt"
KEPT_FEATURES = 17_500
MIN_TEXTS = 4
COMMON_SHARE = 0.1
"""Words in more of the texts than that ("this", "and") say nothing alone: their share is that of the templates."""
MIN_WEIGHT = 0.08
STEPS = 200
LEARNING_RATE = 0.08
L2_WORD, L2_PAIR, L2_SENSE = 0.25, 0.4, 0.12
ATTACK_SHARE = 0.45
ROUNDS = 4
CAUTION = 1.9
"""Taken from the logit: an innocent text that is stopped costs more than the training says."""
LEVELS = 127


class Texts:
    """Texts as arrays: for each feature that counts, the place of its word among the words of all texts."""

    def __init__(self, texts, numbers=None):
        found = [features(fold(text)) for text in texts]
        counts, common = Counter(), Counter()
        for one in found:
            counts.update({*one.words, *one.pairs, *[name for _, name in one.senses + one.relations]})
            common.update(set(one.words))
        self.names = sorted(
            name for name, count in counts.items() if count >= MIN_TEXTS and common[name] < COMMON_SHARE * len(texts)
        )
        numbers = {name: at for at, name in enumerate(self.names)} if numbers is None else numbers
        places, columns, self.starts, first = [], [], [0], 0
        for one in found:
            placed = [*enumerate(one.words), *enumerate(one.pairs, 1), *one.senses, *one.relations]
            for place, name in placed:
                if name in numbers:
                    places.append(first + place)
                    columns.append(numbers[name])
            first += len(one.words)
            self.starts.append(first)
        order = np.argsort(np.array(places), kind="stable")
        self.places = np.array(places)[order]
        self.columns = np.array(columns)[order]
        self.first_of_place = np.searchsorted(self.places, np.arange(first + 1))

    def worst(self, theta):
        """For each text and scale, the window that reads most like an attack: its start, end and sum."""
        at = np.bincount(self.places, theta[self.columns], self.starts[-1])
        sums = np.concatenate([[0.0], np.cumsum(at)])
        for start, end in zip(self.starts, self.starts[1:], strict=False):
            windows = []
            for size in SCALES:
                if end - start > size:
                    inside = sums[start + size : end + 1] - sums[start : end + 1 - size]
                    best = int(np.argmax(inside))
                    windows.append((start + best, start + best + size, inside[best]))
                else:
                    windows.append((start, end, sums[end] - sums[start]))
            yield windows


def factor(words, size):
    return max(MIN_WORDS, min(words, size)) ** -FLAT


def logits(texts, theta, biases):
    return np.array(
        [
            max(
                bias + total * factor(end - start, size)
                for (start, end, total), size, bias in zip(windows, SCALES, biases, strict=True)
            )
            for windows in texts.worst(theta)
        ]
    )


class Rows:
    """The windows that count this round, as flat arrays."""

    def __init__(self, texts, is_attack, theta):
        columns, owners, values, self.scale, labels, row_share = [], [], [], [], [], []
        count = 0
        for number, windows in enumerate(texts.worst(theta)):
            chosen = {}
            for scale, (start, end, total) in enumerate(windows):
                chosen.setdefault((start, end), (scale, total * factor(end - start, SCALES[scale])))
            rows = list(chosen.items())
            if is_attack[number]:
                rows = [max(rows, key=lambda row: row[1][1])]
            for (start, end), (scale, _) in rows:
                first, last = texts.first_of_place[start], texts.first_of_place[end]
                columns.append(texts.columns[first:last])
                owners.append(np.full(last - first, count))
                values.append(np.full(last - first, factor(end - start, SCALES[scale])))
                self.scale.append(scale)
                labels.append(is_attack[number])
                row_share.append(1 / len(rows))
                count += 1
        self.columns, self.owners, self.values = map(np.concatenate, (columns, owners, values))
        self.scale, self.labels = np.array(self.scale), np.array(labels)
        share = np.array(row_share)
        share[self.labels] *= ATTACK_SHARE / share[self.labels].sum()
        share[~self.labels] *= (1 - ATTACK_SHARE) / share[~self.labels].sum()
        self.share = share


def fitted(rows, penalties, theta, biases):
    """Adam on the logistic loss with L2."""
    weight_count, text_count = len(theta), len(rows.labels)
    both = np.concatenate([theta, biases])
    mean, square = np.zeros_like(both), np.zeros_like(both)
    for step in range(1, STEPS + 1):
        raw = np.bincount(rows.owners, both[rows.columns] * rows.values, text_count) + both[weight_count + rows.scale]
        error = rows.share * (1 / (1 + np.exp(-raw)) - rows.labels)
        gradient = np.concatenate(
            [
                np.bincount(rows.columns, error[rows.owners] * rows.values, weight_count),
                np.bincount(rows.scale, error, len(SCALES)),
            ]
        )
        gradient[:weight_count] += penalties * both[:weight_count] / text_count
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        pace = LEARNING_RATE * (1 - step / (STEPS + 1)) + 0.005
        both -= pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
    return both[:weight_count], both[weight_count:]


def trained(attacks, innocents):
    """Weights by feature, and the biases. Of each text the windows that read most like an attack count."""
    labels = np.arange(len(attacks) + len(innocents)) < len(attacks)
    texts = Texts([*attacks, *innocents])
    names = texts.names
    theta, biases = np.zeros(len(names)), np.zeros(len(SCALES))
    for turn in range(ROUNDS):
        penalties = np.array([L2_SENSE if b"@" in n else L2_PAIR if b" " in n else L2_WORD for n in names])
        theta, biases = fitted(Rows(texts, labels, theta), penalties, theta, biases)
        if turn == ROUNDS - 2:
            kept = np.sort(np.argsort(-np.abs(theta), kind="stable")[:KEPT_FEATURES])
            kept = kept[np.abs(theta[kept]) >= MIN_WEIGHT]
            names, theta = [names[at] for at in kept], theta[kept]
            texts = Texts([*attacks, *innocents], {name: at for at, name in enumerate(names)})
    return dict(zip(names, theta, strict=True)), biases


def quantised(weights, biases):
    """The file's text; weights in `LEVELS` steps each way, those that round to nothing left out."""
    scale = max(map(abs, weights.values())) / LEVELS
    by_step = {}
    for name, weight in sorted(weights.items()):
        by_step.setdefault(round(weight / scale), []).append(name)
    lines = [f"{step}\t{b','.join(names).decode()}" for step, names in sorted(by_step.items()) if step]
    head = " ".join([f"{scale:.8f}", *[f"{bias - CAUTION:.6f}" for bias in biases]])
    return f"{head}\n" + "\n".join(lines) + "\n"


def judged(weights, biases, name, found, what):
    numbers = {one: at for at, one in enumerate(weights)}
    scores = logits(Texts(found, numbers), np.array(list(weights.values())), biases)
    print(f"{name:30} {len(found):5} texts, {(scores > 0).mean():.3f} {what}")
    return scores


def check():
    kept = [parted(source(kind), held=False) for kind in ("attacks", "innocents")]
    attacks, innocents = training_texts(*kept)
    weights, biases = trained(attacks, [*innocents, *own_prose()])
    held = [parted(source(kind), held=True) for kind in ("attacks", "innocents")]
    attacks, innocents = held[0].texts(1, 1_000, 2), held[1].texts(2, 2_000, 2)
    caught = judged(weights, biases, "attacks never seen", attacks, "found (recall)")
    taken = judged(weights, biases, "innocents never seen", innocents, "taken for attacks")
    for share in (0.01, 0.02, 0.03, 0.05, 0.1):
        level = np.quantile(taken, 1 - share)
        print(f"  over-defence {share:.2f} from logit {level:+.2f}: recall {(caught > level).mean():.3f}")
    missed, wrong = sorted(zip(caught, attacks, strict=True)), sorted(zip(taken, innocents, strict=True))
    for title, rows in (("missed", missed[: len(missed) // 3 : 15]), ("taken", wrong[:-40:-1])):
        for score, text in rows:
            print(f"  {title:7}{score:+.1f} {text[:130]!r}")


def main():
    if "--check" in sys.argv:
        check()
        return
    attacks, innocents = training_texts(source("attacks"), source("innocents"))
    weights, biases = trained(attacks, [*innocents, *own_prose()])
    OUT.write_text(quantised(weights, biases), "ascii")
    print(f"{OUT.relative_to(ROOT)}: {len(weights)} features, {OUT.stat().st_size} bytes, biases {biases}")


if __name__ == "__main__":
    main()
