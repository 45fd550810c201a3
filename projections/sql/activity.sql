-- What customers did, month by month. Points in 1/100, contribution in fen, hours and scores in tenths.

-- name: facts_before
-- Versions of facts that later ones correct.
SELECT notification_id, originator_id, topic, state FROM event WHERE notification_id = ANY (%(positions)s::bigint[])

-- name: day_closed_last
-- The last day that was closed before a position.
SELECT notification_id, state FROM event
WHERE originator_id = %(calendar)s AND topic = 'DayClosed' AND notification_id < %(before)s
ORDER BY originator_version DESC
LIMIT 1

-- name: activity_store
MERGE INTO activity AS a
USING unnest(
    %(customer)s::bigint[], %(month)s::integer[], %(facts)s::bigint[], %(contracts)s::bigint[],
    %(contribution)s::bigint[], %(projects)s::bigint[], %(complaints)s::bigint[], %(complaints_major)s::bigint[],
    %(responses)s::bigint[], %(responses_prompt)s::bigint[], %(response_hours)s::bigint[], %(answers)s::bigint[],
    %(answers_content)s::bigint[], %(satisfaction)s::bigint[], %(scores)s::bigint[], %(score)s::bigint[],
    %(granted)s::bigint[], %(deducted)s::bigint[], %(expired)s::bigint[], %(redeemed)s::bigint[]
) AS given (
    customer, month, facts, contracts, contribution, projects, complaints, complaints_major, responses,
    responses_prompt, response_hours, answers, answers_content, satisfaction, scores, score, granted, deducted,
    expired, redeemed
)
ON a.customer = given.customer AND a.month = given.month
WHEN MATCHED THEN UPDATE
SET facts = a.facts + given.facts, contracts = a.contracts + given.contracts,
    contribution = a.contribution + given.contribution, projects = a.projects + given.projects,
    complaints = a.complaints + given.complaints, complaints_major = a.complaints_major + given.complaints_major,
    responses = a.responses + given.responses, responses_prompt = a.responses_prompt + given.responses_prompt,
    response_hours = a.response_hours + given.response_hours, answers = a.answers + given.answers,
    answers_content = a.answers_content + given.answers_content, satisfaction = a.satisfaction + given.satisfaction,
    scores = a.scores + given.scores, score = a.score + given.score, granted = a.granted + given.granted,
    deducted = a.deducted + given.deducted, expired = a.expired + given.expired,
    redeemed = a.redeemed + given.redeemed
WHEN NOT MATCHED THEN INSERT (
    customer, month, facts, contracts, contribution, projects, complaints, complaints_major, responses,
    responses_prompt, response_hours, answers, answers_content, satisfaction, scores, score, granted, deducted,
    expired, redeemed
)
VALUES (
    given.customer, given.month, given.facts, given.contracts, given.contribution, given.projects, given.complaints,
    given.complaints_major, given.responses, given.responses_prompt, given.response_hours, given.answers,
    given.answers_content, given.satisfaction, given.scores, given.score, given.granted, given.deducted,
    given.expired, given.redeemed
)

-- name: activity_last_store
MERGE INTO activity_last AS l
USING unnest(%(customer)s::bigint[], %(day)s::integer[]) AS given (customer, day)
ON l.customer = given.customer
WHEN MATCHED AND l.day < given.day THEN UPDATE SET day = given.day
WHEN NOT MATCHED THEN INSERT (customer, day) VALUES (given.customer, given.day)

-- name: incidents_store
MERGE INTO incident AS i
USING unnest(%(customer)s::bigint[], %(day)s::integer[], %(lost)s::bigint[], %(complaints)s::bigint[])
    AS given (customer, day, lost, complaints)
ON i.customer = given.customer AND i.day = given.day
WHEN MATCHED THEN UPDATE SET lost = i.lost + given.lost, complaints = i.complaints + given.complaints
WHEN NOT MATCHED THEN INSERT (customer, day, lost, complaints)
VALUES (given.customer, given.day, given.lost, given.complaints)

-- name: points_months_store
INSERT INTO points_month (month, granted, deducted, reversed, expired, debt, redeemed)
SELECT * FROM unnest(
    %(month)s::integer[], %(granted)s::bigint[], %(deducted)s::bigint[], %(reversed)s::bigint[],
    %(expired)s::bigint[], %(debt)s::bigint[], %(redeemed)s::bigint[]
)
ON CONFLICT (month) DO UPDATE
SET granted = points_month.granted + excluded.granted, deducted = points_month.deducted + excluded.deducted,
    reversed = points_month.reversed + excluded.reversed, expired = points_month.expired + excluded.expired,
    debt = points_month.debt + excluded.debt, redeemed = points_month.redeemed + excluded.redeemed
