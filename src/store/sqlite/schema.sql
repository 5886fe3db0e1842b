-- Version 1. Times are milliseconds since 1970 UTC. Columns marked "sealed" hold blobs of the vault, bound to their
-- table and row; columns named *_hash hold keyed hashes. Nothing else here may name a person.

-- Facts about the database itself: 'vault_check' (a keyed hash that only the right keys give), 'clients_version'.
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT;

CREATE TABLE documents (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  facility TEXT NOT NULL,
  kind TEXT NOT NULL,
  client TEXT NOT NULL,
  keys BLOB NOT NULL,            -- sealed JSON array
  parts TEXT NOT NULL,           -- ' XML1 XML3 ', a space on both sides of each, so that one can be looked for
  records INTEGER NOT NULL,
  version INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  size INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  warnings BLOB NOT NULL,        -- sealed JSON array: findings may quote a document
  replace_reason BLOB            -- sealed
) STRICT;
-- The time stands in the index so that a page far back in time is found without reading the rows before it.
CREATE INDEX documents_of_facility ON documents (facility, sequence, received_at);
CREATE INDEX documents_of_kind ON documents (facility, kind, sequence, received_at);
CREATE INDEX documents_by_content ON documents (facility, kind, sha256, sequence);
-- Referrals and appointments are rare among claims; the texts must stand in the query as they stand here.
CREATE INDEX documents_with_referral ON documents (facility, sequence) WHERE instr(parts, ' XML13 ') > 0;
CREATE INDEX documents_with_appointment ON documents (facility, sequence) WHERE instr(parts, ' XML14 ') > 0;

-- The bytes stand apart, so that lists do not wade through them and retention can forget them.
CREATE TABLE bodies (
  document INTEGER PRIMARY KEY REFERENCES documents (sequence),
  body BLOB NOT NULL,            -- sealed
  wire BLOB,                     -- sealed; what is sent, if it differs from the body
  sealing_key INTEGER NOT NULL   -- the vault's key id
) STRICT;
-- To see at the start whether a key is missing, and to find what a rotation has to seal anew.
CREATE INDEX bodies_by_sealing_key ON bodies (sealing_key);

CREATE TABLE document_keys (
  key_hash BLOB NOT NULL,
  facility TEXT NOT NULL,
  kind TEXT NOT NULL,
  sequence INTEGER NOT NULL REFERENCES documents (sequence),
  PRIMARY KEY (key_hash, facility, kind, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX document_keys_of_document ON document_keys (sequence);

CREATE TABLE deliveries (
  document INTEGER NOT NULL REFERENCES documents (sequence),
  destination TEXT NOT NULL,
  facility TEXT NOT NULL,        -- of the document, repeated for the indexes
  kind TEXT NOT NULL,            -- of the document, repeated for the indexes
  state TEXT NOT NULL CHECK (state IN ('held', 'queued', 'sending', 'acknowledged', 'accepted', 'rejected', 'unknown',
                                       'failed', 'cancelled', 'superseded')),
  reason BLOB,                   -- sealed: a person may have written it
  replay_reason BLOB,            -- sealed: why it was last replayed
  next_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  answers_lost INTEGER NOT NULL DEFAULT 0,   -- since the last replay
  system_errors INTEGER NOT NULL DEFAULT 0,  -- since the last replay
  receipt_code TEXT,
  receipt_received_at TEXT,
  waiting_since INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  lease_until INTEGER,
  token INTEGER,                 -- the id of the attempt under way
  PRIMARY KEY (document, destination),
  CHECK ((state = 'queued') = (next_at IS NOT NULL)),
  CHECK ((state = 'sending') = (token IS NOT NULL AND lease_until IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (kind, next_at, document, destination, facility) WHERE state = 'queued';
CREATE INDEX deliveries_next ON deliveries (next_at) WHERE state = 'queued';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_open ON deliveries (state, kind, document)
  WHERE state IN ('held', 'queued', 'sending', 'unknown', 'failed', 'rejected');
CREATE INDEX deliveries_of_facility ON deliveries (facility, state, document);

CREATE TABLE attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the lease's token: never used twice
  document INTEGER NOT NULL,
  destination TEXT NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  doubtful INTEGER NOT NULL DEFAULT 0,   -- the portal may have taken it though no answer says so
  ended_at INTEGER,
  outcome TEXT,
  stage TEXT,
  http_status INTEGER,
  code TEXT,
  note TEXT,
  raw BLOB,                      -- sealed
  UNIQUE (document, destination, number),
  FOREIGN KEY (document, destination) REFERENCES deliveries (document, destination)
) STRICT;

CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  facility TEXT NOT NULL,        -- empty for events about no document
  document INTEGER REFERENCES documents (sequence),
  destination TEXT,
  data TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_facility ON events (facility, sequence);
CREATE INDEX events_of_document ON events (document) WHERE document IS NOT NULL;

CREATE TABLE last_known (
  key_hash BLOB NOT NULL UNIQUE,
  code TEXT NOT NULL,
  raw BLOB NOT NULL,             -- sealed
  answered_at INTEGER NOT NULL
) STRICT;
CREATE INDEX last_known_by_age ON last_known (answered_at);

CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  prefix TEXT NOT NULL,
  scopes TEXT NOT NULL,          -- JSON array
  facilities TEXT NOT NULL,      -- JSON array
  requests_per_minute INTEGER NOT NULL,
  addresses TEXT NOT NULL,       -- JSON array
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;

-- Callers' Idempotency-Key headers; hashed, because callers put record numbers into them.
CREATE TABLE idempotency (
  key_hash BLOB PRIMARY KEY,
  sha256 BLOB NOT NULL,
  document INTEGER NOT NULL REFERENCES documents (sequence),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX idempotency_of_document ON idempotency (document);

INSERT INTO meta (name, value) VALUES ('clients_version', 0);
