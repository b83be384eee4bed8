"""Logs on standard error: one JSON object a line, or text for people. Both carry the trace id."""

import datetime
import logging
import sys
from typing import Any

import msgspec

from services.kit import telemetry

# Attributes that every LogRecord has; whatever else it carries came from `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One line of JSON: time, level, logger, message, trace ids, and what `extra=` added."""

    def __init__(self, service: str, replica: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "replica": replica}

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._fixed,
            **telemetry.current_ids(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextFormatter(logging.Formatter):
    """A line for people: time, level, logger, message, extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        time = datetime.datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        extras = "".join(f" {key}={value}" for key, value in _extra(record).items())
        line = f"{time} {record.levelname.lower():7} {record.name}: {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def setup(service: str, replica: str, *, level: str, form: str) -> None:
    """Send all logs to standard error in the wanted form, from `level` upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, replica) if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("nats", "hypercorn.access", "engineio", "socketio", "aiohttp.access", "asyncio", "grpc"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
