"""The kernel uncompiled: the same files, loaded a second time as plain Python. Slow, and the test of the
compiled."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from ledger.rules import _jit

_PREFIX = "ledger.rules.kernel"


def fold_uncompiled() -> Callable[..., int]:
    """The `fold` of an uncompiled copy of the kernel."""
    compiled = {name: module for name, module in sys.modules.items() if name.startswith(_PREFIX)}
    for name in compiled:
        del sys.modules[name]
    _jit.COMPILED = False
    try:
        return importlib.import_module(f"{_PREFIX}.fold").fold
    finally:
        _jit.COMPILED = True
        for name in [n for n in sys.modules if n.startswith(_PREFIX)]:
            del sys.modules[name]
        sys.modules.update(compiled)
