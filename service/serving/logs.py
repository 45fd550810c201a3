"""What the service says about itself: one JSON object a line on standard error, or words where a person looks on."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from typing import Any, Final

import orjson
import structlog

FLUSH_SECONDS: Final = 0.1


def logs_begin(level: str, *, words: bool) -> None:
    """Set up structured logs for this process; `words` writes for people instead of programs.

    What libraries log comes the same way, from warnings on.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        structlog.processors.format_exc_info,
    ]
    if words:
        renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
        shared = shared[:-1]
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_dumps)
        factory = _Lines().logger
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Lines:
    """Lines on standard error, gathered for a moment: a write of its own for each request would stop its thread each
    time. What is left is written at the end of the process."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._lock = threading.Lock()
        atexit.register(self.flush)
        threading.Thread(target=self._run, name="plumbline-log", daemon=True).start()

    def logger(self, *_: Any) -> _Lines:
        """The one logger of all."""
        return self

    def msg(self, line: bytes) -> None:
        """Take in a line."""
        self._lines.append(line)

    debug = info = warning = error = critical = msg

    def flush(self) -> None:
        """Write what was gathered."""
        with self._lock:
            lines, self._lines = self._lines, []
            if lines:
                sys.stderr.buffer.write(b"\n".join(lines) + b"\n")
                sys.stderr.buffer.flush()

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


def _dumps(data: Any, **_: Any) -> bytes:
    return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
