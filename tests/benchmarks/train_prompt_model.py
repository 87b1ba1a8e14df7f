"""Train axonflow/detect/prompt_weights.txt: logistic regression, the same weights for the same seed.

    python -m tests.benchmarks.train_prompt_model [--check]

Needs numpy. ``--check`` trains on three quarters of the lines of each grammar and judges on the rest, writing nothing.
The research data beside the repository is never read here.
"""

import ast
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from axonflow.detect.folding import fold
from axonflow.detect.prompt_model import FLAT, MAX_WINDOW_CHARS, features
from tests.benchmarks.prompt_texts import halves, read_grammar, texts_of

ROOT = Path(__file__).parents[2]
OUT = ROOT / "axonflow" / "detect" / "prompt_weights.txt"
SEED = 20
ATTACKS = 5_000
INNOCENTS = 7_000
LONG_INNOCENTS = 3_500
KEPT_FEATURES = 9_500
MIN_TEXTS = 4
STEPS = 300
LEARNING_RATE = 0.08
L2 = 2.0
ATTACK_SHARE = 0.4
ROUNDS = 3
LEVELS = 127


def windows(text):
    step = MAX_WINDOW_CHARS // 2
    folded = fold(text)
    return [folded[at : at + MAX_WINDOW_CHARS] for at in range(0, max(1, len(folded) - step), step)]


def among(texts, others, rng):
    """A third of the texts with up to two others before and after: an attack is seldom all there is."""
    for text in texts:
        if rng.random() < 0.3:
            before = [rng.choice(others) for _ in range(rng.randrange(3))]
            after = [rng.choice(others) for _ in range(rng.randrange(3))]
            yield "\n".join([" ".join(before), text, " ".join(after)])
        else:
            yield text


def own_prose():
    """The documentation and the docstrings of this repository: long, technical and innocent."""
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]:
        yield path.read_text("utf-8")
    for path in sorted((ROOT / "axonflow").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


class Rows:
    """Windows as lists of feature numbers, each with the factor that evens out its length."""

    def __init__(self, found, numbers):
        self.columns = [np.array(sorted(numbers[one] for one in f if one in numbers), dtype=np.int64) for f in found]
        self.factors = np.array([max(8, len(f)) ** -FLAT for f in found])

    def flat(self):
        owners = np.repeat(np.arange(len(self.columns)), [len(one) for one in self.columns])
        return np.concatenate(self.columns), owners, self.factors[owners]


def fitted(rows, labels, weight_count, start=None):
    """Adam on the logistic loss with L2. The attacks weigh less than the innocents."""
    columns, owners, values = rows.flat()
    share = np.where(labels, ATTACK_SHARE / labels.sum(), 1 / (~labels).sum())
    share /= share.sum()
    theta = np.zeros(weight_count + 1) if start is None else start.copy()
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, STEPS + 1):
        logits = np.bincount(owners, theta[columns] * values, len(labels)) + theta[-1]
        error = share * (1 / (1 + np.exp(-logits)) - labels)
        gradient = np.append(np.bincount(columns, error[owners] * values, weight_count), error.sum())
        gradient[:-1] += L2 * theta[:-1] / len(labels)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        pace = LEARNING_RATE * (1 - step / (STEPS + 1)) + 0.005
        theta -= pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
    return theta


def trained(attacks, innocents):
    """Weights by feature, and the bias. Of each attack's windows the one that shows it most counts."""
    attack_windows = [[features(one) for one in windows(text)] for text in attacks]
    innocent_windows = [features(one) for text in innocents for one in windows(text)]
    counts = Counter(one for text in attack_windows for found in text for one in found)
    counts.update(one for found in innocent_windows for one in found)
    names = sorted(one for one, count in counts.items() if count >= MIN_TEXTS)
    theta = None
    for turn in range(ROUNDS):
        numbers = {one: at for at, one in enumerate(names)}
        chosen = [_most_telling(text, numbers, theta) for text in attack_windows]
        labels = np.arange(len(chosen) + len(innocent_windows)) < len(chosen)
        theta = fitted(Rows([*chosen, *innocent_windows], numbers), labels, len(names), theta)
        if turn == ROUNDS - 2:
            kept = np.sort(np.argsort(-np.abs(theta[:-1]), kind="stable")[:KEPT_FEATURES])
            names, theta = [names[at] for at in kept], np.append(theta[kept], theta[-1])
    return dict(zip(names, theta[:-1], strict=True)), theta[-1]


def _most_telling(found, numbers, theta):
    if theta is None:
        return found[0]
    return max(found, key=lambda f: sum(theta[numbers[o]] for o in f if o in numbers) * max(8, len(f)) ** -FLAT)


def quantised(weights, bias):
    """The file's text; weights in `LEVELS` steps each way, those that round to nothing left out."""
    scale = max(map(abs, weights.values())) / LEVELS
    by_step = {}
    for name, weight in sorted(weights.items()):
        by_step.setdefault(round(weight / scale), []).append(name)
    lines = [f"{step}\t{b','.join(names).decode()}" for step, names in sorted(by_step.items()) if step]
    return f"{scale:.8f} {bias:.6f}\n" + "\n".join(lines) + "\n"


def texts(attack_grammar, innocent_grammar, seed):
    rng = random.Random(seed)
    innocents = texts_of(innocent_grammar, seed, INNOCENTS)
    attacks = list(among(texts_of(attack_grammar, seed + 1, ATTACKS), innocents, rng))
    piled = [" ".join(rng.choice(innocents) for _ in range(rng.randrange(2, 12))) for _ in range(LONG_INNOCENTS)]
    return attacks, [*innocents, *piled, *own_prose()]


def judged(weights, bias, name, found, attack):
    hits = 0
    for text in found:
        best = max(
            bias + sum(weights.get(o, 0) for o in f) * max(8, len(f)) ** -FLAT for f in map(features, windows(text))
        )
        hits += best > 0
    print(
        f"{name:30} {len(found):5} texts, {hits / len(found):.3f} {'found (recall)' if attack else 'taken for attacks'}"
    )


def main():
    attack_grammar, innocent_grammar = read_grammar("attacks.txt"), read_grammar("innocents.txt")
    if "--check" in sys.argv:
        kept_attacks, held_attacks = halves(attack_grammar, SEED)
        kept_innocents, held_innocents = halves(innocent_grammar, SEED)
        weights, bias = trained(*texts(kept_attacks, kept_innocents, SEED))
        judged(weights, bias, "lines never seen, attacks", texts_of(held_attacks, 1, 1_000), attack=True)
        judged(weights, bias, "lines never seen, innocents", texts_of(held_innocents, 2, 2_000), attack=False)
        return
    weights, bias = trained(*texts(attack_grammar, innocent_grammar, SEED))
    OUT.write_text(quantised(weights, bias), "ascii")
    print(f"{OUT.relative_to(ROOT)}: {len(weights)} features, {OUT.stat().st_size} bytes, bias {bias:.2f}")


if __name__ == "__main__":
    main()
