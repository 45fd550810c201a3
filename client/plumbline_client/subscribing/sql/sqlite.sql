-- How far subscriptions are, in the consumer's own database.

-- name: create
CREATE TABLE IF NOT EXISTS plumbline_position (
    subscription TEXT NOT NULL,
    ledger       TEXT NOT NULL,
    position     INTEGER NOT NULL,  -- every event followed up to here has taken effect
    durable      TEXT NOT NULL,     -- which durable consumer that was said of, and up to which of its deliveries
    follows      TEXT NOT NULL,     -- the subjects that were followed
    PRIMARY KEY (subscription, ledger)
) STRICT;

-- name: begin
INSERT INTO plumbline_position (subscription, ledger, position, durable, follows)
VALUES (:subscription, :ledger, :position, '', :follows)
ON CONFLICT DO NOTHING;

-- name: read
SELECT position, durable, follows FROM plumbline_position
WHERE subscription = :subscription AND ledger = :ledger;

-- name: move
-- No row where somebody else has moved it.
UPDATE plumbline_position SET position = :position, durable = :durable
WHERE subscription = :subscription AND ledger = :ledger AND position = :before;
