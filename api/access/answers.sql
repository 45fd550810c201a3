-- Answers kept by Idempotency-Key, in the schema "plumbline", which the connection has as its search_path.

-- name: answer_keep
-- Of two that come at once the first is kept.
INSERT INTO kept_answer (client, key, request_sha256, status, body)
VALUES (%(client)s, %(key)s, %(request_sha256)s, %(status)s, %(body)s)
ON CONFLICT (client, key) DO NOTHING

-- name: answer_find
SELECT request_sha256, status, body::text AS body FROM kept_answer WHERE client = %(client)s AND key = %(key)s
