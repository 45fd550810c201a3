"""Whether and how the kernel is compiled.

The kernel is written once. It runs compiled by Numba, and a second, uncompiled copy of the same files is its
test oracle (`oracle.py`); `COMPILED` is switched off only while that copy is being loaded.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba  # pyright: ignore[reportMissingTypeStubs]

COMPILED = True

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _cache_folder() -> str:
    """Where compiled code is kept: a folder named after all of the kernel's sources.

    Numba looks only at the file of the outermost function to see whether its cache is stale; a change in
    another file of the kernel would go unnoticed and an old kernel would decide points.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    sources = [here / "_jit.py", here / "layout.py", here.parent / "domain" / "rows.py"]
    for path in [*sources, *sorted((here / "kernel").glob("*.py"))]:
        digest.update(path.read_bytes())
    base = Path(os.environ.get("PLUMBLINE_KERNEL_CACHE") or here / "__pycache__")
    try:
        base.mkdir(parents=True, exist_ok=True)
        usable = os.access(base, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        base = Path(tempfile.gettempdir()) / f"plumbline-kernel-{os.getuid()}"
    return str(base / f"kernel-{digest.hexdigest()[:16]}")


_numba: Any = numba
_numba.config.CACHE_DIR = _cache_folder()


def jit(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile with Numba (no Python objects, no global lock, cached on disk), or leave as it is for the
    oracle.

    Everything is inlined and nothing counts references: a call would hand on each table by its seven fields, and
    two threads would fight over the counts of the tables they share; together that is eight times the work. So
    what is compiled here must make no arrays.
    """
    if not COMPILED:
        return function
    decorate: Any = _numba.njit(cache=True, nogil=True, _nrt=False, forceinline=True)
    return decorate(function)
