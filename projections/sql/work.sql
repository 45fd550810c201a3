-- Chances of contracts, talks, tasks.

-- name: opportunities_load
SELECT number, customer, staff, name, project, channel, stage, stage_day, stage_reached, amount, probability_percent,
       expected_day, opened_day, ended_day, reason, source, reference, position
FROM opportunity WHERE number = ANY (%(numbers)s::bigint[])

-- name: opportunities_store
INSERT INTO opportunity (
    number, customer, staff, name, project, channel, stage, stage_day, stage_reached, amount, probability_percent,
    expected_day, opened_day, ended_day, reason, source, reference, position
)
SELECT * FROM unnest(
    %(number)s::bigint[], %(customer)s::bigint[], %(staff)s::bigint[], %(name)s::text[], %(project)s::bigint[],
    %(channel)s::text[], %(stage)s::text[], %(stage_day)s::integer[], %(stage_reached)s::integer[], %(amount)s::bigint[],
    %(probability_percent)s::integer[], %(expected_day)s::integer[], %(opened_day)s::integer[], %(ended_day)s::integer[],
    %(reason)s::text[], %(source)s::text[], %(reference)s::text[], %(position)s::bigint[]
)
ON CONFLICT (number) DO UPDATE
SET staff = excluded.staff, name = excluded.name, stage = excluded.stage, stage_day = excluded.stage_day,
    stage_reached = excluded.stage_reached, amount = excluded.amount,
    probability_percent = excluded.probability_percent, expected_day = excluded.expected_day,
    ended_day = excluded.ended_day, reason = excluded.reason, position = excluded.position

-- name: stages_leave
-- The stages that opportunities stood at before this batch, and leave in it.
UPDATE opportunity_stage s SET day_to = given.day
FROM unnest(%(opportunity)s::bigint[], %(day)s::integer[]) AS given (opportunity, day)
WHERE s.opportunity = given.opportunity AND s.day_to IS NULL

-- name: stages_enter
INSERT INTO opportunity_stage (opportunity, position, stage, day_from, day_to)
SELECT * FROM unnest(
    %(opportunity)s::bigint[], %(position)s::bigint[], %(stage)s::text[], %(day_from)s::integer[], %(day_to)s::integer[]
)

-- name: follow_ups_store
INSERT INTO follow_up (
    position, customer, staff, day, channel, said, next_step, next_due_day, outcome, opportunity, satisfaction,
    next_step_done
)
SELECT * FROM unnest(
    %(position)s::bigint[], %(customer)s::bigint[], %(staff)s::bigint[], %(day)s::integer[], %(channel)s::text[],
    %(said)s::text[], %(next_step)s::text[], %(next_due_day)s::integer[], %(outcome)s::text[], %(opportunity)s::bigint[],
    %(satisfaction)s::integer[], %(next_step_done)s::boolean[]
)

-- name: tasks_load
SELECT number, customer, staff, department, doer, title, due_day, state, progress_percent, note, opportunity, handed_day,
       accepted_day, ended_day, position
FROM task WHERE number = ANY (%(numbers)s::bigint[])

-- name: tasks_store
INSERT INTO task (
    number, customer, staff, department, doer, title, due_day, state, progress_percent, note, opportunity, handed_day,
    accepted_day, ended_day, position
)
SELECT * FROM unnest(
    %(number)s::bigint[], %(customer)s::bigint[], %(staff)s::bigint[], %(department)s::text[], %(doer)s::bigint[],
    %(title)s::text[], %(due_day)s::integer[], %(state)s::text[], %(progress_percent)s::integer[], %(note)s::text[],
    %(opportunity)s::bigint[], %(handed_day)s::integer[], %(accepted_day)s::integer[], %(ended_day)s::integer[],
    %(position)s::bigint[]
)
ON CONFLICT (number) DO UPDATE
SET staff = excluded.staff, doer = excluded.doer, state = excluded.state, progress_percent = excluded.progress_percent,
    note = excluded.note, accepted_day = excluded.accepted_day, ended_day = excluded.ended_day,
    position = excluded.position
