"""Verb: enforce. Decide, reserve what is limited, and record the decision before it is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from time import perf_counter_ns
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.audit import IN_PROCESS, AuditEvent, Origin, Storable
from axonflow.audit.content import NOTHING_KEPT, ContentKept
from axonflow.audit.facts import attributes_kept, findings_kept
from axonflow.audit.grounds import grounds_kept
from axonflow.detect import Finding
from axonflow.errors import LedgerError, VaultError
from axonflow.flows.decide import decide_now
from axonflow.flows.record import append, delegation
from axonflow.ids import new_id, now_us
from axonflow.policy import Decision, Effect, Limit, PolicyEngine, Redact, Request
from axonflow.policy.approving import approved_decision
from axonflow.policy.cel.functions import chars
from axonflow.policy.deciding.matching import reader
from axonflow.policy.deciding.redacting import unfulfilled
from axonflow.ports import AuditLog, Ledger, Quota, Reservation, Vault

__all__ = ["Grounds", "carry_out", "enforce", "refuse"]

_ESTIMATES = {"tokens": "estimated_tokens", "usd_micros": "estimated_usd_micros"}
"""Where a request says how much it will use at most, in its context."""
_MAX_KEY_CHARS: Final = 1_024


async def enforce(  # noqa: PLR0913  all by name but the engine and the request
    engine: PolicyEngine,
    request: Request,
    *,
    audit: AuditLog,
    ledger: Ledger,
    origin: Origin = IN_PROCESS,
    redacts: bool = True,
    vault: Vault | None = None,
    content_kept: ContentKept = NOTHING_KEPT,
    approvals: Mapping[str, Collection[str]] = {},
) -> Decision:
    """The verdict of `engine` on `request` as of now, its limits reserved, recorded in `audit` before this returns.

    `origin` is recorded with it: through which door the request came; and of the content, what `content_kept` says. An
    enforcement point that cannot put redacted content in place of the original says so by `redacts`, and is denied
    where that is due. Values that the redacted content has labels of style ``vault`` for are in the `vault` before this
    returns; one that is not denies. `approvals` are those that were given to this very action, see
    `approved_decision`.

    A limit that is used up or cannot be reserved denies, with the reason. Raises AuditError when the event cannot be
    recorded: then nothing is allowed, and what was reserved is given back.
    """
    started_ns = perf_counter_ns()
    found: list[Finding] = []
    decision = decide_now(engine, request, found)
    decided = decision.effect
    if approvals and decision.effect is Effect.REQUIRE_APPROVAL:
        decision = approved_decision(decision, approvals)
    grounds = Grounds(engine, found, content_kept, started_ns, decided)
    if not decision.obligations:  # as most: nothing to reserve, nothing to keep
        await append(audit, _event(decision, request, grounds, audit.writer_id, origin))
        return decision
    if decision.redacted is not None and not redacts:
        decision = _denied(decision, "The content has to be redacted, which this enforcement point cannot do.")
    return await carry_out(decision, request, grounds, audit=audit, ledger=ledger, origin=origin, vault=vault)


async def refuse(
    engine: PolicyEngine,
    request: Request,
    reasons: tuple[str, ...],
    policies: tuple[str, ...],
    *,
    audit: AuditLog,
    origin: Origin,
) -> Decision:
    """`request`, which has no content, denied for `reasons`, by `policies`, beside what `engine` says of it; recorded
    in `audit` before this returns. Raises AuditError when it cannot be recorded."""
    started_ns = perf_counter_ns()
    found: list[Finding] = []
    decision = decide_now(engine, request, found)
    decided = decision.effect
    if not decision.allowed:
        reasons = (*reasons, *decision.reasons)
    decision = replace(_denied(decision), reasons=reasons, policies=(*policies, *decision.policies))
    grounds = Grounds(engine, found, NOTHING_KEPT, started_ns, decided)
    await append(audit, _event(decision, request, grounds, audit.writer_id, origin))
    return decision


class Grounds(Struct, frozen=True, gc=False):
    """What a decision was made by, and on what, as far as it is recorded with it. `decided` is what policies came to,
    whatever became of it when it was carried out. `streamed`: of a text that is yet to come, so that the event tells
    nothing of it."""

    engine: PolicyEngine
    found: Sequence[Finding]
    content_kept: ContentKept
    started_ns: int
    decided: Effect
    streamed: bool = False


async def carry_out(
    decision: Decision,
    request: Request,
    grounds: Grounds,
    *,
    audit: AuditLog,
    ledger: Ledger,
    origin: Origin,
    vault: Vault | None = None,
) -> Decision:
    """`decision` on `request` with its limits reserved and recorded in `audit`, and what is to be kept in the `vault`.

    Raises as `enforce`.
    """
    reservations: list[Reservation] = []
    try:
        if decision.allowed and any(isinstance(obligation, Limit) for obligation in decision.obligations):
            decision = await _reserved(decision, request, ledger, reservations)
        if decision.redacted is not None:
            refusal = await _keep(grounds.engine.kept(request, decision), request.principal.tenant, vault)
            if refusal is not None:
                await _give_back(reservations, ledger)
                decision = _denied(decision, refusal)
        await append(audit, _event(decision, request, grounds, audit.writer_id, origin))
    except BaseException:  # cancellation too: what nobody was allowed to use must not count
        await _give_back(reservations, ledger)
        raise
    for reservation in reservations:  # a request counts as one; tokens and money stay at their estimate
        with suppress(Exception):  # what was taken stays taken; the decision is made and recorded
            await ledger.settle(reservation, reservation.amount)
    return decision


async def _give_back(reservations: list[Reservation], ledger: Ledger) -> None:
    while reservations:
        with suppress(Exception):  # it then counts until its window has passed: too strict, never too loose
            await ledger.release(reservations.pop())


async def _reserved(decision: Decision, request: Request, ledger: Ledger, reservations: list[Reservation]) -> Decision:
    """`decision`, if every limit of it has room; else a denial, with all that was taken given back."""
    refusal = None
    for obligation in decision.obligations:
        if isinstance(obligation, Limit) and refusal is None:
            refusal = await _take(obligation, request, ledger, reservations)
    if refusal is None:
        return decision
    await _give_back(reservations, ledger)
    return _denied(decision, refusal)


async def _keep(values: dict[str, str], tenant_id: str, vault: Vault | None) -> str | None:
    """Put `values` into the vault; the reason if that cannot be done."""
    try:
        for label, value in values.items():
            if vault is None:
                return "The content has to be redacted with a vault, and there is none."
            await vault.put(tenant_id, label, value)
    except Exception as error:  # noqa: BLE001  a vault that keeps to no contract has kept nothing either
        why = error.message if isinstance(error, VaultError) else type(error).__name__
        return f"The vault could not keep what was redacted: {why}."
    return None


def _denied(decision: Decision, *reasons: str) -> Decision:
    return replace(
        decision, effect=Effect.DENY, allowed=False, redacted=None, reasons=(*reasons, *decision.reasons),
        obligations=unfulfilled(decision.obligations),
    )  # fmt: skip


async def _take(limit: Limit, request: Request, ledger: Ledger, reservations: list[Reservation]) -> str | None:
    """Reserve what `request` uses of `limit`; the reason if that cannot be done."""
    amount: Any = 1
    if limit.unit in _ESTIMATES:
        amount = request.context.get(_ESTIMATES[limit.unit])
        if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
            return f"{limit.policy} limits {limit.unit}: the request must carry context.{_ESTIMATES[limit.unit]}."
    key = "|".join([limit.policy, *[f"{path}={_canonical(read(request))}" for path, read in _readers(limit.key)]])
    if len(key) > _MAX_KEY_CHARS:  # an attribute may be megabytes; a counter's name is kept as long as the counter
        key = f"{limit.policy}|sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    quota = Quota(request.principal.tenant, key, limit.unit, limit.maximum, limit.window_s)
    try:
        reservation = await ledger.reserve(quota, amount, now_us())
    except Exception as error:  # noqa: BLE001  a ledger that keeps to no contract has not answered either
        why = error.message if isinstance(error, LedgerError) else type(error).__name__
        return f"The limit of {limit.policy} could not be checked: {why}."
    if reservation is None:
        return f"The limit of {limit.policy} is used up: {limit.maximum} {limit.unit} within {limit.window_s} s."
    reservations.append(reservation)
    return None


@lru_cache(maxsize=1_024)
def _readers(paths: tuple[str, ...]) -> list[tuple[str, Callable[[Request], Any]]]:
    return [(path, reader(path)) for path in paths]


def _canonical(value: Any) -> str:
    """`value` as JSON that is the same for equal values: whoever may write {"a": 1, "b": 2} in another order, or 1 as
    1.0, would else have a counter for each spelling."""
    return _encode(value if value.__class__ is str else _plain(value)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:  # beyond, no integer equals it
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


_encode: Final = msgspec.json.Encoder(order="sorted").encode


def _event(decision: Decision, request: Request, grounds: Grounds, writer_id: str, origin: Origin) -> AuditEvent:
    engine, found = grounds.engine, grounds.found
    principal, resource, content = request.principal, request.resource, request.content
    time_us = now_us()
    content_chars, content_digest, content_redacted = 0, "", ""
    if content is not None:
        content_chars = len(content) if content.__class__ is str else chars(content)
        content_digest = grounds.content_kept.digest(content)
        content_redacted = grounds.content_kept.redacted(content, engine.scanner)
    errors = tuple([f"{error.policy}: {error.message}" for error in decision.errors]) if decision.errors else ()
    told = grounds_kept(decision.policies, decision.reasons, errors)
    # In the order of the fields: more than 15 by name make a dictionary (CPython, STACK_USE_GUIDELINE), at 1 us of 5.
    return AuditEvent(
        new_id(time_us),
        principal.tenant,
        writer_id,
        time_us,
        "decision",
        decision.decision_id,
        decision.policy_digest,
        f"{principal.type}:{principal.id}",
        request.action,
        f"{resource.type}:{resource.id}",
        decision.effect.value,
        decision.allowed,
        told.policies,
        told.reasons,
        told.errors,
        () if principal.on_behalf_of is None else delegation(principal),
        content_chars,
        content_digest,
        content_redacted,
        origin,
        (perf_counter_ns() - grounds.started_ns) // 1000,
        attributes=attributes_kept(engine.read(request), engine.secrecy),
        findings=findings_kept(found, engine.scanner) if found else (),
        details=_facts(decision, grounds) if decision.obligations or _is_told(decision, grounds) else {},
    )


def _is_told(decision: Decision, grounds: Grounds) -> bool:
    return grounds.streamed or grounds.decided is not decision.effect


def _facts(decision: Decision, grounds: Grounds) -> dict[str, Storable]:
    """Who redacted and what: ``redacted.<detector>.<style>`` to the number of findings; that the content is yet to
    come; and what policies came to, where something else became of it: a limit was used up, or somebody approved."""
    facts: dict[str, Storable] = {"streamed": True} if grounds.streamed else {}
    if grounds.decided is not decision.effect:
        facts["decided"] = grounds.decided.value
    for obligation in decision.obligations:
        if isinstance(obligation, Redact) and obligation.fulfilled_by is not None:
            facts["redaction_fulfilled_by"] = obligation.fulfilled_by
            facts |= {f"redacted.{one.detector}.{one.style}": one.findings for one in obligation.done}
    return facts
