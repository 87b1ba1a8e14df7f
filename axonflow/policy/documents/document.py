"""The policy document as people write it, checked field by field. docs/reference/policies.md describes it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from axonflow.detect import Style
from axonflow.detect.finding import Category, Severity
from axonflow.policy.certifying.inputs import MAX_UNITS
from axonflow.policy.decision import Effect
from axonflow.policy.json_value import MAX_NODES, MAX_TEXT_CHARS, check_json_value
from axonflow.policy.request import ACTIONS, MAX_MEMBERSHIPS

__all__ = [
    "CARRIED_PATH",
    "CARRIED_PATHS",
    "LAYERS",
    "MATCH_KEY",
    "MATCH_KEYS",
    "MAX_RULES",
    "AllowlistDocument",
    "ApprovalDocument",
    "BoundsDocument",
    "DetectorDocument",
    "ExceptionDocument",
    "IncludeDocument",
    "LimitDocument",
    "ParameterDocument",
    "PolicySetDocument",
    "PolicyTemplateDocument",
    "PolicyTestsDocument",
    "RedactDocument",
    "RuleDocument",
    "ScenarioDocument",
    "TestDocument",
]

LAYERS: Final = ("system", "organization", "tenant")
"""Outermost first. Each is evaluated alone; the strictest result wins."""

MAX_RULES: Final = 200_000
MAX_MATCH_VALUES: Final = 10_000
MAX_SCENARIOS: Final = 100_000
_PATH = re.compile(r"(principal|resource|context)(\.[A-Za-z_][A-Za-z0-9_-]{0,127}){1,16}", re.ASCII)
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", re.ASCII)
_TAIL = "such as principal.roles, resource.id or context.env"


MATCH_KEY: Final = re.compile(rf"action|{_PATH.pattern}", re.ASCII)
MATCH_KEYS: Final = f"action or a dotted path, {_TAIL}"
CARRIED_PATH: Final = re.compile(rf"content|{_PATH.pattern}", re.ASCII)
CARRIED_PATHS: Final = f"content or a dotted path, {_TAIL}"


def _match_key(key: str) -> str:
    if not MATCH_KEY.fullmatch(key):
        raise ValueError(f"expected {MATCH_KEYS}")
    return key


def _required_path(path: str) -> str:
    if not CARRIED_PATH.fullmatch(path):
        raise ValueError(f"expected {CARRIED_PATHS}")
    return path


def _attribute(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError("expected the dotted path of an attribute, such as context.risk or principal.level")
    return path


def _action(action: str) -> str:
    if not _ACTION.fullmatch(action):
        raise ValueError(f"expected dotted lower-case words, such as {min(ACTIONS)}")
    return action


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("expected an offset, such as Z")
    return text


def _recordable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("expected text without NUL, which cannot be recorded")
    return text


def _match_value(value: Any) -> Any:
    # By hand: of a union, pydantic reports one fault for each member, none of which says what may stand here.
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_MATCH_VALUES:
        raise ValueError(f"expected at least 1 and at most {MAX_MATCH_VALUES} values")
    if not {item.__class__ for item in values} <= {str, bool, int, float}:
        raise ValueError("expected a string, a boolean, a number or a list of these")
    check_json_value(value, "$")
    return value


def _written(value: Any) -> Any:
    if value is None:
        raise ValueError("expected an expression; leave `when` out where there is no condition")
    return value


def _json_value(value: Any) -> Any:
    check_json_value(value, "$")
    return value


Identifier = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$")]
Sentence = Annotated[StrictStr, Field(min_length=1, max_length=1_000), AfterValidator(_recordable)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json_value)]
Match = dict[Annotated[str, AfterValidator(_match_key)], Annotated[Any, AfterValidator(_match_value)]]
"""Values are strings, booleans, numbers or lists of these."""
Expression = Annotated[StrictStr, Field(min_length=1)]
Condition = Annotated[Expression | None, BeforeValidator(_written)]
"""Absent, or an expression: ``when:`` with nothing behind it looks like a condition, and would be none."""


Requires = dict[
    Annotated[str, AfterValidator(_action)],
    Annotated[list[Annotated[str, AfterValidator(_required_path)]], Field(min_length=1)],
]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MetadataDocument(_Document):
    name: Identifier
    description: Sentence | None = None


class ExpectationDocument(_Document):
    effect: Effect
    policies: list[Identifier] | None = None
    redacted: Annotated[Any, AfterValidator(_json_value)] = None
    obligations: Annotated[list[JsonObject], Field(max_length=64)] | None = None
    reasons: list[Sentence] | None = None


class TestDocument(_Document):
    """A request and what it must come to; run by ``axonflow policy check`` and ``axonflow policy test``."""

    __test__ = False  # not one of pytest's

    request: JsonObject
    # One of the two by its shape, so that a fault in it is one fault and not one for each.
    expect: Annotated[
        Annotated[Effect, Tag("effect")] | Annotated[ExpectationDocument, Tag("document")],
        Discriminator(lambda value: "document" if isinstance(value, (dict, ExpectationDocument)) else "effect"),
    ]


class ScenarioDocument(TestDocument):
    """A test with a name. Its `request` is laid over the document's `defaults`; `at` is when it is decided, and
    `shadow` says that it is held against what the shadow sets alone say."""

    name: Sentence
    at: Annotated[StrictStr, AfterValidator(_moment)] | None = None
    shadow: StrictBool = False


class RedactDocument(_Document):
    type: Literal["redact"] = "redact"
    detectors: Annotated[list[StrictStr], Field(min_length=1)]
    style: Style = "mask"


class ApprovalDocument(_Document):
    type: Literal["approval"] = "approval"
    approvers: list[Identifier] = []


class LimitDocument(_Document):
    type: Literal["limit"] = "limit"
    unit: Literal["requests", "tokens", "usd_micros"]
    maximum: Annotated[StrictInt, Field(ge=0, le=2**53)]
    window_s: Annotated[StrictInt, Field(ge=1, le=366 * 86_400)]
    key: Annotated[list[Annotated[str, AfterValidator(_required_path)]], Field(min_length=1, max_length=8)] = [
        "principal.tenant",
        "principal.id",
    ]


class RuleDocument(_Document):
    # There may be a hundred thousand: a default that is an object would be copied deeply for each.
    id: Identifier
    effect: Effect
    match: Match = Field(default_factory=dict)
    when: Condition = None
    reason: Sentence | None = None
    obligations: Annotated[list[JsonObject], Field(max_length=16)] = Field(default_factory=list)
    tests: list[TestDocument] = Field(default_factory=list)


class ExceptionDocument(_Document):
    """A loosening: the named rules do not apply to what it matches, until it expires."""

    id: Identifier
    rules: Annotated[list[Identifier], Field(min_length=1)]
    match: Match = Field(default_factory=dict)
    when: Condition = None
    reason: Sentence
    expires: Annotated[StrictStr, AfterValidator(_moment)]


class NearbyDocument(_Document):
    """Words around a finding: one of `required` has to be there, none of `forbidden` may."""

    required: list[StrictStr] = Field(default_factory=list)
    forbidden: list[StrictStr] = Field(default_factory=list)
    window_chars: StrictInt = 64


class DetectorDocument(_Document):
    """A detector of one's own. What its parts have to be, `axonflow.detect.faults` says: of bundles too."""

    id: StrictStr
    category: Category = "custom"
    severity: Severity = "medium"
    description: Sentence
    patterns: list[StrictStr] = Field(default_factory=list)
    keywords: list[StrictStr] = Field(default_factory=list)
    validators: list[StrictStr] = Field(default_factory=list)
    context: NearbyDocument = Field(default_factory=NearbyDocument)
    confidence: Annotated[float, Field(strict=True)] = 0.9
    examples: list[StrictStr]
    counter_examples: list[StrictStr] = Field(default_factory=list)


