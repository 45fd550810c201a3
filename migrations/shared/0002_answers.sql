-- Answers to requests that are no command of a ledger's log, by the Idempotency-Key under which they were sent with a key
-- of the API (client): the same again gets the same answer. What such a request does it does once in any case.
CREATE TABLE kept_answer (
    client         text        NOT NULL,
    key            text        NOT NULL,
    request_sha256 bytea       NOT NULL CHECK (octet_length(request_sha256) = 32),
    status         smallint    NOT NULL,
    body           json        NOT NULL,
    kept_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, key)
);

GRANT SELECT, INSERT ON kept_answer TO plumbline_app;
