"""Who a call is for, as the agent tells the orchestrator: signed, short-lived, beside a credential of their own."""

from __future__ import annotations

import hmac
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from axonflow import RequestError
from axonflow_sidecar.http.asgi import Call, Refused
from axonflow_sidecar.http.signing import Signer

__all__ = ["CREDENTIAL_HEADER", "IDENTITY_HEADER", "Identity", "identified", "signed_identity"]

CREDENTIAL_HEADER: Final = "x-axonflow-internal"
IDENTITY_HEADER: Final = "x-axonflow-identity"
IDENTITY_LIFE_US: Final = 60 * 1_000_000
_PURPOSE: Final = "identity"


class Identity(Struct, frozen=True):
    """The client and tenant of a call, the pseudonym of the user that it acts for, and the roles of the key."""

    client_id: str
    tenant_id: str
    user_id: str
    expires_us: int = 0
    roles: frozenset[str] = frozenset()


def signed_identity(identity: Identity, signer: Signer, now_us: int) -> str:
    """The value of the identity header, good for a minute from `now_us`."""
    return signer.sign(_PURPOSE, replace(identity, expires_us=now_us + IDENTITY_LIFE_US))


def identified(call: Call, credential: str, signer: Signer, now_us: int) -> Identity:
    """Whom `call` is for. Raises Refused (401) when it does not come from one of our agents."""
    offered = call.header(CREDENTIAL_HEADER.encode())
    known = hmac.compare_digest(offered.encode(), credential.encode())
    identity = signer.check(_PURPOSE, call.header(IDENTITY_HEADER.encode()), Identity, now_us) if known else None
    if identity is None:
        raise Refused(
            401,
            RequestError(
                "not one of our agents", expected="the internal credential and a signed identity",
                hint="Call the agent: it serves these routes too.",
            ),
        )  # fmt: skip
    return identity
