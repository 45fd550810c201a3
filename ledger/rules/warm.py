"""Compile the kernel once, so that no command waits for it: `python -m ledger.rules.warm`."""

from __future__ import annotations

import numpy as np

from ledger.domain.fact_types import fact_type_parse
from ledger.domain.rows import Vocabulary
from ledger.rules.assignment.best import best_of
from ledger.rules.compile import Activation, program_compile
from ledger.rules.document import rule_set_parse
from ledger.rules.engine import batch_of, records_new, rows_of, run


def warm() -> None:
    """Run an empty rule set over one row, and choose one of one; Numba keeps what it compiled on disk."""
    rules = rule_set_parse({"id": "empty", "title": {"zh": "空", "en": "Empty"}, "rules": []})
    login = fact_type_parse({"id": "login", "title": {"zh": "登录", "en": "Login"}})
    program = program_compile([Activation("RS-0000", rules, 0, 0)], [login], Vocabulary())
    batch = batch_of(rows_of([(1, 1, 0, 0, 0, 0, 0, [], [-1, -1, -1, -1])], 1))
    run(program, batch, records_new(program, 1), np.zeros((0, 2), np.int64))
    one = np.ones(2, np.int64)
    best_of(one[:1], one[:1], one[:1], one, one, one[:0], 0, 0)


if __name__ == "__main__":
    warm()
