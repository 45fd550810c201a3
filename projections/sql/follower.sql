-- How far each view has followed, and building one anew.

-- name: view_ensure
INSERT INTO view (name, position, status) VALUES (%(name)s, 0, 'running') ON CONFLICT DO NOTHING

-- name: views_status
SELECT v.name, v.position, greatest(h.position - v.position, 0), v.status, v.error, v.updated_at
FROM view v CROSS JOIN head h
ORDER BY v.name

-- name: view_lock
-- Whoever holds the row may move the view on; the position says whether another did meanwhile. The commit need not wait
-- for the disk either.
SELECT position, set_config('synchronous_commit', 'off', true) FROM view WHERE name = %(name)s FOR UPDATE

-- name: follow_lock
-- A follower's sign of life: an advisory lock of its session, which all who follow the ledger share and which ends with
-- the connection. Nobody takes it alone, so that nobody waits for it.
SELECT pg_advisory_lock_shared(hashtextextended('plumbline follows ' || current_schema(), 0))

-- name: follow_release
SELECT pg_advisory_unlock_shared(hashtextextended('plumbline follows ' || current_schema(), 0))

-- name: views_followed
-- Whether any session holds that lock.
SELECT EXISTS (
    SELECT FROM pg_locks l, hashtextextended('plumbline follows ' || current_schema(), 0) AS k (key)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295
)

-- name: views_lag
-- Where views stand, those that were never followed at 0, as one moment sees it, each with the first event that it has
-- not seen.
SELECT given.name, coalesce(v.position, 0), greatest(h.position - coalesce(v.position, 0), 0), coalesce(v.status, 'running'),
       v.error, coalesce(v.updated_at, clock_timestamp()), e.topic, e.state
FROM unnest(%(names)s::text[]) AS given (name)
CROSS JOIN head h
LEFT JOIN view v ON v.name = given.name
LEFT JOIN event e ON e.notification_id = coalesce(v.position, 0) + 1
ORDER BY given.name

-- name: events_of_topics
-- Events of some names in a range of positions, in order; the index on the position serves it.
SELECT notification_id, originator_id, originator_version, topic, state
FROM event
WHERE notification_id > %(after)s::bigint AND notification_id <= %(last)s::bigint AND topic = ANY (%(topics)s::text[])
ORDER BY notification_id

-- name: view_moved
UPDATE view SET position = %(position)s, status = 'running', error = NULL, updated_at = clock_timestamp()
WHERE name = %(name)s

-- name: views_moved_on
-- Move views on that stand at a position, and hold their rows until the transaction ends; who they are. Left out are those
-- that stand elsewhere, or that another has just now. The commit need not wait for the disk: the position is in it, so
-- what a crash takes with it is followed again from where the table stands.
UPDATE view SET position = %(position)s, status = 'running', error = NULL, updated_at = clock_timestamp()
FROM (
    SELECT name FROM view WHERE name = ANY (%(names)s::text[]) AND position = %(before)s FOR UPDATE SKIP LOCKED
) AS standing
WHERE view.name = standing.name AND set_config('synchronous_commit', 'off', true) IS NOT NULL
RETURNING view.name

-- name: view_failed
UPDATE view SET status = 'failed', error = %(error)s, updated_at = clock_timestamp() WHERE name = %(name)s

-- name: views_failed
SELECT name FROM view WHERE name = ANY (%(names)s) AND status = 'failed'

-- name: views_places
-- Where some views stand, those that were never followed at 0, and where the log ends.
SELECT given.name, coalesce(v.position, 0), v.status, v.error, h.position
FROM unnest(%(names)s::text[]) AS given (name) CROSS JOIN head h LEFT JOIN view v ON v.name = given.name

-- name: shadow_create
SELECT view_shadow_create(%(name)s)

-- name: shadow_use
-- For the current transaction: the view's tables are those of the schema beside, all else the ledger's.
-- What a crash takes of them is lost with the rebuild, which begins again.
SELECT set_config('search_path', quote_ident(%(shadow)s) || ', ' || quote_ident(%(schema)s) || ', pg_temp', true),
       set_config('synchronous_commit', 'off', true)

-- name: shadow_swap
SELECT view_shadow_swap(%(name)s)

-- name: view_tables
-- Which tables the names of a view's tables mean where they are asked for, by name; 0 where one means none.
SELECT array_agg(coalesce(to_regclass(quote_ident(t.name))::oid::bigint, 0) ORDER BY t.name)
FROM view_table t WHERE t.view = %(name)s

-- name: rebuild_try
-- An advisory lock of the session, keyed by schema and view: whoever holds it is the only one to rebuild the view.
SELECT pg_try_advisory_lock(hashtextextended('plumbline rebuild of ' || %(name)s || ' in ' || %(schema)s, 0))

-- name: rebuild_release
SELECT pg_advisory_unlock(hashtextextended('plumbline rebuild of ' || %(name)s || ' in ' || %(schema)s, 0))

-- name: rebuild_runs
-- Whether any session holds that lock.
SELECT EXISTS (
    SELECT FROM pg_locks l, hashtextextended('plumbline rebuild of ' || %(name)s || ' in ' || %(schema)s, 0) AS k (key)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295
)
