"""Policy documents as plain values, read and checked; every fault is told with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from axonflow.errors import AxonFlowError, PolicyError
from axonflow.policy.documents.document import (
    MAX_RULES,
    AllowlistDocument,
    DetectorDocument,
    ExceptionDocument,
    IncludeDocument,
    PolicySetDocument,
    PolicyTemplateDocument,
    PolicyTestsDocument,
    RuleDocument,
    ScenarioDocument,
)

__all__ = [
    "KEY",
    "LoadedSet",
    "Path",
    "PolicySource",
    "check_no_policies",
    "is_tests",
    "problems_of",
    "read_includes",
    "read_policy_set",
    "read_policy_tests",
    "read_template",
]

Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_MAX_PROBLEMS: Final = 50
_MAX_FIELD_CHARS: Final = 400
_RULES_A_SLICE: Final = 20
KEY: Final = "[key]"
"""As last part of a path: the key itself rather than its value. pydantic's word for it too."""


_INCLUDES: Final = TypeAdapter(list[IncludeDocument])


class PolicySource(NamedTuple):
    """One policy document as plain values, and where each of its parts stands: `at(path, offset)`."""

    name: str
    data: Any
    at: Callable[[Path, int], str]


class LoadedSet(NamedTuple):
    """A valid document with its source."""

    document: PolicySetDocument
    source: PolicySource


def read_policy_set(source: PolicySource, pause: Callable[[], None] = lambda: None) -> LoadedSet:
    """`source` checked. Raises PolicyError that names each wrong field with its place.

    Rules are checked one by one, with a `pause` now and then: all in one call would take a tenth of a second.
    """
    raw = source.data.get("rules") if isinstance(source.data, dict) else None
    if not isinstance(raw, list) or len(raw) > MAX_RULES:
        return LoadedSet(_read(PolicySetDocument, source), source)
    rules: list[RuleDocument] = []
    problems: list[PolicyError] = []
    try:
        document = _read(PolicySetDocument, source._replace(data=source.data | {"rules": []}))
    except PolicyError as error:
        problems.extend(error.problems)
    for position, rule in enumerate(raw):
        if position % _RULES_A_SLICE == 0:
            pause()
        try:
            rules.append(RuleDocument.model_validate(rule))
        except (ValidationError, RecursionError) as error:
            problems.extend(_problems(error, source, ("rules", position)))
            if len(problems) >= _MAX_PROBLEMS:
                break
    if problems:
        raise PolicyError.joined(problems[:_MAX_PROBLEMS])
    return LoadedSet(document.model_copy(update={"rules": rules}), source)


def read_template(source: PolicySource) -> PolicyTemplateDocument:
    """`source` as a template. Its rules are checked where it is included, with the values of its parameters."""
    return _read(PolicyTemplateDocument, source)


def is_tests(source: PolicySource) -> bool:
    """Whether `source` says that it holds tests of policies, and none itself."""
    return isinstance(source.data, dict) and source.data.get("kind") == "PolicyTests"


def read_policy_tests(source: PolicySource) -> PolicyTestsDocument:
    """`source` as tests. Raises PolicyError that names each wrong field with its place."""
    return _read(PolicyTestsDocument, source)


def check_no_policies(source: PolicySource) -> None:
    """Raise PolicyError for tests that have fields of a policy set: one whose kind was mistyped must not vanish."""
    for field in source.data:
        if field in PolicySetDocument.model_fields and field not in PolicyTestsDocument.model_fields:
            raise PolicyError(
                "tests of policies hold no policies", expected=", ".join(PolicyTestsDocument.model_fields),
                found=f"'{field}'", at=source.at((field, KEY), 0), hint="A set of rules is of kind: PolicySet.",
            )  # fmt: skip