class AllowlistDocument(_Document):
    """What detectors find and nobody minds: a loosening, so it says why."""

    detectors: Annotated[list[StrictStr], Field(min_length=1)]
    values: list[StrictStr] = []
    patterns: list[StrictStr] = []
    reason: Sentence


_Units = Annotated[StrictInt, Field(ge=1, le=MAX_UNITS)]


class InputsDocument(_Document):
    values: Annotated[StrictInt, Field(ge=0, le=MAX_NODES)] = MAX_NODES
    characters: Annotated[StrictInt, Field(ge=0, le=MAX_TEXT_CHARS)] = MAX_TEXT_CHARS
    memberships: Annotated[StrictInt, Field(ge=0, le=MAX_MEMBERSHIPS)] = MAX_MEMBERSHIPS


class BoundsDocument(_Document):
    """What the set may cost. See `axonflow.policy.certifying`."""

    rule_units: _Units | None = None
    decision_units: _Units | None = None
    scan_units_per_kb: _Units | None = None
    inputs: InputsDocument = InputsDocument()


class IncludeDocument(_Document):
    """A template and the values of its parameters; its name alone will do when it has none."""

    template: Identifier
    given: Annotated[dict[str, Any], Field(alias="with"), AfterValidator(_json_value)] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"template": value} if isinstance(value, str) else value


