"""Policy documents and requests that are none, or nearly: changed text, changed values, wrong kinds, bombs."""

import copy
import json
import math

from tests.fuzz import corpus, hostile_expressions

HEAD = "apiVersion: axonflow.dev/v1\nkind: PolicySet\nmetadata: {name: fuzz}\ndefault: deny\n"
PIECES = (
    *"\n\t:-[]{},&*!|>#%@`'\"?~ \x00", "- ", ": ", "? ", "---\n", "...\n", "&a ", "*a", "<<: *a", "!!binary ", "!!set ",
    "!!python/object:os.system ", "!!float ", "%YAML 9.9\n", "null", "~", "yes", "on", "0x", "0o8", "1_000", ".inf",
    ".nan", "1e999", "-9223372036854775809", "2026-11-21", '"\\ud800"', '"\\0"', "\u2028", "\ufeff", "\U0001f600",
    "\x85", "  ", "rules:", "effect: allow", "when: ", "match: {", "{name}", "[[[[[[[[", "]]]]]]]]", "|2-\n", ">+9\n",
    "'", "id: a", "shadow: true", "layer: system", "expires: 2026-13-45T99:99:99Z", "exceptions: [{}]",
    "requires: {tool.call: [content]}",
)  # fmt: skip


def yaml_mutated(rng):
    source = rng.choice(corpus.policy_texts())
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        start = rng.randint(0, len(source))
        end = min(len(source), start + rng.choice([0, 1, 1, 2, 10, 100]))
        other = rng.choice(corpus.policy_texts())
        taken = rng.randrange(len(other))
        piece = rng.choice([rng.choice(PIECES), rng.choice(PIECES), other[taken : taken + 60], ""])
        source = source[:start] + piece + source[end:]
    return source


def yaml_soup(rng):
    return rng.choice(["", HEAD]) + "".join(rng.choices(PIECES, k=rng.choice([3, 10, 50, 400])))


def yaml_bomb(rng):
    """Aliases of aliases, depth, width, and long scalars."""
    size = rng.choice([10, 65, 1_000, 30_000])
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    makers = (
        lambda: f"a0: &a0 [x, x, x]\n{levels}\n",
        lambda: HEAD + "rules: " + "[" * size + "]" * size,
        lambda: HEAD + "rules: " + "{a: " * size + "1" + "}" * size,
        lambda: HEAD + "rules: &r [*r]",
        lambda: HEAD + "rules:\n" + "".join(" " * n + "-\n" for n in range(min(size, 1_000))),
        lambda: HEAD + f"rules: [{{id: a, effect: deny, reason: {'x' * size}}}]",
        lambda: HEAD + f"rules: [{{id: a, effect: deny, match: {{context.env: [{'x, ' * size}y]}}}}]",
        lambda: HEAD + f"rules: [{{id: a, effect: deny, match: {{context{'.a' * size}: 1}}}}]",
        lambda: HEAD + "rules: [" + "{}, " * size + "]",
        lambda: HEAD + "".join(f"k{n}: {n}\n" for n in range(size)),
        lambda: "---\n".join([HEAD] * min(size, 300)),
        lambda: HEAD + f"rules: [{{id: a, effect: deny, when: {json.dumps(hostile_expressions.huge(rng))}}}]",
    )  # fmt: skip
    return rng.choice(makers)()


def json_mutated(rng):
    source = json.dumps(rng.choice(corpus.policy_documents()), ensure_ascii=rng.random() < 0.5)
    return _spoiled(rng, source)


def _spoiled(rng, source):
    pieces = (*'{}[],:"\\', "null", "true", "-1", "1e999", "NaN", '"\\ud800"', '"\\u0000"', "9" * 400, "[" * 2_000, " ")
    for _ in range(rng.randint(1, 5)):
        start = rng.randint(0, len(source))
        source = source[:start] + rng.choice(pieces) + source[start + rng.choice([0, 1, 1, 5, 50]) :]
    return source


def odd_values(rng):
    """One value that no JSON has, or that JSON has too much of."""
    deep = []
    for _ in range(rng.choice([50, 500, 5_000])):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    circle = {}
    circle["circle"] = [circle]
    return rng.choice([
        None, True, 0, -1, 2**63, 2**64, -(2**70), 10**5_000, 1.5, math.inf, math.nan, 1j, "", "a", "\x00", "\ud800",
        "x" * 70_000, b"bytes", (), [], {}, [[]], {"": ""}, {1: 2}, {None: None}, {"a": {"b"}}, {1, 2},
        object(), object, print, deep, circle, "deny", "allow", ["tool.call"] * 3, "2026-11-21T00:00:00Z", range(9),
        memoryview(b"a"), hostile_expressions.mutated(rng),
    ])  # fmt: skip


def values_mutated(rng):
    """A document as Python objects, with up to three of its parts replaced, removed or moved."""
    document = copy.deepcopy(rng.choice(corpus.policy_documents()))
    for what in sorted(rng.choices(("moved", "named", "odd", "removed"), k=rng.randint(1, 3))):
        places = list(_places(document))
        holder, key = rng.choice(places)
        if what == "removed":
            del holder[key]
        elif what == "named" and isinstance(holder, dict):
            holder[rng.choice(["x", "", "when", "effect", "match", "id", "\ud800", 7, None])] = holder.pop(key)
        elif what == "moved":
            other, elsewhere = rng.choice(places)
            holder[key] = copy.deepcopy(other[elsewhere])
        else:
            holder[key] = odd_values(rng)
    return document


def _places(value):
    """Every (container, key) of plain values, nested no deeper than documents are."""
    stack = [(value, 0)]
    while stack:
        holder, depth = stack.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], (dict, list)) and depth < 8:
                stack.append((holder[key], depth + 1))


def request_text(rng):
    return _spoiled(rng, json.dumps(rng.choice(corpus.REQUESTS), ensure_ascii=rng.random() < 0.5))


def request_parts(rng):
    """Arguments of Request, some of them odd."""
    parts = copy.deepcopy(rng.choice(corpus.REQUESTS))
    for holder, key in rng.sample(list(_places(parts)), rng.randint(1, 3)):
        holder[key] = odd_values(rng)
    return parts


FILES = {
    "YAML mutated": (yaml_mutated, "yaml"),
    "YAML soup": (yaml_soup, "yaml"),
    "YAML bomb": (yaml_bomb, "yaml"),
    "JSON mutated": (json_mutated, "json"),
}
