"""Every error that AxonFlow raises, as one tree.

A message says what was expected, what was found, where, and what to do. Values that may hold secrets
(content, attribute values) are never put into a message; names, types, sizes and positions are.

::

    AxonFlowError
    ├── RequestError         a request or traffic line that is not one        (also a ValueError)
    ├── DocumentError        what somebody wrote down is wrong                (also a ValueError)
    │   ├── PolicyError      a policy document that is wrong
    │   │   └── ExpressionError  a CEL expression in one that is wrong
    │   └── PlanError        a plan that cannot run
    ├── PlanConflict         a plan was changed, begun or ended meanwhile
    ├── ConfigurationError   AxonFlow.open() was given something it cannot use (also a ValueError)
    ├── DetectionError       content could not be inspected or redacted
    ├── LedgerError          a limit could not be checked or counted
    ├── VaultError           a value could not be kept or looked up
    ├── PolicyStoreError     published policies could not be kept or read
    │   ├── PolicyConflict   somebody else changed what is in force meanwhile
    │   ├── PolicyMissing    there is no such policy
    │   └── PolicyForbidden  whoever asks may not change this policy, or not so
    ├── WorkflowError        workflows of others cannot be kept or read (more: axonflow.plan.workflows)
    ├── TenancyError         a tenant, key or role cannot be as it is asked for (also a ValueError)
    │   ├── TenancyMissing   there is none of that name
    │   ├── TenancyConflict  another is in the way, or it has moved on meanwhile
    │   ├── TenancyForbidden whoever asks may not give what they do not have
    │   └── TenancyLimited   the tenant asks more often than it may
    ├── TenancyUnavailable   nobody can say whose a key is, or what a tenant has
    ├── ModelError           a language model gave no reply that can be used
    │   ├── ModelCredentialsRefused  the provider does not know the key, or it may not use the model
    │   ├── ModelRateLimited     the provider wants to be asked later
    │   ├── ModelContextTooLong  more was sent than the model reads
    │   ├── ModelFiltered        the provider or the model declines to answer
    │   ├── ModelUnavailable     nobody answers, or not in time
    │   └── ModelReplyMalformed  what came back is no reply
    ├── MailboxError         a message could not be kept or fetched
    ├── AuditError           an event could not be recorded, or a chain does not verify
    │   └── AuditConflict    a store answers, and refuses a record for what it is
    └── Denied               raised by guards when a decision does not allow the call
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

__all__ = [
    "AuditConflict",
    "AuditError",
    "AxonFlowError",
    "ConfigurationError",
    "Denied",
    "DetectionError",
    "DocumentError",
    "ExpressionError",
    "LedgerError",
    "MailboxError",
    "ModelContextTooLong",
    "ModelCredentialsRefused",
    "ModelError",
    "ModelFiltered",
    "ModelRateLimited",
    "ModelReplyMalformed",
    "ModelUnavailable",
    "PlanConflict",
    "PlanError",
    "PolicyConflict",
    "PolicyError",
    "PolicyForbidden",
    "PolicyMissing",
    "PolicyStoreError",
    "RequestError",
    "TenancyConflict",
    "TenancyError",
    "TenancyForbidden",
    "TenancyLimited",
    "TenancyMissing",
    "TenancyUnavailable",
    "VaultError",
    "WorkflowError",
]


_MAX_FOUND_CHARS = 1_000
_MAX_PLACE_CHARS = 400
"""Whoever writes what is found, and the names on the way there, chooses how long they are; a message stays short."""


def _cut(part: str | None, most: int) -> str | None:
    return part if part is None or len(part) <= most else f"{part[:most]}..."


class AxonFlowError(Exception):
    """Root of the tree.

    `expected`, `found`, `at` and `hint` are the parts of the message, for callers that render their own
    (the sidecar's problem documents, the CLI's colours). `at` is ``file:line:column`` or a path such as
    ``$.principal.id``.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        at: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.expected = expected
        self.found = _cut(found, _MAX_FOUND_CHARS)
        self.at = _cut(at, _MAX_PLACE_CHARS)
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.at}: {self.message}" if self.at else self.message
        parts = [f"{label} {value}" for label, value in (("expected", self.expected), ("found", self.found)) if value]
        if parts:
            text += f": {', '.join(parts)}"
        return f"{text}. {self.hint}" if self.hint else text


