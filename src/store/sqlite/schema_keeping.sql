-- Keeping and forgetting.

-- When the bytes of the document, the portal's raw answers and the warnings were forgotten; the rest stays for years.
ALTER TABLE documents ADD COLUMN forgotten_at INTEGER;

-- 0 once forgotten, and while a legal hold is on the document: what retention need not look at.
ALTER TABLE deliveries ADD COLUMN forgettable INTEGER NOT NULL DEFAULT 1;
-- The portal may have it though no attempt says so: the folder was restored from a backup made before.
ALTER TABLE deliveries ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_to_forget ON deliveries (kind, state, changed_at, document) WHERE forgettable = 1
  AND state IN ('acknowledged', 'accepted', 'rejected', 'unknown', 'failed', 'cancelled', 'superseded');

-- Documents that must not be forgotten. A hold that was lifted stays on record as long as its document does.
CREATE TABLE legal_holds (
  id TEXT PRIMARY KEY,
  document INTEGER NOT NULL REFERENCES documents (sequence),
  set_at INTEGER NOT NULL,
  set_by TEXT NOT NULL,          -- the client
  set_reason BLOB NOT NULL,      -- sealed
  lifted_at INTEGER,
  lifted_by TEXT,
  lifted_reason BLOB,            -- sealed
  CHECK ((lifted_at IS NULL) = (lifted_reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX legal_holds_open ON legal_holds (document) WHERE lifted_at IS NULL;
CREATE INDEX legal_holds_of_document ON legal_holds (document);

-- How much room the disk had, an hour apart, for the forecast.
CREATE TABLE space (
  at INTEGER PRIMARY KEY,
  free_bytes INTEGER NOT NULL,
  kept_bytes INTEGER NOT NULL
) STRICT;
