-- Who has whom: now, then, and the pool.

-- name: portfolio
-- What a person owns, by customer; the index on (owner, customer) serves it.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.customer_type, '') AS customer_type, h.owner,
       h.team, h.why, coalesce(p.rule, '') AS rule, coalesce(p.rule_set, '') AS rule_set, h.since, h.since_day,
       h.protected_day, h.due_day, h.announced_day, h.next_due_day, h.rhythm_days, h.followed_day, h.former,
       h.pooled_day, h.collaborators
FROM (
    SELECT * FROM holding h
    WHERE h.owner = %(staff)s AND h.owner > 0 AND h.customer > %(after)s AND held(h)
    ORDER BY h.customer
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
LEFT JOIN holding_history p ON p.customer = h.customer AND p.position_from = h.since
ORDER BY h.customer

-- name: collaborating
-- What a person works with beside its owner.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.customer_type, '') AS customer_type, h.owner,
       h.team, h.why, coalesce(p.rule, '') AS rule, coalesce(p.rule_set, '') AS rule_set, h.since, h.since_day,
       h.protected_day, h.due_day, h.announced_day, h.next_due_day, h.rhythm_days, h.followed_day, h.former,
       h.pooled_day, h.collaborators
FROM (
    SELECT h.* FROM collaboration b JOIN holding h ON h.customer = b.customer
    WHERE b.staff = %(staff)s AND b.customer > %(after)s AND held(h)
    ORDER BY b.customer
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
LEFT JOIN holding_history p ON p.customer = h.customer AND p.position_from = h.since
ORDER BY h.customer

-- name: returning
-- Whom the pool gets next, unless somebody talks with them: by the day they return.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.customer_type, '') AS customer_type, h.owner,
       h.team, h.why, coalesce(p.rule, '') AS rule, coalesce(p.rule_set, '') AS rule_set, h.since, h.since_day,
       h.protected_day, h.due_day, h.announced_day, h.next_due_day, h.rhythm_days, h.followed_day, h.former,
       h.pooled_day, h.collaborators
FROM (
    SELECT * FROM holding h
    WHERE h.owner > 0 AND h.rhythm_days = 0 AND h.due_day <= %(through)s
      AND (h.due_day, h.customer) > (%(after_day)s::integer, %(after)s::bigint) AND held(h)
    ORDER BY h.due_day, h.customer
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
LEFT JOIN holding_history p ON p.customer = h.customer AND p.position_from = h.since
ORDER BY h.due_day, h.customer

-- name: holding
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.customer_type, '') AS customer_type, h.owner,
       h.team, h.why, coalesce(p.rule, '') AS rule, coalesce(p.rule_set, '') AS rule_set, h.since, h.since_day,
       h.protected_day, h.due_day, h.announced_day, h.next_due_day, h.rhythm_days, h.followed_day, h.former,
       h.pooled_day, h.collaborators
FROM holding h
LEFT JOIN customer c ON c.number = h.customer
LEFT JOIN holding_history p ON p.customer = h.customer AND p.position_from = h.since
WHERE h.customer = coalesce(
    (SELECT m.survivor FROM customer_merged m WHERE m.customer = %(customer)s::bigint), %(customer)s::bigint
) AND held(h)

-- name: owners
-- Who had each customer after a position, at the end of a day, or has it now. Before its first row it was in the pool.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(p.staff, 0) AS staff, coalesce(p.team, '') AS team,
       coalesce(p.why, 'registered') AS why, coalesce(p.rule, '') AS rule, coalesce(p.rule_set, '') AS rule_set,
       coalesce(p.position_from, h.registered) AS since, coalesce(p.day_from, h.registered_day) AS since_day
