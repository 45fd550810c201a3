-- Jobs of one ledger.

-- name: job_insert
-- No row where one is there under the same key.
INSERT INTO job (id, kind, state, request, created_by, client, key, request_sha256)
VALUES (
    %(id)s, %(kind)s, 'queued', %(request)s, %(created_by)s, %(client)s, %(key)s, %(request_sha256)s
)
ON CONFLICT (client, key) DO NOTHING
RETURNING id

-- name: job_of_key
SELECT id, request_sha256 FROM job WHERE client = %(client)s AND key = %(key)s

-- name: job_find
SELECT id, kind, state, request, created_by, created_at, started_at, finished_at, beat_at, progress_done, progress_of,
       cancelling, result, error, now() - beat_at AS silent
FROM job WHERE id = %(id)s AND kind = %(kind)s

-- name: jobs_list
-- A list by created_at, id, downwards.
SELECT id, kind, state, request, created_by, created_at, started_at, finished_at, beat_at, progress_done, progress_of,
       cancelling, result, error, now() - beat_at AS silent
FROM job
WHERE kind = %(kind)s

-- name: job_start
-- Only what still waits, and was not cancelled meanwhile.
UPDATE job SET state = 'running', started_at = now(), beat_at = now() WHERE id = %(id)s AND state = 'queued' RETURNING id

-- name: job_beat
UPDATE job SET beat_at = now(), progress_done = %(done)s, progress_of = %(of)s
WHERE id = %(id)s AND state IN ('queued', 'running')
RETURNING cancelling

-- name: job_finish
-- No row where it has ended already.
UPDATE job SET state = %(state)s, finished_at = now(), beat_at = now(), result = %(result)s, error = %(error)s
WHERE id = %(id)s AND state IN ('queued', 'running')
RETURNING id

-- name: job_cancel
UPDATE job
SET cancelling = true, state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN state = 'queued' THEN now() ELSE finished_at END
WHERE id = %(id)s AND kind = %(kind)s

-- name: job_rows_copy
COPY job_row (job, list, number, row) FROM STDIN

-- name: job_rows
-- A list by number.
SELECT number, row FROM job_row WHERE job = %(job)s AND list = %(list)s

-- name: jobs_trim
-- Finished ones beyond the newest of a kind, and those whose process is long gone.
DELETE FROM job
WHERE kind = %(kind)s AND (state IN ('done', 'failed', 'cancelled') OR beat_at < now() - interval '1 hour') AND id NOT IN (
    SELECT id FROM job WHERE kind = %(kind)s ORDER BY created_at DESC, id DESC LIMIT %(keep)s
)
