"""Templates: rules with parameters, written once and included by policy sets.

Expanded before anything else is checked, on plain values: what is included is held to the same rules as what is written
out, and a fault in it is told with its place in the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from axonflow.errors import PolicyError
from axonflow.policy.cel.literals import quoted
from axonflow.policy.documents.document import IncludeDocument, ParameterDocument, PolicyTemplateDocument
from axonflow.policy.documents.reading import Path, PolicySource, read_includes, read_template

__all__ = ["expand", "is_template", "read_templates"]

MAX_INCLUDES: Final = 10_000
MAX_INCLUDED_RULES: Final = 100_000
MAX_INCLUDE_DEPTH: Final = 8

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}|\$(\$\{)", re.ASCII)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,), "int": (int,), "double": (float, int), "bool": (bool,), "strings": (list, tuple),
}  # fmt: skip

_PIECES: Final = ("rules", "detectors")
"""What a template holds that sets take over."""

Value = Any


class Template(NamedTuple):
    document: PolicyTemplateDocument
    source: PolicySource


class _Piece(NamedTuple):
    """One rule or detector that came from a template: its values, and where its parts stand."""

    value: Any
    at: Callable[[Path, int], str]


def is_template(source: PolicySource) -> bool:
    return isinstance(source.data, dict) and source.data.get("kind") == "PolicyTemplate"


def read_templates(sources: Sequence[PolicySource]) -> tuple[dict[str, Template], list[PolicyError]]:
    """The templates among `sources` by name, and what is wrong with others."""
    templates: dict[str, Template] = {}
    problems: list[PolicyError] = []
    for source in filter(is_template, sources):
        try:
            document = read_template(source)
        except PolicyError as error:
            problems.extend(error.problems)
            continue
        name = document.metadata.name
        if name in templates:
            problems.append(PolicyError(
                "two templates have the same name", expected="each name once", found=f"'{name}'",
                at=source.at(("metadata", "name"), 0),
            ))  # fmt: skip
        templates[name] = Template(document, source)
    return templates, problems


def expand(source: PolicySource, templates: Mapping[str, Template]) -> PolicySource:
    """`source` with the rules and requirements of all it includes in place of ``include``.

    Raises PolicyError for an include that names no template, or does not fit its parameters.
    """
    if not isinstance(source.data, dict) or "include" not in source.data:
        return source
    own = {field: source.data.get(field, []) for field in _PIECES}
    if not all(isinstance(items, list) for items in own.values()):
        return source  # refused as it stands
    expansion = _Expansion(templates)
    for position, include in enumerate(read_includes(source)):
        expansion.include(include, source, ("include", position), ())
    if expansion.problems:
        raise PolicyError.joined(expansion.problems)
    pieces = expansion.pieces
    requires = _merged(source.data.get("requires", {}), expansion.requires)
    all_of = {field: [*own[field], *[piece.value for piece in pieces[field]]] for field in _PIECES}
    data = source.data | all_of | {"requires": requires}

    def at(path: Path, offset: int) -> str:
        if len(path) > 1 and path[0] in _PIECES and isinstance(path[1], int):
            field, position = str(path[0]), path[1] - len(own[str(path[0])])
            if position >= 0:
                return pieces[field][position].at(path[2:], offset)
        return source.at(path, offset)

    return PolicySource(source.name, data, at)


def _merged(own: Any, more: Mapping[str, Sequence[str]]) -> Any:
    if not isinstance(own, dict) or not all(isinstance(paths, list) for paths in own.values()):
        return own  # refused as it stands
    return {action: list(dict.fromkeys([*own.get(action, []), *more.get(action, [])])) for action in [*own, *more]}


class _Expansion:
    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates
        self.pieces: dict[str, list[_Piece]] = {field: [] for field in _PIECES}
        self.requires: dict[str, list[str]] = {}
        self.problems: list[PolicyError] = []
        self._included = 0

    def include(self, include: IncludeDocument, source: PolicySource, path: Path, above: tuple[str, ...]) -> None:
        self._included += 1
        template = self._templates.get(include.template)
        if self._included > MAX_INCLUDES or len(self.pieces["rules"]) > MAX_INCLUDED_RULES:
            raise PolicyError(
                "too much is included", expected=f"at most {MAX_INCLUDES} templates with {MAX_INCLUDED_RULES} rules",
                found="more", at=source.at(path, 0),
            )  # fmt: skip
        if template is None or include.template in above or len(above) >= MAX_INCLUDE_DEPTH:
            self.problems.append(_not_includable(include.template, self._templates, above, source.at(path, 0)))
            return
        values = self._values(include, template.document, source, path)
        if values is None:
            return
        document, origin = template
        via = f"{source.at(path, 0)}, which includes {include.template}"
        for action, paths in document.requires.items():
            self.requires.setdefault(action, []).extend(paths)
        for field in _PIECES:
            for position, piece in enumerate(getattr(document, field)):
                at = _placed(origin, (field, position), piece, values, via)
                self.pieces[field].append(_Piece(_filled(piece, values), at))
        for position, deeper in enumerate(document.include):
            given = {name: _filled(value, values) for name, value in deeper.given.items()}
            self.include(
                deeper.model_copy(update={"given": given}), origin, ("include", position), (*above, include.template)
            )

    def _values(
        self, include: IncludeDocument, document: PolicyTemplateDocument, source: PolicySource, path: Path
    ) -> dict[str, Value] | None:
        """The value of each parameter; None when something is wrong, which is in `problems` then."""
        faults = list(_misfits(include.given, document.parameters))
        for message, expected, found, part in faults:
            at = source.at((*path, *part), 0)
            self.problems.append(PolicyError(f"{include.template}: {message}", expected=expected, found=found, at=at))
        if faults:
            return None
        return {name: include.given.get(name, parameter.default) for name, parameter in document.parameters.items()}


def _not_includable(name: str, templates: Mapping[str, Template], above: Sequence[str], at: str) -> PolicyError:
    if name in above:
        return PolicyError("templates include each other", found=" > ".join([*above, name]), at=at)
    if name in templates:
        return PolicyError("includes are nested too deep", expected=f"at most {MAX_INCLUDE_DEPTH} levels", at=at)
    known = ", ".join(sorted(templates)) or "none is loaded"
    return PolicyError(
        "there is no such template", expected=f"one of those that are loaded: {known}", found=f"'{name}'", at=at,
        hint="A template is a document of kind PolicyTemplate in the same folder or list.",
    )  # fmt: skip


def _misfits(
    given: Mapping[str, Value], parameters: Mapping[str, ParameterDocument]
) -> Iterator[tuple[str, str, str, Path]]:
    for name in given:
        if name not in parameters:
            yield "unknown parameter", ", ".join(parameters) or "no parameters", f"'{name}'", ("with", name)
    for name, parameter in parameters.items():
        if name in given:
            if not _fits(given[name], parameter.type):
                yield f"parameter {name}", parameter.type, _shown(given[name]), ("with", name)
        elif parameter.default is None:
            yield f"parameter {name} is missing", parameter.type, "nothing", ()


def _fits(value: Value, kind: str) -> bool:
    if isinstance(value, bool) and kind != "bool":
        return False
    if kind == "strings":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, _TYPES[kind])


def _shown(value: Value) -> str:
    return f"{value!a}"[:80]


def _filled(value: Value, values: Mapping[str, Value], key: str = "") -> Value:
    """`value`, which is nested no deeper than JSON may be (JsonObject), with each ``${name}`` replaced: by the value
    itself where it is all there is, else by its text."""
    if isinstance(value, dict):
        return {_filled(name, values): _filled(item, values, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if key == "when":
        return _filled_expression(value, values)[0]
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and whole[1] in values:
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda found: found[2] or _text(found, values), value)


def _text(found: re.Match[str], values: Mapping[str, Value]) -> str:
    if found[1] not in values:
        return found[0]
    value = values[found[1]]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled_expression(text: str, values: Mapping[str, Value]) -> tuple[str, list[tuple[int, int]]]:
    """An expression with literals in place of its parameters, and where its stretches stood before: (now, then).

    A literal is written so that, wherever the placeholder stands, it can be nothing else than one literal.
    """
    out: list[str] = []
    length = position = 0
    stretches = [(0, 0)]
    for found in _PLACEHOLDER.finditer(text):
        name = found[1]
        piece = found[2] or (quoted(values[name]) if name in values else found[0])
        out += [text[position : found.start()], piece]
        length += found.start() - position + len(piece)
        position = found.end()
        stretches.append((length, position))
    return "".join([*out, text[position:]]), stretches


def _placed(
    origin: PolicySource, prefix: Path, piece: Any, values: Mapping[str, Value], via: str
) -> Callable[[Path, int], str]:
    def at(path: Path, offset: int) -> str:
        if path[-1:] == ("when",) and isinstance(piece, dict) and isinstance(piece.get("when"), str):
            now, then = max(s for s in _filled_expression(piece["when"], values)[1] if s[0] <= offset)
            offset = then + offset - now
        return f"{origin.at((*prefix, *path), offset)} (from {via})"

    return at