FROM (
    SELECT * FROM holding h
    WHERE h.customer > %(after)s AND (%(position)s::bigint IS NULL OR h.registered <= %(position)s)
      AND (%(day)s::integer IS NULL OR h.registered_day <= %(day)s)
      AND (%(customers)s::bigint[] IS NULL OR h.customer = ANY (%(customers)s))
      AND held(h)
    ORDER BY h.customer
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
LEFT JOIN holding_history p
    ON p.customer = h.customer
    AND (%(position)s::bigint IS NULL OR p.position_from <= %(position)s AND p.position_to > %(position)s)
    AND (%(day)s::integer IS NULL OR p.day_from <= %(day)s AND p.day_to > %(day)s)
ORDER BY h.customer

-- name: owned
-- The same of whom somebody had.
SELECT p.customer, coalesce(c.name, '') AS name, h.region, p.staff, p.team, p.why, p.rule, p.rule_set,
       p.position_from AS since, p.day_from AS since_day
FROM holding_history p
JOIN holding h ON h.customer = p.customer
LEFT JOIN customer c ON c.number = p.customer
WHERE p.staff = %(staff)s AND p.staff > 0 AND p.customer > %(after)s
  AND (%(position)s::bigint IS NULL OR p.position_from <= %(position)s AND p.position_to > %(position)s)
  AND (%(day)s::integer IS NULL OR p.day_from <= %(day)s AND p.day_to > %(day)s)
  AND visible(p.customer)
ORDER BY p.customer
LIMIT %(limit)s

-- name: owner_history
-- All times that a customer was somebody's, or in the pool.
SELECT p.customer, p.position_from, p.position_to, p.day_from, p.day_to, p.staff, p.team, p.why, p.rule, p.rule_set,
       p.cause, p.assigned_at, p.followed_at
FROM holding_history p
WHERE p.customer = %(customer)s AND p.position_from > %(after)s AND visible(p.customer)
ORDER BY p.position_from
LIMIT %(limit)s

-- name: pool
-- The latest to come first. Who waits for the ruling of a collision can't be had, and isn't shown.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.industry, '') AS industry,
       coalesce(c.customer_type, '') AS customer_type, coalesce(c.scale, '') AS scale, h.why, h.since, h.since_day,
       CASE WHEN h.former = %(scope_staff)s::bigint OR held(h) THEN h.former ELSE 0 END AS former,
       CASE WHEN h.former > 0 THEN h.pooled_day + %(cooldown_days)s::integer END AS cooldown_day
