-- What was said to be due.

-- name: reminders_store
INSERT INTO reminder (position, customer, kind, staff, about, number, due_day, day)
SELECT * FROM unnest(
    %(position)s::bigint[], %(customer)s::bigint[], %(kind)s::text[], %(staff)s::bigint[], %(about)s::text[],
    %(number)s::bigint[], %(due_day)s::integer[], %(day)s::integer[]
)
