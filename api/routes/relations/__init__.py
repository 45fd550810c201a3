"""Who serves whom, and the work with customers, over HTTP: below `/v1/ledgers/{ledger}/relations`.

`seeing.py` says as whom one reads, `may.py` what a member of staff may do, `documents.py` what rows are as JSON.
`customers.py`, `owners.py`, `work.py`, `figures.py`, `staff.py` and `collisions.py` read; `writes.py` sends every
command, `leads.py` those that may tell that a customer is somebody's.
"""