def read_includes(source: PolicySource) -> list[IncludeDocument]:
    """What the document in `source` includes. Raises PolicyError."""
    try:
        return _INCLUDES.validate_python(source.data["include"])
    except (ValidationError, RecursionError) as error:
        raise PolicyError.joined(_problems(error, source, ("include",))) from None


def _read(model: type[M], source: PolicySource) -> M:
    if not isinstance(source.data, dict):
        raise PolicyError(
            "not a policy set", expected="a mapping with apiVersion, kind, metadata, default and rules",
            found=type(source.data).__name__ if source.data is not None else "nothing", at=source.at((), 0),
        )  # fmt: skip
    try:
        return model.model_validate(source.data)
    except (ValidationError, RecursionError) as error:
        raise PolicyError.joined(_problems(error, source, ())) from None


def _problems(error: ValidationError | RecursionError, source: PolicySource, path: Path) -> list[PolicyError]:
    if isinstance(error, ValidationError):
        return problems_of(error, source, path)
    return [PolicyError("nested too deep", expected="a policy document", at=source.at(path, 0))]


def problems_of(error: ValidationError, source: PolicySource, prefix: Path) -> list[PolicyError]:
    problems: list[PolicyError] = []
    for detail in error.errors(include_url=False)[:_MAX_PROBLEMS]:
        path = _place_in(source.data, prefix + tuple(detail["loc"]), detail["type"])
        at = source.at((*path, KEY) if detail["type"] == "extra_forbidden" else path, 0)
        problems.append(_problem(path, detail, at, PolicyTestsDocument if is_tests(source) else PolicySetDocument))
    return problems


def _place_in(data: Any, loc: Path, fault: str) -> Path:
    """`loc` without what pydantic adds to it: the names of a union's members."""
    path: Path = ()
    for number, part in enumerate(loc):
        if isinstance(data, (dict, list)) and (part in data if isinstance(data, dict) else isinstance(part, int)):
            data = data[part]  # type: ignore[index]  # an int where it is a list
        elif part != KEY and not (fault == "missing" and number == len(loc) - 1):
            continue
        path = (*path, part)
    return path


def _problem(path: Path, detail: ErrorDetails, at: str, whole: type[BaseModel]) -> PolicyError:
    if detail["type"] == "extra_forbidden":
        return PolicyError("unknown field", expected=_known_fields(path, whole), found=f"{path[-1]!a}", at=at)
    field = ".".join(str(part) for part in path if part != KEY)[:_MAX_FIELD_CHARS]
    if detail["type"] == "missing":
        return PolicyError(f"{field} is missing", expected="the field", found="none", at=at)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, AxonFlowError):  # of a JSON value in the document, which has a place in it: $.context.'x'
        field += (cause.at or "").removeprefix("$")
        return PolicyError(f"{field}: {cause.message}", expected=cause.expected, found=cause.found, at=at)
    message = detail["msg"].removeprefix("Value error, ")
    return PolicyError(f"{field} is not valid", expected=_lowered(message), found=_shown(detail["input"]), at=at)


def _shown(found: Any) -> str:
    if isinstance(found, int) and found.bit_length() > 64:
        return "a larger number"  # Python refuses to write one of thousands of digits
    return f"{found!a}"[:80] if isinstance(found, (str, int, float)) or found is None else type(found).__name__


def _lowered(message: str) -> str:
    for start in ("Input should be ", "expected "):
        message = message.removeprefix(start)
    return message


_MODELS: Final[dict[str, type[BaseModel]]] = {
    "rules": RuleDocument,
    "exceptions": ExceptionDocument,
    "include": IncludeDocument,
    "detectors": DetectorDocument,
    "allowlists": AllowlistDocument,
    "scenarios": ScenarioDocument,
}


def _known_fields(path: Path, whole: type[BaseModel]) -> str:
    model = _MODELS.get(str(path[0]), whole) if len(path) > 2 else whole
    return ", ".join(model.model_fields) if len(path) in {1, 3} else "one that docs/reference/policies.md names"
