"""Verb: reveal. Put the values back that a redaction left in the vault, for who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from axonflow.detect.content import leaves
from axonflow.detect.labels import LABEL
from axonflow.errors import AxonFlowError, Denied, VaultError
from axonflow.policy import Decision, Principal, Request, Resource
from axonflow.policy.json_value import check_json_value
from axonflow.ports import Vault

__all__ = ["REVEAL", "reveal"]

REVEAL: Final = "vault.reveal"
"""The action that is asked for. It is not among those that are known unasked: under ``default: allow`` nobody may
reveal, until a set declares it or an allow rule names it."""


async def reveal(
    content: Any, *, principal: Principal, vault: Vault, enforce: Callable[[Request], Awaitable[Decision]]
) -> Any:
    """`content` with the values of the principal's tenant in place of their labels; other labels stay.

    Policies are asked, and the answer is recorded, before anything is looked up: `REVEAL` on ``vault:<tenant>``, with
    the detectors and the number of labels in the context. Labels in the names of members stay too. Raises Denied,
    RequestError for content that is no JSON value, VaultError, and what `enforce` raises.
    """
    check_json_value(content, "$")
    labels = {found[0]: found[1] for text in _texts(content) for found in LABEL.finditer(text) if found[2] == "vault"}
    context = {"detectors": sorted(set(labels.values())), "labels": len(labels)}
    decision = await enforce(Request(principal, REVEAL, Resource("vault", principal.tenant), context))
    if not decision.allowed:
        raise Denied(f"{REVEAL} is not allowed: {'; '.join(decision.reasons)}", decision=decision)
    values = {label: await _looked_up(vault, principal.tenant, label) for label in sorted(labels)}
    return _filled(content, {label: value for label, value in values.items() if value is not None})


def _texts(content: Any) -> list[str]:
    return [leaf.text for leaf in leaves(content) if leaf.kind == "string"]


async def _looked_up(vault: Vault, tenant_id: str, label: str) -> str | None:
    try:
        return await vault.get(tenant_id, label)
    except AxonFlowError:
        raise
    except Exception as error:  # noqa: BLE001  an adapter that keeps to no contract; its text may hold values
        raise VaultError("the vault cannot answer", found=type(error).__name__) from None


def _filled(content: Any, values: dict[str, str]) -> Any:
    """Recursion is bounded: a JSON value that was checked is only so deep."""
    if isinstance(content, str):
        return LABEL.sub(lambda found: values.get(found[0], found[0]), content)
    if isinstance(content, list):
        return [_filled(item, values) for item in content]
    if isinstance(content, dict):
        return {name: _filled(item, values) for name, item in content.items()}
    return content
