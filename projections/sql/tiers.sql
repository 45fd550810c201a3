-- Tier, grade and tags as last decided; points earned by the month they were booked in.

-- name: tiers_load
SELECT customer, tier, tier_since, tier_cause, grade, tags FROM tier WHERE customer = ANY (%(customers)s)

-- name: tiers_store
-- Texts are empty for none.
MERGE INTO tier AS t
USING (
    SELECT customer, nullif(tier, '') AS tier, nullif(tier_since, '')::timestamptz AS tier_since, tier_cause,
           nullif(grade, '') AS grade, string_to_array(tags, E'\x1f') AS tags, position
    FROM unnest(
        %(customer)s::bigint[], %(tier)s::text[], %(tier_since)s::text[], %(tier_cause)s::bigint[], %(grade)s::text[],
        %(tags)s::text[], %(position)s::bigint[]
    ) AS given (customer, tier, tier_since, tier_cause, grade, tags, position)
) AS given
ON t.customer = given.customer
WHEN MATCHED THEN UPDATE
SET tier = given.tier, tier_since = given.tier_since, tier_cause = given.tier_cause, grade = given.grade,
    tags = given.tags, position = given.position
WHEN NOT MATCHED THEN INSERT (customer, tier, tier_since, tier_cause, grade, tags, position)
VALUES (
    given.customer, given.tier, given.tier_since, given.tier_cause, given.grade, given.tags, given.position
)

-- name: earned_store
MERGE INTO earned AS e
USING unnest(%(customer)s::bigint[], %(month)s::integer[], %(points)s::bigint[]) AS given (customer, month, points)
ON e.customer = given.customer AND e.month = given.month
WHEN MATCHED THEN UPDATE SET points = e.points + given.points
WHEN NOT MATCHED THEN INSERT (customer, month, points) VALUES (given.customer, given.month, given.points)

-- name: tiers_read
-- Of some customers, or, where customers is NULL, of the next ones by number.
SELECT t.customer, t.tier, t.tier_since, t.tier_cause, t.grade, t.tags, t.position,
       (SELECT coalesce(sum(e.points), 0)::bigint FROM earned e
        WHERE e.customer = t.customer AND e.month BETWEEN %(month_first)s AND %(month_last)s) AS earned
FROM tier t
WHERE t.customer > %(after)s AND (%(customers)s::bigint[] IS NULL OR t.customer = ANY (%(customers)s))
ORDER BY t.customer
LIMIT %(limit)s
