"""Following what is published: the policies of a control plane come from the database, and stay when that is away."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from axonflow.adapters.policy_snapshots import FolderSnapshots
from axonflow.app.flow import AxonFlow
from axonflow.app.policies import Policies, policy_sources
from axonflow.flows.follow_policies import FollowedFiles, PolicyFollower, PolicyStatus, Refusal
from axonflow.ids import now_us
from axonflow.policy.compiling.scopes import FILES, Scope
from axonflow.ports import PolicyFeed

__all__ = ["PolicyFollower", "PolicyStatus", "Refusal", "following"]

START_TIMEOUT_S: Final = 10.0
STAGGER_S: Final = 0.3
"""Agents take what was published at any moment of this time, of the second in which it has to be in force."""


def _stagger_s() -> float:
    return random.uniform(0, STAGGER_S)  # noqa: S311  nobody gains by guessing it


@asynccontextmanager
async def following(
    flow: AxonFlow,
    feed: PolicyFeed,
    *,
    folder: str | os.PathLike[str],
    policies: Policies,
    stand_in: bool,
    report: Callable[[str], None],
) -> AsyncIterator[PolicyFollower]:
    """Have `flow` serve what is in force by `feed`, for as long as this is open; what that is stays in `folder`.

    The `policies` of files are in force as well; as a `stand_in` only where nobody has put anything else in force. When
    this opens, the store has answered, or has had its time to. Raises PolicyError for files that do not load.
    """
    files = FollowedFiles(Scope(FILES, None, policy_sources(policies)), stand_in)
    follower = PolicyFollower(
        feed, FolderSnapshots(folder), files, compile_scopes=flow.compiled, serve=flow.serve, report=report,
        clock_us=now_us, stagger_s=_stagger_s,
    )  # fmt: skip
    try:
        await follower.start(START_TIMEOUT_S)
        yield follower
    finally:
        await follower.close()
