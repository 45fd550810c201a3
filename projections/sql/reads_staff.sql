-- Who there is.

-- name: staff_listed
-- scope: everybody, colleagues are no secret among each other; what they do and own is.
SELECT s.number, s.person, s.sealed, s.source, s.reference, s.team, s.role, s.region, s.place, s.skills,
       s.experience_years, s.capacity, s.joined_day, s.last_day, s.position
FROM staff s
WHERE s.number > %(after)s AND (%(number)s::bigint IS NULL OR s.number = %(number)s)
  AND (%(team)s::text IS NULL OR EXISTS (SELECT 1 FROM team_above a WHERE a.team = s.team AND a.above = %(team)s))
ORDER BY s.number
LIMIT %(limit)s

-- name: absences
-- On leave on that day or later.
SELECT a.staff, a.first_day, a.last_day, a.position
FROM staff_absence a
JOIN staff s ON s.number = a.staff
WHERE a.last_day >= %(day)s AND (%(staff)s::bigint IS NULL OR a.staff = %(staff)s) AND led(s)
  AND (a.first_day, a.staff) > (%(after_day)s::integer, %(after_staff)s::bigint)
ORDER BY a.first_day, a.staff
LIMIT %(limit)s

-- name: led
SELECT s.number FROM staff s WHERE s.number = %(number)s AND led(s)

-- name: teams_listed
-- scope: everybody, how the firm is built is known to all of it.
SELECT t.team, t.name, t.parent, t.region, t.kind, t.position FROM team t ORDER BY t.position
