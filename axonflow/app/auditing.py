"""Verifying and proving the audit trail, wherever it is: what is read, whom to trust, and what an anchor says.

Signatures need the package ``cryptography``: ``pip install '.[bundles]'``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from msgspec.structs import replace

from axonflow.adapters.anchors import open_anchor
from axonflow.audit.commands import UNSIGNED_COMMANDS
from axonflow.audit.export import ExportedRecord
from axonflow.audit.proof import EventProof, ProvedEvent, check_proof
from axonflow.audit.stored import Finding
from axonflow.audit.trust import SignatureCheck, Trust
from axonflow.audit.writer_key import WriterKey, key_id_of
from axonflow.errors import AuditError, ConfigurationError, TenancyMissing
from axonflow.flows.anchor_cuts import read_cuts
from axonflow.flows.anchor_heads import HeadAnchoring
from axonflow.flows.export_audit import export_audit, export_parts
from axonflow.flows.prove_event import prove_event
from axonflow.flows.read_anchor import read_anchor
from axonflow.flows.verify_audit import AuditVerification, Progress, VerifiedWriter, verify_audit
from axonflow.flows.verify_export import verify_export
from axonflow.ports import AuditPlaces, AuditProofs

__all__ = [
    "AuditVerification",
    "EventProof",
    "Finding",
    "HeadAnchoring",
    "ProvedEvent",
    "Trust",
    "VerifiedWriter",
    "check_tenant",
    "counted",
    "export_audit",
    "export_parquet",
    "open_anchor",
    "opened_proofs",
    "proved",
    "proved_event",
    "told_of_cuts",
    "told_of_quarantine",
    "trust_in",
    "verified",
    "verified_export",
    "verified_parquet",
    "verified_spool",
]


_DEFAULT_TENANT: Final = "default"
"""Always there."""
_TOLD_RECORDS: Final = 1_000
_MAX_QUARANTINED: Final = 10_000
"""Of a spool: of more, the first are looked at."""
_PUBLIC_KEY = "audit.pub"
_UNSIGNED = frozenset({UNSIGNED_COMMANDS})
"""Known to have signed nothing, up to where commands began to; see axonflow.audit.commands."""


def _signature_check() -> SignatureCheck | None:
    """None without the package ``cryptography``: chains and trees can be verified all the same."""
    try:
        from axonflow.adapters.ed25519 import made_signature
    except ModuleNotFoundError:
        return None
    return made_signature


def _needed(check: SignatureCheck | None) -> SignatureCheck:
    if check is None:
        raise ConfigurationError("signatures need cryptography", hint="pip install 'axonflow[bundles]'")
    return check


def _public_keys(paths: Sequence[Path]) -> frozenset[bytes]:
    if not paths:
        return frozenset()
    _needed(_signature_check())
    from axonflow.adapters.ed25519 import public_bytes_in

    return frozenset(map(public_bytes_in, paths))


@asynccontextmanager
async def opened_proofs(database_url: str) -> AsyncIterator[AuditPlaces]:
    """The audit trail in the database, to be verified and proved. Raises ConfigurationError."""
    from axonflow.adapters.postgres import PostgresAuditProofs, PostgresDatabase

    database = await PostgresDatabase.connect(database_url)
    try:
        yield PostgresAuditProofs(database)
    finally:
        await database.close()


async def counted(database_url: str, tenant_id: str, start_us: int | None = None, end_us: int | None = None) -> int:
    """About how many events the database has of a tenant, of a time. Raises ConfigurationError, and AuditError."""
    from axonflow.adapters.postgres import PostgresAuditProofs, PostgresDatabase

    database = await PostgresDatabase.connect(database_url)
    try:
        return await PostgresAuditProofs(database).count(tenant_id, start_us, end_us)
    finally:
        await database.close()


async def check_tenant(database_url: str, tenant_id: str) -> None:
    """Raise TenancyMissing for a tenant that is not there and of which there is no record either: most likely a name
    that somebody mistyped. Raises ConfigurationError and AuditError as well."""
    from axonflow.adapters.postgres import PostgresDatabase
    from axonflow.adapters.postgres.audit_pages import is_known

    if tenant_id == _DEFAULT_TENANT:
        return
    database = await PostgresDatabase.connect(database_url)
    try:
        if not await is_known(database, tenant_id):
            raise TenancyMissing(
                "no such tenant", expected="one that was made, or of which something is recorded",
                found=ascii(tenant_id)[:80], hint="axonflow tenant list has those that were made.",
            )  # fmt: skip
    finally:
        await database.close()


async def trust_in(keys: Sequence[Path] = (), anchor_url: str | None = None, anchor_token: str = "") -> Trust:
    """Trust in the public keys of these PEM files, and in what the anchor says. Raises ConfigurationError for what is
    no key or no anchor, and AuditError for an anchor that does not answer."""
    public_keys = _public_keys(keys) if keys else None
    if anchor_url is None:
        return Trust(public_keys, unsigned_writers=_UNSIGNED)
    anchor = open_anchor(anchor_url, token=anchor_token)
    try:
        return Trust(public_keys, await read_anchor(anchor), _UNSIGNED)
    finally:
        await anchor.close()


async def verified(
    proofs: AuditProofs,
    tenant_id: str | None = None,
    *,
    trust: Trust = Trust(),  # noqa: B008  frozen
    known: AuditVerification | None = None,
    kept_since_us: int | None = None,
    progress: Progress | None = None,
) -> AuditVerification:
    """What :func:`axonflow.flows.verify_audit.verify_audit` finds, with the heads that an earlier one had."""
    return await verify_audit(
        proofs, tenant_id, trust=trust, verify=_signature_check(), heads=known.heads if known else (),
        kept_since_us=kept_since_us, progress=progress,
    )  # fmt: skip


async def verified_spool(
    folder: Path,
    trust: Trust = Trust(),  # noqa: B008  frozen
    progress: Progress | None = None,
) -> AuditVerification:
    """What the spool in `folder` holds that no store has yet, verified; its owner may go on meanwhile. Its keys are
    those that are kept beside it, or else that of the file ``audit.pub``. Raises ConfigurationError for a folder
    without a spool, and AuditError."""
    from axonflow.adapters.sqlite_spool import SpoolAuditProofs

    def keys_of(writer_id: str) -> tuple[WriterKey, ...]:
        file = folder / _PUBLIC_KEY
        if _signature_check() is not None:
            from axonflow.app.audit_keys import kept_keys

            if keys := kept_keys(folder, writer_id):
                return keys
        return tuple(WriterKey(writer_id, 0, key_id_of(one), one) for one in _public_keys([file] * file.is_file()))

    with SpoolAuditProofs.opened(folder, keys_of) as proofs:
        return await verify_audit(
            proofs, trust=trust, verify=_signature_check(), tail_may_wait=True, progress=progress
        )  # fmt: skip


async def told_of_cuts(report: AuditVerification, anchor_url: str, anchor_token: str = "") -> AuditVerification:
    """`report` of a database or an export, with a finding for each cut that the anchor was not told of. The anchor is
    asked after all chains were walked: it knew of what was cut meanwhile. Raises as :func:`trust_in` does."""
    anchor = open_anchor(anchor_url, token=anchor_token)
    try:
        known = await read_cuts(anchor)
    finally:
        await anchor.close()
    found = known.findings(report.cuts)
    broken = {(one.tenant_id, one.writer_id) for one in found}
    return replace(
        report, broken=report.broken + found, accepted=sum(map(known.accepted, report.cuts)),
        heads=tuple(head for head in report.heads if (head.tenant_id, head.writer_id) not in broken),
    )  # fmt: skip


def told_of_quarantine(report: AuditVerification, spools: Iterable[Path]) -> AuditVerification:
    """`report`, in which what is missing and was in no batch is named where its first record is in quarantine in one of
    the folders `spools`, with the reason. It stays a finding: nobody signed it. What cannot be read says nothing."""
    from axonflow.adapters.sqlite_spool import look_at

    reasons: dict[tuple[str, str, int | None], str] = {}
    for folder in spools:
        with suppress(AuditError, ConfigurationError):
            view = look_at(folder, _MAX_QUARANTINED)
            reasons |= {
                (one.tenant_id, view.writer_id, one.sequence): f"; record {one.sequence} is in quarantine: {one.reason}"
                for one in view.quarantine
            }

    def told(one: Finding) -> Finding:
        why = reasons.get((one.tenant_id, one.writer_id, one.sequence), "") if one.number is None else ""
        return replace(one, what=one.what + why) if one.kind == "missing" else one

    return replace(report, broken=tuple(map(told, report.broken)))


def verified_export(lines: Iterable[bytes], trust: Trust = Trust()) -> AuditVerification:  # noqa: B008  frozen
    """What :func:`axonflow.flows.verify_export.verify_export` finds. Raises AuditError for what is no export."""
    return verify_export(lines, trust=trust, verify=_signature_check())


async def export_parquet(proofs: AuditProofs, tenant_id: str, file: BinaryIO) -> AsyncIterator[int]:
    """Write the trail of one tenant to `file` as Apache Parquet, with all that proves it; how many records there are so
    far, now and then. Raises ConfigurationError without pyarrow, and AuditError when the store does not answer."""
    from axonflow.adapters.parquet_export import ParquetWriting

    writing, records = ParquetWriting(file), 0
    async for part in export_parts(proofs, tenant_id):
        writing.write(part)
        records += isinstance(part, ExportedRecord)
        if records % _TOLD_RECORDS == 0:
            yield records
    writing.close()
    yield records


def verified_parquet(
    file: BinaryIO,
    trust: Trust = Trust(),  # noqa: B008  frozen
    progress: Callable[[int, int], None] = lambda _records, _of: None,
) -> AuditVerification:
    """As :func:`verified_export`, of an export in Parquet, whose columns are compared with what was hashed as well.
    `progress` is called with the number of records so far, and of all. Raises ConfigurationError without pyarrow."""
    from axonflow.adapters.parquet_export import ParquetReading

    reading = ParquetReading(file)
    report = verify_export(
        reading.lines(), trust=trust, verify=_signature_check(),
        progress=lambda records: progress(records, reading.rows),
    )  # fmt: skip
    return replace(report, broken=(*report.broken, *reading.findings))


async def proved(places: AuditPlaces, event_id: str, tenant_id: str | None = None) -> EventProof:
    """The proof of an event; see :func:`axonflow.flows.prove_event.prove_event`. Raises AuditError."""
    return await prove_event(places, event_id, tenant_id, verify=_needed(_signature_check()))


def proved_event(proof: bytes, keys: Sequence[Path]) -> ProvedEvent:
    """What the document `proof` proves to whoever trusts `keys`. Raises AuditError when it does not hold, and
    ConfigurationError for what is no proof, or no key."""
    try:
        document = EventProof.from_json(proof)
    except AuditError as error:
        raise ConfigurationError(error.message, expected=error.expected, found=error.found) from None
    return check_proof(document, _public_keys(keys), _needed(_signature_check()))
