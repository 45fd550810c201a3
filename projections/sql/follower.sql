-- How far each view has followed, and building one anew.

-- name: view_ensure
INSERT INTO view (name, position, status) VALUES (%(name)s, 0, 'running') ON CONFLICT DO NOTHING

-- name: view_positions
SELECT name, position, status, error, updated_at FROM view ORDER BY name

-- name: views_status
SELECT v.name, v.position, greatest(h.position - v.position, 0), v.status, v.error, v.updated_at
FROM view v CROSS JOIN head h
ORDER BY v.name

-- name: view_lock
-- Whoever holds the row may move the view on; the position says whether another did meanwhile.
SELECT position FROM view WHERE name = %(name)s FOR UPDATE

-- name: view_moved
UPDATE view SET position = %(position)s, status = 'running', error = NULL, updated_at = clock_timestamp()
WHERE name = %(name)s

-- name: view_failed
UPDATE view SET status = 'failed', error = %(error)s, updated_at = clock_timestamp() WHERE name = %(name)s

-- name: view_status
SELECT v.position, v.status, v.error, (SELECT h.position FROM head h)
FROM (SELECT) AS one LEFT JOIN view v ON v.name = %(name)s

-- name: shadow_create
SELECT view_shadow_create(%(name)s)

-- name: shadow_use
-- For the current transaction: the view's tables are those of the schema beside, all else the ledger's.
SELECT set_config('search_path', quote_ident(%(shadow)s) || ', ' || quote_ident(%(schema)s) || ', pg_temp', true)

-- name: shadow_swap
SELECT view_shadow_swap(%(name)s)
