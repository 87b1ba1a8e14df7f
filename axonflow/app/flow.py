"""AxonFlow.open: the only place where the parts are put together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from axonflow.adapters.memory import MemoryLedger, MemoryVault
from axonflow.adapters.policy_files import baseline_files
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.audit_logs import audit_log
from axonflow.app.plan_runs import PlanRuns, RunOptions
from axonflow.app.policies import Keys, Policies, policy_sources, trusted_by
from axonflow.app.scanning import builtin_scanner
from axonflow.app.streams import StreamRedactions, guarded
from axonflow.app.turns import Pause, go_on, letting_others_run, no_collection
from axonflow.audit import IN_PROCESS, AuditEvent, AuditKind, AuditMode, AuditModes, Origin, Usage
from axonflow.audit.content import ContentKept, ContentMode
from axonflow.detect import Detector, RedactionKey, RedactionMeans, Scanner, with_given
from axonflow.detect.streaming import StreamRedaction, StreamRedactor
from axonflow.errors import ConfigurationError
from axonflow.flows.blocking import wait
from axonflow.flows.decide import decide
from axonflow.flows.enforce import enforce, refuse
from axonflow.flows.guard_stream import StreamGuard, guard_stream, redacted_ids
from axonflow.flows.plan_labels import Refusal
from axonflow.flows.record import Outcome, record
from axonflow.flows.reveal import reveal
from axonflow.plan import HeldRun, Limits, Plan, PlanResult, StepEvent
from axonflow.policy import Decision, PolicyEngine, Principal, Request
from axonflow.policy.compiling.compiling import compile_scopes
from axonflow.policy.compiling.scopes import FILES, Scope
from axonflow.policy.engines import Engines
from axonflow.ports import AuditLog, Ledger, Vault

__all__ = ["AxonFlow"]

T = TypeVar("T")
_RULES_A_SLICE: Final = 50


def _files(policies: Policies, pause: Pause) -> Scope:
    return Scope(FILES, None, policy_sources(policies, pause))


class AxonFlow:
    """The control plane in this process. Made by :meth:`open`; safe to share between threads and tasks.

    >>> flow = AxonFlow.open(policies="@baseline")
    >>> flow.decide(Request("user:ann", "llm.request", "model:gpt-5-mini", content="Hello!")).effect.value
    'allow'
    """

    def __init__(
        self,
        compiled: Callable[[Sequence[Scope], Pause], PolicyEngine],
        policies: Policies,
        audit: AuditLog,
        ledger: Ledger,
        vault: Vault | None,
        content_kept: ContentKept,
        plan_limits: Limits | None = None,
    ) -> None:
        self._compiled = compiled
        self._policies = policies
        self._engines = Engines(compiled([_files(policies, go_on)], go_on))
        self._audit = audit
        self._ledger = ledger
        self._vault = vault
        self._content_kept = content_kept
        self._redactions = StreamRedactions()
        self._plans = PlanRuns(
            self._enforced, self._recorded, self._refused, self.policies_of_tenant, ledger, plan_limits
        )

    @classmethod
    def open(  # noqa: PLR0913  all by name but the policies, and seldom more than three of them
        cls,
        policies: Policies = None,
        *,
        audit: AuditLog | str | os.PathLike[str] | None = None,
        ledger: Ledger | None = None,
        trusted_keys: Keys = (),
        redaction_key: bytes | None = None,
        vault: Vault | Literal["memory"] | None = None,
        detectors: Sequence[Detector] = (),
        audit_content: ContentMode = "digest",
        audit_mode: AuditMode = "durable",
        plan_limits: Limits | None = None,
    ) -> AxonFlow:
        """Load policies and return the control plane. Needs no database, server, event loop or environment variable.

        `policies` is a file or folder, ``"@baseline"``, a document as a dictionary, or a list of these; None or an
        empty folder loads nothing, and then every request is denied. `audit` records what :meth:`enforce` decides: a
        folder for a spool on disk, which is this process's alone, or an AuditLog. `ledger` counts limits. Without one,
        both are kept in memory and end with the process. `trusted_keys` are files of public keys: a bundle is loaded
        only if one of them signed it. `detectors` are known to policies beside the built-in ones and those that policy
        sets declare. `redaction_key` (at least 32 random bytes) is what pseudonyms, hashes and tokens are computed
        with, and `vault` keeps what may be revealed (``"memory"``: as long as the process lives). A policy that asks
        for what is missing is refused. `audit_content` is what is recorded of contents, beside their length: a
        ``"digest"`` under the redaction key (without one, nothing), the text ``"redacted"`` of all that any detector
        finds, or ``"none"``. `audit_mode` is for a folder: what is recorded is on the disk before the answer
        (``"durable"``), or within 20 ms (``"async"``), and what of it is not yet there when the process ends is lost.
        `plan_limits` are what all plans together may do at the same time.

        Raises PolicyError, which lists every problem of every document, and ConfigurationError for an argument of
        another kind, a folder that cannot be used, or a detector that does not find its own examples.
        """
        scanner = with_given(builtin_scanner(), detectors, compile_pattern)
        verify = trusted_by(trusted_keys)
        key = None if redaction_key is None else RedactionKey(redaction_key)
        redaction = RedactionMeans(key, has_vault=vault is not None)

        def compiled(scopes: Sequence[Scope], pause: Pause) -> PolicyEngine:
            with no_collection():
                return compile_scopes(scopes, scanner, compile_pattern, verify=verify, pause=pause, redaction=redaction)

        vault = MemoryVault() if vault == "memory" else vault
        log = audit_log(audit, AuditModes(audit_mode))
        ledger = MemoryLedger() if ledger is None else ledger
        return cls(compiled, policies, log, ledger, vault, ContentKept(audit_content, key), plan_limits)

    @staticmethod
    def baseline() -> dict[str, str]:
        """The policies that ``"@baseline"`` names: file name to text, to write down and make your own."""
        return baseline_files()

    @property
    def policy_digest(self) -> str:
        """Names the exact set of policies in force, as on every decision: for tenants without policies of their own."""
        return self._engines.default.digest

    @property
    def policies(self) -> PolicyEngine:
        """The compiled policies in force, for tenants without policies of their own; immutable."""
        return self._engines.default

    def policies_for(self, request: Request) -> PolicyEngine:
        """The compiled policies that decide on `request`; immutable."""
        return self._engines.of(request)

    def policies_of_tenant(self, tenant_id: str) -> PolicyEngine:
        """The compiled policies that decide for a tenant; immutable."""
        return self._engines.tenants.get(tenant_id, self._engines.default)

    @property
    def scanner(self) -> Scanner:
        """The detectors in force, for tenants without policies of their own."""
        return self._engines.default.scanner

    @property
    def audit(self) -> AuditLog:
        """Where enforced decisions are recorded."""
        return self._audit

    @property
    def has_vault(self) -> bool:
        """Whether there is anything to reveal from."""
        return self._vault is not None

    def reload(self, policies: Policies = None) -> str:
        """Put `policies` in force, or what :meth:`open` was given as it is now, and return their digest.

        Decisions in other threads go on meanwhile, by the old policies until the new ones are complete: call it in a
        thread of its own. Raises what :meth:`open` raises, and then the old policies stay in force.
        """
        chosen = self._policies if policies is None else policies
        pause = letting_others_run()
        engine = self._compiled([_files(chosen, pause)], pause)
        self._policies = chosen
        self.serve(Engines(engine))
        return engine.digest

    def compiled(self, scopes: Sequence[Scope]) -> PolicyEngine:
        """The engine of `scopes` together, as :meth:`open` would have it. Raises PolicyError. As `reload`, it lets
        decisions in other threads go on."""
        return self._compiled(scopes, letting_others_run())

    def serve(self, engines: Engines) -> None:
        """Put `engines` in force, by one reference. It takes a while, to let go of those that nobody needs any more."""
        pause = letting_others_run()
        kept = {id(engine) for engine in (engines.default, *engines.tenants.values())}
        old = [engine for engine in (self._engines.default, *self._engines.tenants.values()) if id(engine) not in kept]
        self._engines = engines
        while old:  # as they came, a little at a time
            rules = list(old.pop().rules)
            while rules:
                del rules[-_RULES_A_SLICE:]
                pause()

    def decide(self, request: Request) -> Decision:
        """The verdict on `request`, as of its `time` or now: no I/O, nothing counted, nothing recorded.

        Raises RequestError for no Request.
        """
        engines = self._engines
        return decide(engines.of(request) if engines.tenants else engines.default, request)

    async def enforce(self, request: Request, *, origin: Origin = IN_PROCESS, redacts: bool = True) -> Decision:
        """Decide as of now, reserve limits and record the decision, with its `origin`, before it is returned.

        The clock counts, whatever the request's `time` says: a caller could else choose when an exception expires.

        A caller that cannot put redacted content in place of the original gives ``redacts=False``, and is denied where
        that is due.

        Raises AuditError when the decision cannot be recorded; treat that as a denial.
        """
        return await enforce(
            self._engines.of(request), request, audit=self._audit, ledger=self._ledger, origin=origin, redacts=redacts,
            vault=self._vault, content_kept=self._content_kept,
        )  # fmt: skip

    async def reveal(
        self, content: Any, *, principal: Principal | dict[str, Any] | str, origin: Origin = IN_PROCESS
    ) -> Any:
        """`content` with what :meth:`enforce` put into the vault for the principal's tenant, in place of its labels.

        That is an action like any other, ``vault.reveal`` on ``vault:<tenant>``: an allow rule has to name it, and it
        is recorded. Raises Denied, VaultError, AuditError, and ConfigurationError when there is no vault.
        """
        if self._vault is None:
            raise ConfigurationError("nothing can be revealed", expected="vault=", found="none")

        async def enforced(request: Request) -> Decision:
            return await self.enforce(request, origin=origin)

        return await reveal(content, principal=Principal.of(principal), vault=self._vault, enforce=enforced)

    async def guard_stream(self, request: Request, *, origin: Origin = IN_PROCESS) -> StreamGuard:
        """Enforce on a text that comes in chunks: a guard to feed them to, which returns what may go on.

        What policies mask is masked, wherever the text is cut; no more is held back than that takes. A rule that wants
        to know more of the content than what to mask (one that denies by what is detected) waits for the whole text.

        Raises Denied when the request is not allowed, AuditError when that cannot be recorded; treat that as a denial.
        """
        engine = self._engines.of(request)

        def redaction_of(ids: tuple[str, ...]) -> StreamRedaction:
            return self._redactions.of(engine.scanner, ids)

        return await guard_stream(
            engine,
            request,
            redaction_of=redaction_of,
            audit=self._audit,
            ledger=self._ledger,
            origin=origin,
            vault=self._vault,
            content_kept=self._content_kept,
        )

    async def enforce_stream(
        self, request: Request, chunks: AsyncIterable[str] | Iterable[str], *, origin: Origin = IN_PROCESS
    ) -> AsyncIterator[str]:
        """What may go on of `chunks`, the content of `request`, as they come: ``async for piece in ...``.

        As :meth:`guard_stream`, whose errors this raises, at the first piece or later; after one nothing more comes.
        """
        guard = await self.guard_stream(request, origin=origin)
        async for piece in guarded(guard, chunks):
            yield piece

    def stream_redactor(self, decision: Decision, tenant_id: str = "default") -> StreamRedactor:
        """A redactor for one text of a tenant, of what `decision` wants replaced, in the styles that it asks for: for
        enforcement points that decide by themselves. What it writes labels of a vault for is not put into that.

        Raises DetectionError for a decision that names detectors which are not known here.
        """
        default, tenants = self._engines
        made_it = (engine for engine in tenants.values() if engine.digest == decision.policy_digest)
        engine = next(made_it, default)
        return self._redactions.of(engine.scanner, redacted_ids(decision)).begin(engine.replacing(decision, tenant_id))

    async def record(
        self,
        kind: AuditKind,
        request: Request,
        *,
        decision_id: str,
        details: dict[str, Any] | None = None,
        usage: Usage | None = None,
        duration_us: int | None = None,
        failed: str = "",
        origin: Origin = IN_PROCESS,
    ) -> AuditEvent:
        """Record that `request` was carried out, such as a model call, or had `failed` and why: what it used, how long
        it took, and facts in `details`, never content. Secrets that detectors find in those are masked.

        Raises AuditError when it cannot be recorded.
        """
        engine = self._engines.of(request)
        outcome = Outcome(details or {}, usage, duration_us, failed)
        return await record(
            self._audit, kind, request, decision_id=decision_id, policy_digest=engine.digest, outcome=outcome,
            origin=origin, secrecy=engine.secrecy,
        )  # fmt: skip

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of one of this object's coroutines, for code that is not async: ``flow.wait(flow.enforce(r))``.

        Works inside a running event loop too, which it blocks meanwhile. Raises what the coroutine raises.
        """
        return wait(coroutine)

    async def run(
        self,
        plan: Plan,
        *,
        principal: Principal | dict[str, Any] | str | None = None,
        context: dict[str, Any] | None = None,
        done: Mapping[str, Any] | PlanResult | None = None,
        origin: Origin = IN_PROCESS,
        before_step: Callable[[], None] | None = None,
        watch: Callable[[StepEvent], None] | None = None,
    ) -> PlanResult:
        """Run `plan` for `principal`: each step is enforced, then started the moment its inputs are there.

        Without a principal the plan acts for itself, as the agent of its name. `context` goes into the context of
        every step's request, `origin` is recorded with each. Steps that are `done`, by name with their results, are
        neither judged nor called again; of an earlier run's result, their labels go on. `before_step` is called before
        the plan and each step: where it raises an AxonFlowError, that is not begun. `watch` is told where each step has
        got to; it must not raise. Raises PlanError for a plan that is invalid, does not fit its budget, or is one too
        many, and what `before_step` raises before it; a step that fails or is refused ends in the result.
        """
        acting = Principal(plan.name, "agent") if principal is None else Principal.of(principal)
        options = RunOptions(origin, before_step, watch)
        return await self._plans.run(plan, acting, options, context=context, done=done)

    async def run_growing(
        self,
        plans: AsyncIterator[Plan],
        *,
        principal: Principal | dict[str, Any] | str | None = None,
        context: dict[str, Any] | None = None,
        options: RunOptions = RunOptions(),  # noqa: B008  immutable
    ) -> PlanResult:
        """Run a plan that is still being written: `plans` gives what it is so far, each time with more steps behind the
        same, and its steps start meanwhile.

        ``plan.start`` is asked each time, with how many ``steps`` there are. What is wrong with what comes later, or is
        not allowed, ends the growing: `PlanResult.error` says why, and what becomes of what runs the plan's failure
        policy says. Where the first is held, all are read. Raises as :meth:`run`, and `plans` while nothing runs.
        """
        acting = None if principal is None else Principal.of(principal)
        return await self._plans.run_growing(plans, acting, options, context=context)

    async def resume(
        self,
        plan: Plan,
        held: HeldRun,
        *,
        approved: bool | Mapping[str, bool],
        by: Principal | dict[str, Any] | str,
        comment: str = "",
        origin: Origin = IN_PROCESS,
        before_step: Callable[[], None] | None = None,
        watch: Callable[[StepEvent], None] | None = None,
    ) -> PlanResult:
        """Go on with a run of `plan` that was `held` (`PlanResult.held`): `approved`, or not, `by` somebody; one word
        for all that waits, or by step for some of it.

        Who approves is recorded, and policy is asked whether they may (``plan.approve``). What is done is not done
        again; a step that was refused is denied, and what becomes of the others its failure policy says. Steps that are
        gone on with are judged anew: what policy denies by now is denied. Raises as :meth:`run`, and nothing has run
        then: PlanError for a step that does not wait, for somebody who is not named as an approver of it, and for
        another plan; Denied when policy does not let them approve.
        """
        options = RunOptions(origin, before_step, watch)
        return await self._plans.resume(plan, held, approved, Principal.of(by), options, comment=comment)

    async def _enforced(
        self, request: Request, *, origin: Origin, approvals: Mapping[str, Collection[str]] = {}
    ) -> Decision:
        return await enforce(
            self._engines.of(request), request, audit=self._audit, ledger=self._ledger, origin=origin,
            vault=self._vault, content_kept=self._content_kept, approvals=approvals,
        )  # fmt: skip

    async def _refused(self, request: Request, refusal: Refusal, origin: Origin) -> Decision:
        return await refuse(self._engines.of(request), request, *refusal, audit=self._audit, origin=origin)

    async def _recorded(self, request: Request, decision_id: str, outcome: Outcome, origin: Origin) -> None:
        engine = self._engines.of(request)
        await record(
            self._audit, "plan_step", request, decision_id=decision_id, policy_digest=engine.digest, outcome=outcome,
            origin=origin, secrecy=engine.secrecy,
        )  # fmt: skip
