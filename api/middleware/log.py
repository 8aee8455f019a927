"""Where lines on requests, warnings and errors are written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import orjson

from api.middleware.visit import REQUEST_ID
from api.settings import Settings

log = logging.getLogger("revier")
Write = Callable[..., object]


def writer(settings: Settings) -> Write | None:
    """Return what writes lines on requests to stdout as the settings ask; None for no log."""
    kind = settings.access_log
    if kind == "auto":
        kind = "off" if settings.is_local else "json"
    if kind == "off":
        return None
    import structlog  # noqa: PLC0415 - slow to import, and off on a laptop

    structure = [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if kind == "json":
        shown: Any = structlog.processors.JSONRenderer(serializer=orjson.dumps)
        logger: Any = structlog.BytesLogger(sys.stdout.buffer)
    else:
        shown = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)
        logger = structlog.PrintLogger(sys.stdout)
    bound = structlog.wrap_logger(logger, [*structure, shown], wrapper_class=structlog.BoundLogger)
    write: Write = bound.bind().info
    return write


class WithRequestId(logging.Formatter):
    """Lines of errors and warnings with the id of the request that they belong to."""

    def format(self, record: logging.LogRecord) -> str:
        """Put the id behind the line's head."""
        text = super().format(record)
        wanted = REQUEST_ID.get()
        return f"[{wanted}] {text}" if wanted else text


def errors_to_stderr() -> None:
    """Write warnings and errors of the service to stderr, with request ids."""
    if log.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(WithRequestId("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
