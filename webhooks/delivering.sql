-- Delivering: all of it in the one session that holds the lock, so that whoever has lost that can store nothing.

-- name: lock_try
SELECT pg_try_advisory_lock(hashtextextended('plumbline webhooks of ' || current_schema(), 0)) AS taken

-- name: webhooks_read
-- What is to be done for each.
SELECT w.name, w.state, w.rewinds, w.created_at, w.changed_at, w.kind, w.types, w.customers,
       EXISTS (SELECT FROM webhook_dead d WHERE d.webhook = w.name AND d.state = 'waiting') AS waiting
FROM webhook w
ORDER BY w.name

-- name: webhook_read
SELECT w.*, ARRAY(
    SELECT s.secret FROM webhook_secret s WHERE s.webhook = w.name AND (s.ends_at IS NULL OR s.ends_at > now())
    ORDER BY s.ends_at IS NOT NULL, s.created_at DESC, s.secret
) AS secrets
FROM webhook w
WHERE w.name = %(name)s

-- name: events_read
-- The next events of interest up to a position.
SELECT notification_id, originator_id, originator_version, topic, state
FROM event
WHERE notification_id > %(after)s AND notification_id <= %(until)s
  AND (cardinality(%(types)s::text[]) = 0 OR topic = ANY (%(types)s))
  AND (cardinality(%(customers)s::text[]) = 0 OR originator_id = ANY (%(customers)s))
ORDER BY notification_id
LIMIT %(limit)s

-- name: event_read
SELECT notification_id, originator_id, originator_version, topic, state FROM event WHERE notification_id = %(position)s

-- name: places_read
-- How far there is something to send: of events, of notices.
-- Of a close that isn't folded to its end the notices aren't made yet: there one waits.
SELECT head.position AS head, coalesce(notice_place.closing_position - 1, notice_place.position) AS folded
FROM head, notice_place

-- name: heads_read
-- What came after a position, as far as filters look at it.
SELECT notification_id AS position, originator_id AS customer, topic FROM event
WHERE notification_id > %(after)s ORDER BY notification_id LIMIT %(limit)s

-- name: cursor_move
-- Nothing where a person has set the place meanwhile, or made another webhook of this name.
UPDATE webhook
SET position = %(position)s, part = %(part)s, attempts = 0, retry_at = NULL
WHERE name = %(name)s AND rewinds = %(rewinds)s AND created_at = %(created_at)s
RETURNING name

-- name: delivered_store
-- What there is to store of a message that was taken, in one statement: the place, unless a person has set it
-- meanwhile; the attempt; and that it isn't dead any more, where it was.
WITH moved AS (
    UPDATE webhook
    SET position = %(position)s, part = %(part)s, attempts = 0, retry_at = NULL, delivered_at = %(at)s
    WHERE name = %(name)s AND rewinds = %(rewinds)s AND created_at = %(created_at)s
    RETURNING name
), alive AS (
    UPDATE webhook_dead SET state = 'delivered', status = %(status)s, reason = ''
    WHERE webhook = %(name)s AND position = %(position)s AND part = %(part)s AND state <> 'delivered'
), logged AS (
    INSERT INTO webhook_attempt (webhook, position, part, message, attempt, at, outcome, status, latency_ms, reason)
    SELECT name, %(position)s, %(part)s, %(message)s, %(attempt)s, %(at)s, 'delivered', %(status)s, %(latency_ms)s, ''
    FROM webhook WHERE name = %(name)s
)
SELECT name FROM moved

-- name: attempt_failed
UPDATE webhook SET attempts = %(attempts)s, retry_at = %(retry_at)s
WHERE name = %(name)s AND rewinds = %(rewinds)s AND created_at = %(created_at)s AND attempts = %(attempts)s - 1
RETURNING name

-- name: webhook_stop
-- Pausing came first where a person did that meanwhile.
UPDATE webhook SET state = %(state)s, attempts = 0, retry_at = NULL
WHERE name = %(name)s AND rewinds = %(rewinds)s AND created_at = %(created_at)s AND state = 'active'

-- name: attempt_insert
INSERT INTO webhook_attempt (webhook, position, part, message, attempt, at, outcome, status, latency_ms, reason)
SELECT name, %(position)s, %(part)s, %(message)s, %(attempt)s, %(at)s, %(outcome)s, %(status)s, %(latency_ms)s,
       %(reason)s
FROM webhook WHERE name = %(name)s

-- name: attempts_trim
-- All but the newest of a webhook.
DELETE FROM webhook_attempt WHERE webhook = %(name)s AND number <= (
    SELECT number FROM webhook_attempt WHERE webhook = %(name)s ORDER BY number DESC OFFSET %(keep)s LIMIT 1
)

-- name: dead_insert
INSERT INTO webhook_dead (webhook, position, part, message, attempts, status, reason, dead_at, state)
SELECT name, %(position)s, %(part)s, %(message)s, %(attempt)s, %(status)s, %(reason)s, %(at)s, 'dead'
FROM webhook WHERE name = %(name)s
ON CONFLICT (webhook, position, part) DO UPDATE
SET attempts = webhook_dead.attempts + excluded.attempts, status = excluded.status, reason = excluded.reason,
    dead_at = excluded.dead_at, state = 'dead'

-- name: dead_delivered
UPDATE webhook_dead SET state = 'delivered', attempts = %(attempt)s, status = %(status)s, reason = ''
WHERE webhook = %(name)s AND position = %(position)s AND part = %(part)s

-- name: dead_again
-- The attempt that was asked for failed, too.
UPDATE webhook_dead
SET state = 'dead', attempts = %(attempt)s, status = %(status)s, reason = %(reason)s, dead_at = %(at)s
WHERE webhook = %(name)s AND position = %(position)s AND part = %(part)s

-- name: dead_waiting
SELECT position, part, attempts FROM webhook_dead WHERE webhook = %(name)s AND state = 'waiting'
ORDER BY position, part LIMIT %(limit)s

-- name: lag_read
-- How far each is behind, and since when: the moment at which the first event that it has not dealt with was recorded.
SELECT w.name, w.state, greatest(head.position - w.position, 0) AS behind,
       convert_from(e.state, 'utf8')::json ->> 'recorded_at' AS since,
       (SELECT count(*) FROM webhook_dead d WHERE d.webhook = w.name AND d.state <> 'delivered') AS dead
FROM webhook w
CROSS JOIN head
LEFT JOIN event e ON e.notification_id = w.position + 1
ORDER BY w.name
