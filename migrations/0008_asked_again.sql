-- What is asked for twice over HTTP, and mappings that came with a file. (schema.sql shows the whole.)

-- client, key: under which Idempotency-Key of which key of the API a job was asked for; the same again is the same job.
ALTER TABLE job
    ADD COLUMN client         text,
    ADD COLUMN key            text,
    ADD COLUMN request_sha256 bytea CHECK (octet_length(request_sha256) = 32),
    ADD CONSTRAINT job_key_whole CHECK (num_nulls(client, key, request_sha256) IN (0, 3));
CREATE UNIQUE INDEX job_client_key ON job (client, key);

-- Mapping documents that came with a file and refused rows of it: by them these are tried again. As text, for the order
-- of the columns tells which one a row is refused for.
CREATE TABLE mapping_document (
    sha256   bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    document json  NOT NULL
);

GRANT SELECT, INSERT ON mapping_document TO plumbline_app;
