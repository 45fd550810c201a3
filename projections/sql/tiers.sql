-- Tier, grade and tags as last decided; points earned by the month they were booked in.

-- name: tiers_load
SELECT customer, tier, tier_since, tier_cause, grade, tags FROM tier WHERE customer = ANY (%(customers)s)

-- name: tiers_store
INSERT INTO tier (customer, tier, tier_since, tier_cause, grade, tags, position)
SELECT customer, tier, tier_since, tier_cause, grade, string_to_array(tags, E'\x1f'), position
FROM unnest(
    %(customer)s::bigint[], %(tier)s::text[], %(tier_since)s::timestamptz[], %(tier_cause)s::bigint[],
    %(grade)s::text[], %(tags)s::text[], %(position)s::bigint[]
) AS given (customer, tier, tier_since, tier_cause, grade, tags, position)
ON CONFLICT (customer) DO UPDATE
SET tier = excluded.tier, tier_since = excluded.tier_since, tier_cause = excluded.tier_cause,
    grade = excluded.grade, tags = excluded.tags, position = excluded.position

-- name: earned_store
INSERT INTO earned (customer, month, points)
SELECT * FROM unnest(%(customer)s::bigint[], %(month)s::integer[], %(points)s::bigint[])
ON CONFLICT (customer, month) DO UPDATE SET points = earned.points + excluded.points

-- name: tiers_read
-- Of some customers, or, where customers is NULL, of the next ones by number.
SELECT t.customer, t.tier, t.tier_since, t.tier_cause, t.grade, t.tags, t.position,
       (SELECT coalesce(sum(e.points), 0)::bigint FROM earned e
        WHERE e.customer = t.customer AND e.month BETWEEN %(month_first)s AND %(month_last)s) AS earned
FROM tier t
WHERE t.customer > %(after)s AND (%(customers)s::bigint[] IS NULL OR t.customer = ANY (%(customers)s))
ORDER BY t.customer
LIMIT %(limit)s