FROM (
    SELECT * FROM holding h
    WHERE h.owner = 0 AND h.why <> 'merged' AND (h.since, h.customer) < (%(before)s::bigint, %(customer)s::bigint)
      AND pooled(h) AND NOT EXISTS (SELECT 1 FROM collision x WHERE x.customer = h.customer AND x.owner IS NULL)
    ORDER BY h.since DESC, h.customer DESC
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
ORDER BY h.since DESC, h.customer DESC

-- name: pooled
-- Whether a customer is among them.
SELECT h.customer
FROM holding h
WHERE h.customer = %(customer)s AND h.owner = 0 AND h.why <> 'merged' AND pooled(h)
  AND NOT EXISTS (SELECT 1 FROM collision x WHERE x.customer = h.customer AND x.owner IS NULL)

-- name: pool_of_regions
-- The same of some regions, each through its own part of the index.
SELECT h.customer, coalesce(c.name, '') AS name, h.region, coalesce(c.industry, '') AS industry,
       coalesce(c.customer_type, '') AS customer_type, coalesce(c.scale, '') AS scale, h.why, h.since, h.since_day,
       CASE WHEN h.former = %(scope_staff)s::bigint OR held(h) THEN h.former ELSE 0 END AS former,
       CASE WHEN h.former > 0 THEN h.pooled_day + %(cooldown_days)s::integer END AS cooldown_day
FROM (SELECT DISTINCT region FROM unnest(%(regions)s::text[]) AS given (region)) AS r
CROSS JOIN LATERAL (
    SELECT *
    FROM holding h
    WHERE h.owner = 0 AND h.why <> 'merged' AND h.region = r.region
      AND (h.since, h.customer) < (%(before)s::bigint, %(customer)s::bigint)
      AND pooled(h) AND NOT EXISTS (SELECT 1 FROM collision x WHERE x.customer = h.customer AND x.owner IS NULL)
    ORDER BY h.since DESC, h.customer DESC
    LIMIT %(limit)s
) AS h
LEFT JOIN customer c ON c.number = h.customer
ORDER BY h.since DESC, h.customer DESC
LIMIT %(limit)s

-- name: workload
-- What each person one leads owns and has to do. `day` is today.
SELECT s.number AS staff, s.team, s.role, s.place, s.capacity, s.last_day,
       EXISTS (SELECT 1 FROM staff_absence a WHERE a.staff = s.number AND %(day)s BETWEEN a.first_day AND a.last_day)
           AS is_absent,
       h.owned, h.nurtured, h.overdue, h.protected, b.collaborating, o.opportunities, o.amount, t.tasks, t.tasks_overdue
FROM staff s
CROSS JOIN LATERAL (
    SELECT count(*) AS owned, count(*) FILTER (WHERE rhythm_days > 0) AS nurtured,
           count(*) FILTER (WHERE due_day < %(day)s) AS overdue,
           count(*) FILTER (WHERE protected_day >= %(day)s) AS protected
    FROM holding WHERE owner = s.number AND owner > 0
) AS h
CROSS JOIN LATERAL (SELECT count(*) AS collaborating FROM collaboration WHERE staff = s.number) AS b
CROSS JOIN LATERAL (
    SELECT count(*) AS opportunities, coalesce(sum(amount), 0)::bigint AS amount
    FROM opportunity WHERE staff = s.number AND ended_day IS NULL
) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS tasks, count(*) FILTER (WHERE due_day < %(day)s) AS tasks_overdue
    FROM task WHERE doer = s.number AND ended_day IS NULL
) AS t
WHERE s.number > %(after)s AND (%(staff)s::bigint IS NULL OR s.number = %(staff)s)
  AND (%(team)s::text IS NULL OR EXISTS (SELECT 1 FROM team_above a WHERE a.team = s.team AND a.above = %(team)s))
  AND (s.last_day IS NULL OR s.last_day >= %(day)s OR h.owned > 0)
  AND led(s)
ORDER BY s.number
LIMIT %(limit)s

-- name: workload_teams
-- The same, added up for each team over the people one leads there and in the teams below.
SELECT t.team, t.name, count(s.number) AS people, coalesce(sum(s.capacity), 0)::bigint AS capacity,
       coalesce(sum(h.owned), 0)::bigint AS owned, coalesce(min(h.owned), 0) AS owned_min,
       coalesce(max(h.owned), 0) AS owned_max, coalesce(sum(h.nurtured), 0)::bigint AS nurtured,
       coalesce(sum(h.overdue), 0)::bigint AS overdue, coalesce(sum(o.opportunities), 0)::bigint AS opportunities,
       coalesce(sum(o.amount), 0)::bigint AS amount, coalesce(sum(k.tasks), 0)::bigint AS tasks,
       coalesce(sum(k.tasks_overdue), 0)::bigint AS tasks_overdue
FROM team t
JOIN team_above a ON a.above = t.team
JOIN staff s ON s.team = a.team AND led(s)
CROSS JOIN LATERAL (
    SELECT count(*) AS owned, count(*) FILTER (WHERE rhythm_days > 0) AS nurtured,
           count(*) FILTER (WHERE due_day < %(day)s) AS overdue
    FROM holding WHERE owner = s.number AND owner > 0
) AS h
CROSS JOIN LATERAL (
    SELECT count(*) AS opportunities, coalesce(sum(amount), 0)::bigint AS amount
    FROM opportunity WHERE staff = s.number AND ended_day IS NULL
) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS tasks, count(*) FILTER (WHERE due_day < %(day)s) AS tasks_overdue
    FROM task WHERE doer = s.number AND ended_day IS NULL
) AS k
WHERE s.last_day IS NULL OR s.last_day >= %(day)s OR h.owned > 0
GROUP BY t.team
ORDER BY t.position
