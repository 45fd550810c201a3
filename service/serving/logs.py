"""What the service says about itself: one JSON object a line on standard error, or words where a person looks on."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

FLUSH_SECONDS: Final = 0.1
LINES_MAX: Final = 100_000
"""So many lines wait at most to be written, some 30 MB. What comes after them is counted, not kept."""


def logs_begin(level: str, *, words: bool) -> Callable[[dict[str, Any]], None] | None:
    """Set up structured logs for this process; `words` writes for people instead of programs.

    What libraries log comes the same way, from warnings on. Gives what takes the line of each served request; None
    where requests are not logged at this level, or go the way of all others.
    """
    lines: Lines | None = None
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        structlog.processors.format_exc_info,
    ]
    if words:
        # Not the default, which shows local variables: they hold names and phones of people.
        renderer: Any = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
        shared = shared[:-1]
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_dumps)
        lines = Lines()
        factory = lines.logger
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    return lines.request if lines is not None and number <= logging.INFO else None


class Lines:
    """Lines on standard error, gathered for a moment: a write of its own for each request would stop its thread each
    time. What is left is written at the end of the process.

    Where nothing can be written, as on a full disk, the service goes on; once there is room again, a line says how many
    are missing.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        """So many came while there was no room for them. Threads that come together may be counted as one."""
        self._lost = 0
        """So many could not be written."""
        self._lock = threading.Lock()
        atexit.register(self.flush)
        threading.Thread(target=self._run, name="plumbline-log", daemon=True).start()

    def logger(self, *_: Any) -> Lines:
        """The one logger of all."""
        return self

    def msg(self, line: bytes) -> None:
        """Take in a line."""
        if len(self._lines) < LINES_MAX:
            self._lines.append(line)
        else:
            self._dropped += 1

    debug = info = warning = error = critical = msg

    def request(self, fields: dict[str, Any]) -> None:
        """Take in the line of a served request; the way through all processors would cost as much as serving it."""
        fields["timestamp"] = datetime.now(UTC)
        self.msg(orjson.dumps(fields, default=str))

    def flush(self) -> None:
        """Write what was gathered, or forget it where that can't be."""
        with self._lock:
            # Others go on appending: only what is taken out is written.
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            dropped, self._dropped = self._dropped, 0
            self._lost += dropped
            told = [_lost(self._lost)] if self._lost else []
            if not lines and not told:
                return
            try:
                sys.stderr.buffer.write(b"\n".join([*told, *lines]) + b"\n")
                sys.stderr.buffer.flush()
            except (OSError, ValueError):  # ValueError: it is closed
                self._lost += len(lines)
            else:
                self._lost = 0

    def _run(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()


class _Handler(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger: Any = structlog.get_logger(record.name)
        exception = record.exc_info[1] if record.exc_info else None
        logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=exception)


def _lost(count: int) -> bytes:
    return orjson.dumps({
        "event": "lines lost", "level": "warning", "count": count, "timestamp": datetime.now(UTC),
        "reason": "standard error could not be written; look whether its disk is full",
    })  # fmt: skip


def _dumps(data: Any, **_: Any) -> bytes:
    return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
