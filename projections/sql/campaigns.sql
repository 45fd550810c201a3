-- Rules with effective dates, and what they came to.

-- name: campaigns_store
INSERT INTO campaign (rule_set, rule, title_zh, title_en, effective_from, effective_to, proposed)
VALUES (
    %(rule_set)s, %(rule)s, %(title_zh)s, %(title_en)s, %(effective_from)s, %(effective_to)s, %(proposed)s
)

-- name: campaigns_known
SELECT rule_set, rule FROM campaign

-- name: campaign_customers_store
INSERT INTO campaign_customer (rule_set, rule, customer, awards, points, position_first, position_last)
SELECT * FROM unnest(
    %(rule_set)s::text[], %(rule)s::text[], %(customer)s::bigint[], %(awards)s::bigint[], %(points)s::bigint[],
    %(position_first)s::bigint[], %(position_last)s::bigint[]
)
ON CONFLICT (rule_set, rule, customer) DO UPDATE
SET awards = campaign_customer.awards + excluded.awards, points = campaign_customer.points + excluded.points,
    position_last = excluded.position_last

-- name: campaign_months_store
INSERT INTO campaign_month (rule_set, rule, month, awards, points)
SELECT * FROM unnest(
    %(rule_set)s::text[], %(rule)s::text[], %(month)s::integer[], %(awards)s::bigint[], %(points)s::bigint[]
)
ON CONFLICT (rule_set, rule, month) DO UPDATE
SET awards = campaign_month.awards + excluded.awards, points = campaign_month.points + excluded.points

-- name: campaigns_read
-- A list by proposed, rule. awards: those that stand.
SELECT c.rule_set, c.rule, c.title_zh, c.title_en, c.effective_from, c.effective_to, c.proposed,
       coalesce(s.customers, 0)::bigint AS customers, coalesce(s.awards, 0)::bigint AS awards,
       coalesce(s.points, 0)::bigint AS points, s.position_first, s.position_last
FROM campaign c
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE awards > 0) AS customers, sum(awards) AS awards, sum(points) AS points,
           min(position_first) AS position_first, max(position_last) AS position_last
    FROM campaign_customer p WHERE p.rule_set = c.rule_set AND p.rule = c.rule
) AS s ON true
WHERE (%(rule_set)s::text IS NULL OR (c.rule_set = %(rule_set)s AND c.rule = %(rule)s))

-- name: campaign_months
SELECT month, awards, points FROM campaign_month
WHERE rule_set = %(rule_set)s AND rule = %(rule)s
ORDER BY month
LIMIT 1200

-- name: campaign_customers
-- Who got most from a campaign.
SELECT p.customer, c.name, p.awards, p.points, p.position_first, p.position_last
FROM campaign_customer p JOIN customer c ON c.number = p.customer
WHERE p.rule_set = %(rule_set)s AND p.rule = %(rule)s AND p.awards > 0
ORDER BY -p.points, p.customer
LIMIT %(limit)s
