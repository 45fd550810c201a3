-- Leads, and collisions over them.

-- name: leads_store
INSERT INTO lead (position, customer, source, lead, channel, staff, project, amount, is_new, matched, matches, day)
SELECT position, customer, source, lead, channel, staff, project, amount, is_new, matched, matches::jsonb, day
FROM unnest(
    %(position)s::bigint[], %(customer)s::bigint[], %(source)s::text[], %(lead)s::text[], %(channel)s::text[],
    %(staff)s::bigint[], %(project)s::text[], %(amount)s::bigint[], %(is_new)s::boolean[], %(matched)s::bigint[],
    %(matches)s::text[], %(day)s::integer[]
) AS given (position, customer, source, lead, channel, staff, project, amount, is_new, matched, matches, day)

-- name: collisions_load
SELECT number, customer, matched, holder, asker, certainty, matches, project, day, owner, settled_by, reason, ruled_day,
       position
FROM collision WHERE number = ANY (%(numbers)s::bigint[])

-- name: collisions_store
INSERT INTO collision (
    number, customer, matched, holder, asker, certainty, matches, project, day, owner, settled_by, reason, ruled_day,
    position
)
SELECT number, customer, matched, holder, asker, certainty, matches::jsonb, project, day, owner, settled_by, reason,
       ruled_day, position
FROM unnest(
    %(number)s::bigint[], %(customer)s::bigint[], %(matched)s::bigint[], %(holder)s::bigint[], %(asker)s::bigint[],
    %(certainty)s::text[], %(matches)s::text[], %(project)s::text[], %(day)s::integer[], %(owner)s::bigint[],
    %(settled_by)s::text[], %(reason)s::text[], %(ruled_day)s::integer[], %(position)s::bigint[]
) AS given (
    number, customer, matched, holder, asker, certainty, matches, project, day, owner, settled_by, reason, ruled_day,
    position
)
ON CONFLICT (number) DO UPDATE
SET owner = excluded.owner, settled_by = excluded.settled_by, reason = excluded.reason, ruled_day = excluded.ruled_day,
    position = excluded.position