class RequestError(AxonFlowError, ValueError):
    """A request is not well-formed; nothing was decided."""

    code = "invalid_request"


class DocumentError(AxonFlowError, ValueError):
    """What somebody wrote down is not valid; nothing of it is in force.

    `problems` holds every fault that was found, this one first, so that a person mends them in one go.
    """

    code = "invalid_document"
    _subject = "the documents"

    def __init__(
        self,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        at: str | None = None,
        hint: str | None = None,
        problems: tuple[Self, ...] = (),
    ) -> None:
        super().__init__(message, expected=expected, found=found, at=at, hint=hint)
        self.problems = problems or (self,)

    @classmethod
    def joined(cls, problems: Sequence[Self]) -> Self:
        """One error that lists all of `problems` (at least one)."""
        if len(problems) == 1:
            return problems[0]
        lines = "".join(f"\n  {problem}" for problem in problems)
        return cls(f"{len(problems)} problems in {cls._subject}:{lines}", problems=tuple(problems))


class PolicyError(DocumentError):
    """A policy document or an expression in it is not valid; nothing of it was loaded."""

    code = "invalid_policy"
    _subject = "the policies"


class ExpressionError(PolicyError):
    """A CEL expression does not parse, or uses what the language does not have.

    `offset` is where, in characters from the start of the expression.
    """

    code = "invalid_expression"

    def __init__(
        self,
        message: str,
        offset: int,
        *,
        expected: str | None = None,
        found: str | None = None,
        at: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, found=found, at=at, hint=hint)
        self.offset = offset

    def moved_to(self, at: str) -> ExpressionError:
        """The same fault, placed at `at` in its document."""
        return ExpressionError(
            self.message, self.offset, expected=self.expected, found=self.found, at=at, hint=self.hint
        )


class PlanError(DocumentError):
    """A plan is not a DAG of well-formed steps; nothing of it ran."""

    code = "invalid_plan"
    _subject = "the plan"


class PlanConflict(AxonFlowError):  # noqa: N818  named as the state of affairs, which a person looks at again
    """The plan is not what the caller thinks it is: changed, begun, or at its end. Nothing was done."""

    code = "plan_conflict"


class ConfigurationError(AxonFlowError, ValueError):
    """A setting or an argument of ``AxonFlow.open`` cannot be used."""

    code = "invalid_configuration"


class DetectionError(AxonFlowError):
    """Content could not be inspected or redacted. Callers deny."""

    code = "detection_failed"


class LedgerError(AxonFlowError):
    """The ledger cannot answer, so nobody knows what is left. Callers deny."""

    code = "ledger_unavailable"


class VaultError(AxonFlowError):
    """The vault cannot keep a value or look one up. Callers deny."""

    code = "vault_unavailable"


class PolicyStoreError(AxonFlowError):
    """The store of published policies cannot answer, or refuses what it was given. What is in force stays in force."""

    code = "policy_store_unavailable"


class PolicyConflict(PolicyStoreError):  # noqa: N818  named as the state of affairs, which a person looks at again
    """Somebody else changed what is in force since the caller looked. Nothing was done: look again, then decide."""

    code = "policy_conflict"


class PolicyMissing(PolicyStoreError):  # noqa: N818  named as what is found, like its siblings
    """There is no such stored policy: none at all, or none that the tenant sees."""

    code = "policy_not_found"


class PolicyForbidden(PolicyStoreError):  # noqa: N818  named as what is found, like its siblings
    """The policy is another's: of a layer above, whose policies are made stricter at most, never looser."""

    code = "policy_forbidden"


class WorkflowError(AxonFlowError):
    """Workflows of other orchestrators cannot be kept or read now. Their gates let nothing through."""

    code = "workflow_unavailable"


