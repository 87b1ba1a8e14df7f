"""What a planner may use, by domain: agents, tools, connectors and models, and how questions find their domain.

::

    apiVersion: axonflow.dev/v1
    kind: AgentConfig
    metadata: {name: travel, description: Trips and bookings.}
    routing: {words: [flight, hotel, trip]}
    instructions: Look at prices before anything is booked.
    tools:
      - name: hotel_search
        description: Hotels in a city, cheapest first.
        accepts: {type: object, properties: {city: {type: string}}, required: [city]}
    agents:
      - {name: writer, description: Writes to customers.}
    synthesis: {agent: writer, prompt: Answer the traveller from what was found.}

The name is the domain. `accepts` and `gives` are schemas as those of steps (`plan.schemas`), `takes`, `idempotent`,
`labels` and `declassifies` are as well: a step that a planner makes has them from here, never from the planner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan.model.document import API_VERSION, Locate, Path, json_path
from axonflow.plan.model.options import MAX_TARGET_CHARS, Takes
from axonflow.plan.model.schemas import checked_schema
from axonflow.plan.model.words import MAX_NAME_CHARS, check_count, check_labels, check_words

__all__ = ["AgentConfig", "Capability", "CapabilityKind", "agent_config_of_document", "check_query", "domain_of"]

KIND: Final = "AgentConfig"
MAX_CAPABILITIES: Final = 1_000
MAX_TEXT_CHARS: Final = 10_000
MAX_QUERY_CHARS: Final = 20_000
MAX_WORDS: Final = 1_000
MAX_STEPS: Final = 1_000
"""Of a plan that a model wrote: no more than a person could look through."""

CapabilityKind = Literal["agent", "tool", "connector", "model"]


class Capability(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that steps may call. The `description` is what a planner chooses by."""

    name: str
    description: str = ""
    accepts: dict[str, Any] | None = None
    gives: dict[str, Any] | None = None
    takes: Takes | None = None
    idempotent: bool = False
    labels: tuple[str, ...] = ()
    declassifies: tuple[str, ...] = ()


class Routing(Struct, frozen=True, forbid_unknown_fields=True):
    """A query belongs here that has most of the `words`; of two with as many, the higher `priority`. The `default`
    domain takes what belongs nowhere."""

    words: tuple[str, ...] = ()
    priority: int = 0
    default: bool = False


class Synthesis(Struct, frozen=True, forbid_unknown_fields=True):
    """The last step of every plan: `agent` is given the query, the `prompt` and what the plan's last steps gave."""

    agent: str
    prompt: str


class AgentConfig(Struct, frozen=True, kw_only=True):
    """What planners of one domain may use. Raises PlanError."""

    domain: str
    description: str = ""
    agents: tuple[Capability, ...] = ()
    tools: tuple[Capability, ...] = ()
    connectors: tuple[Capability, ...] = ()
    models: tuple[Capability, ...] = ()
    routing: Routing = Routing()
    instructions: str = ""
    synthesis: Synthesis | None = None
    max_steps: int = 50

    def __post_init__(self) -> None:
        check_words(self.domain, "domain", None, MAX_NAME_CHARS)
        at = f"domain {self.domain!r}"
        check_count(self.max_steps, "number of steps", at, 1, MAX_STEPS)
        _check_list(self.routing.words, "words", MAX_WORDS, at)
        for word in self.routing.words:
            check_words(word, "word to route by", at, MAX_NAME_CHARS)
        _check_text(self.description, f"{at}, description")
        _check_text(self.instructions, f"{at}, instructions")
        if self.synthesis is not None:
            _check_text(self.synthesis.prompt, f"{at}, synthesis")
        for kind, capabilities in self.by_kind():
            _check_list(capabilities, f"{kind}s", MAX_CAPABILITIES, at)
            _check_capabilities(kind, capabilities, at)
        if not any(capabilities for _, capabilities in self.by_kind()):
            raise PlanError("nothing to plan with", expected="agents, tools, connectors or models", found="none", at=at)
        if self.synthesis is not None and self.find("agent", self.synthesis.agent) is None:
            expected = ", ".join(one.name for one in self.agents)[:400] or "an agent"
            raise PlanError("an unknown agent", expected=expected, found="another", at=f"{at}, synthesis")

    def by_kind(self) -> tuple[tuple[CapabilityKind, tuple[Capability, ...]], ...]:
        """All that there is, by its kind."""
        return (("agent", self.agents), ("tool", self.tools), ("connector", self.connectors), ("model", self.models))

    def find(self, kind: str, name: str) -> Capability | None:
        """The one of this kind and name."""
        return next((one for own, all_of in self.by_kind() if own == kind for one in all_of if one.name == name), None)


