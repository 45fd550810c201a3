"""Where a customer stood as of a day: tier, grade and tags, decided anew from what is in view.

In view is what was booked up to the day and known by a moment. What the rules of ladders, grades and tags make of it,
in the order of the log, is where the customer stood; each event's points stay as recorded. So no fact of a later day
has a part in it, and one that came late has its part from its own day on. Over all that was recorded it comes to what
the kernel decided (`ledger/rules/kernel/standing.py`).
"""
