-- Where events are sent by themselves. An endpoint reads the table of events by its cursor; only what is on its way to it, or
-- was lately, has a row of its own.
CREATE TABLE webhook_endpoints (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  client TEXT NOT NULL,
  details BLOB NOT NULL,         -- sealed JSON: address and name; an address may hold a secret
  kinds TEXT NOT NULL,           -- JSON array; empty: every kind of event
  secret BLOB NOT NULL,          -- sealed
  old_secret BLOB,               -- sealed: the one before, which signs beside the new one for a while
  old_secret_until INTEGER,
  state TEXT NOT NULL CHECK (state IN ('on', 'off', 'disabled')),
  reason TEXT,                   -- of 'disabled'
  cursor INTEGER NOT NULL,       -- every event up to this one was looked at for it
  failures INTEGER NOT NULL DEFAULT 0,  -- in a row
  failing_since INTEGER,
  rest_until INTEGER,            -- until then nothing is tried
  last_success_at INTEGER,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
) STRICT;
CREATE INDEX webhook_endpoints_of_client ON webhook_endpoints (client, sequence);

-- No foreign key to events: one that retention has forgotten is simply not sent.
CREATE TABLE webhook_deliveries (
  endpoint INTEGER NOT NULL REFERENCES webhook_endpoints (sequence),
  event INTEGER NOT NULL,
  line TEXT NOT NULL,            -- what is sent in order: one document, or one family of events
  state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  tries INTEGER NOT NULL DEFAULT 0,
  queued_at INTEGER NOT NULL,
  next_at INTEGER,
  last_at INTEGER,
  http_status INTEGER,
  fault TEXT,
  ended_at INTEGER,
  PRIMARY KEY (endpoint, event),
  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  CHECK ((state = 'waiting') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, next_at, event) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_line ON webhook_deliveries (endpoint, line, event) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
