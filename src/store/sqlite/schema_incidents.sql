-- What is wrong and needs a person: one row from its beginning to its end, however often it is met in between.
CREATE TABLE incidents (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,         -- a service, a facility, an endpoint: nothing that names a person
  facility TEXT NOT NULL,        -- who may see it; empty: everybody
  client TEXT NOT NULL,          -- who alone may see it; empty: everybody of the facility
  count INTEGER NOT NULL,
  count_max INTEGER NOT NULL,
  oldest_at INTEGER,
  opened_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  closed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX incidents_open ON incidents (kind, subject) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_end ON incidents (closed_at) WHERE closed_at IS NOT NULL;
-- For lists, newest first.
CREATE INDEX incidents_of_facility ON incidents (facility, sequence);
