-- The queries of the quarantine. All are relative to the ledger's schema, which the connection has as its search_path.

-- name: put_many
-- Rows not kept yet; one that is kept, open or resolved, stays as it is. NOT EXISTS spares the ids that ON CONFLICT
-- alone would use up, ON CONFLICT settles two importers at the same moment.
INSERT INTO quarantine
    (source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor, recorded_at)
SELECT first.source, first.row_sha256, first.file, first.row, first.field, first.reason, first.raw::jsonb,
       first.mapping, first.mapping_sha256, first.actor, %(recorded_at)s
FROM (
    SELECT DISTINCT ON (given.source, given.row_sha256) given.*
    FROM unnest(
        %(source)s::text[], %(row_sha256)s::bytea[], %(file)s::text[], %(row)s::bigint[], %(field)s::text[],
        %(reason)s::text[], %(raw)s::text[], %(mapping)s::text[], %(mapping_sha256)s::bytea[], %(actor)s::text[]
    ) WITH ORDINALITY AS given
        (source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor, ordinality)
    ORDER BY given.source, given.row_sha256, given.ordinality
) AS first
WHERE NOT EXISTS (
    SELECT FROM quarantine q WHERE q.source = first.source AND q.row_sha256 = first.row_sha256
)
ORDER BY first.ordinality
ON CONFLICT (source, row_sha256) DO NOTHING

-- name: list
-- A list by id.
SELECT id, source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor, recorded_at,
       resolved_at, resolution
FROM quarantine
WHERE NOT %(open_only)s OR resolved_at IS NULL

-- name: select
-- Rows by id, open or resolved.
SELECT id, source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor, recorded_at,
       resolved_at, resolution
FROM quarantine
WHERE id = ANY (%(ids)s::bigint[])
ORDER BY id

-- name: mapping_keep
INSERT INTO mapping_document (sha256, document) VALUES (%(sha256)s, %(document)s) ON CONFLICT (sha256) DO NOTHING

-- name: mapping_find
SELECT document::text FROM mapping_document WHERE sha256 = %(sha256)s

-- name: count_open
SELECT count(*) FROM quarantine WHERE resolved_at IS NULL

-- name: resolve
-- What is resolved gives up its cells; by its digest the same row is known again.
UPDATE quarantine q
SET resolved_at = %(resolved_at)s, resolution = given.resolution, raw = '{}'
FROM unnest(%(ids)s::bigint[], %(resolutions)s::text[]) AS given (id, resolution)
WHERE q.id = given.id AND q.resolved_at IS NULL

-- name: purge
-- Of rows named by their ids the cells and the digest; open ones are resolved by that.
UPDATE quarantine
SET raw = '{}', row_sha256 = NULL, resolved_at = coalesce(resolved_at, %(resolved_at)s),
    resolution = coalesce(resolution, %(resolution)s)
WHERE id = ANY (%(ids)s::bigint[]) AND row_sha256 IS NOT NULL
RETURNING id

-- name: purge_open
-- The same of rows that have been open since before a moment; of the first so many of them, all where that is null.
UPDATE quarantine
SET raw = '{}', row_sha256 = NULL, resolved_at = %(resolved_at)s, resolution = %(resolution)s
WHERE resolved_at IS NULL AND id = ANY (ARRAY(
    SELECT id FROM quarantine WHERE resolved_at IS NULL AND recorded_at < %(before)s ORDER BY id LIMIT %(rows_max)s
))
RETURNING id

-- name: reason_renew
-- A row tried again and refused again says why by the mapping of today.
UPDATE quarantine q
SET field = given.field, reason = given.reason, mapping_sha256 = given.mapping_sha256
FROM unnest(%(ids)s::bigint[], %(fields)s::text[], %(reasons)s::text[], %(mapping_sha256)s::bytea[])
    AS given (id, field, reason, mapping_sha256)
WHERE q.id = given.id AND q.resolved_at IS NULL
