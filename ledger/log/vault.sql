-- The queries of the vault. All are relative to the ledger's schema, which the connection has as its search_path.

-- name: keys_make
-- Keys for people that have none; who has one keeps it, and who was erased gets none.
INSERT INTO person_key (person, key)
SELECT * FROM unnest(%(people)s::bigint[], %(keys)s::bytea[])
ON CONFLICT (person) DO NOTHING

-- name: keys_read
-- The keys of people; NULL of who was erased.
SELECT person, key FROM person_key WHERE person = ANY (%(people)s::bigint[])

-- name: keys_erase
-- Also of who never had one, so that nobody makes it later.
INSERT INTO person_key (person, key, erased_at)
SELECT person, NULL, now() FROM unnest(%(people)s::bigint[]) AS given (person)
ON CONFLICT (person) DO UPDATE SET key = NULL, erased_at = now() WHERE person_key.key IS NOT NULL
