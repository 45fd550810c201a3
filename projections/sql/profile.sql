-- What is known of customers.

-- name: profiles_load
SELECT customer, credit_code, qualifications, needs, cooperation, more, position
FROM profile WHERE customer = ANY (%(customers)s::bigint[])

-- name: profiles_store
INSERT INTO profile (customer, credit_code, qualifications, needs, cooperation, more, position)
SELECT customer, credit_code, string_to_array(qualifications, E'\x1f'), needs, cooperation, more::jsonb, position
FROM unnest(
    %(customer)s::bigint[], %(credit_code)s::text[], %(qualifications)s::text[], %(needs)s::text[],
    %(cooperation)s::text[], %(more)s::text[], %(position)s::bigint[]
) AS given (customer, credit_code, qualifications, needs, cooperation, more, position)
ON CONFLICT (customer) DO UPDATE
SET credit_code = excluded.credit_code, qualifications = excluded.qualifications, needs = excluded.needs,
    cooperation = excluded.cooperation, more = excluded.more, position = excluded.position

-- name: contacts_store
INSERT INTO contact (person, customer, sealed, place, decides, position)
SELECT * FROM unnest(
    %(person)s::bigint[], %(customer)s::bigint[], %(sealed)s::text[], %(place)s::text[], %(decides)s::boolean[],
    %(position)s::bigint[]
)
ON CONFLICT (person) DO UPDATE
SET customer = excluded.customer, sealed = excluded.sealed, place = excluded.place, decides = excluded.decides,
    position = excluded.position

-- name: contacts_erase
UPDATE contact SET sealed = '' WHERE person = ANY (%(persons)s::bigint[])

-- name: knowledge_drop
-- Taken back: all of a kind about the same.
DELETE FROM knowledge k
USING unnest(%(customer)s::bigint[], %(region)s::text[], %(kind)s::text[], %(person)s::bigint[])
    AS given (customer, region, kind, person)
WHERE k.customer = given.customer AND k.region = given.region AND k.kind = given.kind AND k.person = given.person

-- name: knowledge_erase
DELETE FROM knowledge WHERE person = ANY (%(persons)s::bigint[])

-- name: knowledge_store
INSERT INTO knowledge (customer, region, kind, value, person, text, sealed, day, position)
SELECT * FROM unnest(
    %(customer)s::bigint[], %(region)s::text[], %(kind)s::text[], %(value)s::text[], %(person)s::bigint[],
    %(text)s::text[], %(sealed)s::text[], %(day)s::integer[], %(position)s::bigint[]
)
ON CONFLICT (customer, region, kind, value, person) DO UPDATE
SET text = excluded.text, sealed = excluded.sealed, day = excluded.day, position = excluded.position

-- name: projects_store
INSERT INTO project (number, customer, name, stage, region, amount, position)
SELECT * FROM unnest(
    %(number)s::bigint[], %(customer)s::bigint[], %(name)s::text[], %(stage)s::text[], %(region)s::text[],
    %(amount)s::bigint[], %(position)s::bigint[]
)
ON CONFLICT (number) DO UPDATE
SET customer = excluded.customer, name = excluded.name, stage = excluded.stage, region = excluded.region,
    amount = excluded.amount, position = excluded.position

-- name: parties_clear
DELETE FROM project_party WHERE project = ANY (%(projects)s::bigint[])

-- name: parties_store
INSERT INTO project_party (project, ordinal, role, name, customer)
SELECT * FROM unnest(
    %(project)s::bigint[], %(ordinal)s::integer[], %(role)s::text[], %(name)s::text[], %(customer)s::bigint[]
)

-- name: site_members_clear
DELETE FROM site_member WHERE project = ANY (%(projects)s::bigint[])

-- name: site_members_store
INSERT INTO site_member (project, staff, customer)
SELECT * FROM unnest(%(project)s::bigint[], %(staff)s::bigint[], %(customer)s::bigint[])

-- name: milestones_store
INSERT INTO milestone (project, milestone, name, due_day, reached_day, position)
SELECT * FROM unnest(
    %(project)s::bigint[], %(milestone)s::text[], %(name)s::text[], %(due_day)s::integer[], %(reached_day)s::integer[],
    %(position)s::bigint[]
)
ON CONFLICT (project, milestone) DO UPDATE
SET name = excluded.name, due_day = excluded.due_day, reached_day = excluded.reached_day, position = excluded.position

-- name: mergings_store
INSERT INTO merging (position, customer, merged, reason, day, undone)
SELECT * FROM unnest(
    %(position)s::bigint[], %(customer)s::bigint[], %(merged)s::bigint[], %(reason)s::text[], %(day)s::integer[],
    %(undone)s::bigint[]
)

-- name: mergings_undo
UPDATE merging m SET undone = given.undone
FROM unnest(%(position)s::bigint[], %(undone)s::bigint[]) AS given (position, undone)
WHERE m.position = given.position

-- name: merged_clear
DELETE FROM customer_merged

-- name: merged_fill
-- Whom each stands for at the end of the chain. Mergings are few: worked out anew whenever one comes or goes.
WITH RECURSIVE stands (customer, merged_into, survivor) AS (
    SELECT m.merged, m.customer, m.customer FROM merging m WHERE m.undone = 0
    UNION ALL
    SELECT s.customer, s.merged_into, m.customer
    FROM stands s JOIN merging m ON m.merged = s.survivor AND m.undone = 0
)
INSERT INTO customer_merged (customer, merged_into, survivor)
SELECT DISTINCT ON (s.customer) s.customer, s.merged_into, s.survivor
FROM stands s
WHERE NOT EXISTS (SELECT 1 FROM merging m WHERE m.merged = s.survivor AND m.undone = 0)
