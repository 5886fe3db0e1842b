-- The directory of officers: who a member of the staff is to the portal. Who somebody is, is sealed, and found by the
-- keyed hash of facility and staff id.
CREATE TABLE officers (
  key_hash BLOB PRIMARY KEY,
  facility TEXT NOT NULL,        -- empty: all
  is_default INTEGER NOT NULL,   -- signs where the caller names nobody
  sealed BLOB NOT NULL,          -- JSON array: staff id, name, national ID
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX officers_default ON officers (facility) WHERE is_default = 1;

INSERT INTO meta (name, value) VALUES ('officers_version', 0);
