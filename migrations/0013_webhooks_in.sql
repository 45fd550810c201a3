-- Facts by signed webhook: who may send them, by which keys, and which messages have come. Not part of the log: what a
-- message records is there. (schema.sql shows the whole.)

-- Senders. mapping_sha256: the document by which their JSON becomes facts.
CREATE TABLE webhook_sender (
    name           text        PRIMARY KEY,
    mapping_sha256 bytea       NOT NULL REFERENCES mapping_document (sha256),
    created_at     timestamptz NOT NULL,
    created_by     text        NOT NULL,
    changed_at     timestamptz NOT NULL,
    changed_by     text        NOT NULL,
    revoked_at     timestamptz,
    revoked_by     text,
    CONSTRAINT webhook_sender_revoked_whole CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);

-- Keys of senders. secret: as the sender has it, for a signature can be made again only with it. ends_at: NULL of the
-- key in use; of the one before it, when it stops.
CREATE TABLE webhook_sender_key (
    id         text        PRIMARY KEY,
    sender     text        NOT NULL REFERENCES webhook_sender (name),
    secret     text        NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL,
    ends_at    timestamptz
);
CREATE INDEX webhook_sender_key_sender_idx ON webhook_sender_key (sender, created_at);
CREATE UNIQUE INDEX webhook_sender_key_used ON webhook_sender_key (sender) WHERE ends_at IS NULL;

-- Signed messages that have come, by their id and the time that was signed with it: one that comes again is a replay.
-- Kept for as long as their signature is good.
CREATE TABLE webhook_message (
    sender     text        NOT NULL,
    message_id text        NOT NULL,
    sent_at    timestamptz NOT NULL,
    PRIMARY KEY (sender, message_id, sent_at)
);
CREATE INDEX webhook_message_sent_at_idx ON webhook_message (sent_at);

GRANT SELECT, INSERT ON webhook_sender, webhook_sender_key TO plumbline_app;
GRANT UPDATE (mapping_sha256, changed_at, changed_by, revoked_at, revoked_by) ON webhook_sender TO plumbline_app;
GRANT UPDATE (ends_at) ON webhook_sender_key TO plumbline_app;
GRANT SELECT, INSERT, DELETE ON webhook_message TO plumbline_app;
