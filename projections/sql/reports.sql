-- Reports over the views. Months counted from 1970-01, days from 1970-01-01, points in 1/100, money in fen.

-- name: leaderboard_months
-- Customers by what they came to in some months: a list by -value, customer. Region and industry are those that customers
-- have now.
WITH sums AS (
    SELECT a.customer,
           sum(CASE %(by)s WHEN 'contribution' THEN a.contribution ELSE a.granted END)::bigint AS value
    FROM activity a
    WHERE a.month BETWEEN %(month_first)s AND %(month_last)s
    GROUP BY a.customer
), ranked AS (
    SELECT s.customer, c.name, c.region, c.industry, s.value, rank() OVER (ORDER BY s.value DESC) AS rank
    FROM sums s JOIN customer c ON c.number = s.customer
    WHERE s.value > 0
      AND (%(region)s::text IS NULL OR c.region = %(region)s)
      AND (%(industry)s::text IS NULL OR c.industry = %(industry)s)
)
SELECT r.rank, r.customer, r.name, r.region, r.industry, r.value, m.merged_into
FROM ranked r LEFT JOIN customer_merged m ON m.customer = r.customer

-- name: leaderboard_balance
-- Customers by what they have now: a list by -value, customer.
WITH ranked AS (
    SELECT b.customer, c.name, c.region, c.industry, b.balance AS value, rank() OVER (ORDER BY b.balance DESC) AS rank
    FROM balance b JOIN customer c ON c.number = b.customer
    WHERE b.balance > 0
      AND (%(region)s::text IS NULL OR c.region = %(region)s)
      AND (%(industry)s::text IS NULL OR c.industry = %(industry)s)
)
SELECT r.rank, r.customer, r.name, r.region, r.industry, r.value, m.merged_into
FROM ranked r LEFT JOIN customer_merged m ON m.customer = r.customer

-- name: heatmap
-- Points by region and industry, month by month: a list by month, region, industry. Whose month came to nothing, because
-- all of it was corrected away, is not counted.
SELECT a.month, c.region, c.industry, count(DISTINCT a.customer)::bigint AS customers,
       sum(a.granted)::bigint AS granted, sum(a.deducted)::bigint AS deducted, sum(a.expired)::bigint AS expired,
       sum(a.redeemed)::bigint AS redeemed, sum(a.contribution)::bigint AS contribution
FROM activity a JOIN customer c ON c.number = a.customer
WHERE a.month BETWEEN %(month_first)s AND %(month_last)s
  AND (a.facts, a.granted, a.deducted, a.expired, a.redeemed) <> (0, 0, 0, 0, 0)
GROUP BY a.month, c.region, c.industry

-- name: inflation
-- Points by month, and what was outstanding and owed at each end.
SELECT month, granted, deducted, reversed, expired, redeemed, debt, outstanding, debt_total
FROM (
    SELECT month, granted, deducted, reversed, expired, redeemed, debt,
           (sum(granted + deducted + reversed + expired + redeemed) OVER (ORDER BY month))::bigint AS outstanding,
           (sum(debt) OVER (ORDER BY month))::bigint AS debt_total
    FROM points_month
) AS whole
WHERE month BETWEEN %(month_first)s AND %(month_last)s
ORDER BY month
LIMIT %(limit)s

-- name: standing_counts
-- How many customers bear each tag, grade or tier. Who has no tier decided yet (no tier_since) is on the one it began on
-- where the ladder has that, else on the lowest; `levels` are its ids, the lowest first.
SELECT kind, name, count(*)::bigint AS customers
FROM (
    SELECT 'tag' AS kind, unnest(tags) AS name FROM tier
    UNION ALL SELECT 'grade', grade FROM tier WHERE grade IS NOT NULL
    UNION ALL
    SELECT 'tier', CASE WHEN tier_since IS NOT NULL OR tier = ANY (%(levels)s::text[]) THEN tier
                        ELSE (%(levels)s::text[])[1] END
    FROM tier
) AS borne
WHERE name IS NOT NULL
GROUP BY kind, name
ORDER BY kind, name
LIMIT 1000

