"""What a process writes to its log: lines for people, or one JSON object a line; who it was about stands in every line.

Code that works on one thing says so with `logger.contextualize(order=...)`, `opportunity=`, `decision=` or `run=`, and
every line from there on carries it, so one search finds all that happened to an order.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from loguru import logger

from trifecta.settings import LogSettings

if TYPE_CHECKING:
    from loguru import Message, Record

_TEXT = "{time:YYYY-MM-DD HH:mm:ss.SSS!UTC} | {level: <7} | {name}:{line} | {message}"


def configure(settings: LogSettings, **about: str) -> None:
    """Sends this process's log to stderr in the form that the settings ask for; every line carries `about`.

    A traceback shows no values: one of them might be a secret.
    """
    logger.remove()
    if settings.format == "json":
        logger.add(_write_json, level=settings.level, diagnose=False, backtrace=False)
    else:
        logger.add(sys.stderr, format=_text, level=settings.level, diagnose=False, backtrace=False)
    logger.configure(extra=dict(about))


def _text(record: Record) -> str:
    about = "".join(f" {name}={{extra[{name}]}}" for name in record["extra"])
    return f"{_TEXT}{about}\n{{exception}}"


def _write_json(message: Message) -> None:
    sys.stderr.write(as_json(message.record) + "\n")


def as_json(record: Record) -> str:
    """One line: time in UTC, level, where, the message, what it was about, and the error if there was one."""
    line: dict[str, Any] = {
        "ts": record["time"].isoformat(),
        "level": record["level"].name,
        "logger": f"{record['name']}:{record['line']}",
        "message": record["message"],
        **record["extra"],
    }
    error = record["exception"]
    if error is not None and error.type is not None:
        line["error"] = {"type": error.type.__name__, "text": str(error.value)}
    return msgspec.json.encode(line, enc_hook=str).decode()
