"""What is asked at a gate, as one value; what the engine is asked for it; and what came of that."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from axonflow.errors import RequestError
from axonflow.plan.workflows.states import GateEvent

__all__ = ["Asked", "Judged", "PolicyMatch", "Question", "RetryPolicy", "StepType"]

StepType = Literal["llm_call", "tool_call", "connector_call", "human_task"]
RetryPolicy = Literal["idempotent", "reevaluate"]

MAX_INPUT_BYTES: Final = 256 * 1024
TOOL_INPUT: Final = "tool_input"
# What a step does, as the engine is asked: the type of the resource, and the action beside plan.step.
_ACTS: Final[dict[StepType, tuple[str, str]]] = {
    "llm_call": ("model", "llm.request"),
    "tool_call": ("tool", "tool.call"),
    "connector_call": ("connector", "connector.query"),
    "human_task": ("human", ""),
}


class Question(NamedTuple):
    """One request to the engine: an action on a resource, and the arguments as its content."""

    action: str
    content: dict[str, Any]


class Asked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody asks at the gate of a step: who they are (the client of a key, and the user it acts for), and all
    that policies may look at. `tool_input` is what a tool is called with, where that is not the step's whole input.
    `redacts`: the caller puts the redacted input in place of its own.

    Raises RequestError for an input that is too large, or has a member that would hide the tool's.
    """

    client_id: str
    user_id: str
    step_type: StepType
    step_name: str = ""
    step_input: dict[str, Any] = {}
    model: str = ""
    provider: str = ""
    tool_name: str = ""
    tool_type: str = ""
    tool_input: dict[str, Any] = {}
    tokens: int | None = None
    usd_micros: int | None = None
    redacts: bool = False

    def __post_init__(self) -> None:
        if self.tool_input and TOOL_INPUT in self.step_input:
            raise RequestError(
                "the input of the tool is there twice", expected="it in tool_context, or in step_input", found="both",
                at=f"$.step_input.{TOOL_INPUT}",
            )  # fmt: skip
        size_bytes = len(msgspec.json.encode((self.step_input, self.tool_input)))
        if size_bytes > MAX_INPUT_BYTES:
            raise RequestError(
                "the input is too large", expected=f"at most {MAX_INPUT_BYTES} bytes of JSON", found=str(size_bytes),
                at="$.step_input", hint="Send what policies are to judge, and refer to the rest.",
            )  # fmt: skip

    @property
    def canonical(self) -> bytes:
        """The same for exactly this question, so that no answer or approval of another one is given for it. (As Python
        compares values, True is 1.)"""
        return _canonical(self)

    def target(self, step_id: str) -> tuple[str, str, dict[str, Any]]:
        """What the step acts on: the resource's type, its id and its attributes. A tool that is not named goes by the
        step's name, a model by ``unspecified``."""
        kind, _ = _ACTS[self.step_type]
        told = (("provider", self.provider), ("type", self.tool_type))
        attributes = {name: value for name, value in told if value}
        if kind == "model":
            return kind, self.model or "unspecified", attributes
        return kind, self.tool_name or self.step_name or step_id, attributes

    @property
    def action(self) -> str:
        """What the step does, beside being one; empty for what people do."""
        return _ACTS[self.step_type][1]

    def whole(self) -> Question:
        """The first question: may this step of a plan be, with all that it is given?"""
        more = {TOOL_INPUT: self.tool_input} if self.tool_input else {}
        return Question("plan.step", {**self.step_input, **more})

    def act(self, content: dict[str, Any]) -> Question | None:
        """The second: may this be done with what it is done with? `content` is that of the first, as it may have been
        redacted."""
        if not self.action:
            return None
        return Question(self.action, content[TOOL_INPUT] if self.tool_input else content)


class PolicyMatch(Struct, frozen=True, omit_defaults=True):
    """A rule that matched, what it asks for, and what it says."""

    policy_id: str
    action: str
    reason: str = ""


class Judged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What policies say to one question: an event of the gate, and why. `approvers` are those that each rule names: of
    each, somebody has to be who approves. `redacted` is what may go on in place of the content that was judged."""

    event: GateEvent
    decision_id: str
    reasons: tuple[str, ...] = ()
    matches: tuple[PolicyMatch, ...] = ()
    approvers: tuple[tuple[str, ...], ...] = ()
    redacted: dict[str, Any] | None = None


_canonical: Final = msgspec.json.Encoder(order="sorted").encode
