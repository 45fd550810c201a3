"""What the service says about itself: one JSON object a line on standard error, or words where a person looks on."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog


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
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Handler(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger: Any = structlog.get_logger(record.name)
        exception = record.exc_info[1] if record.exc_info else None
        logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=exception)


def _dumps(data: Any, **_: Any) -> bytes:
    return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
