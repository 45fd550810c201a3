"""Python's cyclic collector, kept from walking through loaded books again and again."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

COLLECT_AFTER: Final = (50_000, 20, 50)
"""Commands leave hardly any cycles behind; Python's own 700 objects would look for them a thousand times a second."""


@contextmanager
def collecting_seldom() -> Generator[None]:
    """For as long as this process writes: what is loaded by now is left alone, and looks are rare. (Nor is it looked
    through beforehand: that would be a sixth of a second of every command.)

    Measured on bulk facts: without it, half of the writer's time goes into looking.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
