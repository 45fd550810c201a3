"""Work for which nobody waits any longer is given up: at its next look, and what it asks the database is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")

LOOK_SECONDS: Final = 0.25
"""How often who waits for the database looks whether anybody waits for them."""

_left: ContextVar[threading.Event | None] = ContextVar("left", default=None)


class Abandoned(Exception):
    """Nobody waits for this any more."""


def abandonable(function: Callable[[], T], left: threading.Event) -> T:
    """The result of a function, which is given up soon after `left` is set. Raises Abandoned or, of a query that was
    cancelled, what the database says."""
    token = _left.set(left)
    try:
        abandoned_check()
        return function()
    finally:
        _left.reset(token)


def left_of_work() -> threading.Event | None:
    """Set when nobody waits any more for what is being done here; None where that isn't asked."""
    return _left.get()


def abandoned_check() -> None:
    """Raise Abandoned where nobody waits any more for what is being done here."""
    left = _left.get()
    if left is not None and left.is_set():
        raise Abandoned
