-- The queries of the log. All are relative to the ledger's schema, which the connection has as its search_path.

-- name: session_configure
-- Once per connection. Takes the application's role where the login may; a login that may not keeps its own rights,
-- and the triggers hold for it all the same.
SELECT set_config('search_path', quote_ident(%(schema)s) || ', pg_temp', false),
       set_config('idle_in_transaction_session_timeout', %(idle_in_transaction_ms)s, false),
       (SELECT set_config('role', rolname, false)
        FROM pg_roles WHERE rolname = 'plumbline_app' AND pg_has_role(oid, 'SET'))

-- name: append
-- The one way in; see the function in migrations/schema.sql. Binary parallel arrays: one round trip for a whole batch.
SELECT * FROM log_append(
    %b::text[], %b::bigint[], %b::text[], %b::bytea[],
    %b::bigint,
    %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::bigint[],
    %b::uuid[], %b::integer[], %b::bytea[], %b::bigint[]
)

-- name: select_range
-- Events after a position, in order; the index on the position serves it.
SELECT notification_id, originator_id, originator_version, topic, state
FROM event
WHERE notification_id > %b AND notification_id <= %b
ORDER BY notification_id
LIMIT %b

-- name: select_stream_back
-- The events of a stream before a version, the last first; the primary key serves it.
SELECT originator_version, topic, state
FROM event
WHERE originator_id = %b AND originator_version < %b
ORDER BY originator_version DESC
LIMIT %b

-- name: select_answers
-- Stored answers for (client, key) pairs, oldest first.
SELECT a.client, a.key, a.request_sha256, a.body, a.position
FROM (SELECT DISTINCT * FROM unnest(%b::text[], %b::text[]) AS pair (client, key)) AS given
JOIN answer a USING (client, key)
ORDER BY a.position, a.client, a.key

-- name: select_facts
-- All stored versions of facts, by key and version.
SELECT f.key, f.version, f.content_sha256, f.position
FROM (SELECT DISTINCT key FROM unnest(%b::uuid[]) AS given (key)) AS given
JOIN fact f USING (key)
ORDER BY f.key, f.version

-- name: position_head
-- The position of the last event; 0 while there is none.
SELECT position FROM head

-- name: ledger_exists
-- Whether the connection's schema holds a log.
SELECT to_regclass('head') IS NOT NULL AND to_regclass('event') IS NOT NULL

-- name: connections
-- How many connections the server takes, how many of them are not for everybody, and how many are taken, by whomever.
SELECT current_setting('max_connections')::integer,
       current_setting('superuser_reserved_connections')::integer
       + coalesce(current_setting('reserved_connections', true), '0')::integer,
       (SELECT coalesce(sum(numbackends), 0)::integer FROM pg_stat_database)

-- name: ledger_schemas
-- Every schema of this database that holds a log.
SELECT n.nspname
FROM pg_namespace n
JOIN pg_class c ON c.relnamespace = n.oid
WHERE c.relkind = 'r' AND c.relname IN ('migration', 'event', 'head', 'answer', 'fact')
GROUP BY n.nspname
HAVING count(*) = 5
ORDER BY n.nspname

-- name: schema_lock
-- Migrations of one schema take turns; the lock goes with the connection.
SELECT pg_advisory_lock(hashtextextended('plumbline migration of ' || %(schema)s, 0))

-- name: schema_exists
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s)

-- name: search_path_set
-- pg_temp last, so that no temporary table can stand in for one of the ledger's. For the current transaction.
SELECT set_config('search_path', quote_ident(%(schema)s) || ', pg_temp', true)

-- name: migrations_exist
-- Whether the schema keeps a record of migrations.
SELECT to_regclass('migration') IS NOT NULL

-- name: migrations_recorded
SELECT number, name, sha256 FROM migration ORDER BY number

-- name: migration_record
INSERT INTO migration (number, name, sha256) VALUES (%(number)s, %(name)s, %(sha256)s)

-- name: lease_try
-- The writer's lease: an advisory lock of the session, keyed by the schema (and, as all such locks, by the database).
SELECT pg_try_advisory_lock(hashtextextended('plumbline writer of ' || %(schema)s, 0))

-- name: lease_wait
SELECT pg_advisory_lock(hashtextextended('plumbline writer of ' || %(schema)s, 0))

-- name: lease_release
SELECT pg_advisory_unlock(hashtextextended('plumbline writer of ' || %(schema)s, 0))

-- name: lease_session_configure
-- A server that finds out within seconds that the holder's machine is gone frees the lease within seconds. (Of no
-- effect on a Unix socket, which closes with its process.)
SELECT set_config('lock_timeout', %(lock_timeout_ms)s, false),
       set_config('idle_session_timeout', '0', false),
       set_config('tcp_keepalives_idle', %(keepalives_idle_seconds)s, false),
       set_config('tcp_keepalives_interval', %(keepalives_interval_seconds)s, false),
       set_config('tcp_keepalives_count', %(keepalives_count)s, false),
       set_config('tcp_user_timeout', %(unacknowledged_ms)s, false)

-- name: lease_mine
-- Whether this very session holds the lease.
SELECT EXISTS (
    SELECT FROM pg_locks l, hashtextextended('plumbline writer of ' || %(schema)s, 0) AS k (key)
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid = pg_backend_pid() AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295
)

-- name: lease_holder
-- Who holds the lease and since when it has been connected.
SELECT s.application_name, s.backend_start
FROM pg_locks l
JOIN pg_stat_activity s USING (pid),
     hashtextextended('plumbline writer of ' || %(schema)s, 0) AS k (key)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295
