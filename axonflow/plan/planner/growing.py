"""A plan that is still being written: each step is there as soon as its closing brace has come, and may start when all
that it needs is there as well. Nothing runs a plan that still grows yet: decision 0021 says what that takes."""

from __future__ import annotations

from typing import Any

import msgspec

from axonflow.errors import PlanError
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.step import Step
from axonflow.plan.planner.catalogue import AgentConfig
from axonflow.plan.planner.planning import MAX_REPLY_CHARS, plan_of_reply, plan_with_answer, step_of_reply

__all__ = ["GrowingPlan", "StepsReader"]


class StepsReader:
    """Takes the elements of the member ``steps`` out of a JSON object, as the object's text comes.

    It knows strings and brackets and no more: what it gives is to be decoded, and the whole as well when it is there.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_string = self._is_escaped = False
        self._is_in_steps = self._is_over = False
        self._string: list[str] = []
        self._name = ""
        self._element: list[str] | None = None

    def feed(self, text: str) -> list[str]:
        """The text of each element that is complete now: objects. Raises PlanError where an element is none."""
        found: list[str] = []
        for char in text:
            if self._element is not None:
                self._element.append(char)
            if self._is_in_string:
                self._within_string(char)
            elif char == '"':
                self._check_element(char)
                self._is_in_string, self._string = True, []
            elif char in "{[":
                self._open(char)
            elif char in "}]":
                self._close(found)
            elif not char.isspace() and char not in ",:":
                self._check_element(char)
        return found

    def _within_string(self, char: str) -> None:
        if self._is_escaped:
            self._is_escaped = False
        elif char == "\\":
            self._is_escaped = True
        elif char == '"':
            self._is_in_string = False
            if self._depth == 1:
                self._name = "".join(self._string)
            return
        if self._depth == 1:
            self._string.append(char)

    def _open(self, char: str) -> None:
        if char == "[":
            self._check_element(char)
        if self._depth == 1 and char == "[" and self._name == "steps" and not self._is_over:
            self._is_in_steps = True
        elif self._depth == 2 and self._is_in_steps:
            self._element = [char]
        self._depth += 1

    def _close(self, found: list[str]) -> None:
        self._depth -= 1
        if self._depth == 2 and self._element is not None:
            found.append("".join(self._element))
            self._element = None
        elif self._depth == 1 and self._is_in_steps:
            self._is_in_steps, self._is_over = False, True

    def _check_element(self, char: str) -> None:
        if self._is_in_steps and self._depth == 2:
            raise PlanError("not a step", expected="an object", found=f"{char!a}", at="$.steps")


class GrowingPlan:
    """The plan of `query` that a model is writing with what `config` has.

    No step is given twice, and none before those that it needs: what was given is always a plan that checks. What is
    wrong with the rest shows later, and what was given may have run by then: `replanned` goes on from there.
    """

    def __init__(self, query: str, config: AgentConfig) -> None:
        self._query = query
        self._config = config
        self._reader = StepsReader()
        self._text: list[str] = []
        self._size_chars = 0
        self._count = 0
        self._given: dict[str, Step] = {}
        self._held: dict[str, Step] = {}

    @property
    def given(self) -> tuple[Step, ...]:
        """The steps that were given so far, each behind those that it needs."""
        return tuple(self._given.values())

    def feed(self, text: str) -> list[Step]:
        """The steps that may start now that `text` has come. Raises PlanError."""
        self._size_chars += len(text)
        if self._size_chars > MAX_REPLY_CHARS:
            raise PlanError("too long", expected=f"at most {MAX_REPLY_CHARS} characters", found="more")
        self._text.append(text)
        for element in self._reader.feed(text):
            self._take(element)
        return self._released()

    def _take(self, element: str) -> None:
        if self._count == self._config.max_steps:
            raise PlanError("too many steps", expected=f"at most {self._config.max_steps}", found="one more")
        at = f"$.steps[{self._count}]"
        try:
            value: Any = msgspec.json.decode(element)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
            raise PlanError("not JSON", expected="a step", found=str(error)[:200], at=at) from None
        step = step_of_reply(value, self._count, self._config)
        if step.name in self._given or step.name in self._held:
            raise PlanError("the name is taken", expected="a name of its own", found="a second step of it", at=at)
        self._held[step.name] = step
        self._count += 1

    def _released(self) -> list[Step]:
        released: list[Step] = []
        while True:
            ready = [step for step in self._held.values() if self._given.keys() >= set(step.waits_for)]
            if not ready:
                break
            for step in ready:
                del self._held[step.name]
                self._given[step.name] = step
            released += ready
        if released:  # all of them each time: a millisecond a step at 200, while a model writes one in a second
            Plan(self._config.domain, self._given.values(), inputs={"query": self._query})
        return released

    def finish(self, *, cut: bool = False) -> Plan:
        """The whole plan, with its last step; ``cut`` says that the model was not done. Raises PlanError."""
        plan = plan_of_reply("".join(self._text), self._query, self._config, cut=cut)
        if {step.name: step for step in plan.steps} != self._given:  # two members "steps": JSON has the last of them
            raise PlanError(
                "not the steps that were given", expected="one list of steps", found="another", at="$.steps"
            )
        return plan_with_answer(plan, self._config)
