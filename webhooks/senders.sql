-- The queries of senders of webhooks. All are relative to the ledger's schema, which the connection has as its search_path.

-- name: sender_insert
INSERT INTO webhook_sender (name, mapping_sha256, created_at, created_by, changed_at, changed_by)
VALUES (%(name)s, %(mapping_sha256)s, %(now)s, %(actor)s, %(now)s, %(actor)s)
ON CONFLICT (name) DO NOTHING
RETURNING name

-- name: key_insert
INSERT INTO webhook_sender_key (id, sender, secret, created_at, created_by)
VALUES (%(id)s, %(sender)s, %(secret)s, %(now)s, %(actor)s)

-- name: senders
-- A list by name, each with its keys but not their secrets.
SELECT s.name, s.mapping_sha256, d.document::text AS mapping, s.created_at, s.created_by, s.changed_at, s.changed_by,
       s.revoked_at, s.revoked_by, k.keys
FROM webhook_sender s
JOIN mapping_document d ON d.sha256 = s.mapping_sha256
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object('id', id, 'created_at', created_at, 'created_by', created_by, 'ends_at', ends_at)
                    ORDER BY created_at DESC, ends_at DESC NULLS FIRST) AS keys
    FROM webhook_sender_key WHERE sender = s.name
) AS k

-- name: sender_lock
-- Of several who change one sender, one after the other does.
SELECT revoked_at FROM webhook_sender WHERE name = %(name)s FOR UPDATE

-- name: keys_end
-- The key in use goes on until a time; one that was to end anyway ends now, so that there are never more than two.
UPDATE webhook_sender_key
SET ends_at = CASE WHEN ends_at IS NULL THEN %(until)s ELSE %(now)s END
WHERE sender = %(name)s AND (ends_at IS NULL OR ends_at > %(now)s)

-- name: sender_revoke
UPDATE webhook_sender SET revoked_at = %(now)s, revoked_by = %(actor)s WHERE name = %(name)s AND revoked_at IS NULL

-- name: mapping_set
UPDATE webhook_sender
SET mapping_sha256 = %(mapping_sha256)s, changed_at = %(now)s, changed_by = %(actor)s
WHERE name = %(name)s

-- name: secrets_living
-- The secrets by which a sender may sign at a moment, the newest first, and the mapping of what they send.
SELECT k.secret, s.mapping_sha256, d.document::text AS mapping
FROM webhook_sender s
JOIN webhook_sender_key k ON k.sender = s.name
JOIN mapping_document d ON d.sha256 = s.mapping_sha256
WHERE s.name = %(name)s AND s.revoked_at IS NULL AND (k.ends_at IS NULL OR k.ends_at > %(now)s)
ORDER BY k.ends_at DESC NULLS FIRST
LIMIT 2

-- name: messages_forget
DELETE FROM webhook_message WHERE sent_at < %(before)s

-- name: message_take
-- One row where the message is new, none where it has come before.
INSERT INTO webhook_message (sender, message_id, sent_at) VALUES (%(sender)s, %(message_id)s, %(sent_at)s)
ON CONFLICT DO NOTHING
RETURNING message_id

-- name: message_known
SELECT FROM webhook_message WHERE sender = %(sender)s AND message_id = %(message_id)s AND sent_at = %(sent_at)s

-- name: message_release
DELETE FROM webhook_message WHERE sender = %(sender)s AND message_id = %(message_id)s AND sent_at = %(sent_at)s
