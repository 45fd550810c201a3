"""Views of who serves which customer, and of the work with customers; each in its file, with what is read of it.

`scopes.py` says who sees what: every read takes a scope, and the scope stands in the query. `ownership.py`, `staff.py`,
`profile.py`, `work.py`, `arrivals.py` and `reminders.py` keep tables; `portfolios.py`, `figures.py` and `timeline.py`
only read. Ids are numbers here, days are counted from 1970-01-01, amounts are fen.
"""
