-- Version 2: hospital systems that speak the portal's own language, and questions left open by an outage.

-- The user name a client of the façade signs in with; null for clients with a key.
ALTER TABLE clients ADD COLUMN facade_user TEXT;

-- A question the desk got no fresh answer to, to be asked again when the portal is back.
CREATE TABLE tickets (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  key_hash BLOB NOT NULL,        -- the question's
  facility TEXT NOT NULL,
  asked BLOB NOT NULL,           -- sealed JSON: the question, the officer, the visit, and what the desk was told
  state TEXT NOT NULL CHECK (state IN ('waiting', 'answered', 'given_up')),
  created_at INTEGER NOT NULL,
  next_at INTEGER,
  tries INTEGER NOT NULL DEFAULT 0,
  ended_at INTEGER,
  answer BLOB,                   -- sealed JSON: the portal's answer, and how it differs from what the desk was told
  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  CHECK ((state = 'waiting') = (ended_at IS NULL))
) STRICT;
-- Ten desks that ask about one patient wait for one answer.
CREATE UNIQUE INDEX tickets_waiting ON tickets (key_hash) WHERE state = 'waiting';
CREATE INDEX tickets_due ON tickets (next_at, sequence) WHERE state = 'waiting';
-- For the list of one facility, newest first.
CREATE INDEX tickets_of_facility ON tickets (facility, sequence);
CREATE INDEX tickets_by_end ON tickets (ended_at) WHERE ended_at IS NOT NULL;
