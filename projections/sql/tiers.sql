-- Tier, grade and tags as last decided (the tier, where none was, as begun on: without tier_since); points earned by the month they were booked in.

-- name: tiers_load
SELECT customer, tier, tier_since, tier_cause, grade, tags FROM tier WHERE customer = ANY (%(customers)s)

-- name: tiers_beginning
-- Those of some customers that no fact has touched before.
SELECT customer FROM tier WHERE customer = ANY (%(customers)s) AND tier IS NULL

-- name: tiers_begin
-- On which tiers customers begin.
UPDATE tier t SET tier = given.tier
FROM unnest(%(customer)s::bigint[], %(tier)s::text[]) AS given (customer, tier)
WHERE t.customer = given.customer

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

-- name: tier_begun
SELECT tier FROM tier WHERE customer = %(customer)s AND tier_since IS NULL

-- name: windows_store
-- By which window the ladders of rule sets count, in months; 0 for a lifetime, and where there is no ladder.
INSERT INTO ladder_window (rule_set, window_months)
SELECT * FROM unnest(%(rule_set)s::text[], %(window_months)s::integer[])

-- name: earned_store
-- Each sum goes to the window of the rule set that granted it; one of a rule set that was never proposed is refused.
MERGE INTO earned AS e
USING (
    SELECT g.customer, g.month, w.window_months, sum(g.points)::bigint AS points
    FROM unnest(%(customer)s::bigint[], %(month)s::integer[], %(rule_set)s::text[], %(points)s::bigint[])
        AS g (customer, month, rule_set, points)
    LEFT JOIN ladder_window w ON w.rule_set = g.rule_set
    GROUP BY g.customer, g.month, w.window_months
) AS given
ON e.customer = given.customer AND e.month = given.month AND e.window_months = given.window_months
WHEN MATCHED THEN UPDATE SET points = e.points + given.points
WHEN NOT MATCHED THEN INSERT (customer, month, window_months, points)
VALUES (given.customer, given.month, given.window_months, given.points)

-- name: tiers_read
-- Of some customers, or, where customers is NULL, of the next ones by number. A ladder counts what rule sets granted that
-- count by its window; one of a lifetime (0) counts all.
SELECT t.customer, t.tier, t.tier_since, t.tier_cause, t.grade, t.tags, t.position, counted.earned, counted.earned_ever
FROM tier t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.points), 0)::bigint AS earned_ever,
           coalesce(sum(e.points) FILTER (
               WHERE %(window_months)s = 0
                  OR (e.window_months = %(window_months)s AND e.month BETWEEN %(month_first)s AND %(month_last)s)
           ), 0)::bigint AS earned
    FROM earned e WHERE e.customer = t.customer
) AS counted
WHERE t.customer > %(after)s AND (%(customers)s::bigint[] IS NULL OR t.customer = ANY (%(customers)s))
ORDER BY t.customer
LIMIT %(limit)s
