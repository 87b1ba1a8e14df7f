"""Where policies come from: what :meth:`AxonFlow.open` takes, as documents."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from axonflow.adapters.policy_files import policy_texts, read_policies
from axonflow.errors import ConfigurationError
from axonflow.policy import BundleSource, PolicySource
from axonflow.policy.compiling.bundle import Verify

__all__ = ["Keys", "Policies", "policy_sources", "trusted_by", "written"]

Policies = str | os.PathLike[str] | Mapping[str, Any] | Sequence["str | os.PathLike[str] | Mapping[str, Any]"] | None


Keys = Sequence[str | os.PathLike[str]]
"""Files with an Ed25519 public key each."""


def trusted_by(keys: Keys) -> Verify:
    """What opens the bundles that one of `keys` signed: none at all, if there are none.

    Raises ConfigurationError for a file that holds no key, or when the package that checks signatures is not there.
    """
    if not keys:
        return lambda _key_id, _message, _signature: False
    try:
        from axonflow.adapters.ed25519 import TrustedKeys
    except ModuleNotFoundError:
        raise ConfigurationError(
            "bundles cannot be opened", expected="the package cryptography", found="none",
            hint="pip install 'axonflow[bundles]'",
        ) from None  # fmt: skip
    return TrustedKeys.from_files(keys).verify


def policy_sources(policies: Policies, pause: Callable[[], None] = lambda: None) -> list[PolicySource | BundleSource]:
    """The documents in what :meth:`AxonFlow.open` takes, not yet checked. Raises PolicyError, ConfigurationError."""
    if policies is None:
        return []
    if policies == "":  # a variable that was not set: as a path it would be the working directory
        raise ConfigurationError(
            "policies cannot be loaded", expected="a path", found="an empty one", hint='The working directory is ".".'
        )
    if isinstance(policies, (str, os.PathLike)):
        return read_policies(policies, pause)
    if isinstance(policies, Mapping):
        return [_source_of(policies, "policies")]
    if not isinstance(policies, (list, tuple)):
        raise ConfigurationError(
            "policies cannot be loaded",
            expected="a path, a document as a dictionary, or a list of these",
            found=type(policies).__name__,
        )
    sources: list[PolicySource | BundleSource] = []
    for position, item in enumerate(policies):
        if isinstance(item, Mapping):
            sources.append(_source_of(item, f"policies[{position}]"))
        else:
            sources.extend(policy_sources(item, pause))
    return sources


def written(policies: Policies) -> dict[str, str]:
    """The documents in what :meth:`AxonFlow.open` takes, as text: JSON for those given as Python objects. By a name for
    each, a path where there is one; no two places share a name."""
    if policies is None:
        return {}
    if isinstance(policies, (str, os.PathLike)):
        return policy_texts(policies)
    if isinstance(policies, Mapping):
        return {"policies.json": json.dumps(dict(policies), ensure_ascii=False, indent=2)}
    texts = [written(item) for item in policies]
    names = [name for each in texts for name in each]
    several = len(names) != len(set(names))
    return {
        f"{position}/{name}" if several else name: text
        for position, each in enumerate(texts)
        for name, text in each.items()
    }


def _source_of(document: Mapping[str, Any], name: str) -> PolicySource:
    """A document given as Python objects: its places are paths."""

    def at(path: tuple[str | int, ...], offset: int) -> str:
        named = (part for part in path if part != "[key]")  # here a key has no place of its own
        place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
        return f"{place} (character {offset + 1})" if offset else place

    return PolicySource(name, dict(document), at)
