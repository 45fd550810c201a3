-- Keys of the API and the signing key, in the schema "plumbline", which the connection has as its search_path.

-- name: key_insert
INSERT INTO api_key (id, secret_sha256, actor, role, ledgers, customer, staff, created_by, expires_at)
VALUES (%(id)s, %(secret_sha256)s, %(actor)s, %(role)s, %(ledgers)s, %(customer)s, %(staff)s, %(created_by)s,
        %(expires_at)s)
RETURNING id, actor, role, ledgers, customer, staff, created_at, created_by, expires_at, revoked_at, last_used_at

-- name: keys_first_lock
-- Of several that look whether there is a key, one after the other does.
SELECT pg_advisory_xact_lock(hashtext('plumbline first key'))

-- name: key_insert_first
-- The admin's key of a database that has none.
INSERT INTO api_key (id, secret_sha256, actor, role, created_by)
SELECT %(id)s, %(secret_sha256)s, %(actor)s, 'admin', %(actor)s
WHERE NOT EXISTS (SELECT FROM api_key)
RETURNING id, actor, role, ledgers, customer, staff, created_at, created_by, expires_at, revoked_at, last_used_at

-- name: keys_list
-- A list by id.
SELECT id, actor, role, ledgers, customer, staff, created_at, created_by, expires_at, revoked_at, last_used_at
FROM api_key

-- name: key_record
SELECT id, actor, role, ledgers, customer, staff, created_at, created_by, expires_at, revoked_at, last_used_at
FROM api_key
WHERE id = %(id)s

-- name: key_revoke
-- The first revocation stands.
UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
WHERE id = %(id)s
RETURNING id, actor, role, ledgers, customer, staff, created_at, created_by, expires_at, revoked_at, last_used_at

-- name: key_find
-- A key that is good at this moment.
SELECT id, actor, role, ledgers, customer, staff
FROM api_key
WHERE secret_sha256 = %(secret_sha256)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- name: keys_used
UPDATE api_key SET last_used_at = greatest(last_used_at, used.at)
FROM unnest(%(ids)s::text[], %(times)s::timestamptz[]) AS used (id, at)
WHERE api_key.id = used.id

-- name: signing_key_insert
INSERT INTO signing_key (name, value) VALUES ('cursor', %(value)s) ON CONFLICT DO NOTHING

-- name: signing_key_find
SELECT value FROM signing_key WHERE name = 'cursor'
