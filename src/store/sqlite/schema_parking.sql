-- A document that takes the whole process down while it is sent is sent again a stated number of times only.

-- Attempts since the last replay that broke off with the process, or with the task that made them.
ALTER TABLE deliveries ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0;
-- Those that broke off before are sent one at a time, so they are looked for apart from the rest.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (kind, next_at, document, destination, facility)
  WHERE state = 'queued' AND interrupted = 0;
CREATE INDEX deliveries_suspect ON deliveries (kind, next_at, document, destination, facility)
  WHERE state = 'queued' AND interrupted > 0;
