"""The database, as plain SQL.

`NNNN_name.sql` are the steps, applied forward only and never edited once released: `ledger.log.migrate`
records the SHA-256 of each and refuses to go on when a recorded one has changed or is missing. Everything is
written relative to one schema, that of the ledger; no file names it. `schema.sql` is where all the steps
together arrive, kept to be read; a test applies both and proves that the catalogs are equal, so a new step
always comes with its lines in `schema.sql`.
"""
