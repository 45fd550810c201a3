-- What somebody's scope follows from.

-- name: scope_of
SELECT s.role, s.place,
       ARRAY(SELECT a.above FROM team_above a WHERE a.team = s.team ORDER BY a.above) AS departments,
       ARRAY(SELECT a.team FROM team_above a WHERE a.above = s.team ORDER BY a.team) AS teams
FROM staff s
WHERE s.number = %(staff)s AND s.joined_day <= %(day)s AND (s.last_day IS NULL OR s.last_day >= %(day)s)
