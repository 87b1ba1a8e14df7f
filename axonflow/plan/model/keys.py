"""The keys of a step: texts in which ``{name}`` stands for its argument of that name, or references."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from axonflow.errors import PlanError
from axonflow.plan.model.references import REF, parse_reference
from axonflow.plan.model.words import shown

__all__ = ["check_key", "idempotency_key", "key_text"]

Key = str | Mapping[str, str]
MAX_KEY_CHARS: Final = 255
"""Of a key that is handed on: services that take one in a header allow about so many."""
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


def check_key(key: object, names: Collection[str], at: str) -> None:
    """Raise PlanError, which names `at`, for a text with a placeholder that is none of the `names` of arguments."""
    for name in _PLACEHOLDER.findall(key) if isinstance(key, str) else ():
        if name not in names:
            expected = " or ".join(sorted(names)) or "no placeholder, of a step without arguments"
            raise PlanError("no argument of the step", expected=expected, found=shown(name), at=at)


def key_text(key: Key, arguments: Mapping[str, Any], outputs: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """What the key is for these arguments. A value stands in it as JSON, so that no two lists of values give the same
    text; a reference is that value alone. Raises PlanError where a reference leads nowhere, or to no JSON."""
    if isinstance(key, str):
        return _PLACEHOLDER.sub(lambda found: _json(arguments[found[1]]), key)
    return _json(parse_reference(key[REF], None).value_in(outputs, given))


def idempotency_key(
    key: Key, arguments: Mapping[str, Any], outputs: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """The key to hand on: a text with the arguments that policy has let through, at most `MAX_KEY_CHARS` long. A longer
    one, and what a reference leads to, which nobody has judged, as ``sha256:`` and its digest. Raises as `key_text`."""
    text = key_text(key, arguments, outputs, given)
    if isinstance(key, str) and len(text) <= MAX_KEY_CHARS:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _json(value: Any) -> str:
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise PlanError("not a key", expected="JSON", found=f"{type(value).__name__}: {error}"[:200]) from None


_encode: Final = msgspec.json.Encoder(order="sorted").encode
