-- Figures of the work with customers, over what a scope sees.

-- name: funnel
-- Of the opportunities opened in a span of days: how many stand at each stage, how many reached it (or went beyond it),
-- what both are worth, and for how many days they stood there. Won counts as beyond all; lost is where the others ended.
WITH chosen AS (
    SELECT o.number, o.stage, o.stage_reached, o.amount
    FROM opportunity o
    WHERE o.opened_day BETWEEN %(first)s AND %(last)s
      AND (%(channel)s::text IS NULL OR o.channel = %(channel)s)
      AND (%(staff)s::bigint IS NULL OR o.staff = %(staff)s)
      AND (%(team)s::text IS NULL OR o.staff IN (
          SELECT s.number FROM staff s JOIN team_above a ON a.team = s.team WHERE a.above = %(team)s
      ))
      AND (%(region)s::text IS NULL OR o.customer IN (SELECT h.customer FROM holding h WHERE h.region = %(region)s))
      AND visible(o.customer)
),
stood AS (
    SELECT p.stage, count(*) AS times, sum(coalesce(p.day_to, %(today)s) - p.day_from)::bigint AS days
    FROM opportunity_stage p JOIN chosen ON chosen.number = p.opportunity
    GROUP BY p.stage
),
now AS (
    SELECT stage, count(*) AS count, sum(amount)::numeric AS amount FROM chosen GROUP BY stage
),
reached AS (
    SELECT given.stage, count(chosen.number) AS count, coalesce(sum(chosen.amount), 0)::numeric AS amount
    FROM unnest(%(stages)s::text[]) WITH ORDINALITY AS given (stage, place)
    LEFT JOIN chosen ON chosen.stage_reached >= given.place - 1 AND given.stage <> %(lost)s
        OR chosen.stage = given.stage AND given.stage = %(lost)s
    GROUP BY given.stage
)
SELECT given.stage, coalesce(now.count, 0) AS count, coalesce(now.amount, 0)::bigint AS amount, reached.count AS reached,
       reached.amount::bigint AS amount_reached, coalesce(stood.times, 0) AS stays, coalesce(stood.days, 0) AS stay_days
FROM unnest(%(stages)s::text[]) WITH ORDINALITY AS given (stage, place)
JOIN reached ON reached.stage = given.stage
LEFT JOIN now ON now.stage = given.stage
LEFT JOIN stood ON stood.stage = given.stage
ORDER BY given.place

-- name: sources
-- By channel: leads that arrived in a span of days, customers that they made, opportunities opened in it, what was won.
WITH leads AS (
    SELECT l.channel, count(*) AS leads, count(*) FILTER (WHERE l.is_new) AS customers
    FROM lead l
    WHERE l.day BETWEEN %(first)s AND %(last)s
      AND (%(region)s::text IS NULL OR l.customer IN (SELECT h.customer FROM holding h WHERE h.region = %(region)s))
      AND visible(l.customer)
    GROUP BY l.channel
),
chances AS (
    SELECT o.channel, count(*) AS opportunities, sum(o.amount)::bigint AS amount,
           count(*) FILTER (WHERE o.stage = 'won') AS won,
           coalesce(sum(o.amount) FILTER (WHERE o.stage = 'won'), 0)::bigint AS amount_won,
           count(*) FILTER (WHERE o.stage = 'lost') AS lost
    FROM opportunity o
    WHERE o.opened_day BETWEEN %(first)s AND %(last)s
      AND (%(region)s::text IS NULL OR o.customer IN (SELECT h.customer FROM holding h WHERE h.region = %(region)s))
      AND visible(o.customer)
    GROUP BY o.channel
)
SELECT coalesce(leads.channel, chances.channel) AS channel, coalesce(leads.leads, 0) AS leads,
       coalesce(leads.customers, 0) AS customers, coalesce(chances.opportunities, 0) AS opportunities,
       coalesce(chances.amount, 0) AS amount, coalesce(chances.won, 0) AS won,
       coalesce(chances.amount_won, 0) AS amount_won, coalesce(chances.lost, 0) AS lost
FROM leads FULL JOIN chances ON chances.channel = leads.channel
ORDER BY won DESC, leads DESC, channel

-- name: performance
-- Of each person one leads, in a span of days: talks and how they turned out, how content customers were, what was won
-- and lost, how soon customers were talked with that came to them. Seconds; the median is of those talked with by now.
-- An assignment that was undone is none, and what it took away goes on as if it had not been.
SELECT s.number AS staff, s.team, f.talks, f.talks_decided, f.talks_progress, f.answers, f.satisfaction,
       o.won, o.lost, o.amount_won, r.assigned, r.talked, r.response_seconds, r.response_seconds_median