def _check_list(values: Sequence[object], what: str, most: int, at: str) -> None:
    if len(values) > most:
        raise PlanError("too many", expected=f"at most {most} {what}", found=str(len(values)), at=at)


def _check_text(text: str, at: str) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise PlanError("too long", expected=f"at most {MAX_TEXT_CHARS} characters", found=str(len(text)), at=at)


def _check_capabilities(kind: str, capabilities: Sequence[Capability], at: str) -> None:
    seen: set[str] = set()
    for one in capabilities:
        check_words(one.name, f"name of a {kind}", at, MAX_TARGET_CHARS)
        where = f"{at}, {kind} {one.name!r}"
        if one.name in seen:
            raise PlanError("the name is taken", expected="each once", found="a second one", at=where)
        seen.add(one.name)
        _check_text(one.description, where)
        check_labels(one.labels, "labels", where)
        check_labels(one.declassifies, "declassifies", where)
        for schema in (one.accepts, one.gives):
            if schema is not None:
                checked_schema(schema, where)


class _Metadata(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str = ""


class _Document(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    api_version: Literal["axonflow.dev/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["AgentConfig"]
    metadata: _Metadata
    agents: tuple[Capability, ...] = ()
    tools: tuple[Capability, ...] = ()
    connectors: tuple[Capability, ...] = ()
    models: tuple[Capability, ...] = ()
    routing: Routing = Routing()
    instructions: str = ""
    synthesis: Synthesis | None = None
    max_steps: int = 50


def agent_config_of_document(document: object, locate: Locate = json_path) -> AgentConfig:
    """The configuration that `document`, plain JSON values, describes. Raises PlanError at the place of its fault."""
    try:
        read = msgspec.convert(document, _Document)
        parts = {name: getattr(read, name) for name in _Document.__struct_fields__[3:]}
        return AgentConfig(domain=read.metadata.name, description=read.metadata.description, **parts)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        expected = f"a document of kind {KIND}, {API_VERSION}"
        raise PlanError(message[:300].replace("`", "'"), expected=expected, at=locate(_path(where))) from None
    except UnicodeEncodeError as error:  # a lone surrogate in a str has no UTF-8 form
        raise PlanError("not UTF-8", expected="UTF-8 text", found=error.reason, at=locate(())) from None
    except PlanError as error:
        raise _placed(error, locate) from None


def _path(text: str) -> Path:
    found = re.finditer(r"\.(\w+)|\[(\d+)\]", text, re.ASCII)
    return tuple(one[1] if one[1] is not None else int(one[2]) for one in found)


def _placed(error: PlanError, locate: Callable[[Path], str]) -> PlanError:
    at = f"{locate(())}: {error.at}" if error.at else locate(())
    return PlanError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint)


def check_query(query: object) -> None:
    """Raise PlanError unless `query` is a text that says something, and not too much."""
    if not isinstance(query, str) or not query.strip() or len(query) > MAX_QUERY_CHARS:
        found = f"{len(query)} characters" if isinstance(query, str) else type(query).__name__
        raise PlanError("not a query", expected=f"1 to {MAX_QUERY_CHARS} characters", found=found)


def domain_of(query: str, configs: Sequence[AgentConfig]) -> AgentConfig:
    """The one that `query` belongs to: that of which it has most words, whole and in any case; else the default one, or
    the only one. Raises PlanError."""
    check_query(query)
    words = re.findall(r"\w+", query.casefold())
    text = f" {' '.join(words)} "

    def rank(config: AgentConfig) -> tuple[int, int]:
        routed = {" ".join(re.findall(r"\w+", word.casefold())) for word in config.routing.words} - {""}
        return sum(f" {word} " in text for word in routed), config.routing.priority

    best = max(configs, key=rank, default=None)  # the first of equals
    if best is not None and rank(best)[0] > 0:
        return best
    fallback = next((one for one in configs if one.routing.default), configs[0] if len(configs) == 1 else None)
    if fallback is None:
        raise PlanError(
            "no domain for the query", expected=", ".join(one.domain for one in configs)[:400] or "an AgentConfig",
            found="words of none", hint="Name the domain, or mark one with routing: {default: true}.",
        )  # fmt: skip
    return fallback
