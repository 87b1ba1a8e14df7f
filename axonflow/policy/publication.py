"""What is published: versions of policy sets that never change, and which of them are in force, in order of time.

A set here is what is published under one name for one scope (see policy/compiling/scopes): a bundle, which may hold
several policy sets. Nothing is edited: another version is added, and activated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from axonflow.errors import PolicyConflict

__all__ = [
    "Activation",
    "Change",
    "InForce",
    "Kind",
    "PolicyHistory",
    "PolicyVersion",
    "SetState",
    "VersionHead",
    "changed_meanwhile",
]

Kind = Literal["activate", "rollback", "deactivate"]


class VersionHead(Struct, frozen=True, kw_only=True):
    """What is known of a version without its policies. `tenant_id` is the scope, `digest` that of the policies,
    `key_id` names the key that signed them, `rules` is how many there are; `version` counts from 1."""

    tenant_id: str
    set_name: str
    version: int
    digest: str
    key_id: str
    rules: int
    author: str
    reason: str
    created_us: int


class PolicyVersion(VersionHead, frozen=True, kw_only=True):
    """A version with its signed bundle, and the documents that it was made of: path to text, none for a bundle that was
    published as it was."""

    bundle: bytes
    source: dict[str, str]

    @property
    def head(self) -> VersionHead:
        """All but the policies."""
        return VersionHead(**{name: getattr(self, name) for name in VersionHead.__struct_fields__})


class Activation(Struct, frozen=True, kw_only=True):
    """That a version is in force from now on, or none of the set (``deactivate``). `sequence` counts from 1, for each
    set."""

    tenant_id: str
    set_name: str
    sequence: int
    kind: Kind
    version: int | None
    author: str
    reason: str
    created_us: int


class Change(Struct, frozen=True, kw_only=True):
    """Who changes what is in force of a set, and why. `expected_sequence` is the activation that they take for the last
    one; None: whichever is found."""

    tenant_id: str
    set_name: str
    author: str
    reason: str
    time_us: int
    expected_sequence: int | None = None


class SetState(Struct, frozen=True):
    """What is in force of a set: `sequence` is that of its last activation, 0 before the first; no version and no
    digest before that and after it was deactivated."""

    set_name: str
    sequence: int = 0
    version: int | None = None
    digest: str | None = None


class PolicyHistory(Struct, frozen=True):
    """Versions and activations of one set, newest first."""

    versions: tuple[VersionHead, ...]
    activations: tuple[Activation, ...]


class InForce(Struct, frozen=True):
    """The sets in force by scope, each scope's sorted by name, and the organization of each tenant that has one."""

    sets: Mapping[str, tuple[SetState, ...]] = {}
    organizations: Mapping[str, str] = {}


def changed_meanwhile(activation: Activation) -> PolicyConflict:
    """What a store raises when what is in force is not what `activation` was decided on."""
    return PolicyConflict(
        "somebody else changed what is in force", expected=f"to be activation {activation.sequence} of the set",
        found="another state of the scope's sets", at=f"{activation.tenant_id}: {activation.set_name}",
        hint="Nothing was activated. Look at the history, then try again.",
    )  # fmt: skip
