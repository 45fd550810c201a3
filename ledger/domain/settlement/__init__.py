"""Settlement: which offsets of payments settle which redemptions, and what was ruled where none fits.

`records.py` has what there is, `state.py` folds it from events, `figures.py` adds it up by month, `deciding.py` decides
the commands. Amounts are fen; months are those of the ledger, and one that was signed off takes nothing more.
"""

# Settlement is a part of the relations' state, which therefore is made first, whoever asks for which of the two.
import ledger.domain.relations  # noqa: F401  # pyright: ignore[reportUnusedImport]
