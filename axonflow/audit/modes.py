"""Whose events are on the disk before the answer, and whose may follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from axonflow.audit.event import AuditEvent
from axonflow.errors import ConfigurationError

__all__ = ["AuditMode", "AuditModes"]

AuditMode = Literal["durable", "async"]

_ALWAYS_DURABLE: Final = frozenset({"admin", "login"})
"""Who changed what, and who came in, is rare, and what an attacker would want to have lost."""


class AuditModes:
    """How the events of each tenant are recorded: by its `own` mode, or else as is `usual`. Both may be set anew while
    others ask. Raises ConfigurationError for what is no mode."""

    __slots__ = ("own", "usual")

    def __init__(self, usual: AuditMode = "durable", own: Mapping[str, AuditMode] | None = None) -> None:
        if usual not in get_args(AuditMode):
            raise ConfigurationError("not an audit mode", expected=" or ".join(get_args(AuditMode)), at="audit_mode")
        self.usual = usual
        self.own: Mapping[str, AuditMode] = {} if own is None else own

    def may_follow(self, event: AuditEvent) -> bool:
        """Whether the answer need not wait for `event`. Administrators' actions and log-ins are waited for."""
        return self.own.get(event.tenant_id, self.usual) == "async" and event.kind not in _ALWAYS_DURABLE
