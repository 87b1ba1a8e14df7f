"""The engines in force, as one value: whoever holds it sees all of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.request import Request

__all__ = ["Engines"]


class Engines(NamedTuple):
    """An engine for each tenant that has policies of its own or of its organization, and one for all others."""

    default: PolicyEngine
    tenants: Mapping[str, PolicyEngine] = {}

    def of(self, request: Request) -> PolicyEngine:
        """The one that decides on `request`. What is no Request has none of its own: whoever decides refuses it."""
        if not self.tenants or request.__class__ is not Request:
            return self.default
        return self.tenants.get(request.principal.tenant, self.default)
