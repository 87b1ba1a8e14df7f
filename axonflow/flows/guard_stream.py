"""Verb: guard a stream. A text that goes on while it comes, as far as policies let it, and masked where they say so."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from msgspec.structs import replace

from axonflow.audit import Origin
from axonflow.audit.content import NOTHING_KEPT, ContentKept
from axonflow.detect import Replacing
from axonflow.detect.streaming import MAX_BUFFERED_CHARS, StreamRedaction, StreamRedactor
from axonflow.detect.styles import STREAMED
from axonflow.errors import Denied, DetectionError, RequestError
from axonflow.flows.decide import decide_stream
from axonflow.flows.enforce import Grounds, carry_out, enforce
from axonflow.flows.record import Outcome, kind_of, record
from axonflow.policy import Decision, PolicyEngine, Request
from axonflow.policy.deciding.redacting import styles_of
from axonflow.ports import AuditLog, Ledger, Vault

__all__ = ["RedactionOf", "StreamGuard", "guard_stream", "redacted_ids"]

RedactionOf = Callable[[tuple[str, ...]], StreamRedaction]
"""How to redact a stream with certain detectors."""


def redacted_ids(decision: Decision) -> tuple[str, ...]:
    """The ids of the detectors whose findings `decision` wants replaced."""
    return tuple(styles_of(decision.obligations))


async def guard_stream(
    engine: PolicyEngine,
    request: Request,
    *,
    redaction_of: RedactionOf,
    audit: AuditLog,
    ledger: Ledger,
    origin: Origin,
    vault: Vault | None = None,
    content_kept: ContentKept = NOTHING_KEPT,
) -> StreamGuard:
    """A guard for the text that is the content of `request`, once `engine` allows it to come; whatever content the
    request has is not looked at.

    Where the verdict depends on the whole text, or the way in which what is found is replaced does, the guard keeps
    the text, and decides when it has ended.

    Raises Denied when the verdict is known and does not allow it, AuditError when that cannot be recorded, RequestError
    for no Request.
    """
    if request.__class__ is Request:
        request = replace(request, content="", time=None)
    started_ns = perf_counter_ns()
    guard = StreamGuard(engine, request, audit, ledger, origin, vault, content_kept)
    decision = decide_stream(engine, request)
    if decision is not None and STREAMED.issuperset(styles_of(decision.obligations).values()):
        grounds = Grounds(engine, (), NOTHING_KEPT, started_ns, decision.effect, streamed=True)
        decision = await carry_out(decision, request, grounds, audit=audit, ledger=ledger, origin=origin)
        guard.decided(decision, redaction_of(redacted_ids(decision)))
    return guard


class StreamGuard:
    """One text on its way: :meth:`feed` it each chunk, then await :meth:`finish`. What they return may go on.

    When one of them raises, nothing that was held back comes out, and the text is not to go on.
    """

    def __init__(
        self,
        engine: PolicyEngine,
        request: Request,
        audit: AuditLog,
        ledger: Ledger,
        origin: Origin,
        vault: Vault | None = None,
        content_kept: ContentKept = NOTHING_KEPT,
    ) -> None:
        self._engine = engine
        self._request = request
        self._audit = audit
        self._ledger = ledger
        self._origin = origin
        self._vault = vault
        self._content_kept = content_kept
        self._started_ns = perf_counter_ns()
        self._redactor: StreamRedactor | None = None
        self._replacing = Replacing()
        self._kept: list[str] = []
        self._chars_in = self._chars_out = 0
        self.decision: Decision | None = None
        """The verdict; None while it waits for the whole text."""

    def decided(self, decision: Decision, redaction: StreamRedaction) -> None:
        """Let the text go on by `decision`. Raises Denied if that does not allow it."""
        self.decision = decision
        _check(decision, self._request)
        self._replacing = self._engine.replacing(decision, self._request.principal.tenant)
        self._redactor = redaction.begin(self._replacing)

    def feed(self, chunk: str) -> str:
        """What may go on now that `chunk` has come; often less, and nothing while the whole text is waited for.

        Raises DetectionError when more would have to be held back than the limit allows, RequestError for no text.
        """
        if not isinstance(chunk, str):
            raise RequestError("not a chunk of text", expected="str", found=type(chunk).__name__)
        self._chars_in += len(chunk)
        if self._redactor is None:
            self._kept.append(chunk)
            _check_kept(self._chars_in)
            return ""
        return self._counted(self._redactor.feed(chunk))

    async def finish(self) -> str:
        """The rest of what may go on, after the last chunk, once it is recorded how much there was.

        Raises Denied when the verdict on the whole text does not allow it, AuditError when that cannot be recorded,
        and DetectionError when the text cannot be redacted.
        """
        if self._redactor is None:
            return await self._finish_whole("".join(self._kept))
        rest = self._counted(self._redactor.finish())
        assert self.decision is not None, "a redactor comes with a decision"
        await record(
            self._audit,
            kind_of(self._request.action),
            self._request,
            decision_id=self.decision.decision_id,
            policy_digest=self.decision.policy_digest,
            outcome=Outcome(
                details={
                    "chars_in": self._chars_in,
                    "chars_out": self._chars_out,
                    "findings_replaced": self._replacing.changes,
                },
                duration_us=(perf_counter_ns() - self._started_ns) // 1000,
            ),
            origin=self._origin,
        )
        return rest

    def _counted(self, text: str) -> str:
        self._chars_out += len(text)
        return text

    async def _finish_whole(self, text: str) -> str:
        request = replace(self._request, content=text)
        self.decision = await enforce(
            self._engine, request, audit=self._audit, ledger=self._ledger, origin=self._origin, vault=self._vault,
            content_kept=self._content_kept,
        )  # fmt: skip
        _check(self.decision, request)
        redacted: str | None = self.decision.redacted
        return text if redacted is None else redacted


def _check(decision: Decision, request: Request) -> None:
    if not decision.allowed:
        held = "is held for approval" if decision.effect == "require_approval" else "is denied"
        resource = f"{request.action} on {request.resource.id}"
        raise Denied(f"{resource} {held}: {' '.join(decision.reasons)}", decision=decision)


def _check_kept(chars: int) -> None:
    if chars > MAX_BUFFERED_CHARS:
        raise DetectionError(
            "too long to be decided on as a whole",
            expected=f"at most {MAX_BUFFERED_CHARS} characters",
            found=f"{chars}",
            hint="A rule that asks for more than what to redact waits for the whole text.",
        )
