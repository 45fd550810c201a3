"""The one writer of a ledger: drains what waits, decides it in order on state in memory, appends it in one
transaction, answers each caller.

`state.py` is the memory (the book, and every account's record), `facts.py` prepares facts and registrations,
`orders.py` decides the rarer commands one by one, `decisions.py` turns what the engine put out into events,
`closing.py` lets time pass, `rehearsing.py` decides without appending, `writer.py` is the loop around them.
"""

from ledger.writer.account import Account
from ledger.writer.state import LedgerState
from ledger.writer.submissions import WriterStopped
from ledger.writer.writer import Writer

__all__ = ["Account", "LedgerState", "Writer", "WriterStopped"]
