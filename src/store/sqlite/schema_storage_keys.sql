-- Which storage keys the rows need, and how far sealing them anew is.

-- A key stands here from before the first row is sealed with it until no row is. So what must be in the key file is known
-- without looking through the rows.
CREATE TABLE storage_keys (
  id INTEGER PRIMARY KEY,        -- as every sealed blob names it
  proof_hash BLOB NOT NULL,      -- only this key gives it
  since INTEGER NOT NULL
) STRICT;

-- The one rotation under way, or the last there was. It goes through the tables in the order of their primary keys; where it
-- is, is written with the rows themselves, so that it goes on after a kill where it was.
CREATE TABLE storage_rotation (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  key INTEGER NOT NULL,          -- no row is to need an older one
  at_table TEXT,                 -- null at the end
  after_1 ANY,                   -- the last row that was looked at, by its primary key
  after_2 ANY,
  looked_at INTEGER NOT NULL DEFAULT 0,
  sealed_anew INTEGER NOT NULL DEFAULT 0,
  unreadable INTEGER NOT NULL DEFAULT 0,  -- rows that do not open: changed on the disk
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((at_table IS NULL) = (ended_at IS NOT NULL))
) STRICT;
