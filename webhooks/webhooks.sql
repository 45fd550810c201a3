-- Webhooks as resources: what people do with them.

-- name: webhook_insert
-- No row where there is one of this name. Without a position it begins with what comes next.
INSERT INTO webhook (
    name, kind, url, types, customers, batch, consent, on_dead, attempts_max, state, position, part, created_by,
    changed_by
)
SELECT %(name)s, %(kind)s, %(url)s, %(types)s::text[], %(customers)s::text[], %(batch)s, %(consent)s, %(on_dead)s,
       %(attempts_max)s, 'active', coalesce(%(position)s::bigint, head.position), %(part)s, %(actor)s, %(actor)s
FROM head
ON CONFLICT (name) DO NOTHING
RETURNING name

-- name: webhooks_count
SELECT count(*) AS count FROM webhook

-- name: webhooks_lock
-- Webhooks are made one after another, so that nobody counts while another inserts.
SELECT pg_advisory_xact_lock(hashtextextended('plumbline webhooks made in ' || current_schema(), 0))

-- name: webhook_find
SELECT w.*, head.position AS head,
       (SELECT count(*) FROM webhook_dead d WHERE d.webhook = w.name AND d.state <> 'delivered') AS dead,
       (SELECT max(s.ends_at) FROM webhook_secret s WHERE s.webhook = w.name AND s.ends_at > now()) AS secret_old_until
FROM webhook w, head
WHERE w.name = %(name)s

-- name: webhooks_list
-- A list by name.
SELECT w.*, head.position AS head,
       (SELECT count(*) FROM webhook_dead d WHERE d.webhook = w.name AND d.state <> 'delivered') AS dead,
       (SELECT max(s.ends_at) FROM webhook_secret s WHERE s.webhook = w.name AND s.ends_at > now()) AS secret_old_until
FROM webhook w, head

-- name: webhook_change
UPDATE webhook
SET url = %(url)s, types = %(types)s::text[], customers = %(customers)s::text[], batch = %(batch)s,
    consent = %(consent)s, on_dead = %(on_dead)s, attempts_max = %(attempts_max)s, changed_at = now(),
    changed_by = %(actor)s
WHERE name = %(name)s

-- name: webhook_lock
SELECT FROM webhook WHERE name = %(name)s FOR UPDATE

-- name: webhook_pause
UPDATE webhook SET state = 'paused', changed_at = now(), changed_by = %(actor)s
WHERE name = %(name)s AND state <> 'paused'

-- name: webhook_resume
-- The message that failed is tried at once, with all its attempts.
UPDATE webhook SET state = 'active', attempts = 0, retry_at = NULL, changed_at = now(), changed_by = %(actor)s
WHERE name = %(name)s

-- name: webhook_rewind
UPDATE webhook
SET position = %(position)s, part = %(part)s, rewinds = rewinds + 1, attempts = 0, retry_at = NULL, changed_at = now(),
    changed_by = %(actor)s
WHERE name = %(name)s

-- name: webhook_delete
DELETE FROM webhook WHERE name = %(name)s RETURNING name

-- name: secret_insert
INSERT INTO webhook_secret (webhook, secret) VALUES (%(name)s, %(secret)s)

-- name: secrets_end
-- The present one signs beside the new one for a time; one that would end later anyway ends then, too.
UPDATE webhook_secret SET ends_at = now() + make_interval(hours => %(hours)s)
WHERE webhook = %(name)s AND (ends_at IS NULL OR ends_at > now() + make_interval(hours => %(hours)s))

-- name: secrets_forget
-- Those that have ended, and all but the newest few.
DELETE FROM webhook_secret
WHERE webhook = %(name)s AND ends_at IS NOT NULL AND (
    ends_at <= now() OR secret NOT IN (
        SELECT secret FROM webhook_secret WHERE webhook = %(name)s ORDER BY created_at DESC LIMIT %(keep)s
    )
)

-- name: webhook_changed
UPDATE webhook SET changed_at = now(), changed_by = %(actor)s WHERE name = %(name)s

-- name: secrets_read
-- The newest first.
SELECT secret FROM webhook_secret
WHERE webhook = %(name)s AND (ends_at IS NULL OR ends_at > now())
ORDER BY ends_at IS NOT NULL, created_at DESC, secret

-- name: attempts_list
-- A list by number, downwards.
SELECT number, position, part, message, attempt, at, outcome, status, latency_ms, reason
FROM webhook_attempt WHERE webhook = %(name)s

-- name: dead_list
-- A list by position, part.
SELECT position, part, message, attempts, status, reason, dead_at, state
FROM webhook_dead WHERE webhook = %(name)s AND (%(all)s OR state <> 'delivered')

-- name: dead_find
SELECT position, part, message, attempts, status, reason, dead_at, state
FROM webhook_dead WHERE webhook = %(name)s AND position = %(position)s AND part = %(part)s

-- name: dead_retry
UPDATE webhook_dead SET state = 'waiting'
WHERE webhook = %(name)s AND position = %(position)s AND part = %(part)s AND state = 'dead'

-- name: head
SELECT position FROM head

-- name: customers_unknown
-- Those of some customers that the log has nothing of; its primary key serves it.
SELECT given.customer FROM unnest(%(customers)s::text[]) AS given (customer)
WHERE NOT EXISTS (SELECT FROM event WHERE originator_id = given.customer)
