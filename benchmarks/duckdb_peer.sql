-- The points of every customer under the rules that windows can express, by hand: fixed, per full unit, banded, the
-- nth of a month, so many a month or quarter, a cap over several rules a year, a streak that another fact breaks, and
-- corrections of rules without counters.
--
-- {facts}: the Parquet files of the facts. {…} in capitals: numbers of fact types.

-- name: month_number
CREATE MACRO month_number(day) AS
    (year(DATE '1970-01-01' + day::INTEGER) - 1970) * 12 + month(DATE '1970-01-01' + day::INTEGER) - 1

-- name: points
WITH fact AS (
    SELECT
        account, position, role, fact_type AS kind, day, a0, a4,
        CASE operation WHEN 0 THEN 1 ELSE -1 END AS sign,
        month_number(day) AS month
    FROM {facts}
),
-- Logins: the third of a month.
login AS (
    SELECT account, position, month, 1000 AS points
    FROM (
        SELECT account, position, month, row_number() OVER (PARTITION BY account, month ORDER BY position) AS nth
        FROM fact WHERE kind = {LOGIN}
    )
    WHERE nth = 3
),
-- Report views: ten a month.
report AS (
    SELECT account, position, month, 100 AS points
    FROM (
        SELECT account, position, month, row_number() OVER (PARTITION BY account, month ORDER BY position) AS nth
        FROM fact WHERE kind = {REPORT_VIEWED}
    )
    WHERE nth <= 10
),
-- Surveys: two a quarter.
survey AS (
    SELECT account, position, month, 500 AS points
    FROM (
        SELECT
            account, position, month,
            row_number() OVER (PARTITION BY account, month // 3 ORDER BY position) AS nth
        FROM fact WHERE kind = {SURVEY_ANSWERED}
    )
    WHERE nth <= 2
),
-- Payments on time: four a month.
on_time AS (
    SELECT account, position, month, 500 AS points
    FROM (
        SELECT account, position, month, row_number() OVER (PARTITION BY account, month ORDER BY position) AS nth
        FROM fact WHERE kind = {INVOICE_PAID} AND a4 = 0
    )
    WHERE nth <= 4
),
-- These four together: 500 a year. What goes beyond is cut from the grant that crosses the line.
activity AS (
    SELECT account, least(50000, earned) - least(50000, earned - points) AS points
    FROM (
        SELECT
            account, points,
            sum(points) OVER (PARTITION BY account, month // 12 ORDER BY position ROWS UNBOUNDED PRECEDING) AS earned
        FROM (
            SELECT * FROM login UNION ALL SELECT * FROM report UNION ALL
            SELECT * FROM survey UNION ALL SELECT * FROM on_time
        )
    )
),
-- Major complaints: 30 off, 60 for each further one until a project is completed.
project_or_complaint AS (
    SELECT
        account, position, kind,
        count(*) FILTER (WHERE kind = {PROJECT_COMPLETED})
            OVER (PARTITION BY account ORDER BY position ROWS UNBOUNDED PRECEDING) AS completed
    FROM fact WHERE kind = {PROJECT_COMPLETED} OR (kind = {COMPLAINT_FILED} AND a0 = 1)
),
complaint AS (
    SELECT
        account,
        CASE row_number() OVER (PARTITION BY account, completed ORDER BY position) WHEN 1 THEN -3000 ELSE -6000 END
            AS points
    FROM project_or_complaint WHERE kind = {COMPLAINT_FILED}
),
-- What needs no order.
plain AS (
    SELECT
        account,
        sign * CASE
            WHEN role <> 0 THEN 0
            WHEN kind = {CONTRACT_SIGNED} THEN a0 // 1000000 * 200
            WHEN kind = {PROJECT_COMPLETED} THEN 5000
            WHEN kind = {REFERRAL_SIGNED} THEN 5000
            WHEN kind = {MANUAL_ADJUSTMENT} THEN a0
            WHEN kind = {COMPLAINT_FILED} THEN CASE a0 WHEN 0 THEN -500 ELSE 0 END
            WHEN kind = {COMPLAINT_RESOLVED} THEN
                CASE WHEN a0 >= 1681 THEN -1000 WHEN a0 >= 721 THEN -500 ELSE 0 END
            WHEN kind = {PERFORMANCE_SCORED} THEN
                CASE
                    WHEN a0 >= 950 THEN 3000 WHEN a0 >= 900 THEN 2000 WHEN a0 >= 800 THEN 1000
                    WHEN a0 >= 600 THEN 0 ELSE -1000
                END
            WHEN kind = {INVOICE_PAID} THEN
                CASE WHEN a4 >= 91 THEN -1000 WHEN a4 >= 31 THEN -500 WHEN a4 >= 1 THEN -200 ELSE 0 END
            ELSE 0
        END AS points
    FROM fact
)
SELECT account, sum(points)::BIGINT AS points
FROM (
    SELECT * FROM activity UNION ALL SELECT * FROM complaint UNION ALL SELECT * FROM plain
)
GROUP BY account ORDER BY account