class ParameterDocument(_Document):
    type: Literal["string", "int", "double", "bool", "strings"]
    description: Sentence | None = None
    default: str | bool | int | float | list[str] | None = None


class PolicyTestsDocument(_Document):
    """Scenarios that policies must decide as they say. In a folder of policies it is no policy: whoever loads those
    passes it over."""

    apiVersion: Literal["axonflow.dev/v1"]  # noqa: N815  as in every document of this kind
    kind: Literal["PolicyTests"]
    metadata: MetadataDocument
    policies: Annotated[list[Sentence], Field(max_length=100)] = []
    defaults: JsonObject = {}
    scenarios: Annotated[list[ScenarioDocument], Field(max_length=MAX_SCENARIOS)] = []


class PolicyTemplateDocument(_Document):
    """Rules with parameters, for sets to include. In force only where it is included."""

    apiVersion: Literal["axonflow.dev/v1"]  # noqa: N815  as in every document of this kind
    kind: Literal["PolicyTemplate"]
    metadata: MetadataDocument
    parameters: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], ParameterDocument] = {}
    requires: Requires = {}
    include: Annotated[list[IncludeDocument], Field(max_length=100)] = []
    detectors: Annotated[list[JsonObject], Field(max_length=1_000)] = []
    rules: Annotated[list[JsonObject], Field(max_length=10_000)] = []


class PolicySetDocument(_Document):
    apiVersion: Literal["axonflow.dev/v1"]  # noqa: N815  as in every document of this kind
    kind: Literal["PolicySet"]
    metadata: MetadataDocument
    layer: Literal["system", "organization", "tenant"] = "tenant"
    default: Literal["deny", "allow", "abstain", "inherit"]
    """``inherit``: that of the layer's other sets; where there are none the layer abstains."""
    shadow: StrictBool = False
    actions: Annotated[list[Annotated[str, AfterValidator(_action)]], Field(max_length=1_000)] = []
    attributes: dict[Annotated[str, AfterValidator(_attribute)], StrictStr] = {}
    requires: Requires = {}
    include: Annotated[list[IncludeDocument], Field(max_length=1_000)] = []
    rules: Annotated[list[RuleDocument], Field(max_length=MAX_RULES)] = []
    exceptions: list[ExceptionDocument] = []
    detectors: list[DetectorDocument] = []
    allowlists: list[AllowlistDocument] = []
    bounds: BoundsDocument | None = None
