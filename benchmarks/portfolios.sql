-- A firm with many customers, as the views of relations would have it: made in the tables at once, because what is measured
-- is reading them.

-- name: fill
-- Four of five customers are owned, spread over people and regions; the others are in the pool. Teams of twenty, one of which
-- the regional manager leads.
INSERT INTO customer (number, name, industry, region, customer_type, scale, consents, registered, position)
SELECT n, '客户' || n, '', 'r' || n / 7 %% 30, '政府', '', '{}', n, n FROM generate_series(1, %(customers)s) AS n;

INSERT INTO holding (
    customer, region, registered, registered_day, owner, team, why, since, since_day, protected_day, due_day, follow_up_days,
    rhythm_days, followed_day, former, pooled_day, collaborators, position
)
SELECT n, 'r' || n / 7 %% 30, n, 20000, owner, CASE WHEN owner > 0 THEN 't' ELSE '' END,
       CASE WHEN owner > 0 THEN 'arrival' ELSE 'deadline' END, %(customers)s + n, 20100,
       CASE WHEN owner > 0 THEN 20130 END, CASE WHEN owner > 0 THEN 20100 + n %% 397 END, 15, 0, NULL,
       CASE WHEN owner > 0 THEN 0 ELSE 1 + n %% %(people)s END, CASE WHEN owner = 0 THEN 20100 END, '{}', n
FROM (
    SELECT n, CASE WHEN n %% 5 = 0 THEN 0 ELSE 1 + (hashint8(n) & 2147483647) %% %(people)s END AS owner
    FROM generate_series(1, %(customers)s) AS n
) AS given;

INSERT INTO holding_history (
    customer, position_from, position_to, day_from, day_to, staff, team, why, rule, rule_set, cause, assigned_at
)
SELECT customer, since, 9223372036854775807, since_day, 2147483647, owner, team, why, 'rule', 'rules', since, now()
FROM holding;

INSERT INTO collaboration (customer, staff)
SELECT customer, 1 + (customer * 31) %% %(people)s FROM holding WHERE customer %% 20 = 1;

INSERT INTO team (team, name, parent, region, kind, position) SELECT 't' || n, 't', '', '', '', n FROM generate_series(0, %(people)s / 20) AS n;
INSERT INTO team_above (team, above) SELECT team, team FROM team;
INSERT INTO staff (
    number, person, sealed, source, reference, team, role, region, place, skills, experience_years, capacity, joined_day,
    position
)
SELECT n, n, '', 'hr', n::text, 't' || n / 20, 'seller', 'r' || n %% 30, 'r' || n %% 30, '{}', 1, 10000, 19000, n
FROM generate_series(1, %(people)s) AS n

-- name: tidy
VACUUM ANALYZE

-- name: explain
-- Put before a query.
EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF)
