-- The audit spool, version 2. Every change is a new version: an older AxonFlow refuses to open a newer file.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What no store has yet. `position` is the order in which all tenants' records were appended.
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    canonical BLOB NOT NULL
);
CREATE UNIQUE INDEX records_by_chain ON records (tenant_id, sequence);

-- The last discarded record of each chain: where the chain goes on when none of it is held. Written when records are
-- discarded, not when they are appended: that would touch one more page for each tenant of a batch.
CREATE TABLE heads (tenant_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;

-- The batch that comes next, and what it names as its predecessor. Once it is sealed, `statement` is there, and the batch
-- is all records up to `last_position`, until a store has it: so it is the same whenever it is offered.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    number INTEGER NOT NULL,
    previous BLOB NOT NULL,
    statement BLOB,
    signature BLOB,
    last_position INTEGER
);
INSERT INTO batch (id, number, previous) VALUES (0, 0, zeroblob(32));

-- What a store refused for good, with its reason: for a person to look at.
CREATE TABLE quarantine (
    position INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    canonical BLOB NOT NULL,
    reason TEXT NOT NULL
);
