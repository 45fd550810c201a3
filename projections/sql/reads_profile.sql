-- What is known of customers, as far as a scope sees them.

-- name: customers
-- A page of customers, or some by their numbers.
SELECT c.number AS customer, c.name, c.industry, c.region, c.customer_type, c.scale,
       coalesce(h.owner, 0) AS owner, coalesce(h.team, '') AS team, coalesce(m.merged_into, 0) AS merged_into
FROM customer c
LEFT JOIN holding h ON h.customer = c.number
LEFT JOIN customer_merged m ON m.customer = c.number
WHERE c.number > %(after)s AND (%(numbers)s::bigint[] IS NULL OR c.number = ANY (%(numbers)s))
  AND (%(region)s::text IS NULL OR c.region = %(region)s)
  AND visible(c.number)
ORDER BY c.number
LIMIT %(limit)s

-- name: customers_named
-- Those whose name, pinyin or initials contain a text; the index of the search finds them, the rest is compared.
SELECT c.number AS customer, c.name, c.industry, c.region, c.customer_type, c.scale,
       coalesce(h.owner, 0) AS owner, coalesce(h.team, '') AS team, coalesce(m.merged_into, 0) AS merged_into
FROM customer_search f
JOIN customer c ON c.number = f.customer
LEFT JOIN holding h ON h.customer = c.number
LEFT JOIN customer_merged m ON m.customer = c.number
WHERE ((f.grams @> %(name_grams)s::text[] AND position(%(text)s IN f.name_folded) > 0)
       OR (%(pinyin_grams)s::text[] <> '{}' AND f.grams @> %(pinyin_grams)s::text[]
           AND position(%(text)s IN f.pinyin) > 0)
       OR (%(initials_grams)s::text[] <> '{}' AND f.grams @> %(initials_grams)s::text[]
           AND position(%(text)s IN f.initials) > 0))
  AND c.number > %(after)s AND (%(region)s::text IS NULL OR c.region = %(region)s)
  AND visible(c.number)
ORDER BY c.number
LIMIT %(limit)s

-- name: family
-- A customer with all that were found to be it; `merged_into` 0 for the one that the others stand for.
SELECT c.number AS customer, c.name, c.industry, c.region, c.customer_type, c.scale,
       coalesce(h.owner, 0) AS owner, coalesce(h.team, '') AS team, coalesce(m.merged_into, 0) AS merged_into
FROM customer c
LEFT JOIN holding h ON h.customer = c.number
LEFT JOIN customer_merged m ON m.customer = c.number
CROSS JOIN LATERAL (SELECT coalesce(m.survivor, c.number) AS customer) AS root
WHERE related(c.number) AND concerned(root.customer)
ORDER BY c.number

-- name: profiles
SELECT p.customer, p.credit_code, p.qualifications, p.needs, p.cooperation, p.more, p.position
FROM profile p
LEFT JOIN customer_merged m ON m.customer = p.customer
CROSS JOIN LATERAL (SELECT coalesce(m.survivor, p.customer) AS customer) AS root
WHERE related(p.customer) AND concerned(root.customer)
ORDER BY p.customer

-- name: contacts
SELECT k.person, k.customer, k.sealed, k.place, k.decides, k.position
FROM contact k
WHERE related(k.customer) AND visible(k.customer)
ORDER BY k.decides DESC, k.person

-- name: contact
SELECT k.person FROM contact k WHERE k.person = %(person)s AND visible(k.customer)

-- name: knowledge
SELECT k.customer, k.region, k.kind, k.value, k.person, k.text, k.sealed, k.day, k.position
FROM knowledge k
WHERE k.customer > 0 AND related(k.customer) AND visible(k.customer)
ORDER BY k.position

-- name: region_knowledge
-- For who sells, of the region that they work in; of all regions for who has none, and for who sees everything.
SELECT k.customer, k.region, k.kind, k.value, k.person, k.text, k.sealed, k.day, k.position
FROM knowledge k
WHERE k.customer = 0 AND (%(region)s::text IS NULL OR k.region = %(region)s) AND pooled(k)
  AND (k.region, k.position) > (%(after_region)s::text, %(after_position)s::bigint)
ORDER BY k.region, k.position
LIMIT %(limit)s

-- name: projects
-- Of a customer, or of all that one sees.
SELECT p.number, p.customer, coalesce(c.name, '') AS customer_name, p.name, p.stage, p.region, p.amount, p.position,
       ARRAY(SELECT r.role FROM project_party r WHERE r.project = p.number ORDER BY r.ordinal) AS party_roles,
       ARRAY(
           SELECT CASE WHEN r.customer > 0 THEN coalesce(n.name, r.name) ELSE r.name END
           FROM project_party r LEFT JOIN customer n ON n.number = r.customer
           WHERE r.project = p.number ORDER BY r.ordinal
       ) AS party_names,
       ARRAY(SELECT r.customer FROM project_party r WHERE r.project = p.number ORDER BY r.ordinal) AS party_customers,
       ARRAY(SELECT s.staff FROM site_member s WHERE s.project = p.number ORDER BY s.staff) AS site_team
FROM project p
LEFT JOIN customer c ON c.number = p.customer
WHERE p.number > %(after)s AND (%(number)s::bigint IS NULL OR p.number = %(number)s)
  AND (%(customer)s::bigint IS NULL OR related(p.customer))
  AND visible(p.customer)
ORDER BY p.number
LIMIT %(limit)s

-- name: milestones
SELECT m.project, m.milestone, m.name, m.due_day, m.reached_day, m.position
FROM milestone m
JOIN project p ON p.number = m.project
WHERE m.project = %(project)s AND visible(p.customer)
ORDER BY m.due_day, m.milestone

-- name: mergings
-- What was merged into a customer, and taken back.
SELECT m.position, m.customer, m.merged, m.reason, m.day, m.undone
FROM merging m
WHERE (related(m.customer) OR related(m.merged)) AND visible(m.customer)
ORDER BY m.position