-- name: segment
-- Customers of a tag, grade, tier, region, industry, by how long ago the last fact was booked: a list by customer.
-- Tiers are those of standing_counts.
SELECT c.number AS customer, c.name, c.region, c.industry, c.customer_type, c.scale, b.balance,
       p.tier, t.grade, t.tags, l.day AS day_last
FROM customer c
JOIN balance b ON b.customer = c.number
LEFT JOIN tier t ON t.customer = c.number
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.tier_since IS NOT NULL OR t.tier = ANY (%(levels)s::text[]) THEN t.tier
                ELSE (%(levels)s::text[])[1] END AS tier
) AS p
LEFT JOIN activity_last l ON l.customer = c.number
WHERE (%(tag)s::text IS NULL OR %(tag)s = ANY (t.tags))
  AND (%(grade)s::text IS NULL OR t.grade = %(grade)s)
  AND (%(tier)s::text IS NULL OR p.tier = %(tier)s)
  AND (%(region)s::text IS NULL OR c.region = %(region)s)
  AND (%(industry)s::text IS NULL OR c.industry = %(industry)s)
  AND (%(day_active)s::integer IS NULL OR l.day >= %(day_active)s)
  AND (%(day_inactive)s::integer IS NULL OR l.day IS NULL OR l.day < %(day_inactive)s)

-- name: measures
-- The case's own measures of one period. returning: who signed in it and had signed before, or signs again in it.
WITH period AS (
    SELECT a.customer, sum(a.facts) AS facts, sum(a.contracts) AS contracts, sum(a.contribution) AS contribution,
           sum(a.complaints) AS complaints, sum(a.complaints_major) AS complaints_major, sum(a.projects) AS projects,
           sum(a.responses) AS responses, sum(a.responses_prompt) AS responses_prompt,
           sum(a.response_hours) AS response_hours, sum(a.answers) AS answers,
           sum(a.answers_content) AS answers_content, sum(a.satisfaction) AS satisfaction, sum(a.scores) AS scores,
           sum(a.score) AS score
    FROM activity a
    WHERE a.month BETWEEN %(month_first)s AND %(month_last)s
    GROUP BY a.customer
), signing AS (
    SELECT p.customer, p.contracts, p.contribution,
           p.contracts > 1 OR EXISTS (
               SELECT FROM activity b
               WHERE b.customer = p.customer AND b.month < %(month_first)s AND b.contracts > 0
           ) AS again,
           ntile(10) OVER (ORDER BY p.contribution DESC, p.customer) AS tenth
    FROM period p WHERE p.contracts > 0
)
SELECT (SELECT count(*) FROM period WHERE facts > 0)::bigint AS active,
       (SELECT count(*) FROM signing)::bigint AS signing,
       (SELECT count(*) FROM signing WHERE again)::bigint AS returning,
       (SELECT coalesce(sum(contracts), 0) FROM signing)::bigint AS contracts,
       (SELECT coalesce(sum(contribution), 0) FROM signing)::bigint AS contribution,
       (SELECT coalesce(sum(contribution), 0) FROM signing WHERE tenth = 1)::bigint AS contribution_top_tenth,
       coalesce(sum(facts), 0)::bigint AS facts, coalesce(sum(projects), 0)::bigint AS projects,
       coalesce(sum(complaints), 0)::bigint AS complaints,
       coalesce(sum(complaints_major), 0)::bigint AS complaints_major,
       coalesce(sum(responses), 0)::bigint AS responses,
       coalesce(sum(responses_prompt), 0)::bigint AS responses_prompt,
       coalesce(sum(response_hours), 0)::bigint AS response_hours, coalesce(sum(answers), 0)::bigint AS answers,
       coalesce(sum(answers_content), 0)::bigint AS answers_content,
       coalesce(sum(satisfaction), 0)::bigint AS satisfaction, coalesce(sum(scores), 0)::bigint AS scores,
       coalesce(sum(score), 0)::bigint AS score
FROM period

-- name: customers_count
SELECT count(*)::bigint AS count FROM customer

