-- Who the customers are now.

-- name: customers_load
SELECT number, name, industry, region, customer_type, scale, consents, registered
FROM customer WHERE number = ANY (%(numbers)s)

-- name: customers_store
INSERT INTO customer (number, name, industry, region, customer_type, scale, consents, registered, position)
SELECT number, name, industry, region, customer_type, scale, string_to_array(consents, E'\x1f'), registered, position
FROM unnest(
    %(number)s::bigint[], %(name)s::text[], %(industry)s::text[], %(region)s::text[], %(customer_type)s::text[],
    %(scale)s::text[], %(consents)s::text[], %(registered)s::bigint[], %(position)s::bigint[]
) AS given (number, name, industry, region, customer_type, scale, consents, registered, position)
ON CONFLICT (number) DO UPDATE
SET name = excluded.name, industry = excluded.industry, region = excluded.region,
    customer_type = excluded.customer_type, scale = excluded.scale, consents = excluded.consents,
    position = excluded.position

-- name: references_store
INSERT INTO customer_reference (source, reference, customer)
SELECT * FROM unnest(%(source)s::text[], %(reference)s::text[], %(customer)s::bigint[])

-- name: customers_read
SELECT number, name, industry, region, customer_type, scale, consents, registered, position
FROM customer WHERE number > %(after)s ORDER BY number LIMIT %(limit)s

-- name: customer_read
SELECT number, name, industry, region, customer_type, scale, consents, registered, position
FROM customer WHERE number = %(number)s

-- name: references_read
SELECT source, reference FROM customer_reference WHERE customer = %(customer)s ORDER BY source, reference

-- name: customer_find
SELECT customer FROM customer_reference WHERE source = %(source)s AND reference = %(reference)s
