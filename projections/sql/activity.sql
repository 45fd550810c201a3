-- What customers did, month by month. Points in 1/100, contribution in fen, hours and scores in tenths.

-- name: facts_before
-- Versions of facts that later ones correct.
SELECT notification_id, originator_id, topic, state FROM event WHERE notification_id = ANY (%(positions)s::bigint[])

-- name: activity_store
INSERT INTO activity (
    customer, month, facts, contracts, contribution, projects, complaints, complaints_major, responses,
    responses_prompt, response_hours, answers, answers_content, satisfaction, scores, score, granted, deducted, expired,
    redeemed
)
SELECT * FROM unnest(
    %(customer)s::bigint[], %(month)s::integer[], %(facts)s::bigint[], %(contracts)s::bigint[],
    %(contribution)s::bigint[], %(projects)s::bigint[], %(complaints)s::bigint[], %(complaints_major)s::bigint[],
    %(responses)s::bigint[], %(responses_prompt)s::bigint[], %(response_hours)s::bigint[], %(answers)s::bigint[],
    %(answers_content)s::bigint[], %(satisfaction)s::bigint[], %(scores)s::bigint[], %(score)s::bigint[],
    %(granted)s::bigint[], %(deducted)s::bigint[], %(expired)s::bigint[], %(redeemed)s::bigint[]
)
ON CONFLICT (customer, month) DO UPDATE
SET facts = activity.facts + excluded.facts, contracts = activity.contracts + excluded.contracts,
    contribution = activity.contribution + excluded.contribution, projects = activity.projects + excluded.projects,
    complaints = activity.complaints + excluded.complaints,
    complaints_major = activity.complaints_major + excluded.complaints_major,
    responses = activity.responses + excluded.responses,
    responses_prompt = activity.responses_prompt + excluded.responses_prompt,
    response_hours = activity.response_hours + excluded.response_hours,
    answers = activity.answers + excluded.answers,
    answers_content = activity.answers_content + excluded.answers_content,
    satisfaction = activity.satisfaction + excluded.satisfaction, scores = activity.scores + excluded.scores,
    score = activity.score + excluded.score, granted = activity.granted + excluded.granted,
    deducted = activity.deducted + excluded.deducted, expired = activity.expired + excluded.expired,
    redeemed = activity.redeemed + excluded.redeemed

-- name: activity_last_store
INSERT INTO activity_last (customer, day)
SELECT * FROM unnest(%(customer)s::bigint[], %(day)s::integer[])
ON CONFLICT (customer) DO UPDATE SET day = greatest(activity_last.day, excluded.day)

-- name: incidents_store
INSERT INTO incident (customer, day, lost, complaints)
SELECT * FROM unnest(%(customer)s::bigint[], %(day)s::integer[], %(lost)s::bigint[], %(complaints)s::bigint[])
ON CONFLICT (customer, day) DO UPDATE
SET lost = incident.lost + excluded.lost, complaints = incident.complaints + excluded.complaints

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
