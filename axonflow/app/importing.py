"""Policies of others, from their texts to policy sets that load: what the engine refuses is left out and named."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.adapters.yaml_text import Locator, parse_json, parse_yaml
from axonflow.app.flow import AxonFlow
from axonflow.errors import PolicyError
from axonflow.policy.importing.cedar.naming import Names, read_names
from axonflow.policy.importing.cedar.policies import import_cedar
from axonflow.policy.importing.legacy import import_legacy, is_legacy
from axonflow.policy.importing.report import Finding, ImportedRule, ImportedSet
from axonflow.policy.importing.wire import import_wire, is_wire
from axonflow.policy.importing.writing import written_set

__all__ = ["FORMATS", "Format", "Imported", "WrittenSet", "import_policies", "names_of_text"]

Format = Literal["cedar", "wire", "v1"]
FORMATS: Final[tuple[Format, ...]] = ("cedar", "wire", "v1")

_CEDAR: Final = re.compile(r"\b(permit|forbid)\s*\(")
_RULE: Final = re.compile(r"policies\.rules\[(\d+)\]")
_DETECTOR: Final = re.compile(r"policies\.detectors\[(\d+)\]")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_EXCEPTION: Final = re.compile(r"policies\.exceptions\[(\d+)\]")
_MAX_NAME_CHARS: Final = 64
_MAX_ROUNDS: Final = 4
"""In which all faults that the engine names are mended at once; after them each rule is tried alone."""
_MAX_NAMED: Final = 50
"""Findings that stand in a file as comments."""


class WrittenSet(Struct, frozen=True):
    """A policy set as the text of a document, and how many rules it has, by effect."""

    name: str
    source: str
    text: str
    rules: dict[str, int]


class Imported(Struct, frozen=True):
    """What an import came to."""

    sets: tuple[WrittenSet, ...]
    findings: tuple[Finding, ...]


def import_policies(
    texts: Mapping[str, str], *, kind: Format | None = None, names: Names | None = None, widen: bool = False
) -> Imported:
    """The policies in `texts`, by the names that messages call them by, as policy sets. `kind` is guessed where it is
    None; `names` is for Cedar; `widen` has rules deny more where they cannot deny exactly that.

    Raises PolicyError for a text that is none of these formats, with the place of the fault.
    """
    sets: list[WrittenSet] = []
    findings: list[Finding] = []
    taken: set[str] = set()
    set_names: set[str] = set()
    wire_ids: set[str] = set()
    for name, text in texts.items():
        set_name = _free(_set_name(name), set_names)
        made, found = _imported(text, name, set_name, kind, names or Names(), wire_ids, widen=widen)
        for one in made:
            kept = _accepted(_unique(_named_apart(one, set_names), taken, found), found)
            taken.update(rule.rule["id"] for rule in kept.rules)
            sets.append(_written(kept, name, found))
        findings.extend(found)
    return Imported(tuple(sets), tuple(findings))


def names_of_text(text: str, name: str) -> Names:
    """What a mapping file, in YAML or JSON, says. Raises PolicyError."""
    documents = _documents(text, name)
    locator = Locator(text, name)
    if len(documents) != 1:
        raise PolicyError("not a mapping of names", expected="one document", found=str(len(documents)), at=name)
    return read_names(documents[0], lambda path: locator.at(0, path))


# -- reading


def _imported(
    text: str, name: str, set_name: str, kind: Format | None, names: Names, wire_ids: set[str], *, widen: bool
) -> tuple[list[ImportedSet], list[Finding]]:
    documents = None if kind == "cedar" or (kind is None and name.endswith(".cedar")) else _data_in(text, name, kind)
    if documents is None:
        made, found = import_cedar(text, name, set_name, names, widen=widen)
        return [made], found
    locator = Locator(text, name)
    sets: list[ImportedSet] = []
    findings: list[Finding] = []
    legacy: list[ImportedRule] = []
    for number, data in enumerate(documents):
        place = _place_in(locator, number)
        if is_legacy(data) and kind != "wire":
            rules, more = import_legacy(data, place, widen=widen)
            legacy.extend(rules)
        elif kind == "v1":
            raise _not_it(name, "v1")
        else:
            made_sets, more = import_wire(data, place, set_name, compile_pattern, wire_ids, widen=widen)
            sets.extend(made_sets)
        findings.extend(more)
    if legacy or not sets:
        sets.append(_legacy_set(set_name, legacy))
    return sets, findings


def _place_in(locator: Locator, number: int) -> Callable[[tuple[str | int, ...]], str]:
    return lambda path: locator.at(number, path)


def _legacy_set(set_name: str, rules: Sequence[ImportedRule]) -> ImportedSet:
    head = {
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": set_name}, "default": "inherit",
    }  # fmt: skip
    return ImportedSet((), head, tuple(rules))


def _data_in(text: str, name: str, kind: Format | None) -> list[Any] | None:
    """The documents in `text` where they are policies of the two formats that are data; None where it may be Cedar."""
    try:
        documents = [one for one in _documents(text, name) if one is not None]
    except PolicyError:
        if kind is None and _CEDAR.search(text):
            return None
        raise
    if any(isinstance(one, dict) and _is_cedar_json(one) for one in documents):
        raise PolicyError(
            "Cedar's JSON format is not read", expected="its text", at=name,
            hint="cedar translate-policy --direction json-to-cedar turns the one into the other.",
        )  # fmt: skip
    if documents and all(is_legacy(one) or is_wire(one) for one in documents):
        return documents
    if kind is None and not any(isinstance(one, (dict, list)) for one in documents) and _CEDAR.search(text):
        return None
    raise _not_it(name, kind)


def _is_cedar_json(data: dict[str, Any]) -> bool:
    """Of one policy, which has `conditions` as a dynamic policy of the wire contract has, or of a set."""
    return "staticPolicies" in data or data.get("effect") in ("permit", "forbid")


def _documents(text: str, name: str) -> list[Any]:
    is_json = name.endswith(".json") or (not name.endswith((".yaml", ".yml")) and text.lstrip()[:1] in {"{", "["})
    if not is_json:
        return parse_yaml(text, name)
    documents = parse_json(text, name)
    try:
        msgspec.json.encode(documents)
    except UnicodeEncodeError:  # escapes of JSON can make half a character, which nothing can write
        raise PolicyError("not encodable as UTF-8", expected="text without lone surrogates", at=name) from None
    return documents


def _not_it(name: str, kind: Format | None) -> PolicyError:
    expected = {
        "wire": "objects with a pattern, or with conditions and actions",
        "v1": "documents with apiVersion: axonflow.io/v1",
    }.get(kind or "", "Cedar, static or dynamic policies of the wire contract, or axonflow.io/v1")
    return PolicyError("no policies that can be imported", expected=expected, at=name, hint="Say which with --from.")


def _set_name(name: str) -> str:
    stem = PurePath(name).name.rpartition(".")[0] or PurePath(name).name
    return _NO_NAME.sub("-", stem).strip("-_.")[:_MAX_NAME_CHARS] or "imported"


# -- what loads


def _free(name: str, taken: Container[str]) -> str:
    number = 2
    candidate = name
    while candidate in taken:
        candidate = f"{name}-{number}"
        number += 1
    return candidate


def _named_apart(one: ImportedSet, taken: set[str]) -> ImportedSet:
    """`one` with a name that no other set has, and so a file of its own: a text may hold many."""
    name = _free(one.head["metadata"]["name"], taken)
    taken.add(name)
    return replace(one, head=one.head | {"metadata": {"name": name}})


def _unique(one: ImportedSet, taken: set[str], findings: list[Finding]) -> ImportedSet:
    """`one` with ids that no other set has: sets that are loaded together share none."""
    ids = set(taken)
    renamed: dict[str, str] = {}
    rules: list[ImportedRule] = []
    for rule in one.rules:
        said = rule.rule["id"]
        rule_id = renamed[said] = _free(said, ids)
        ids.add(rule_id)
        if rule_id != said:
            why = "another rule of this import has the same id"
            findings.append(Finding(rule.at, rule_id, "ignored", said, why, f"the rule is {rule_id}"))
        rules.append(replace(rule, rule={**rule.rule, "id": rule_id}))
    head = dict(one.head)
    if "exceptions" in head:
        head["exceptions"] = [
            {**exception, "rules": [renamed.get(rule, rule) for rule in exception["rules"]]}
            for exception in head["exceptions"]
        ]
    return replace(one, head=head, rules=tuple(rules))


def _accepted(one: ImportedSet, findings: list[Finding]) -> ImportedSet:
    """`one` without the rules that the engine refuses, such as a condition too long. Raises PolicyError for a set that
    is refused for another reason."""
    for _ in range(_MAX_ROUNDS):
        error = _fault_of(one)
        if error is None:
            return one
        refused = dict(_refused(one, error))
        if not refused:
            raise error
        one = _without(one, refused, findings)
    alone = {position: _fault_of(_of_rules(one, [rule])) for position, rule in enumerate(one.rules)}
    one = _without(one, {position: error for position, error in alone.items() if error is not None}, findings)
    error = _fault_of(one)
    if error is not None:
        raise error
    return one


def _fault_of(one: ImportedSet) -> PolicyError | None:
    """Why the engine refuses `one`."""
    try:
        AxonFlow.open(one.document, redaction_key=secrets.token_bytes(32), vault="memory")
    except PolicyError as error:
        return error
    return None


def _without(one: ImportedSet, refused: Mapping[int, PolicyError], findings: list[Finding]) -> ImportedSet:
    findings.extend([_refusal(one.rules[position], refused[position]) for position in sorted(refused)])
    return _of_rules(one, [rule for position, rule in enumerate(one.rules) if position not in refused])


def _of_rules(one: ImportedSet, rules: Sequence[ImportedRule]) -> ImportedSet:
    return replace(one, head=_head_for(one.head, rules), rules=tuple(rules))


def _refused(one: ImportedSet, error: PolicyError) -> Iterator[tuple[int, PolicyError]]:
    """Positions of the rules that problems are about: in them, in detectors that they ask for, or in exceptions."""
    for problem in error.problems:
        if match := _RULE.match(problem.at or ""):
            yield int(match[1]), problem
        elif match := _DETECTOR.match(problem.at or ""):
            asked = f'"{one.head["detectors"][int(match[1])]["id"]}"'
            yield from [(at, problem) for at, rule in enumerate(one.rules) if asked in rule.rule.get("when", "")]
        elif match := _EXCEPTION.match(problem.at or ""):
            named = one.head["exceptions"][int(match[1])]["rules"]
            yield from [(at, problem) for at, rule in enumerate(one.rules) if rule.rule["id"] in named]


def _refusal(rule: ImportedRule, problem: PolicyError) -> Finding:
    loosens = rule.rule["effect"] != "allow"
    why = f"{problem.message}{f': expected {problem.expected}' if problem.expected else ''}"
    shown = str(rule.rule.get("when", rule.rule["id"]))
    return Finding(rule.at, rule.rule["id"], "left out", shown[:80], why, "the rule is left out", loosens, problem.hint)


def _head_for(head: dict[str, Any], rules: Sequence[ImportedRule]) -> dict[str, Any]:
    """`head` with the detectors and exceptions that `rules` still need."""
    texts = "\n".join([rule.rule.get("when", "") for rule in rules])
    ids = {rule.rule["id"] for rule in rules}
    kept = dict(head)
    if "detectors" in head:
        kept["detectors"] = [one for one in head["detectors"] if f'"{one["id"]}"' in texts]
    if "exceptions" in head:
        kept["exceptions"] = [one for one in head["exceptions"] if ids.issuperset(one["rules"])]
    return {name: value for name, value in kept.items() if value != []}


# -- writing


def _written(one: ImportedSet, source: str, findings: Sequence[Finding]) -> WrittenSet:
    missing = [found for found in findings if found.kind != "ignored"]
    comments = [f"Imported from {source}.", *one.comments]
    comments += [
        f"{found.kind}: {found.at}: {found.found}: {found.why}; {found.done}" for found in missing[:_MAX_NAMED]
    ]
    if len(missing) > _MAX_NAMED:
        comments.append(f"and {len(missing) - _MAX_NAMED} more that are not as they were")
    counts: dict[str, int] = {}
    for rule in one.rules:
        counts[rule.rule["effect"]] = counts.get(rule.rule["effect"], 0) + 1
    return WrittenSet(
        one.head["metadata"]["name"], source, written_set(replace(one, comments=tuple(comments))), counts
    )  # fmt: skip
