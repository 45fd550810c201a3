"""Views of who serves which customer, and of the work with customers; each in its file.

`scopes.py` says who sees what: every read takes a scope, and the scope stands in the query. `ownership.py`, `staff.py`,
`profile.py`, `work.py`, `arrivals.py`, `reminders.py` and `timeline.py` keep tables; `portfolios.py`, `profiles.py`,
`dealings.py` and `figures.py` read them. Ids are numbers here, days are counted from 1970-01-01, amounts are fen.
"""
