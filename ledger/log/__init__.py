"""The append-only log on Postgres: the one truth, of which everything else is a view.

A ledger is one Postgres schema. `migrate` makes and upgrades it, `recorder` appends to it and reads it,
`lease` says who may write, `types` holds what goes in and what comes back. SQL lives in `queries.sql` and in
the room `migrations`.
"""
