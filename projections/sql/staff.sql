-- People of the firm and their teams. There are hundreds: they are loaded whole.

-- name: teams_load
SELECT team, name, parent, region, kind, position FROM team

-- name: staff_load
SELECT number, person, sealed, source, reference, team, role, region, place, skills, experience_years, capacity,
       joined_day, last_day, position
FROM staff

-- name: teams_store
INSERT INTO team (team, name, parent, region, kind, position)
SELECT * FROM unnest(
    %(team)s::text[], %(name)s::text[], %(parent)s::text[], %(region)s::text[], %(kind)s::text[], %(position)s::bigint[]
)
ON CONFLICT (team) DO UPDATE
SET name = excluded.name, parent = excluded.parent, region = excluded.region, kind = excluded.kind,
    position = excluded.position

-- name: teams_above_clear
DELETE FROM team_above

-- name: teams_above_fill
WITH RECURSIVE up (team, above) AS (
    SELECT team, team FROM team
    UNION
    SELECT up.team, t.parent FROM up JOIN team t ON t.team = up.above WHERE t.parent <> ''
)
INSERT INTO team_above (team, above) SELECT team, above FROM up

-- name: staff_store
INSERT INTO staff (
    number, person, sealed, source, reference, team, role, region, place, skills, experience_years, capacity, joined_day,
    last_day, position
)
SELECT number, person, sealed, source, reference, team, role, region, place, skills::jsonb, experience_years, capacity,
       joined_day, last_day, position
FROM unnest(
    %(number)s::bigint[], %(person)s::bigint[], %(sealed)s::text[], %(source)s::text[], %(reference)s::text[],
    %(team)s::text[], %(role)s::text[], %(region)s::text[], %(place)s::text[], %(skills)s::text[],
    %(experience_years)s::integer[], %(capacity)s::integer[], %(joined_day)s::integer[], %(last_day)s::integer[],
    %(position)s::bigint[]
) AS given (
    number, person, sealed, source, reference, team, role, region, place, skills, experience_years, capacity, joined_day,
    last_day, position
)
ON CONFLICT (number) DO UPDATE
SET sealed = excluded.sealed, team = excluded.team, role = excluded.role, region = excluded.region,
    place = excluded.place, skills = excluded.skills, experience_years = excluded.experience_years,
    capacity = excluded.capacity, last_day = excluded.last_day, position = excluded.position

-- name: absences_store
INSERT INTO staff_absence (staff, first_day, last_day, position)
SELECT * FROM unnest(%(staff)s::bigint[], %(first_day)s::integer[], %(last_day)s::integer[], %(position)s::bigint[])
ON CONFLICT (staff, first_day) DO UPDATE SET last_day = excluded.last_day, position = excluded.position

-- name: absences_drop
DELETE FROM staff_absence a
USING unnest(%(staff)s::bigint[], %(first_day)s::integer[]) AS given (staff, first_day)
WHERE a.staff = given.staff AND a.first_day = given.first_day
