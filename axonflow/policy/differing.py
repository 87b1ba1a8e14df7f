"""What differs between two versions of a policy set: rule by rule, and in the text that people wrote."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from axonflow.policy.compiling.bundle import BundleSource, open_bundle
from axonflow.policy.compiling.program import RuleRow, SetHead, decode_rows
from axonflow.policy.publication import PolicyVersion

__all__ = ["PolicyDiff", "RuleChange", "difference", "rules_in"]

_RULE_FIELDS = ("effect", "match", "when", "reason", "obligations")
_HEAD_FIELDS = ("layer", "default", "shadow", "actions", "requires", "attributes", "exceptions", "detectors",
                "allowlists", "bounds")  # fmt: skip


class RuleChange(Struct, frozen=True):
    """What changed of a rule, or of a whole set where `rule` is empty: the names of its fields."""

    policy_set: str
    rule: str
    fields: tuple[str, ...]


class PolicyDiff(Struct, frozen=True):
    """From one version to another. `added` and `removed` are rules, as ``set/rule``; `text` is a unified diff of the
    documents, empty where they are not known."""

    from_version: int
    to_version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[RuleChange, ...]
    text: str


_Sets = dict[tuple[str, bool], tuple[SetHead, dict[str, RuleRow]]]


def _sets_of(version: PolicyVersion) -> _Sets:
    """By name and whether it is a shadow. The signature is not asked for here: nothing is put in force."""
    source = BundleSource(f"{version.set_name} {version.version}", version.bundle, version.tenant_id)
    found: _Sets = {}
    for parts in open_bundle(source, lambda *_: True).sets:
        head, rows = decode_rows(parts, source.name)
        found[head.name, head.shadow] = (head, {row.id: row for row in rows})
    return found


def rules_in(source: BundleSource) -> int:
    """How many rules a bundle holds. Raises PolicyError for what is none."""
    return sum(len(decode_rows(parts, source.name)[1]) for parts in open_bundle(source, lambda *_: True).sets)


def difference(before: PolicyVersion, after: PolicyVersion) -> PolicyDiff:
    """What `after` has that `before` has not, and the other way around. Raises PolicyError for what is no bundle."""
    old, new = _sets_of(before), _sets_of(after)
    rules_before = {f"{name}/{rule}" for (name, _), (_, rules) in old.items() for rule in rules}
    rules_after = {f"{name}/{rule}" for (name, _), (_, rules) in new.items() for rule in rules}
    return PolicyDiff(
        before.version, after.version, tuple(sorted(rules_after - rules_before)),
        tuple(sorted(rules_before - rules_after)), tuple(_changes(old, new)), _text(before.source, after.source),
    )  # fmt: skip


def _changes(old: _Sets, new: _Sets) -> Iterator[RuleChange]:
    for key in sorted(old.keys() & new.keys()):
        (head, rules), (new_head, new_rules) = old[key], new[key]
        fields = _differing(_plain(head), _plain(new_head), _HEAD_FIELDS)
        if fields:
            yield RuleChange(key[0], "", fields)
        for rule in sorted(rules.keys() & new_rules.keys()):
            fields = _differing(_rule(rules[rule], head), _rule(new_rules[rule], new_head), _RULE_FIELDS)
            if fields:
                yield RuleChange(key[0], rule, fields)


def _plain(head: SetHead) -> dict[str, Any]:
    values = msgspec.structs.asdict(head)
    values["exceptions"] = [
        (row.id, row.rules, row.match, _condition(row.expression, row.literals, head), row.expires_us)
        for row in head.exceptions
    ]
    return values


def _rule(row: RuleRow, head: SetHead) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["when"] = _condition(row.expression, row.literals, head)
    return values


def _condition(number: int, literals: tuple[Any, ...], head: SetHead) -> tuple[str, tuple[Any, ...]]:
    """Rows with one text and the same literals say the same. A set's first text of a shape stands for all of it, so two
    that differ there may: better one change too many."""
    return (head.expressions[number] if 0 <= number < len(head.expressions) else "", literals)


def _differing(old: dict[str, Any], new: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([name for name in names if old[name] != new[name]])


def _text(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, ""), after.get(path, "")
        lines += difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"a/{path}" if path in before else "/dev/null",
            f"b/{path}" if path in after else "/dev/null", lineterm="",
        )  # fmt: skip
    return "\n".join(lines)
