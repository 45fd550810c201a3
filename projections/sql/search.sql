-- Customers by parts of their names.

-- name: search_store
INSERT INTO customer_search (customer, name_folded, pinyin, initials, grams)
SELECT customer, name_folded, pinyin, initials, string_to_array(grams, E'\x1f')
FROM unnest(
    %(customer)s::bigint[], %(name_folded)s::text[], %(pinyin)s::text[], %(initials)s::text[], %(grams)s::text[]
) AS given (customer, name_folded, pinyin, initials, grams)
ON CONFLICT (customer) DO UPDATE
SET name_folded = excluded.name_folded, pinyin = excluded.pinyin, initials = excluded.initials, grams = excluded.grams

-- name: search_found
-- A list by rank, customer: the whole name first, then names that begin so, then the others. The index finds candidates by
-- their grams, the rest is compared. Customers that only this view has seen wait for the other one.
SELECT customer,
       CASE
           WHEN name_folded = %(text)s OR pinyin = %(text)s OR initials = %(text)s THEN 0
           WHEN starts_with(name_folded, %(text)s) OR starts_with(pinyin, %(text)s)
                OR starts_with(initials, %(text)s) THEN 1
           ELSE 2
       END AS rank
FROM customer_search
WHERE ((grams @> %(name_grams)s::text[] AND position(%(text)s IN name_folded) > 0)
       OR (%(pinyin_grams)s::text[] <> '{}' AND grams @> %(pinyin_grams)s::text[]
           AND position(%(text)s IN pinyin) > 0)
       OR (%(initials_grams)s::text[] <> '{}' AND grams @> %(initials_grams)s::text[]
           AND position(%(text)s IN initials) > 0))
  AND customer <= (SELECT max(number) FROM customer)

-- name: search_customers
-- Who stands on a page of it.
SELECT number, name, industry, region, customer_type, scale, consents, registered, position
FROM customer WHERE number = ANY (%(numbers)s::bigint[])
