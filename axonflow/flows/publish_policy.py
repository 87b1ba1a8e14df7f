"""Verb: publish a version of a policy set. It is kept, and not in force until somebody activates it."""

from __future__ import annotations

import re
from typing import Final

from axonflow.errors import PolicyStoreError
from axonflow.policy.publication import PolicyVersion
from axonflow.ports import PolicyStore

__all__ = ["check_facts", "publish_policy"]

_SET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_MAX_AUTHOR_CHARS: Final = 256
_MAX_REASON_CHARS: Final = 4_000


async def publish_policy(store: PolicyStore, version: PolicyVersion) -> PolicyVersion:
    """Keep `version`, whose bundle its maker has checked; what is kept, with its number: an older one's when the same
    policies were published before. Raises PolicyStoreError."""
    if not _SET_NAME.fullmatch(version.set_name):
        raise PolicyStoreError(
            "not a name for a set", expected="letters, digits and _.:/-, at most 128, the first a letter or digit",
            found=ascii(version.set_name)[:80],
        )  # fmt: skip
    check_facts(version.author, version.reason)
    return await store.publish(version)


def check_facts(author: str, reason: str) -> None:
    """Raises PolicyStoreError unless both say something, of a length that can be shown."""
    for name, text, most in (("author", author, _MAX_AUTHOR_CHARS), ("reason", reason, _MAX_REASON_CHARS)):
        if not text.strip() or len(text) > most:
            raise PolicyStoreError(
                f"a change of policies has its {name}", expected=f"1 to {most} characters",
                found=f"{len(text)} characters" if text.strip() else "none",
            )  # fmt: skip
