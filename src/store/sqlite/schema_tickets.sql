-- Tickets belong to the client that asked: what the portal said in the end goes to who knew name and birth date, and not to
-- every program of the facility. Those opened before are nobody's; they are forgotten within the week.
ALTER TABLE tickets ADD COLUMN client TEXT NOT NULL DEFAULT '';
DROP INDEX tickets_of_facility;
-- For the list of one client, newest first.
CREATE INDEX tickets_of_client ON tickets (client, facility, sequence);