class TenancyError(AxonFlowError, ValueError):
    """A tenant, a key or a role cannot be as it is asked for; nothing was changed."""

    code = "invalid_tenancy"


class TenancyMissing(TenancyError):  # noqa: N818  named as what is found, like its siblings
    """There is no such tenant, key or role: none at all, or none of this tenant."""

    code = "not_found"


class TenancyConflict(TenancyError):  # noqa: N818  named as the state, which a person has to resolve
    """The name is taken, a limit is reached, or somebody else has changed it meanwhile."""

    code = "conflict"


class TenancyForbidden(TenancyError):  # noqa: N818  named as what is found, like its siblings
    """Whoever asks would give somebody, or themselves, what they may not do."""

    code = "forbidden"


class TenancyLimited(TenancyError):  # noqa: N818  named as the state, which passes
    """The tenant asks more often than it may. Nothing was decided: ask again later."""

    code = "rate_limited"


class TenancyUnavailable(AxonFlowError):  # noqa: N818  named as the state of the store
    """Tenants, keys and roles cannot be read or changed now. Callers deny."""

    code = "tenancy_unavailable"


class ModelError(AxonFlowError):
    """A language model gave no reply that can be used. What the provider says in its own words is not passed on: it may
    quote the request or the key."""

    code = "model_failed"


class ModelCredentialsRefused(ModelError):  # noqa: N818  named as what is found, like its siblings
    """The provider does not know the key, or its owner may not use this model. Asking again does not help."""

    code = "model_credentials_refused"


class ModelRateLimited(ModelError):  # noqa: N818  named as the state, which passes
    """The provider wants to be asked later: after `retry_after_ms`, where it says when."""

    code = "model_rate_limited"

    def __init__(self, message: str, *, retry_after_ms: int | None = None, **parts: str | None) -> None:
        super().__init__(message, **parts)
        self.retry_after_ms = retry_after_ms


class ModelContextTooLong(ModelError):  # noqa: N818  named as what is found, like its siblings
    """The messages are more than the model reads. Asking again does not help: send less."""

    code = "model_context_too_long"


class ModelFiltered(ModelError):  # noqa: N818  named as what happened, like its siblings
    """The provider, or the model itself, declines to answer for what is asked or what would be answered."""

    code = "model_filtered"


class ModelUnavailable(ModelError):  # noqa: N818  named as the state, which passes
    """Nobody answers, or not in time, or the provider has a fault of its own. Asking again may help."""

    code = "model_unavailable"


class ModelReplyMalformed(ModelError):  # noqa: N818  named as what is found, like its siblings
    """What came back is no reply: not what the provider documents, too large, or it stops half-way."""

    code = "model_reply_malformed"


class MailboxError(AxonFlowError):
    """A message could not be kept or fetched: the mailbox is full, or cannot answer."""

    code = "mailbox_unavailable"


class AuditError(AxonFlowError):
    """An audit event could not be recorded, or a recorded chain does not verify. Callers deny."""

    code = "audit_failed"


class AuditConflict(AuditError):  # noqa: N818  named as the state of the trail, which a person has to resolve
    """A store was reached and refuses a record: another holds its place, or it cannot be kept as it is.

    Trying again does not help, unlike with any other AuditError of a store.
    """

    code = "audit_conflict"


class BatchConflict(AuditConflict):
    """A store has another batch of the writer under this number: its spool was copied or put back. `number` and
    `digest` (SHA-256 of the statement) are those of the newest that the store has."""

    def __init__(self, message: str, *, number: int, digest: bytes, **parts: str) -> None:
        super().__init__(message, **parts)
        self.number = number
        self.digest = digest


class Denied(AxonFlowError):  # noqa: N818  a verdict, not a fault: named as the field names it
    """A guard refused a call. `decision` is the verdict, with its reasons and ids."""

    code = "denied"

    def __init__(self, message: str, *, decision: object) -> None:
        super().__init__(message)
        self.decision = decision
