"""The one writer of a ledger: drains what waits, decides it in order on state in memory, appends it in one
transaction, answers each caller.

`state.py` is the memory (the book, every account's record, and the relations that `relations.py` loads and moves),
`facts.py` prepares facts and registrations, `desk.py` decides commands about relations on a draft, `orders.py` the rarer
commands one by one, `decisions.py` turns what the engine put out into events, `closing.py` lets time pass,
`rehearsing.py` decides without appending, `appending.py` appends and moves the state, `carrying.py` has each kind decided and
appended once, `writer.py` is the loop around them. `checks.py` and `forms.py` say what a request must be before that, `wire.py` how it travels.
"""

from ledger.writer.account import Account
from ledger.writer.state import LedgerState
from ledger.writer.submissions import WriterStopped
from ledger.writer.writer import Writer

__all__ = ["Account", "LedgerState", "Writer", "WriterStopped"]
