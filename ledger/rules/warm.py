"""Compile the kernel once, so that no command waits for it: `python -m ledger.rules.warm`."""

from __future__ import annotations

import numpy as np

from ledger.domain.fact_types import fact_type_parse
from ledger.domain.rows import Vocabulary
from ledger.rules import layout as at
from ledger.rules.assignment.best import best_of
from ledger.rules.compile import Activation, program_compile
from ledger.rules.document import rule_set_parse
from ledger.rules.engine import batch_of, records_new, rows_of, run
from ledger.rules.kernel.record import counter_read
from ledger.rules.kernel.redemption import available


def warm() -> None:
    """Run a rule set that says next to nothing over one row, ask what can be spent, and choose one of one; Numba keeps
    what it compiled on disk."""
    title = {"zh": "空", "en": "Empty"}
    ladder = {"window": "year", "levels": [{"id": "one", "title": title, "points": 0}]}
    rules = rule_set_parse({"id": "empty", "title": title, "rules": [], "tiers": ladder})
    login = fact_type_parse({"id": "login", "title": {"zh": "登录", "en": "Login"}})
    program = program_compile([Activation("RS-0000", rules, 0, 0)], [login], Vocabulary())
    batch = batch_of(rows_of([(1, 1, 0, 0, 0, 0, 0, [], [-1, -1, -1, -1])], 1))
    records = records_new(program, 1)
    run(program, batch, records, np.zeros((0, 2), np.int64))
    available(program.tables, 0, records[0], 0)
    counter_read(records[0], program.tables.slots, 0, 0, 0, at.COUNTER_POINTS)
    one = np.ones(2, np.int64)
    best_of(one[:1], one[:1], one[:1], one, one, one[:0], 0, 0)


if __name__ == "__main__":
    warm()
