"""A signed audit trail of several tenants and writers, to be put into any store and tampered with there."""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from axonflow.adapters.ed25519 import Signer
from axonflow.audit import NO_BATCH, AuditEvent, AuditRecord, SealedBatch, WriterKey, batch_hash, link, seal
from axonflow.ids import id_at

START_US = 1_770_000_000_000_000


def signer(seed):
    """The same key for the same seed."""
    return Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest()))


def public_key(seed):
    return signer(seed).public_bytes


def an_event(tenant_id, writer_id, number, **parts):
    time_us = START_US + number * 1_000_000
    event = AuditEvent(
        event_id=id_at(time_us / 1_000_000), tenant_id=tenant_id, writer_id=writer_id, time_us=time_us,
        kind="decision", decision_id=f"d{number}", policy_digest="sha256:0", principal="user:ann", action="tool.call",
        resource="tool:x", effect="deny", allowed=False, policies=("p",), reasons=("r",),
    )  # fmt: skip
    return replace(event, **parts)


@dataclass
class Writer:
    """Seals what it is told to, with the key of its name."""

    writer_id: str
    seed: str | None = "key"
    batches: list[SealedBatch] = field(default_factory=list)
    keys: list[WriterKey] = field(default_factory=list)
    heads: dict[str, AuditRecord] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self):
        if self.seed:
            self.keys.append(WriterKey(self.writer_id, 0, signer(self.seed).key_id, public_key(self.seed)))

    def record(self, tenant_id, **parts):
        made = link(an_event(tenant_id, self.writer_id, self.count, **parts), self.heads.get(tenant_id))
        self.heads[tenant_id] = made
        self.count += 1
        return made

    def seal(self, **lengths):
        """One batch with so many records of each tenant."""
        return self.seal_records([self.record(tenant) for tenant, length in lengths.items() for _ in range(length)])

    def seal_records(self, records, key=None):
        previous = batch_hash(self.batches[-1].statement) if self.batches else NO_BATCH
        own = signer(key or self.seed) if self.seed else None
        number = len(self.batches)
        self.batches.append(seal(records, self.writer_id, number, previous, START_US + number * 60_000_000, own))
        return self.batches[-1]

    def rotate(self, seed, endorsed_by=None):
        """From the next batch on it signs with the key of `seed`."""
        key = WriterKey(self.writer_id, len(self.batches), signer(seed).key_id, public_key(seed))
        self.keys.append(replace(key, endorsement=signer(endorsed_by or self.seed).sign(key.statement())))
        self.seed = seed

    async def put_into(self, store):
        for key in self.keys:
            await store.register(key)
        for batch in self.batches:
            await store.write_batch(batch)


def two_writers():
    """The trail that the tampering is done to: of `w`, tenants a (10 + 8 + 7 records) and b, and of `v` too."""
    writers = [Writer("v"), Writer("w")]
    for writer in writers:
        writer.seal(a=10, b=3)
        writer.seal(a=8)
        writer.seal(a=7, b=2, c=1)
    return writers
