-- How far subscriptions are, in the consumer's own database.

-- name: create
CREATE TABLE IF NOT EXISTS plumbline_position (
    subscription text NOT NULL,
    ledger       text NOT NULL,
    position     bigint NOT NULL,   -- every event followed up to here has taken effect
    durable      text NOT NULL,     -- which durable consumer that was said of, and up to which of its deliveries
    follows      text NOT NULL,     -- the subjects that were followed
    PRIMARY KEY (subscription, ledger)
);

-- name: present
-- Whether the table is there: a user that may not create tables needs nothing more then.
SELECT to_regclass('plumbline_position') IS NOT NULL;

-- name: claim
-- Held by the session: whoever dies lets it go, and whoever stands by may take it.
SELECT pg_try_advisory_lock(hashtextextended('plumbline_position ' || current_schema || ' ' || %(ledger)s || ' ' || %(subscription)s, 0));

-- name: begin
INSERT INTO plumbline_position (subscription, ledger, position, durable, follows)
VALUES (%(subscription)s, %(ledger)s, %(position)s, '', %(follows)s)
ON CONFLICT DO NOTHING;

-- name: read
SELECT position, durable, follows FROM plumbline_position
WHERE subscription = %(subscription)s AND ledger = %(ledger)s;

-- name: move
-- No row where somebody else has moved it.
UPDATE plumbline_position SET position = %(position)s, durable = %(durable)s
WHERE subscription = %(subscription)s AND ledger = %(ledger)s AND position = %(before)s;
