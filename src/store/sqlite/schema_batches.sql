-- Lists of questions about cards that nobody waits for: many rows, asked behind the people at the desks.

CREATE TABLE batches (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  client TEXT NOT NULL,
  facility TEXT NOT NULL,
  name BLOB NOT NULL,            -- sealed
  details BLOB NOT NULL,         -- sealed JSON: the officer, the visit
  -- While it is 'making' its rows come in piece by piece, and nobody sees it.
  state TEXT NOT NULL CHECK (state IN ('making', 'waiting', 'running', 'paused', 'done', 'cancelled')),
  reason TEXT,
  total INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  start_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  key_hash BLOB,                 -- of the caller's Idempotency-Key
  sha256 BLOB NOT NULL,          -- of the request
  CHECK ((state IN ('done', 'cancelled')) = (ended_at IS NOT NULL))
) STRICT;
CREATE INDEX batches_of_facility ON batches (facility, sequence);
CREATE INDEX batches_open ON batches (state, start_at) WHERE ended_at IS NULL;
CREATE INDEX batches_open_of_client ON batches (client) WHERE ended_at IS NULL;
CREATE INDEX batches_by_end ON batches (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX batches_by_key ON batches (key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE batch_rows (
  batch INTEGER NOT NULL REFERENCES batches (sequence),
  number INTEGER NOT NULL,       -- the row in the caller's own list
  state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
  conclusion TEXT,               -- of those that are done
  code TEXT,                     -- the portal's of those that are done; else why it failed last
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER,
  question BLOB NOT NULL,        -- sealed JSON
  answer BLOB,                   -- sealed JSON
  PRIMARY KEY (batch, number),
  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  CHECK ((state = 'done') = (conclusion IS NOT NULL))
) STRICT;
CREATE INDEX batch_rows_due ON batch_rows (batch, next_at, number) WHERE state = 'waiting';
CREATE INDEX batch_rows_counted ON batch_rows (batch, state, conclusion);
