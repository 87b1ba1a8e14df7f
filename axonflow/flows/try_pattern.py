"""Verb: try a pattern on texts, as a static policy of the wire contract would look for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from axonflow.errors import PolicyError
from axonflow.policy import PolicyEngine, Request
from axonflow.policy.api.policy import ApiPolicy

__all__ = ["MAX_INPUTS", "PatternMatch", "try_pattern"]

MAX_INPUTS: Final = 100


class PatternMatch(Struct, frozen=True):
    """Whether a policy of the pattern would act on `input`, and what its groups took of the text, where they did."""

    input: str
    matched: bool
    groups: list[str]


def try_pattern(
    policy: ApiPolicy,
    inputs: Sequence[str],
    *,
    engine_of: Callable[[ApiPolicy], PolicyEngine],
    groups_of: Callable[[str, str], list[str]],
) -> list[PatternMatch]:
    """What of `inputs` the pattern of `policy` is found in. `groups_of` takes a pattern and a text.

    Raises PolicyError for a pattern that cannot be enforced.
    """
    if len(inputs) > MAX_INPUTS:
        raise PolicyError("too many inputs", expected=f"at most {MAX_INPUTS}", found=str(len(inputs)), at="$.inputs")
    engine = engine_of(policy)
    pattern = getattr(policy.definition, "pattern", "")
    matches = []
    for text in inputs:
        request = Request("user:anonymous", "llm.request", "model:unspecified", content=text)
        found = bool(engine.decide(request, "", 0.0).policies)
        matches.append(PatternMatch(text, found, groups_of(pattern, text) if found else []))
    return matches
