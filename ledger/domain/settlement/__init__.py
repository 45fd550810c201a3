"""Settlement: which offsets of payments settle which redemptions, and what was ruled where none fits.

`records.py` has what there is, `state.py` folds it from events, `figures.py` adds it up by month, `deciding.py` decides
the commands. Amounts are fen; months are those of the ledger's calendar, and one that was signed off takes nothing more.
"""
