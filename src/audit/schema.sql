-- The audit log: one row an entry, each bound to the one before by its hash. Rows are only ever added; the oldest days go
-- once a signed cut stands in their place.
CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,        -- microseconds since 1970
    phase INTEGER NOT NULL,     -- 0 whole, 1 opened, 2 closed
    opening INTEGER NOT NULL,   -- of a closing: the sequence of its opening; otherwise 0
    deed TEXT NOT NULL,
    who TEXT NOT NULL,
    request TEXT NOT NULL,
    facility TEXT NOT NULL,
    subject BLOB NOT NULL,      -- keyed hash of a person or of a business key; empty where there is none
    object TEXT NOT NULL,
    origin TEXT NOT NULL,
    status INTEGER NOT NULL,    -- 0 where there is none
    code TEXT NOT NULL,
    source TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- An opening is closed once. It grows at its end only, so it costs a commit next to nothing.
CREATE UNIQUE INDEX closings ON entries (opening) WHERE phase = 2;
CREATE INDEX configurations ON entries (sequence) WHERE deed = 'configuration.loaded';

-- What the chain was at some moment, signed.
CREATE TABLE heads (
    sequence INTEGER PRIMARY KEY,
    before INTEGER NOT NULL,    -- the sequence of the head before, 0 for the first
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    why TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- Where the log begins after its oldest days were forgotten: the newest row counts.
CREATE TABLE cuts (
    sequence INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- Against slips of the hand; against intent stand the chain and the signatures.
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN
    SELECT raise(ABORT, 'entries of the audit log are never changed');
END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries
WHEN OLD.sequence > (SELECT coalesce(max(sequence), 0) FROM cuts) BEGIN
    SELECT raise(ABORT, 'entries of the audit log are only forgotten before a cut');
END;
CREATE TRIGGER heads_stay BEFORE UPDATE ON heads BEGIN
    SELECT raise(ABORT, 'heads of the audit log are never changed');
END;
CREATE TRIGGER heads_last BEFORE DELETE ON heads
WHEN OLD.sequence >= (SELECT coalesce(max(sequence), 0) FROM cuts) BEGIN
    SELECT raise(ABORT, 'heads of the audit log are only forgotten before a cut');
END;