-- name: plunges
-- Who lost a share of the balance within a window of days: the balance before the window is what the events booked
-- before it come to. What a correction takes back counts as far as the same correction (one cause) doesn't grant it to
-- the customer again; the table `incident` has what was taken back in full, which is never less. A list by -lost,
-- customer.
SELECT w.customer, c.name, net.lost, before.balance::bigint AS balance_before
FROM (
    SELECT customer FROM incident
    WHERE day > %(day_first)s AND day <= %(day_last)s GROUP BY customer HAVING sum(lost) >= %(lost_min)s
) AS w
JOIN customer c ON c.number = w.customer
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.kept + greatest(0, m.taken - m.granted)), 0)::bigint AS lost
    FROM (
        SELECT -coalesce(sum(h.points) FILTER (WHERE h.topic = 'PointsDeducted' OR h.points > 0), 0) AS kept,
               -coalesce(sum(h.points) FILTER (WHERE h.topic = 'PointsReversed' AND h.points < 0), 0) AS taken,
               (
                   SELECT coalesce(sum(g.points), 0) FROM history g
                   WHERE g.customer = w.customer AND g.cause = h.cause AND g.topic = 'PointsGranted'
               ) AS granted
        FROM history h
        WHERE h.customer = w.customer AND h.topic IN ('PointsDeducted', 'PointsReversed')
          AND h.booked_on > %(date_first)s::date AND h.booked_on <= %(date_last)s::date
        GROUP BY h.cause
    ) AS m
) AS net
CROSS JOIN LATERAL (
    SELECT coalesce(sum(h.points), 0) AS balance FROM history h
    WHERE h.customer = w.customer AND h.points IS NOT NULL AND h.booked_on <= %(date_first)s::date
) AS before
WHERE net.lost >= %(lost_min)s AND before.balance > 0 AND net.lost * 10000 >= before.balance * %(share_bp)s

-- name: surges
-- Who complained more within a window of days than usual: at least so often, and so many times the average of the three
-- windows before it. A list by -complaints, customer.
SELECT w.customer, c.name, w.complaints, w.before
FROM (
    SELECT customer, sum(complaints) FILTER (WHERE day > %(day_first)s)::bigint AS complaints,
           coalesce(sum(complaints) FILTER (WHERE day <= %(day_first)s), 0)::bigint AS before
    FROM incident WHERE day > %(day_earlier)s AND day <= %(day_last)s GROUP BY customer
) AS w
JOIN customer c ON c.number = w.customer
WHERE w.complaints >= %(complaints_min)s AND w.complaints * 3 >= %(times)s * w.before

-- name: incident_events
-- The events behind an alert, whose points come to what was lost: deductions, penalties taken back, and of corrections
-- that take back more than they grant again, both.
SELECT position
FROM (
    SELECT h.position, h.topic, h.points,
           h.booked_on > %(date_first)s::date AND h.booked_on <= %(date_last)s::date AS inside,
           sum(h.points) FILTER (
               WHERE h.topic = 'PointsReversed' AND h.points < 0
                 AND h.booked_on > %(date_first)s::date AND h.booked_on <= %(date_last)s::date
           ) OVER same AS taken,
           coalesce(sum(h.points) FILTER (WHERE h.topic = 'PointsGranted') OVER same, 0) AS granted
    FROM history h
    WHERE h.customer = %(customer)s AND h.topic IN ('PointsDeducted', 'PointsReversed', 'PointsGranted')
    WINDOW same AS (PARTITION BY h.cause)
) AS e
WHERE CASE
    WHEN topic = 'PointsGranted' THEN taken + granted < 0
    WHEN topic = 'PointsReversed' AND points < 0 THEN inside AND taken + granted < 0
    ELSE inside
END
ORDER BY position
LIMIT 1000

-- name: complaint_events
-- The complaints behind an alert, corrected versions among them: the history shows what became of each.
SELECT h.position FROM history h JOIN event e ON e.notification_id = h.position
WHERE h.customer = %(customer)s AND h.topic = 'FactRecorded'
  AND h.booked_on > %(date_first)s::date AND h.booked_on <= %(date_last)s::date
  AND convert_from(e.state, 'UTF8')::jsonb ->> 'fact_type' = 'complaint_filed'
ORDER BY h.position
LIMIT 1000
