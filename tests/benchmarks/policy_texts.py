"""Policies as people write them: YAML with rules of 200 shapes, in files of 10,000 rules, and a bundle made of them.

Two rules are of one shape when they differ in constants only.
"""

from itertools import combinations
from pathlib import Path

from axonflow.app import bundles

SHAPES = 200
FILE_RULES = 10_000
PARTS = (
    "context.risk > {number}",
    '"{name}" in principal.roles',
    'context.env in ["{name}", "staging"]',
    "has(context.ticket)",
    'context.path.startsWith("/{name}/")',
    "size(context.arguments) < {number}",
    '!(context.region == "{name}" || context.rows >= {number})',
    'resource.type == "tool"',
)
CONDITIONS = [" && ".join(parts) for size in range(1, 5) for parts in combinations(PARTS, size)]
KEYS = ("", ", principal.roles: [{name}, admin]", ", context.env: {name}")
HEAD = """apiVersion: axonflow.dev/v1
kind: PolicySet
metadata: {{name: bench-{number}, description: Rules of {shapes} shapes.}}
default: deny
rules:
"""
RULE = """  - id: {id}
    effect: {effect}
    match: {{action: tool.call, resource.id: tool-{number}{keys}}}
    when: {condition}
    reason: Rule {number} has its say on what this tool is called for.
"""


def shape(number):
    return CONDITIONS[number % len(CONDITIONS)], KEYS[number // len(CONDITIONS) % len(KEYS)]


def rule_text(number):
    condition, keys = shape(number % SHAPES)
    constants = {"name": f"name-{number}", "number": number % 100}
    return RULE.format(
        id=f"r{number}",
        effect="allow" if number % 3 else "deny",
        number=number,
        keys=keys.format(**constants),
        condition="'" + condition.format(**constants) + "'",
    )


def set_texts(count):
    """The texts of as many files as `count` rules take."""
    for number, first in enumerate(range(0, count, FILE_RULES)):
        rules = (rule_text(rule) for rule in range(first, min(first + FILE_RULES, count)))
        yield HEAD.format(number=number, shapes=SHAPES) + "".join(rules)


def write_folder(folder, count):
    """`folder`, with files of `count` rules in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(set_texts(count)):
        Path(folder, f"bench-{number}.yaml").write_text(text, "utf-8")
    return folder


def build_bundle(folder, bundle):
    """Sign the policies in `folder` into `bundle`; give the public key it is to be trusted by."""
    private, public = bundle.with_suffix(".key"), bundle.with_suffix(".pub")
    bundles.make_key_pair(private, public)
    bundle.write_bytes(bundles.build_bundle(folder, private))
    return public