FROM staff s
CROSS JOIN LATERAL (
    SELECT count(*) AS talks, count(*) FILTER (WHERE outcome <> 'none') AS talks_decided,
           count(*) FILTER (WHERE outcome = 'progress') AS talks_progress,
           count(*) FILTER (WHERE satisfaction > 0) AS answers, coalesce(sum(satisfaction), 0)::bigint AS satisfaction
    FROM follow_up WHERE staff = s.number AND day BETWEEN %(first)s AND %(last)s
) AS f
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE stage = 'won') AS won, count(*) FILTER (WHERE stage = 'lost') AS lost,
           coalesce(sum(amount) FILTER (WHERE stage = 'won'), 0)::bigint AS amount_won
    FROM opportunity WHERE staff = s.number AND ended_day BETWEEN %(first)s AND %(last)s
) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS assigned, count(t.followed_at) AS talked,
           coalesce(sum(extract(epoch FROM t.followed_at - h.assigned_at)), 0)::bigint AS response_seconds,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.followed_at - h.assigned_at)::bigint)
               AS response_seconds_median
    FROM holding_history h
    CROSS JOIN LATERAL (
        SELECT min(c.followed_at) AS followed_at, max(c.position_to) AS position_to FROM continued(h) AS c
    ) AS t
    WHERE h.staff = s.number AND h.staff > 0 AND h.day_from BETWEEN %(first)s AND %(last)s
      AND h.why <> ALL (%(not_counted)s::text[])
      AND NOT EXISTS (
          SELECT 1 FROM holding_history b
          WHERE b.customer = h.customer AND b.position_from = t.position_to AND b.why = ANY (%(not_counted)s::text[])
      )
) AS r
WHERE s.number > %(after)s AND (%(staff)s::bigint IS NULL OR s.number = %(staff)s)
  AND (%(team)s::text IS NULL OR EXISTS (SELECT 1 FROM team_above a WHERE a.team = s.team AND a.above = %(team)s))
  AND led(s)
ORDER BY s.number
LIMIT %(limit)s

-- name: performance_teams
-- The same, added up for each team over the people one leads there and in the teams below.
WITH members AS (
    SELECT a.above AS team, s.number AS staff FROM team_above a JOIN staff s ON s.team = a.team WHERE led(s)
),
talks AS (
    SELECT m.team, count(*) AS talks, count(*) FILTER (WHERE f.outcome <> 'none') AS talks_decided,
           count(*) FILTER (WHERE f.outcome = 'progress') AS talks_progress,
           count(*) FILTER (WHERE f.satisfaction > 0) AS answers, coalesce(sum(f.satisfaction), 0)::bigint AS satisfaction
    FROM members m JOIN follow_up f ON f.staff = m.staff
    WHERE f.day BETWEEN %(first)s AND %(last)s
    GROUP BY m.team
),
chances AS (
    SELECT m.team, count(*) FILTER (WHERE o.stage = 'won') AS won, count(*) FILTER (WHERE o.stage = 'lost') AS lost,
           coalesce(sum(o.amount) FILTER (WHERE o.stage = 'won'), 0)::bigint AS amount_won
    FROM members m JOIN opportunity o ON o.staff = m.staff
    WHERE o.ended_day BETWEEN %(first)s AND %(last)s
    GROUP BY m.team
),
responses AS (
    SELECT m.team, count(*) AS assigned, count(t.followed_at) AS talked,
           coalesce(sum(extract(epoch FROM t.followed_at - h.assigned_at)), 0)::bigint AS response_seconds,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.followed_at - h.assigned_at)::bigint)
               AS response_seconds_median
    FROM members m JOIN holding_history h ON h.staff = m.staff AND h.staff > 0
    CROSS JOIN LATERAL (
        SELECT min(c.followed_at) AS followed_at, max(c.position_to) AS position_to FROM continued(h) AS c
    ) AS t
    WHERE h.day_from BETWEEN %(first)s AND %(last)s AND h.why <> ALL (%(not_counted)s::text[])
      AND NOT EXISTS (
          SELECT 1 FROM holding_history b
          WHERE b.customer = h.customer AND b.position_from = t.position_to AND b.why = ANY (%(not_counted)s::text[])
      )
    GROUP BY m.team
)
SELECT t.team, t.name, p.people, coalesce(f.talks, 0) AS talks, coalesce(f.talks_decided, 0) AS talks_decided,
       coalesce(f.talks_progress, 0) AS talks_progress, coalesce(f.answers, 0) AS answers,
       coalesce(f.satisfaction, 0) AS satisfaction, coalesce(o.won, 0) AS won, coalesce(o.lost, 0) AS lost,
       coalesce(o.amount_won, 0) AS amount_won, coalesce(r.assigned, 0) AS assigned, coalesce(r.talked, 0) AS talked,
       coalesce(r.response_seconds, 0) AS response_seconds, r.response_seconds_median
FROM team t
JOIN (SELECT team, count(*) AS people FROM members GROUP BY team) AS p ON p.team = t.team
LEFT JOIN talks f ON f.team = t.team
LEFT JOIN chances o ON o.team = t.team
LEFT JOIN responses r ON r.team = t.team
ORDER BY t.position
